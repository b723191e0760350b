/*
 * The defaults of the limits. Called once when a server is configured, so that
 * the parser compares numbers and never asks whether they are set.
 */
#include "http/limits.h"

static uint32_t resolve(uint32_t value, uint32_t otherwise, uint32_t bound)
{
	if (value == 0)
		value = otherwise;
	return value < bound ? value : bound;
}

void lend__http_limits_resolve(struct lend__http_limits *limits)
{
	limits->request_line_max = resolve(limits->request_line_max, 8192,
					   LEND__HTTP_LINE_MAX);
	limits->field_line_max = resolve(limits->field_line_max, 8192,
					 LEND__HTTP_LINE_MAX);
	/* An index plus one has to fit in 16 bits. */
	limits->field_count_max = resolve(limits->field_count_max, 100, 65000);
	limits->head_max = resolve(limits->head_max, 32u << 10, 1u << 24);
	limits->extension_max = resolve(limits->extension_max, 4096, 1u << 24);
	limits->trailer_max = resolve(limits->trailer_max, 8192, 1u << 24);
	if (limits->body_max == 0)
		limits->body_max = 1u << 20;
}
