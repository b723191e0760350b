/*
 * Goal:   whatever arrives, the parser and the framing stay inside of it, and
 *         how it was split changes nothing, nor what head it is behind.
 * Method: the input as a stream, with a LF behind it so that its last line has
 *         an end and hence a verdict: whole, in two portions, and byte by
 *         byte, under wide and under narrow limits.
 */
#include "fuzz.h"

#include "base/check.h"
#include "http/framing.h"
#include "http/uri.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS 16

struct parse {
	struct lend__http_field fields[FIELDS];
	struct lend__http_head head;
	int verdict;
};

static void start(struct parse *parse)
{
	memset(parse, 0, sizeof(*parse));
	lend__http_head_init(&parse->head, parse->fields, FIELDS);
}

/* The first @size bytes, alone in their allocation. */
static void feed(struct parse *parse, const char *data, size_t size,
		 const struct lend__http_limits *limits)
{
	char *copy = malloc(size ? size : 1);

	lend_assert(copy != NULL);
	memcpy(copy, data, size);
	parse->verdict = lend__http_parse_head(copy, size, limits,
					       &parse->head);
	lend_assert(parse->verdict <= (int)size);
	free(copy);
}

static void check_span(struct lend__http_span span, int bound)
{
	lend_assert(span.at <= (uint32_t)bound);
	lend_assert(span.size <= (uint32_t)bound - span.at);
}

/* Whoever is told that it is normal uses it as it is. */
static void check_normal(const char *path, size_t size,
			 const struct lend__http_head *head)
{
	char *buffer = malloc(size + 1);
	size_t used;

	lend_assert(buffer != NULL);
	lend_assert(size <= head->path.size);
	lend_assert(size == head->path.size || path[size] == '?');
	lend_assert(lend__http_path_normalise(path, size, buffer, size + 1,
					      &used) == 0);
	lend_assert(used == size && memcmp(buffer, path, size) == 0);
	free(buffer);
}

static void check_whole(const struct parse *parse, const char *data,
			const struct lend__http_limits *limits)
{
	const struct lend__http_head *head = &parse->head;
	struct lend__http_framing framing;
	int bound = parse->verdict, result;

	lend_assert((uint32_t)bound <= limits->head_max);
	lend_assert(head->field_count <= FIELDS);
	lend_assert(head->target.size > 0);
	lend_assert(memcmp(data + bound - 2, "\r\n", 2) == 0);
	check_span(head->method_name, bound);
	check_span(head->target, bound);
	check_span(head->authority, bound);
	check_span(head->path, bound);
	if (head->normal_size)
		check_normal(data + head->path.at, head->normal_size, head);
	for (uint32_t i = 0; i < head->field_count; i++) {
		const struct lend__http_field *field = &head->fields[i];

		check_span((struct lend__http_span){ field->name,
						     field->name_size },
			   bound);
		check_span((struct lend__http_span){ field->value,
						     field->value_size },
			   bound);
		lend_assert(field->name_size > 0);
		lend_assert(data[field->name + field->name_size] == ':');
		lend_assert(field->id < LEND__HTTP_FIELD_COUNT);
	}
	result = lend__http_frame(data, head, limits, &framing);
	lend_assert(result == 0 || (result <= -400 && result >= -599));
	if (result == 0) {
		lend_assert((framing.body == LEND__HTTP_BODY_LENGTH) ==
			    (framing.length > 0));
		lend_assert(framing.length <= limits->body_max);
		lend_assert(!framing.expect_continue ||
			    framing.body != LEND__HTTP_BODY_NONE);
	}
}

static void check_same_span(struct lend__http_span a, struct lend__http_span b)
{
	lend_assert(a.at == b.at);
	lend_assert(a.size == b.size);
}

/* @a came to its verdict in portions, @b at once. */
static void check_same(const struct parse *a, const struct parse *b)
{
	lend_assert(a->verdict == b->verdict);
	if (a->verdict <= 0)
		return;
	lend_assert(memcmp(a->fields, b->fields, sizeof(a->fields)) == 0);
	lend_assert(memcmp(a->head.first, b->head.first,
			   sizeof(a->head.first)) == 0);
	lend_assert(a->head.repeated == b->head.repeated);
	lend_assert(a->head.field_count == b->head.field_count);
	lend_assert(a->head.method == b->head.method);
	lend_assert(a->head.form == b->head.form);
	lend_assert(a->head.scheme == b->head.scheme);
	lend_assert(a->head.minor == b->head.minor);
	check_same_span(a->head.method_name, b->head.method_name);
	check_same_span(a->head.target, b->head.target);
	check_same_span(a->head.authority, b->head.authority);
	check_same_span(a->head.path, b->head.path);
	lend_assert(a->head.normal_size == b->head.normal_size);
}

/* What is said of @size bytes at @next, as they are like the head of @before
 * bytes at @data that they are behind, is what they say by themselves. */
static void check_alike(const char *data, size_t before, const char *next,
			size_t size, const struct lend__http_limits *limits)
{
	static struct parse alike, own;
	char *copy = malloc(before + size);

	lend_assert(copy != NULL);
	memcpy(copy, data, before);
	memcpy(copy + before, next, size);
	start(&alike);
	lend_assert(lend__http_parse_head(copy, before, limits, &alike.head) ==
		    (int)before);
	alike.verdict = lend__http_parse_alike(
		copy + before, size, (uint32_t)before, limits, &alike.head);
	free(copy);
	if (alike.verdict == 0)
		return;
	start(&own);
	feed(&own, next, size, limits);
	check_same(&alike, &own);
}

static void check(const char *data, size_t size,
		  const struct lend__http_limits *limits)
{
	static struct parse whole, split;
	size_t at, step = 1 + size / 128;

	start(&whole);
	feed(&whole, data, size, limits);
	if (whole.verdict > 0) {
		size_t before = (size_t)whole.verdict;

		check_whole(&whole, data, limits);
		check_alike(data, before, data + before, size - before, limits);
		check_alike(data, before, data, before, limits);
	}
	for (at = 0; at < size; at += step) {
		start(&split);
		feed(&split, data, at, limits);
		if (split.verdict == 0)
			feed(&split, data, size, limits);
		check_same(&split, &whole);
	}
	start(&split);
	for (at = 1; at <= size && split.verdict == 0; at++)
		feed(&split, data, at, limits);
	check_same(&split, &whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lend__http_limits wide = { 0 };
	struct lend__http_limits narrow = {
		.request_line_max = 40,
		.field_line_max = 30,
		.field_count_max = 3,
		.head_max = 100,
		.body_max = 10,
	};
	char stream[2048];

	if (size >= sizeof(stream))
		return 0;
	if (size)
		memcpy(stream, data, size);
	stream[size] = '\n';
	lend__http_limits_resolve(&wide);
	lend__http_limits_resolve(&narrow);
	check(stream, size + 1, &wide);
	check(stream, size + 1, &narrow);
	return 0;
}
