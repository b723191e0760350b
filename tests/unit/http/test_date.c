/*
 * Goal:   dates are written in the one format and read in the three that HTTP
 *         knows; what is no date is not taken for one.
 * Method: the RFC's example, edges of the calendar, and the C library's own
 *         conversion for many seconds from a printed seed.
 */
#include "http/date.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXAMPLE INT64_C(784111777)

static bool formats(int64_t seconds, const char *expected)
{
	char text[LEND__HTTP_DATE_SIZE];

	lend__http_date_format(seconds, text);
	return memcmp(text, expected, sizeof(text)) == 0;
}

static int64_t parse_at(const char *text, int64_t now)
{
	int64_t seconds;

	if (lend__http_date_parse(text, strlen(text), now, &seconds) != 0)
		return -1;
	return seconds;
}

static int64_t parse(const char *text)
{
	return parse_at(text, EXAMPLE);
}

Test(date, is_written_as_an_imf_fixdate)
{
	cr_expect(formats(EXAMPLE, "Sun, 06 Nov 1994 08:49:37 GMT"));
	cr_expect(formats(0, "Thu, 01 Jan 1970 00:00:00 GMT"));
	cr_expect(formats(-1, "Wed, 31 Dec 1969 23:59:59 GMT"));
	cr_expect(formats(951782400, "Tue, 29 Feb 2000 00:00:00 GMT"));
	cr_expect(formats(4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"));
	cr_expect(formats(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"));
	cr_expect(formats(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"));
	cr_expect(formats(INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT"));
}

Test(date, three_formats_are_read)
{
	cr_expect_eq(parse("Sun, 06 Nov 1994 08:49:37 GMT"), EXAMPLE);
	cr_expect_eq(parse("Sunday, 06-Nov-94 08:49:37 GMT"), EXAMPLE);
	cr_expect_eq(parse("Sun Nov  6 08:49:37 1994"), EXAMPLE);
	cr_expect_eq(parse("Sun Nov 16 08:49:37 1994"), EXAMPLE + 864000);
	cr_expect_eq(parse("Monday, 07-Nov-94 08:49:37 GMT"), EXAMPLE + 86400);
	cr_expect_eq(parse("Wednesday, 06-Nov-94 08:49:37 GMT"), EXAMPLE);
	/* A leap second is the next minute's first. */
	cr_expect_eq(parse("Sun, 06 Nov 1994 08:49:60 GMT"), EXAMPLE + 23);
}

Test(date, two_digit_years_are_at_most_50_ahead)
{
	const int64_t in_2026 = 1780000000;

	cr_expect_eq(parse_at("Sunday, 06-Nov-94 08:49:37 GMT", in_2026),
		     EXAMPLE);
	cr_expect_eq(parse_at("Friday, 01-Jan-76 00:00:00 GMT", in_2026),
		     parse("Wed, 01 Jan 2076 00:00:00 GMT"));
	cr_expect_eq(parse_at("Friday, 01-Jan-77 00:00:00 GMT", in_2026),
		     parse("Sat, 01 Jan 1977 00:00:00 GMT"));
	/* In 1994, "44" is 2044 and "45" is 1945. */
	cr_expect_eq(parse("Friday, 01-Jan-44 00:00:00 GMT"),
		     parse("Fri, 01 Jan 2044 00:00:00 GMT"));
	cr_expect_eq(parse_at("Friday, 01-Jan-01 00:00:00 GMT", 4092000000),
		     parse("Sat, 01 Jan 2101 00:00:00 GMT"));
}

Test(date, what_is_no_date_is_refused)
{
	static const char *const bad[] = {
		"",
		"0",
		"Sun",
		"not a date at all, not even close",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun,  6 Nov 1994 08:49:37 GMT",
		"sun, 06 nov 1994 08:49:37 gmt",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 29 Feb 1900 08:49:37 GMT",
		"Sun, 29 Feb 2023 08:49:37 GMT",
		"Sun, 06 Nox 1994 08:49:37 GMT",
		"Sux, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 199x 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT",
		"Sun Nov 6 08:49:37 1994",
		"Sun Nov  6 08:49:37 94",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(parse(bad[i]), -1, "%s", bad[i]);
	cr_expect_eq(parse("Mon, 29 Feb 2024 00:00:00 GMT"), 1709164800);
	cr_expect_eq(parse("Tue, 29 Feb 2000 00:00:00 GMT"), 951782400);
}

Test(date, agrees_with_the_c_library_and_with_itself)
{
	const char *given = getenv("LEND_TEST_SEED");
	unsigned seed = given ? (unsigned)atoi(given) : (unsigned)time(NULL);
	char ours[LEND__HTTP_DATE_SIZE], theirs[40];
	int64_t seconds, back;
	struct tm tm;
	time_t t;

	fprintf(stderr, "LEND_TEST_SEED=%u\n", seed);
	srand(seed);
	for (int i = 0; i < 20000; i++) {
		/* Years 0 to 9999. */
		seconds = ((int64_t)rand() << 31 | rand()) %
				  INT64_C(315569520000) -
			  INT64_C(62167219200);
		t = (time_t)seconds;
		gmtime_r(&t, &tm);
		lend__http_date_format(seconds, ours);
		strftime(theirs, sizeof(theirs), "%a, %d %b ", &tm);
		snprintf(theirs + 12, sizeof(theirs) - 12,
			 "%04d %02d:%02d:%02d GMT", tm.tm_year + 1900,
			 tm.tm_hour, tm.tm_min, tm.tm_sec);
		cr_assert_eq(memcmp(ours, theirs, sizeof(ours)), 0, "%s",
			     theirs);
		cr_assert_eq(
			lend__http_date_parse(ours, sizeof(ours), 0, &back), 0);
		cr_assert_eq(back, seconds);
	}
}
