/*
 * Goal:   what is said of a head does not depend on how its bytes arrived, and
 *         no way to send them costs much.
 * Method: raw heads, split at every place and byte by byte, each portion where
 *         it is the end of an allocation, so that a sanitizer sees a read
 *         behind it.
 */
#include "fixture.h"

#include <criterion/criterion.h>

#define FIELDS 128

static struct lend__http_field fields[FIELDS];
static struct lend__http_head head;

/*
 * Goal:   the split does not change the parse.
 * Method: each stream in two portions for each place, and byte by byte; the
 *         verdict comes when the stream is there and not before its head is.
 */
Test(parser_pieces, all_splits_of_a_stream_give_the_same_parse, .init = resolve)
{
	static const char *const streams[] = {
		"GET /plaintext HTTP/1.1\r\nHost: localhost\r\n\r\n",
		("\r\nPOST http://a:1/b?c HTTP/1.1\r\nHost: a:1\r\n"
		 "Content-Length: 3\r\nX-A: \t b \t\r\nHost: c\r\nX:\r\n\r\n"),
		"OPTIONS * HTTP/1.0\r\n\r\n",
		"PRI * HTTP/2.0\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\r\n",
		"GET / HTTP/1\r\n",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1\r\n",
		"\r\n\r\n\r\n",
	};
	static struct lend__http_field whole_fields[FIELDS];
	struct lend__http_head whole;
	size_t size, i, split;
	int verdict, result;

	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		size = strlen(streams[i]);
		lend__http_head_init(&head, fields, FIELDS);
		verdict = feed_head(&head, streams[i], size);
		cr_assert_neq(verdict, 0);
		whole = head;
		memcpy(whole_fields, fields, sizeof(fields));
		for (split = 0; split < size; split++) {
			lend__http_head_init(&head, fields, FIELDS);
			result = feed_head(&head, streams[i], split);
			if (result == 0)
				result = feed_head(&head, streams[i], size);
			else
				cr_expect_lt(result, 0);
			cr_expect_eq(result, verdict, "%s at %zu", streams[i],
				     split);
			if (verdict > 0)
				cr_expect(same_head(&head, fields, &whole,
						    whole_fields));
		}
		lend__http_head_init(&head, fields, FIELDS);
		for (split = 1; split <= size; split++) {
			result = feed_head(&head, streams[i], split);
			if (result)
				break;
		}
		cr_expect_eq(result, verdict, "%s", streams[i]);
		if (verdict > 0)
			cr_expect(
				same_head(&head, fields, &whole, whole_fields));
	}
}

/*
 * Goal:   delivery byte by byte costs a few looks at each byte, not one for
 *         each byte before it.
 * Method: a line of 60 000 bytes; were each call to look at all of it, this
 *         would be 2 * 10^9 looks and hit the timeout in any build.
 */
Test(parser_pieces, byte_by_byte_is_linear, .timeout = 60)
{
	const size_t size = 60000;
	char *line = malloc(size);

	limits.request_line_max = LEND__HTTP_LINE_MAX;
	limits.head_max = 100000;
	resolve();
	memset(line, 'a', size);
	memcpy(line, "GET /", 5);
	lend__http_head_init(&head, fields, FIELDS);
	for (int round = 0; round < 20; round++) {
		lend__http_head_init(&head, fields, FIELDS);
		for (size_t i = 1; i <= size; i++)
			cr_assert_eq(lend__http_parse_head(line, i, &limits,
							   &head),
				     0);
	}
	free(line);
}
