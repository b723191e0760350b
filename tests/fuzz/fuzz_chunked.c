/*
 * Goal:   whatever arrives as a chunked body, what is decoded is no longer
 *         than what was read, and how it was split changes nothing.
 * Method: the input whole, in two portions, and byte by byte.
 */
#include "fuzz.h"

#include "base/check.h"
#include "http/chunked.h"

#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 2048

struct decoding {
	struct lend__http_chunked chunked;
	char body[INPUT_MAX];
	size_t used;
	size_t size;
	int verdict;
};

static void feed(struct decoding *decoding, const uint8_t *data, size_t size,
		 const struct lend__http_limits *limits)
{
	char *copy = malloc(size ? size : 1);
	size_t used, body;

	lend_assert(copy != NULL);
	if (size)
		memcpy(copy, data, size);
	decoding->verdict = lend__http_chunked_decode(
		&decoding->chunked, limits, copy, size, &used, &body);
	lend_assert(used <= size);
	lend_assert(body <= used);
	lend_assert(decoding->verdict != 0 || used == size);
	lend_assert(decoding->verdict <= 1 && decoding->verdict > -600);
	memcpy(decoding->body + decoding->size, copy, body);
	decoding->used += used;
	decoding->size += body;
	lend_assert(decoding->size <= limits->body_max);
	free(copy);
}

static void check_same(const struct decoding *a, const struct decoding *b)
{
	lend_assert(a->verdict == b->verdict);
	lend_assert(a->used == b->used);
	lend_assert(a->size == b->size);
	lend_assert(memcmp(a->body, b->body, a->size) == 0);
}

static void check(const uint8_t *data, size_t size,
		  const struct lend__http_limits *limits)
{
	static struct decoding whole, split;
	size_t step = 1 + size / 128;

	memset(&whole, 0, sizeof(whole));
	feed(&whole, data, size, limits);
	for (size_t at = 0; at < size; at += step) {
		memset(&split, 0, sizeof(split));
		feed(&split, data, at, limits);
		if (split.verdict == 0)
			feed(&split, data + at, size - at, limits);
		check_same(&split, &whole);
	}
	memset(&split, 0, sizeof(split));
	for (size_t at = 0; at < size && split.verdict == 0; at++)
		feed(&split, data + at, 1, limits);
	check_same(&split, &whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lend__http_limits wide = { 0 };
	struct lend__http_limits narrow = {
		.body_max = 10,
		.extension_max = 5,
		.trailer_max = 12,
	};

	if (size > INPUT_MAX)
		return 0;
	lend__http_limits_resolve(&wide);
	lend__http_limits_resolve(&narrow);
	check(data, size, &wide);
	check(data, size, &narrow);
	return 0;
}
