/*
 * Dates as HTTP writes them (RFC 9110, 5.6.7), whatever the locale.
 */
#ifndef LEND_HTTP_DATE_H
#define LEND_HTTP_DATE_H

#include <lend/base.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT", without a NUL. */
#define LEND__HTTP_DATE_SIZE 29

/**
 * Write @seconds since 1970 as an IMF-fixdate.
 *
 * @seconds  years 0 to 9999; beyond them the nearest of these
 */
void lend__http_date_format(int64_t seconds, char buffer[LEND__HTTP_DATE_SIZE]);

/**
 * Read a date in any of the three formats a recipient has to know.
 *
 * @now  seconds since 1970: the years of RFC 850 have two digits, and are the
 *       last ones with these that are not more than 50 years ahead
 *
 * Return: 0, or -EINVAL for what is not exactly a date; an If-Modified-Since
 *         of that kind is to be ignored
 */
LEND_NODISCARD int lend__http_date_parse(const char *text, size_t size,
					 int64_t now, int64_t *ret_seconds);

#endif
