/*
 * What the tests of the parser have in common: limits, and heads that end where
 * an allocation does, so that a sanitizer sees a read behind them.
 */
#ifndef LEND_TESTS_UNIT_HTTP_FIXTURE_H
#define LEND_TESTS_UNIT_HTTP_FIXTURE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "http/limits.h"
#include "http/parser.h"

static struct lend__http_limits limits;

/* For .init: what is 0 becomes the default. */
static inline void resolve(void)
{
	lend__http_limits_resolve(&limits);
}

/* Give the parser what it would see of the first @size bytes. */
static inline int feed_head(struct lend__http_head *head, const char *data,
			    size_t size)
{
	char *copy = malloc(size ? size : 1);
	int result;

	memcpy(copy, data, size);
	result = lend__http_parse_head(copy, size, &limits, head);
	free(copy);
	return result;
}

static inline bool same_span(struct lend__http_span a, struct lend__http_span b)
{
	return a.at == b.at && a.size == b.size;
}

/* With all that the parser says of them, fields included. */
static inline bool same_head(const struct lend__http_head *a,
			     const struct lend__http_field *a_fields,
			     const struct lend__http_head *b,
			     const struct lend__http_field *b_fields)
{
	return a->method == b->method && a->form == b->form &&
	       a->minor == b->minor && a->scheme == b->scheme &&
	       a->line == b->line && a->empty_lines == b->empty_lines &&
	       same_span(a->method_name, b->method_name) &&
	       same_span(a->target, b->target) && same_span(a->path, b->path) &&
	       a->normal_size == b->normal_size &&
	       same_span(a->authority, b->authority) &&
	       a->repeated == b->repeated && a->field_count == b->field_count &&
	       memcmp(a->first, b->first, sizeof(a->first)) == 0 &&
	       memcmp(a_fields, b_fields, a->field_count * sizeof(*a_fields)) ==
		       0;
}

#endif
