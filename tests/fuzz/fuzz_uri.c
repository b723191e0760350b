/*
 * Goal:   a path that is accepted can not leave the root, whatever it was made
 *         of, and no decoder writes more than it was given room for.
 * Method: the input as a target; its path, its query, and as a date, since a
 *         date is another text that a client makes up.
 */
#include "fuzz.h"

#include "base/check.h"
#include "http/date.h"
#include "http/uri.h"
#include "http/words.h"

#include <stdlib.h>
#include <string.h>

static void check_form(const char *path, size_t size)
{
	const char *at = path, *end = path + size, *next;

	lend_assert(size > 0 && path[0] == '/');
	lend_assert(memchr(path, '\0', size) == NULL);
	for (; at < end; at = next) {
		next = memchr(at + 1, '/', (size_t)(end - at - 1));
		if (!next)
			next = end;
		/* "/" alone, which is an empty segment, may be the last. */
		lend_assert(next - at > 1 || next == end);
		lend_assert(next - at != 2 || at[1] != '.');
		lend_assert(next - at != 3 || at[1] != '.' || at[2] != '.');
	}
}

/* Whether @path is, when a version follows. */
static bool is_normal(const char *path, size_t size)
{
	static const char behind[] = " HTTP/1.1\r\n\r\n";
	size_t all = 4 + size + sizeof(behind) - 1;
	char *line = malloc(all);
	bool normal;

	lend_assert(line != NULL);
	memcpy(line, "GET ", 4);
	memcpy(line + 4, path, size);
	memcpy(line + 4 + size, behind, sizeof(behind) - 1);
	normal = size && path[0] == '/' &&
		 lend__http_skip_normal(line + 4, line + all) ==
			 line + 4 + size;
	free(line);
	return normal;
}

static void check_path(const char *path, size_t size)
{
	size_t used, again;
	char *buffer = malloc(size + 1), *tight;

	lend_assert(buffer != NULL);
	if (lend__http_path_normalise(path, size, buffer, size + 1, &used) ==
	    0) {
		lend_assert(used <= size + 1);
		check_form(buffer, used);
		/* Who is told that it is normal uses it as it is. */
		if (is_normal(path, size)) {
			lend_assert(used == size);
			lend_assert(memcmp(buffer, path, size) == 0);
		}
		/* What has its form keeps it (a "%" may start an escape). */
		tight = malloc(used);
		lend_assert(tight != NULL);
		if (!memchr(buffer, '%', used)) {
			lend_assert(lend__http_path_normalise(buffer, used,
							      tight, used,
							      &again) == 0);
			lend_assert(again == used);
			lend_assert(memcmp(buffer, tight, used) == 0);
		}
		free(tight);
	} else {
		lend_assert(!is_normal(path, size));
	}
	free(buffer);
}

static void check_query(const char *query, size_t size)
{
	const char *value;
	size_t value_size, used;
	char *buffer;

	if (lend__http_query_find(query, size, "a", &value, &value_size)) {
		lend_assert(value >= query);
		lend_assert(value + value_size <= query + size);
	}
	buffer = malloc(size + 1);
	lend_assert(buffer != NULL);
	if (lend__http_query_decode(query, size, buffer, size, &used) == 0)
		lend_assert(used <= size);
	free(buffer);
}

static void check_date(const char *text, size_t size)
{
	char again[LEND__HTTP_DATE_SIZE];
	int64_t seconds, back;

	if (lend__http_date_parse(text, size, 0, &seconds) != 0)
		return;
	/* A leap second at the end of the last year is in the next one. */
	if (seconds > INT64_C(253402300799))
		return;
	lend__http_date_format(seconds, again);
	lend_assert(lend__http_date_parse(again, sizeof(again), 0, &back) == 0);
	lend_assert(back == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *target = (const char *)data;
	struct lend__http_uri uri;

	if (size == 0 || size > 4096)
		return 0;
	lend__http_uri_split(target, size, &uri);
	lend_assert(uri.path_size <= size);
	check_path(uri.path, uri.path_size);
	if (uri.query)
		check_query(uri.query, uri.query_size);
	check_date(target, size);
	return 0;
}
