/*
 * The decoder of the chunked coding (RFC 9112, 7.1): one state per place of
 * the grammar, one byte at a time outside of the data, which is moved in one
 * piece. Called by the connection with whatever has arrived.
 *
 * Strict where others were not and could be split from us: a line ends with
 * CRLF, a size has digits only (no sign, no "0x", no white space around it),
 * extensions follow their grammar and a quoted value may not hide a line end.
 */
#include "http/chunked.h"

#include "base/check.h"
#include "http/chars.h"
#include "http/status.h"

#include <string.h>

/* More digits than 64 bits have: a number that is not worth reading. */
#define DIGITS_MAX 16

enum state {
	SIZE,
	SIZE_LF,
	/* White space before ";": only an extension may follow. */
	BEFORE_SEMICOLON,
	BEFORE_NAME,
	NAME,
	/* White space after a name: "=", ";", and nothing else. */
	AFTER_NAME,
	BEFORE_TEXT,
	TEXT,
	QUOTED,
	QUOTED_PAIR,
	AFTER_QUOTED,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	END,
	BROKEN,
};

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The state after @c where a word of the line has ended: white space leads to
 * @blank. */
static enum state after_word(char c, enum state blank)
{
	switch (c) {
	case '\r':
		return SIZE_LF;
	case ';':
		return BEFORE_NAME;
	case ' ':
	case '\t':
		return blank;
	default:
		return BROKEN;
	}
}

/* One byte of a chunk extension (RFC 9112, 7.1.1); the state after it. White
 * space is for around ";" and "=": a line may not end in it. */
static enum state step_extension(enum state state, char c)
{
	switch (state) {
	case BEFORE_SEMICOLON:
		return c == '\r' ? BROKEN : after_word(c, BEFORE_SEMICOLON);
	case BEFORE_NAME:
		if (is_blank(c))
			return BEFORE_NAME;
		return lend__http_is(c, LEND__HTTP_TOKEN) ? NAME : BROKEN;
	case NAME:
		if (lend__http_is(c, LEND__HTTP_TOKEN))
			return NAME;
		return c == '=' ? BEFORE_TEXT : after_word(c, AFTER_NAME);
	case AFTER_NAME:
		if (c == '=')
			return BEFORE_TEXT;
		return c == '\r' ? BROKEN : after_word(c, AFTER_NAME);
	case BEFORE_TEXT:
		if (is_blank(c))
			return BEFORE_TEXT;
		if (c == '"')
			return QUOTED;
		return lend__http_is(c, LEND__HTTP_TOKEN) ? TEXT : BROKEN;
	case TEXT:
		if (lend__http_is(c, LEND__HTTP_TOKEN))
			return TEXT;
		return after_word(c, BEFORE_SEMICOLON);
	case QUOTED:
		if (c == '"')
			return AFTER_QUOTED;
		if (c == '\\')
			return QUOTED_PAIR;
		return lend__http_is(c, LEND__HTTP_VALUE) ? QUOTED : BROKEN;
	case QUOTED_PAIR:
		return lend__http_is(c, LEND__HTTP_VALUE) ? QUOTED : BROKEN;
	case AFTER_QUOTED:
		return after_word(c, BEFORE_SEMICOLON);
	default:
		return BROKEN;
	}
}

/* One byte of the trailer section (RFC 9112, 7.1.2); the state after it. */
static enum state step_trailer(enum state state, char c)
{
	switch (state) {
	case TRAILER_START:
		if (c == '\r')
			return END_LF;
		return lend__http_is(c, LEND__HTTP_TOKEN) ? TRAILER_NAME :
							    BROKEN;
	case TRAILER_NAME:
		if (lend__http_is(c, LEND__HTTP_TOKEN))
			return TRAILER_NAME;
		return c == ':' ? TRAILER_VALUE : BROKEN;
	case TRAILER_VALUE:
		if (lend__http_is(c, LEND__HTTP_VALUE))
			return TRAILER_VALUE;
		return c == '\r' ? TRAILER_LF : BROKEN;
	case TRAILER_LF:
		return c == '\n' ? TRAILER_START : BROKEN;
	case END_LF:
		return c == '\n' ? END : BROKEN;
	default:
		return BROKEN;
	}
}

/* One byte of the line that announces a chunk. Returns 0 or a refusal. */
static int step_size(struct lend__http_chunked *chunked,
		     const struct lend__http_limits *limits, char c)
{
	if (chunked->state == SIZE) {
		if (lend__http_is(c, LEND__HTTP_HEX)) {
			if (chunked->digits == DIGITS_MAX)
				return -LEND__HTTP_BAD_REQUEST;
			chunked->digits++;
			chunked->left = chunked->left << 4 |
					lend__http_hex_value(c);
			return 0;
		}
		if (chunked->digits == 0)
			return -LEND__HTTP_BAD_REQUEST;
		chunked->state = after_word(c, BEFORE_SEMICOLON);
		return chunked->state == BROKEN ? -LEND__HTTP_BAD_REQUEST : 0;
	}
	if (chunked->state != SIZE_LF) {
		chunked->state = step_extension(chunked->state, c);
		if (chunked->state == BROKEN ||
		    ++chunked->overhead > limits->extension_max)
			return -LEND__HTTP_BAD_REQUEST;
		return 0;
	}

	if (c != '\n')
		return -LEND__HTTP_BAD_REQUEST;
	lend_assert(chunked->total <= limits->body_max);
	if (chunked->left > limits->body_max - chunked->total)
		return -LEND__HTTP_CONTENT_TOO_LARGE;
	/* A chunk pays for as many bytes of extensions as it carries data. So
	 * large chunks may be signed one by one for ever, but nobody makes us
	 * read a gigabyte of extensions for a megabyte of body. */
	chunked->overhead -= chunked->overhead < chunked->left ?
				     chunked->overhead :
				     chunked->left;
	chunked->total += chunked->left;
	chunked->digits = 0;
	chunked->state = chunked->left ? DATA : TRAILER_START;
	return 0;
}

/* One byte outside of the data. Returns 0 or a refusal. */
static int step(struct lend__http_chunked *chunked,
		const struct lend__http_limits *limits, char c)
{
	if (chunked->state < DATA)
		return step_size(chunked, limits, c);
	if (chunked->state == DATA_CR || chunked->state == DATA_LF) {
		if (c != (chunked->state == DATA_CR ? '\r' : '\n'))
			return -LEND__HTTP_BAD_REQUEST;
		chunked->state = chunked->state == DATA_CR ? DATA_LF : SIZE;
		return 0;
	}
	chunked->state = step_trailer(chunked->state, c);
	if (chunked->state == BROKEN)
		return -LEND__HTTP_BAD_REQUEST;
	/* The empty line that ends it is not counted: it may always come. */
	if (chunked->state < END_LF &&
	    ++chunked->trailer_size > limits->trailer_max)
		return -LEND__HTTP_FIELDS_TOO_LARGE;
	return 0;
}

int lend__http_chunked_decode(struct lend__http_chunked *chunked,
			      const struct lend__http_limits *limits,
			      char *data, size_t size, size_t *ret_used,
			      size_t *ret_body)
{
	size_t used = 0, body = 0, portion;
	int error = 0;

	lend_debug_assert(limits->trailer_max > 0);
	if (chunked->state == BROKEN)
		error = -LEND__HTTP_BAD_REQUEST;
	while (used < size && !error && chunked->state != END) {
		if (chunked->state != DATA) {
			error = step(chunked, limits, data[used]);
			used += !error;
			continue;
		}
		portion = size - used;
		if (portion > chunked->left)
			portion = (size_t)chunked->left;
		if (body != used)
			memmove(data + body, data + used, portion);
		body += portion;
		used += portion;
		chunked->left -= portion;
		if (chunked->left == 0)
			chunked->state = DATA_CR;
	}
	lend_assert(body <= used);
	lend_assert(used <= size);
	*ret_used = used;
	*ret_body = body;
	if (error) {
		chunked->state = BROKEN;
		return error;
	}
	return chunked->state == END;
}
