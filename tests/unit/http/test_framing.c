/*
 * Goal:   each framing decision of doc/http.md falls as its RFC clause says,
 *         and whatever could be read two ways is refused.
 * Method: heads that differ in the one thing a decision is about.
 */
#include "http/framing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define FIELDS 32

static struct lend__http_limits limits;
static struct lend__http_framing framing;

static void resolve(void)
{
	lend__http_limits_resolve(&limits);
}

/* Frame a whole head; 1 if it does not even parse. */
static int frame_head(const char *text)
{
	struct lend__http_field fields[FIELDS];
	struct lend__http_head head;
	int used;

	lend__http_head_init(&head, fields, FIELDS);
	used = lend__http_parse_head(text, strlen(text), &limits, &head);
	if (used != (int)strlen(text))
		return 1;
	return lend__http_frame(text, &head, &limits, &framing);
}

/* Frame a POST with these field lines after a valid Host. */
static int frame(const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: x\r\n%s%s\r\n",
		 lines, *lines ? "\r\n" : "");
	return frame_head(text);
}

static int frame_10(const char *lines)
{
	char text[1024];

	snprintf(text, sizeof(text), "POST / HTTP/1.0\r\n%s%s\r\n", lines,
		 *lines ? "\r\n" : "");
	return frame_head(text);
}

static int frame_host(const char *host)
{
	char text[1024];

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
		 host);
	return frame_head(text);
}

static int frame_line(const char *line)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s\r\nHost: x\r\n\r\n", line);
	return frame_head(text);
}

Test(framing, without_length_there_is_no_body, .init = resolve)
{
	cr_expect_eq(frame(""), 0);
	cr_expect_eq(framing.body, LEND__HTTP_BODY_NONE);
	cr_expect(framing.keep_alive);
	cr_expect_not(framing.expect_continue);
}

Test(framing, content_length_is_digits_once, .init = resolve)
{
	static const char *const bad[] = {
		"",	"-5",  "+5",	"0x5",	"5 5",	"5.0",
		"5e0",	"5;",  "\"5\"", "1_0",	"5,",	",5",
		"5, 5", "5,6", "abc",	"\xb2", "5\t5", "5\xa0",
	};
	char line[128];

	cr_expect_eq(frame("Content-Length: 5"), 0);
	cr_expect_eq(framing.body, LEND__HTTP_BODY_LENGTH);
	cr_expect_eq(framing.length, 5);
	cr_expect_eq(frame("Content-Length:\t 0010 \t"), 0);
	cr_expect_eq(framing.length, 10);
	cr_expect_eq(frame("Content-Length: 0"), 0);
	cr_expect_eq(framing.body, LEND__HTTP_BODY_NONE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "Content-Length: %s", bad[i]);
		cr_expect_eq(frame(line), -400, "%s", line);
	}
}

Test(framing, second_content_length_is_refused_even_if_equal, .init = resolve)
{
	cr_expect_eq(frame("Content-Length: 5\r\nContent-Length: 6"), -400);
	cr_expect_eq(frame("Content-Length: 5\r\nContent-Length: 5"), -400);
	cr_expect_eq(frame("Content-Length: 5\r\nX: y\r\ncontent-length:"),
		     -400);
}

Test(framing, length_above_the_limit_is_413_however_large)
{
	limits.body_max = 1000;
	resolve();
	cr_expect_eq(frame("Content-Length: 1000"), 0);
	cr_expect_eq(frame("Content-Length: 1001"), -413);
	/* 2^32 + 5, 2^63, 2^64, 2^64 + 5: none wraps round. */
	cr_expect_eq(frame("Content-Length: 4294967301"), -413);
	cr_expect_eq(frame("Content-Length: 9223372036854775808"), -413);
	cr_expect_eq(frame("Content-Length: 18446744073709551616"), -413);
	cr_expect_eq(frame("Content-Length: 18446744073709551621"), -413);
	cr_expect_eq(frame("Content-Length: 99999999999999999999999999999999"),
		     -413);
	limits.body_max = UINT64_MAX;
	cr_expect_eq(frame("Content-Length: 9223372036854775807"), 0);
	cr_expect_eq(frame("Content-Length: 9223372036854775808"), -413);
	cr_expect_eq(frame("Content-Length: 18446744073709551614"), -413);
	cr_expect_eq(frame("Content-Length: 18446744073709551621"), -413);
}

Test(framing, chunked_alone_is_chunked, .init = resolve)
{
	cr_expect_eq(frame("Transfer-Encoding: chunked"), 0);
	cr_expect_eq(framing.body, LEND__HTTP_BODY_CHUNKED);
	cr_expect(framing.keep_alive);
	cr_expect_eq(frame("transfer-encoding:\tCHUNKED \t"), 0);
	cr_expect_eq(framing.body, LEND__HTTP_BODY_CHUNKED);
}

Test(framing, both_framings_are_refused, .init = resolve)
{
	cr_expect_eq(frame("Content-Length: 5\r\nTransfer-Encoding: chunked"),
		     -400);
	cr_expect_eq(frame("Transfer-Encoding: chunked\r\nContent-Length: 5"),
		     -400);
	cr_expect_eq(frame("Transfer-Encoding: gzip, chunked\r\n"
			   "Content-Length: 0"),
		     -400);
}

Test(framing, codings_that_do_not_end_in_one_chunked_are_400, .init = resolve)
{
	static const char *const bad[] = {
		"gzip",
		"identity",
		"chunked, gzip",
		"chunked, chunked",
		"xchunked",
		"chunkedx",
		"chunk",
		"'chunked'",
		"\"chunked\"",
		"x chunked",
		"c\thunked",
		"",
		",",
		"chunked,",
		", chunked",
		"gzip,, chunked",
		"chunked;foo=bar",
		"chunked ;q=1",
		"chunked; foo",
		"chunked chunked",
		"chunked\x85",
		"chunked\xa0",
		"chunked\r\nTransfer-Encoding: chunked",
		"chunked\r\nTransfer-Encoding: identity",
		"chunked\r\nTransfer-Encoding:",
		"\r\nTransfer-Encoding: chunked",
	};
	char line[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "Transfer-Encoding: %s", bad[i]);
		cr_expect_eq(frame(line), -400, "%s", line);
	}
}

Test(framing, unknown_coding_before_chunked_is_501, .init = resolve)
{
	cr_expect_eq(frame("Transfer-Encoding: gzip, chunked"), -501);
	cr_expect_eq(frame("Transfer-Encoding: frob;q=1, chunked"), -501);
	cr_expect_eq(frame("Transfer-Encoding: gzip\r\n"
			   "Transfer-Encoding: chunked"),
		     -501);
}

Test(framing, coding_in_http_1_0_is_refused, .init = resolve)
{
	cr_expect_eq(frame_10("Transfer-Encoding: chunked"), -400);
	cr_expect_eq(frame_10("Content-Length: 5"), 0);
	cr_expect_eq(framing.body, LEND__HTTP_BODY_LENGTH);
}

Test(framing, only_chunked_lacks_a_required_length)
{
	limits.length_required = true;
	resolve();
	cr_expect_eq(frame("Transfer-Encoding: chunked"), -411);
	cr_expect_eq(frame("Content-Length: 5"), 0);
	cr_expect_eq(frame(""), 0);
}

Test(framing, host_is_there_once, .init = resolve)
{
	cr_expect_eq(frame_head("GET / HTTP/1.1\r\n\r\n"), -400);
	cr_expect_eq(frame_head("GET / HTTP/1.2\r\n\r\n"), -400);
	cr_expect_eq(frame_head("GET http://x/ HTTP/1.1\r\n\r\n"), -400);
	cr_expect_eq(frame("Host: x"), -400);
	cr_expect_eq(frame("hOST: y"), -400);
	cr_expect_eq(frame_10("Host: x\r\nHost: x"), -400);
	cr_expect_eq(frame_10(""), 0);
}

Test(framing, host_is_an_authority_without_user, .init = resolve)
{
	static const char *const good[] = {
		"localhost",	   "a.b:80",	    "127.0.0.1:1",
		"[::1]",	   "[::1]:8080",    "x:",
		"x:65535",	   "a%41b",	    "a_b",
		"x:00080",	   "[2001:db8::1]", "%7f",
		"sub~!$&'()*+,;=",
	};
	static const char *const bad[] = {
		"a/b",
		"u@x",
		"x:80:80",
		"x:abc",
		"[::1",
		"a?b",
		"a#b",
		"a\\b",
		"http://x/",
		"ho%zzst",
		"a%4",
		"a%",
		"x:65536",
		"x:4294967376",
		":80",
		":",
		"[::1]x",
		"[]",
		"[x]",
		"[::1%25eth0]",
		"::1",
		"a b",
		"a,b c",
		"[v1.x]",
		"x:8 0",
		"[1.2.3.4]",
		"[00000000000000000000000000000000000000000000000000::1]",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect_eq(frame_host(good[i]), 0, "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(frame_host(bad[i]), -400, "%s", bad[i]);
	/* The URI has no authority: RFC 9112, 3.2. */
	cr_expect_eq(frame_host(""), 0);
	cr_expect_eq(frame_10("Host: a/b"), -400);
}

Test(framing, authority_of_the_target_beats_host, .init = resolve)
{
	cr_expect_eq(frame_line("GET http://y:80/z HTTP/1.1"), 0);
	cr_expect_eq(frame_line("GET HTTP://y HTTP/1.1"), 0);
	cr_expect_eq(frame_line("GET http://u:p@y/ HTTP/1.1"), -400);
	cr_expect_eq(frame_line("GET http:///z HTTP/1.1"), -400);
	cr_expect_eq(frame_line("GET http://:80/ HTTP/1.1"), -400);
	cr_expect_eq(frame_line("GET ftp://y/ HTTP/1.1"), -400);
}

Test(framing, form_of_the_target_goes_with_the_method, .init = resolve)
{
	cr_expect_eq(frame_line("OPTIONS * HTTP/1.1"), 0);
	cr_expect_eq(frame_line("GET * HTTP/1.1"), -400);
	cr_expect_eq(frame_line("GET x HTTP/1.1"), -400);
	cr_expect_eq(frame_line("GET x:80 HTTP/1.1"), -400);
	cr_expect_eq(frame_line("GET a://b HTTP/1.1"), -400);
	cr_expect_eq(frame_line("CONNECT / HTTP/1.1"), -400);
	cr_expect_eq(frame_line("CONNECT http://x:1/ HTTP/1.1"), -400);
	cr_expect_eq(frame_line("CONNECT x HTTP/1.1"), -400);
	cr_expect_eq(frame_line("CONNECT x: HTTP/1.1"), -400);
	cr_expect_eq(frame_line("CONNECT u@x:1 HTTP/1.1"), -400);
	cr_expect_eq(frame_line("CONNECT x:443 HTTP/1.1"), -501);
}

Test(framing, only_100_continue_can_be_expected, .init = resolve)
{
	cr_expect_eq(frame("Content-Length: 5\r\nExpect: 100-Continue"), 0);
	cr_expect(framing.expect_continue);
	cr_expect_eq(frame("Transfer-Encoding: chunked\r\n"
			   "Expect: 100-continue"),
		     0);
	cr_expect(framing.expect_continue);
	cr_expect_eq(frame("Expect: 100-continue"), 0);
	cr_expect_not(framing.expect_continue, "there is no body");
	cr_expect_eq(frame("Content-Length: 0\r\nExpect: 100-continue"), 0);
	cr_expect_not(framing.expect_continue, "there is no body");

	cr_expect_eq(frame("Expect: frob"), -417);
	cr_expect_eq(frame("Expect:"), -417);
	cr_expect_eq(frame("Expect: 100-continue, frob"), -417);
	cr_expect_eq(frame("Expect: 100-continue\r\nExpect: frob"), -417);
	cr_expect_eq(frame("Expect: 100-continue;x"), -417);

	/* RFC 9110, 10.1.1: HTTP/1.0 MUST be ignored. */
	cr_expect_eq(frame_10("Content-Length: 5\r\nExpect: 100-continue"), 0);
	cr_expect_not(framing.expect_continue);
}

Test(framing, close_beats_all_and_keep_alive_is_for_1_0, .init = resolve)
{
	static const struct {
		const char *lines;
		bool kept, kept_10;
	} cases[] = {
		{ "", true, false },
		{ "Connection: close", false, false },
		{ "Connection: CLOSE", false, false },
		{ "Connection: x-foo , close", false, false },
		{ "Connection: x-foo\r\nConnection: close", false, false },
		{ "Connection: x\r\nX: close\r\nConnection: y", true, false },
		{ "Connection: keep-alive, close", false, false },
		{ "Connection: close, keep-alive", false, false },
		{ "Connection: closed, xclose, close-notify", true, false },
		{ "Connection: close;x", true, false },
		{ "Connection:", true, false },
		{ "Connection: ,,", true, false },
		{ "Connection: ,close", false, false },
		{ "Connection: keep-alive", true, true },
		{ "Connection: x, Keep-Alive", true, true },
		{ "Connection: upgrade", true, false },
		{ "Connection: host, content-length", true, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect_eq(frame(cases[i].lines), 0);
		cr_expect_eq(framing.keep_alive, cases[i].kept, "%s",
			     cases[i].lines);
		cr_expect_eq(frame_10(cases[i].lines), 0);
		cr_expect_eq(framing.keep_alive, cases[i].kept_10, "1.0: %s",
			     cases[i].lines);
	}
}

Test(framing, result_is_written_on_success_only, .init = resolve)
{
	struct lend__http_framing before;

	memset(&framing, 0x5a, sizeof(framing));
	before = framing;
	cr_expect_eq(frame("Host: x"), -400);
	cr_expect_eq(frame("Content-Length: x"), -400);
	cr_expect_eq(frame("Expect: frob"), -417);
	cr_expect_eq(memcmp(&framing, &before, sizeof(before)), 0);
}
