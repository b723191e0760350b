/*
 * Goal:   a head is split into exactly what was sent, everything that is not
 *         well formed is refused with its status. That neither depends on how
 *         the bytes arrived is test_parser_pieces.c.
 * Method: raw heads, each where it is the end of an allocation, so that a
 *         sanitizer sees a read behind it.
 */
#include "fixture.h"
#include "http/names.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define FIELDS 128
#define HOST   "Host: x\r\n"

static struct lend__http_field fields[FIELDS];
static struct lend__http_head head;
static const char *text;

static int feed(const char *data, size_t size)
{
	return feed_head(&head, data, size);
}

static int parse_bytes(const char *data, size_t size)
{
	text = data;
	lend__http_head_init(&head, fields, FIELDS);
	return feed(data, size);
}

static int parse(const char *data)
{
	return parse_bytes(data, strlen(data));
}

static bool is_span(struct lend__http_span span, const char *expected)
{
	return span.size == strlen(expected) &&
	       memcmp(text + span.at, expected, span.size) == 0;
}

static bool is_field(unsigned i, const char *name, const char *value)
{
	struct lend__http_span n = { fields[i].name, fields[i].name_size };
	struct lend__http_span v = { fields[i].value, fields[i].value_size };

	return i < head.field_count && is_span(n, name) && is_span(v, value);
}

static void expect_all(const char *const *heads, int expected)
{
	for (; *heads; heads++)
		cr_expect_eq(parse(*heads), expected, "%s", *heads);
}

Test(parser, parts_are_where_they_were_sent, .init = resolve)
{
	const char *request = "GET /a/b?c=d HTTP/1.1\r\n"
			      "Host: example.com\r\n"
			      "X-Empty:\r\n"
			      "Accept:text/html\r\n"
			      "X-Odd: \t a \t b \t \r\n"
			      "\r\n";

	cr_assert_eq(parse(request), (int)strlen(request));
	cr_expect_eq(head.method, LEND__HTTP_GET);
	cr_expect(is_span(head.method_name, "GET"));
	cr_expect(is_span(head.target, "/a/b?c=d"));
	cr_expect(is_span(head.path, "/a/b?c=d"));
	cr_expect_eq(head.form, LEND__HTTP_ORIGIN_FORM);
	cr_expect_eq(head.minor, 1);
	cr_expect_eq(head.field_count, 4);
	cr_expect(is_field(0, "Host", "example.com"));
	cr_expect(is_field(1, "X-Empty", ""));
	cr_expect(is_field(2, "Accept", "text/html"));
	cr_expect(is_field(3, "X-Odd", "a \t b"));
}

/*
 * Goal:   a path that needs no decoding is known by its size, with a query or
 *         without; of any other it is not said.
 * Method: both kinds, of lengths below and above a word, in both forms that
 *         have a path.
 */
Test(parser, normal_paths_have_a_size, .init = resolve)
{
	static const struct {
		const char *target;
		uint32_t size;
	} targets[] = {
		{ "/", 1 },
		{ "/a.b", 4 },
		{ "/?", 1 },
		{ "/a?b/../c%20", 2 },
		{ "/plaintext/and/more.html", 24 },
		{ "/plaintext/and/more.html?//", 24 },
		{ "/a%20", 0 },
		{ "/a//b", 0 },
		{ "//", 0 },
		{ "/..", 0 },
		{ "/seven78/.a", 0 },
		{ "/seven78%", 0 },
		{ "http://a/b", 2 },
		{ "http://a:80/b/c?d", 4 },
		{ "http://a/b/../c", 0 },
		{ "http://a", 0 },
		{ "http://a?b", 0 },
		{ "*", 0 },
	};
	char request[128];

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n\r\n",
			 targets[i].target);
		cr_expect_gt(parse(request), 0, "%s", request);
		cr_expect_eq(head.normal_size, targets[i].size, "%s", request);
	}
}

Test(parser, methods_are_case_sensitive_tokens, .init = resolve)
{
	static const struct {
		const char *name;
		enum lend__http_method method;
	} methods[] = {
		{ "GET", LEND__HTTP_GET },
		{ "HEAD", LEND__HTTP_HEAD },
		{ "POST", LEND__HTTP_POST },
		{ "PUT", LEND__HTTP_PUT },
		{ "DELETE", LEND__HTTP_DELETE },
		{ "CONNECT", LEND__HTTP_CONNECT },
		{ "OPTIONS", LEND__HTTP_OPTIONS },
		{ "TRACE", LEND__HTTP_TRACE },
		{ "PATCH", LEND__HTTP_PATCH },
		{ "get", LEND__HTTP_METHOD_OTHER },
		{ "GETT", LEND__HTTP_METHOD_OTHER },
		{ "G", LEND__HTTP_METHOD_OTHER },
		{ "PROPFIND", LEND__HTTP_METHOD_OTHER },
		{ "!#$%&'*+-.^_`|~", LEND__HTTP_METHOD_OTHER },
	};
	char request[128];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		snprintf(request, sizeof(request), "%s / HTTP/1.1\r\n\r\n",
			 methods[i].name);
		cr_expect_gt(parse(request), 0, "%s", request);
		cr_expect_eq(head.method, methods[i].method, "%s", request);
		cr_expect(is_span(head.method_name, methods[i].name));
	}
}

Test(parser, method_longer_than_any_is_501, .init = resolve)
{
	cr_expect_gt(parse("ABCDEFGHIJKLMNOPQRSTUVWX / HTTP/1.1\r\n\r\n"), 0);
	cr_expect_eq(parse("ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n\r\n"),
		     -501);
}

Test(parser, known_fields_are_found_whatever_their_case, .init = resolve)
{
	static const struct {
		const char *name;
		enum lend__http_field_id id;
	} names[] = {
		{ "Host", LEND__HTTP_FIELD_HOST },
		{ "hOST", LEND__HTTP_FIELD_HOST },
		{ "Content-Length", LEND__HTTP_FIELD_CONTENT_LENGTH },
		{ "cOnTeNt-LeNgTh", LEND__HTTP_FIELD_CONTENT_LENGTH },
		{ "TRANSFER-ENCODING", LEND__HTTP_FIELD_TRANSFER_ENCODING },
		{ "connection", LEND__HTTP_FIELD_CONNECTION },
		{ "Expect", LEND__HTTP_FIELD_EXPECT },
		{ "Range", LEND__HTTP_FIELD_RANGE },
		{ "If-Range", LEND__HTTP_FIELD_IF_RANGE },
		{ "If-Match", LEND__HTTP_FIELD_IF_MATCH },
		{ "If-None-Match", LEND__HTTP_FIELD_IF_NONE_MATCH },
		{ "If-Modified-Since", LEND__HTTP_FIELD_IF_MODIFIED_SINCE },
		{ "If-Unmodified-Since", LEND__HTTP_FIELD_IF_UNMODIFIED_SINCE },
		{ "Accept-Encoding", LEND__HTTP_FIELD_ACCEPT_ENCODING },
		{ "Content-Type", LEND__HTTP_FIELD_CONTENT_TYPE },
		{ "Upgrade", LEND__HTTP_FIELD_UPGRADE },
	};
	char request[128], near[64];
	size_t size;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(request, sizeof(request),
			 "GET / HTTP/1.1\r\n%s: v\r\n\r\n", names[i].name);
		cr_expect_gt(parse(request), 0);
		cr_expect_eq(fields[0].id, names[i].id, "%s", request);
		cr_expect_eq(lend__http_head_find(&head, names[i].id), fields);

		/* A name that differs in one letter is another name. */
		size = strlen(names[i].name);
		for (size_t j = 0; j < size; j++) {
			memcpy(near, names[i].name, size);
			near[j] = near[j] == '-' ? '_' : near[j] ^ 3;
			cr_expect_eq(lend__http_field_of(near, size), 0, "%.*s",
				     (int)size, near);
		}
	}
}

Test(parser, repeated_fields_are_noted, .init = resolve)
{
	cr_assert_gt(parse("GET / HTTP/1.1\r\nHost: a\r\nExpect: b\r\n"
			   "X: y\r\nX: z\r\nhost: c\r\n\r\n"),
		     0);
	cr_expect_eq(head.repeated, 1u << LEND__HTTP_FIELD_HOST);
	cr_expect_eq(head.first[LEND__HTTP_FIELD_HOST], 1);
	cr_expect_eq(head.first[LEND__HTTP_FIELD_EXPECT], 2);
	cr_expect_null(lend__http_head_find(&head, LEND__HTTP_FIELD_RANGE));
}

Test(parser, target_forms_are_told_apart, .init = resolve)
{
	cr_assert_gt(parse("GET http://a.b:80/c?d HTTP/1.1\r\n\r\n"), 0);
	cr_expect_eq(head.form, LEND__HTTP_ABSOLUTE_FORM);
	cr_expect_eq(head.scheme, LEND__HTTP_SCHEME_HTTP);
	cr_expect(is_span(head.authority, "a.b:80"));
	cr_expect(is_span(head.path, "/c?d"));

	cr_assert_gt(parse("GET HTTPS://a?b=/c HTTP/1.1\r\n\r\n"), 0);
	cr_expect_eq(head.scheme, LEND__HTTP_SCHEME_HTTPS);
	cr_expect(is_span(head.authority, "a"));
	cr_expect(is_span(head.path, "?b=/c"));

	cr_assert_gt(parse("GET ftp://a HTTP/1.1\r\n\r\n"), 0);
	cr_expect_eq(head.scheme, LEND__HTTP_SCHEME_OTHER);
	cr_expect(is_span(head.path, ""));

	cr_assert_gt(parse("CONNECT a.b:443 HTTP/1.1\r\n\r\n"), 0);
	cr_expect_eq(head.form, LEND__HTTP_AUTHORITY_FORM);
	cr_expect(is_span(head.authority, "a.b:443"));

	cr_assert_gt(parse("OPTIONS * HTTP/1.1\r\n\r\n"), 0);
	cr_expect_eq(head.form, LEND__HTTP_ASTERISK_FORM);
}

Test(parser, request_line_has_three_words_and_two_spaces, .init = resolve)
{
	static const char *const bad[] = {
		" GET / HTTP/1.1\r\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"GET /  HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1 \r\n\r\n",
		"GET\t/\tHTTP/1.1\r\n\r\n",
		"GET\v/\fHTTP/1.1\r\n\r\n",
		"GET /a b HTTP/1.1\r\n\r\n",
		"GET  HTTP/1.1\r\n\r\n",
		"GET\r\nHost: x\r\n\r\n",
		"GET /\r\nHost: x\r\n\r\n",
		"GET / \r\n\r\n",
		"G@T / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\rHost: x\r\n",
		"GET / HTTP/1.1\nHost: x\n\n",
		"GET /a\rb HTTP/1.1\r\n\r\n",
		"GET /a\nb HTTP/1.1\r\n\r\n",
		"GET /#f HTTP/1.1\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\n\r\n",
		"GET /\x7f HTTP/1.1\r\n\r\n",
		"GET /\xc3\xa9 HTTP/1.1\r\n\r\n",
		"\xef\xbb\xbfGET / HTTP/1.1\r\n\r\n",
		"GET /aaaaaaaaaaaaaaaa\x7f HTTP/1.1\r\n\r\n",
		"GET /aaaaaaaaaaaaaa\x80 HTTP/1.1\r\n\r\n",
		"GET /aaaaaaaaaaaaa# HTTP/1.1\r\n\r\n",
		": / HTTP/1.1\r\n\r\n",
		" \r\n\r\n",
		"\n",
		"\rGET / HTTP/1.1\r\n\r\n",
		NULL,
	};

	expect_all(bad, -400);
	cr_expect_eq(parse_bytes("GE\0T / HTTP/1.1\r\n\r\n", 20), -400);
	cr_expect_eq(parse_bytes("GET /\0 HTTP/1.1\r\n\r\n", 20), -400);
}

Test(parser, version_is_exact, .init = resolve)
{
	static const char *const bad[] = {
		"GET / HTTP/1\r\n\r\n",	   "GET / HTTP/.1\r\n\r\n",
		"GET / HTTP/1.\r\n\r\n",   "GET / HTTP/01.1\r\n\r\n",
		"GET / HTTP/1.10\r\n\r\n", "GET / HTTP/1,1\r\n\r\n",
		"GET / HTTP/-1.1\r\n\r\n", "GET / HTTP/1.x\r\n\r\n",
		"GET / http/1.1\r\n\r\n",  "GET / HTTPS/1.1\r\n\r\n",
		"GET / HTTP/ 1.1\r\n\r\n", "GET / HTTP/1.1x\r\n\r\n",
		"GET / XTTP/1.1\r\n\r\n",  "GET / HTTP/2\r\n\r\n",
		"GET / HTTP 1.1\r\n\r\n",  NULL,
	};
	static const char *const other[] = {
		"GET / HTTP/0.9\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET / HTTP/3.0\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		NULL,
	};

	expect_all(bad, -400);
	expect_all(other, -505);
	cr_expect_gt(parse("GET / HTTP/1.0\r\n\r\n"), 0);
	cr_expect_eq(head.minor, 0);
	cr_expect_gt(parse("GET / HTTP/1.9\r\n\r\n"), 0);
	cr_expect_eq(head.minor, 9);
}

Test(parser, field_lines_are_strict, .init = resolve)
{
	static const char *const bad[] = {
		/* White space before the colon, in and before the name. */
		"X : y\r\n\r\n", "X\t: y\r\n\r\n", "X Y: z\r\n\r\n",
		" X: y\r\n\r\n", "\tX: y\r\n\r\n",
		/* Folded lines. */
		HOST " y\r\n\r\n", HOST "\ty\r\n\r\n", HOST " \r\n\r\n",
		/* Not a name. */
		": y\r\n\r\n", "X\r\n\r\n", "X(: y\r\n\r\n", "X/Y: z\r\n\r\n",
		"X\x80: y\r\n\r\n", "X\x7f: y\r\n\r\n", "X;Y: z\r\n\r\n",
		"X\x01: y\r\n\r\n", "X[Y: z\r\n\r\n",
		/* Not a line end. */
		"X: y\n\r\n", "X: y\r\n\n", "X: y\rZ: z\r\n\r\n",
		"X: y\r\r\n\r\n", "X: y\r\n\r\r\n", HOST "\rX: y\r\n\r\n",
		/* Not a value. */
		"X: \x01\r\n\r\n", "X: aaaaaaaaaaaaaaa\x07\r\n\r\n",
		"X: \x7f\r\n\r\n", "X: aaaaaaaaaaaa\x7f\r\n\r\n",
		"X: \v\r\n\r\n", NULL
	};
	char request[128];

	for (size_t i = 0; bad[i]; i++) {
		snprintf(request, sizeof(request), "GET / HTTP/1.1\r\n%s",
			 bad[i]);
		cr_expect_eq(parse(request), -400, "%s", bad[i]);
	}
	cr_expect_eq(parse_bytes("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 26),
		     -400);
	cr_expect_eq(parse_bytes("GET / HTTP/1.1\r\nX\0: b\r\n\r\n", 25), -400);
	/* What looks odd and is well formed. */
	cr_expect_gt(parse("GET / HTTP/1.1\r\nX: caf\xc3\xa9 \xff\r\n\r\n"), 0);
	cr_expect_gt(parse("GET / HTTP/1.1\r\n"
			   "!#$%&'*+-.^_`|~09azAZ: b\r\n\r\n"),
		     0);
	cr_expect_gt(parse("GET / HTTP/1.1\r\nX: a\tb\taaaaaaaaaaaaaaaaaa\t"
			   "c\r\n\r\n"),
		     0);
	cr_expect(is_field(0, "X", "a\tb\taaaaaaaaaaaaaaaaaa\tc"));
}

Test(parser, few_empty_lines_before_a_request_are_skipped, .init = resolve)
{
	cr_expect_eq(parse("\r\nGET / HTTP/1.1\r\n\r\n"), 20);
	cr_expect_eq(parse("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 22);
	cr_expect(is_span(head.path, "/"));
	cr_expect_eq(parse("\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"), -400);
	cr_expect_eq(parse("\r\n"), 0);
	cr_expect_eq(parse("\r"), 0);
	cr_expect_eq(parse(""), 0);
}

Test(parser, pipelined_bytes_are_left_alone, .init = resolve)
{
	const char *two = "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";

	cr_assert_eq(parse(two), 19);
	cr_assert_eq(parse(two + 19), 19);
	cr_expect(is_span(head.path, "/2"));
	/* Also when they are no request. */
	cr_assert_eq(parse("GET /1 HTTP/1.1\r\n\r\n\n\v\x80"), 19);
}

Test(parser, each_limit_holds_to_the_byte)
{
	char request[256];

	limits.request_line_max = 30;
	limits.field_line_max = 20;
	limits.field_count_max = 3;
	limits.head_max = 100;
	resolve();
	/* "GET " + 17 + " HTTP/1.1" is 30. */
	cr_expect_gt(parse("GET /aaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n"), 0);
	cr_expect_eq(parse("GET /aaaaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n"), -414);
	cr_expect_eq(parse("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaa"), -414);
	cr_expect_eq(parse("GET /aaaaaaaaaaaaaaaaaaaaaaaaaa"), 0);

	cr_expect_gt(parse("GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaa\r\n\r\n"),
		     0);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaa\r\n\r\n"),
		     -431);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaa"), -431);

	cr_expect_gt(parse("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\n\r\n"), 0);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD"), -431);

	/* The first line has 16 bytes with CRLF; 82 are left with the end. */
	limits.field_line_max = 90;
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nX: %077d\r\n\r\n",
		 0);
	cr_assert_eq(strlen(request), 100);
	cr_expect_eq(parse(request), 100);
	snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nX: %078d\r\n\r\n",
		 0);
	cr_expect_eq(parse(request), -431);
}

Test(parser, field_array_of_the_caller_is_a_limit, .init = resolve)
{
	const char *request = "GET / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n";

	lend__http_head_init(&head, fields, 2);
	cr_expect_gt(feed(request, strlen(request)), 0);
	lend__http_head_init(&head, fields, 1);
	cr_expect_eq(feed(request, strlen(request)), -431);
}
