/*
 * Goal:   a head behind another is parsed as alike only if it is, and then says
 *         what it says when it is parsed by itself.
 * Method: every head of a list behind every other one, at the end of an
 *         allocation, so that a sanitizer sees a read behind it; whole, cut
 *         short at every place, and with limits that one byte exceeds.
 */
#include "fixture.h"

#include <criterion/criterion.h>

#define FIELDS 16

#define A "Host: a\r\nAccept: */*\r\nX: y\r\n\r\n"
#define B "Host: b\r\nAccept: */*\r\nX: y\r\n\r\n"

/* Same letter: alike, each to each. 0: like no other, nor itself. */
static const struct {
	const char *text;
	char kind;
} heads[] = {
	{ "GET / HTTP/1.1\r\n" A, 'a' },
	{ "GET /longer?query=1 HTTP/1.1\r\n" A, 'a' },
	{ "GET /x HTTP/1.1\r\n" A, 'a' },
	{ "GET /x/../y HTTP/1.1\r\n" A, 'a' },
	{ "GET /x HTTP/1.1\r\n" B, 'b' },
	{ "HEAD /x HTTP/1.1\r\n" A, 'h' },
	{ "FOO /x HTTP/1.1\r\n" A, 'o' },
	{ "BAR /x HTTP/1.1\r\n" A, 'o' },
	{ "GET /x HTTP/1.0\r\n" A, '0' },
	{ "GET /x HTTP/1.0\r\n\r\n", 0 },
	{ "GET http://a/x HTTP/1.1\r\n" A, 0 },
	{ "OPTIONS * HTTP/1.1\r\n" A, 0 },
	{ "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 's' },
	{ "GET /x HTTP/1.1\r\nHOST: a\r\n\r\n", 'S' },
	{ "GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 'r' },
};

#define HEADS (sizeof(heads) / sizeof(heads[0]))

static struct lend__http_field fields[FIELDS], own_fields[FIELDS];
static struct lend__http_head head, own;

/* @second behind @first, of which @size bytes have come. */
static int parse_behind(const char *first, const char *second, size_t size)
{
	size_t before = strlen(first);
	char *bytes = malloc(before + size);
	int result;

	memcpy(bytes, first, before);
	memcpy(bytes + before, second, size);
	lend__http_head_init(&head, fields, FIELDS);
	cr_assert_eq(lend__http_parse_head(bytes, before, &limits, &head),
		     (int)before);
	result = lend__http_parse_alike(bytes + before, size, (uint32_t)before,
					&limits, &head);
	free(bytes);
	return result;
}

Test(parser_alike, says_what_it_says_by_itself, .init = resolve)
{
	for (size_t i = 0; i < HEADS; i++) {
		for (size_t j = 0; j < HEADS; j++) {
			const char *text = heads[j].text;
			size_t size = strlen(text);
			bool alike = heads[i].kind &&
				     heads[i].kind == heads[j].kind;
			int result = parse_behind(heads[i].text, text, size);

			cr_expect_eq(result, alike ? (int)size : 0, "%zu, %zu",
				     i, j);
			if (!alike)
				continue;
			lend__http_head_init(&own, own_fields, FIELDS);
			cr_assert_eq(lend__http_parse_head(text, size, &limits,
							   &own),
				     (int)size);
			cr_expect(same_head(&head, fields, &own, own_fields),
				  "%zu, %zu", i, j);
		}
	}
}

Test(parser_alike, a_part_of_a_head_is_none, .init = resolve)
{
	for (size_t i = 0; i < HEADS; i++)
		for (size_t size = 0; size < strlen(heads[i].text); size++)
			cr_expect_eq(parse_behind(heads[i].text, heads[i].text,
						  size),
				     0, "%zu of %zu", size, i);
}

Test(parser_alike, empty_lines_are_not_alike, .init = resolve)
{
	const char *text = "\r\nGET / HTTP/1.1\r\n" A;

	cr_expect_eq(parse_behind(heads[0].text, text, strlen(text)), 0);
	/* But they do no harm in the one before. */
	cr_expect_eq(parse_behind(text, heads[0].text, strlen(heads[0].text)),
		     (int)strlen(heads[0].text));
}

Test(parser_alike, limits_hold_to_the_byte, .init = resolve)
{
	const char *longer = heads[1].text;
	uint32_t size = (uint32_t)strlen(longer);
	uint32_t line = (uint32_t)(strchr(longer, '\r') - longer);

	limits.head_max = size;
	limits.request_line_max = line;
	cr_expect_eq(parse_behind(heads[0].text, longer, size), (int)size);
	limits.head_max = size - 1;
	cr_expect_eq(parse_behind(heads[0].text, longer, size), 0);
	limits.head_max = size;
	limits.request_line_max = line - 1;
	cr_expect_eq(parse_behind(heads[0].text, longer, size), 0);
}
