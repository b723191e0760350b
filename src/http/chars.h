/*
 * Character classes of the HTTP and URI grammars, one table for all of
 * src/http, so that the parser and the decoder of chunks can not disagree
 * about what a token is.
 */
#ifndef LEND_HTTP_CHARS_H
#define LEND_HTTP_CHARS_H

#include <stdbool.h>
#include <stdint.h>

/* A byte may be in several classes. */
enum {
	/* RFC 9110, 5.6.2: tchar. */
	LEND__HTTP_TOKEN = 1,
	/* RFC 9110, 5.5: HTAB, SP, VCHAR, obs-text. */
	LEND__HTTP_VALUE = 2,
	/* Visible ASCII but "#". Wider than the grammar of RFC 3986, since
	 * browsers send | { } ^ and others as they are; none of them can be
	 * taken for the end of the target. A fragment is never sent. */
	LEND__HTTP_TARGET = 4,
	/* RFC 3986, 3.2.2: reg-name, without its percent-encoding. */
	LEND__HTTP_REG_NAME = 8,
	LEND__HTTP_DIGIT = 16,
	LEND__HTTP_HEX = 32,
};

extern const uint8_t lend__http_chars[256];

static inline bool lend__http_is(char c, unsigned classes)
{
	return (lend__http_chars[(uint8_t)c] & classes) != 0;
}

/* @c is of class LEND__HTTP_HEX. */
static inline unsigned lend__http_hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') :
			  (unsigned)((c | 0x20) - 'a') + 10;
}

#endif
