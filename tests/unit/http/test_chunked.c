/*
 * Goal:   a chunked body comes out as it was before it was coded, ends where
 *         it ends, and whatever departs from the coding is refused.
 * Method: raw bodies, whole, split at every place and byte by byte.
 */
#include "http/chunked.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lend__http_limits limits;
static char decoded[4096];
static size_t decoded_size, raw_used;

static void resolve(void)
{
	lend__http_limits_resolve(&limits);
}

/*
 * Decode @size bytes at @raw in portions of @first bytes and then of @then,
 * each at the end of its own allocation.
 */
static int decode_bytes(const char *raw, size_t size, size_t first, size_t then)
{
	struct lend__http_chunked chunked = { 0 };
	size_t portion = first, used, body;
	int result = 0;
	char *copy;

	decoded_size = 0;
	raw_used = 0;
	while (raw_used < size && result == 0) {
		if (portion > size - raw_used)
			portion = size - raw_used;
		copy = malloc(portion ? portion : 1);
		memcpy(copy, raw + raw_used, portion);
		result = lend__http_chunked_decode(&chunked, &limits, copy,
						   portion, &used, &body);
		cr_assert_leq(body, used);
		cr_assert_leq(used, portion);
		if (result == 0)
			cr_assert_eq(used, portion);
		memcpy(decoded + decoded_size, copy, body);
		decoded_size += body;
		raw_used += used;
		free(copy);
		portion = then;
	}
	return result;
}

static int decode(const char *raw)
{
	return decode_bytes(raw, strlen(raw), strlen(raw), 1);
}

static bool is_body(const char *expected)
{
	return decoded_size == strlen(expected) &&
	       memcmp(decoded, expected, decoded_size) == 0;
}

Test(chunked, chunks_are_joined, .init = resolve)
{
	cr_expect_eq(decode("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), 1);
	cr_expect(is_body("hello world"));
	cr_expect_eq(decode("0\r\n\r\n"), 1);
	cr_expect(is_body(""));
	cr_expect_eq(decode("0005\r\nhello\r\n000\r\n\r\n"), 1);
	cr_expect(is_body("hello"));
	cr_expect_eq(decode("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
		     1);
	cr_expect(is_body("01234567890123456789"));
	/* Data that looks like framing. */
	cr_expect_eq(decode("9\r\n0\r\n\r\nGET \r\n0\r\n\r\n"), 1);
	cr_expect(is_body("0\r\n\r\nGET "));
}

Test(chunked, bytes_behind_the_end_are_left_alone, .init = resolve)
{
	cr_expect_eq(decode("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), 1);
	cr_expect_eq(raw_used, 11);
}

Test(chunked, size_is_hex_digits_only, .init = resolve)
{
	static const char *const bad[] = {
		"\r\nhello\r\n",
		"-5\r\nhello\r\n",
		"+5\r\nhello\r\n",
		"0x5\r\nhello\r\n",
		"5_0\r\nhello\r\n",
		"5 5\r\nhello\r\n",
		"5h\r\nhello\r\n",
		"5,\r\nhello\r\n",
		" 5\r\nhello\r\n",
		"5 \r\nhello\r\n",
		"5\t\r\nhello\r\n",
		"g\r\n",
		"5\x01\r\n",
		"5.0\r\n",
		"00000000000000005\r\n",
		"10000000000000005\r\nhello",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(decode(bad[i]), -400, "%s", bad[i]);
	cr_expect_eq(decode_bytes("\0005\r\n", 4, 4, 1), -400);
	cr_expect_eq(decode_bytes("5\0\r\n", 4, 4, 1), -400);
}

Test(chunked, lines_end_with_crlf_only, .init = resolve)
{
	static const char *const bad[] = {
		"5\nhello\r\n",		 "5\rhello\r\n",
		"5\r\r\nhello\r\n",	 "5\r\nhello\n",
		"5\r\nhello\r\r\n",	 "5\r\nhello0\r\n",
		"5\r\nhelloo\r\n",	 "5\r\nhello\r\n0\n\r\n",
		"5\r\nhello\r\n0\r\n\n", "0\r\nA: b\n\r\n",
		"0\r\nA: b\r\n\rx",	 "0\r\n\rx",
		"5;a=b\nhello\r\n",	 "5;a=\"\r\n\"\r\nhello\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(decode(bad[i]), -400, "%s", bad[i]);
}

Test(chunked, extensions_are_checked_and_ignored, .init = resolve)
{
	static const char *const good[] = {
		"5;ext",	 "5;a=b",	    "5 ; a = b ; c",
		"5;a=\"b c\"",	 "5;a=\"b;\\\"c\"", "5;a=\"\";b",
		"5\t;\ta\t=\tb", "5;a ;b",	    "5;a=\"\xff\" ;b=c",
	};
	static const char *const bad[] = {
		"5;",	   "5;;",	   "5;a=",	 "5;a=b c",
		"5;a b",   "5;=b",	   "5;a==b",	 "5;a=\"b",
		"5;a\x01", "5;a=\"\x01\"", "5;a=b ",	 "5;a ",
		"5;a;",	   "5;(",	   "5;a=\"b\"c", "5;a=\"\\\x7f\"",
	};
	char raw[128];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(raw, sizeof(raw), "%s\r\nhello\r\n0;x=y\r\n\r\n",
			 good[i]);
		cr_expect_eq(decode(raw), 1, "%s", good[i]);
		cr_expect(is_body("hello"), "%s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(raw, sizeof(raw), "%s\r\nhello\r\n0\r\n\r\n", bad[i]);
		cr_expect_eq(decode(raw), -400, "%s", bad[i]);
	}
}

Test(chunked, data_pays_for_extensions)
{
	char raw[4096];
	int at = 0;

	limits.extension_max = 8;
	resolve();
	/* 4 bytes are counted for each of these, as many as there is data. */
	for (int i = 0; i < 20; i++)
		at += snprintf(raw + at, sizeof(raw) - (size_t)at,
			       "4;a=b\r\ndata\r\n");
	cr_expect_eq(decode(raw), 0);
	/* Without the data it is over at the third. */
	at = 0;
	for (int i = 0; i < 20; i++)
		at += snprintf(raw + at, sizeof(raw) - (size_t)at,
			       "1;a=b\r\nd\r\n");
	cr_expect_eq(decode(raw), -400);
	cr_expect_eq(decode("4;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), -400);
}

Test(chunked, trailers_are_checked_and_dropped, .init = resolve)
{
	static const char *const bad[] = {
		"nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"A : b\r\n\r\n",    " A: b\r\n\r\n",
		"A: b\r\n c\r\n",   ": b\r\n\r\n",
		"A: \x01\r\n\r\n",  "A: b\rC: d\r\n\r\n",
	};
	char raw[128];

	cr_expect_eq(decode("1\r\na\r\n0\r\nA: b\r\nC:d\r\nE:\r\n\r\n"), 1);
	cr_expect(is_body("a"));
	/* Framing fields among them frame nothing. */
	cr_expect_eq(decode("1\r\na\r\n0\r\nContent-Length: 50\r\n\r\nX"), 1);
	cr_expect_eq(raw_used, 31);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(raw, sizeof(raw), "0\r\n%s", bad[i]);
		cr_expect_eq(decode(raw), -400, "%s", bad[i]);
	}
}

Test(chunked, limits_hold_to_the_byte)
{
	limits.body_max = 10;
	limits.trailer_max = 6;
	resolve();
	cr_expect_eq(decode("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"), 1);
	cr_expect_eq(decode("5\r\nhello\r\n6\r\n"), -413);
	cr_expect_eq(decode("b\r\n"), -413);
	cr_expect_eq(decode("100000005\r\n"), -413);
	cr_expect_eq(decode("FFFFFFFFFFFFFFFF\r\n"), -413);
	cr_expect_eq(decode("fffffffffffffff6\r\n"), -413);
	cr_expect_eq(decode("0\r\nA: b\r\n\r\n"), 1);
	cr_expect_eq(decode("0\r\nA: bc\r\n\r\n"), -431);
	limits.body_max = UINT64_MAX;
	/* The sum may not wrap round either. */
	cr_expect_eq(decode("1\r\na\r\nFFFFFFFFFFFFFFFF\r\n"), -413);
	cr_expect_eq(decode("1\r\na\r\nFFFFFFFFFFFFFFFE\r\nabc"), 0);
}

Test(chunked, refused_body_stays_refused, .init = resolve)
{
	struct lend__http_chunked chunked = { 0 };
	char good[] = "0\r\n\r\n", bad[] = "x";
	size_t used, body;

	cr_expect_eq(lend__http_chunked_decode(&chunked, &limits, bad, 1, &used,
					       &body),
		     -400);
	cr_expect_eq(used, 0);
	cr_expect_eq(lend__http_chunked_decode(&chunked, &limits, good, 5,
					       &used, &body),
		     -400);
	cr_expect_eq(used, 0);
}

Test(chunked, ended_body_takes_nothing_more, .init = resolve)
{
	struct lend__http_chunked chunked = { 0 };
	char end[] = "0\r\n\r\n";
	size_t used, body;

	cr_expect_eq(lend__http_chunked_decode(&chunked, &limits, end, 5, &used,
					       &body),
		     1);
	cr_expect_eq(lend__http_chunked_decode(&chunked, &limits, end, 5, &used,
					       &body),
		     1);
	cr_expect_eq(used, 0);
}

Test(chunked, all_splits_give_the_same_body, .init = resolve)
{
	static const char *const streams[] = {
		("5\r\nhello\r\n6;a=\"b\\\"c\" ; d = e\r\n world\r\n"
		 "0;x\r\nA: b\r\nC:\r\n\r\nGET / HTTP/1.1\r\n"),
		"5\r\nhello\r\n0\r\n\r\n",
		"5\r\nhello\r\n5\r\nwo",
		"5\r\nhelloX",
		"5\r\nhello\r\n0\r\nbad\r\n\r\n",
		"ffffffffffffffff\r\n",
	};
	static char body[4096];
	size_t size, body_size, used;
	int verdict;

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		size = strlen(streams[i]);
		verdict = decode(streams[i]);
		used = raw_used;
		body_size = decoded_size;
		memcpy(body, decoded, body_size);
		for (size_t split = 0; split <= size; split++) {
			cr_expect_eq(decode_bytes(streams[i], size, split,
						  split % 2 ? 1 : size),
				     verdict);
			cr_expect_eq(raw_used, used);
			cr_expect_eq(decoded_size, body_size);
			cr_expect_eq(memcmp(decoded, body, body_size), 0);
		}
	}
}
