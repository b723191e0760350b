/*
 * The names the server knows: fields and methods. Inline, since timing the
 * parser asked for it: a name is compared with one or two words of eight bytes,
 * chosen by its length, while it is still in registers.
 */
#ifndef LEND_HTTP_NAMES_H
#define LEND_HTTP_NAMES_H

#include "http/parser.h"
#include "http/words.h"

#include <stdbool.h>
#include <string.h>

/*
 * Whether the @size bytes at @name are @lower, whatever their case. Every
 * byte of @name is a token character and @lower has only letters and "-"; of
 * those, setting bit 5 changes nothing but the case. @size is a constant, so
 * this becomes a few loads and compares.
 */
static inline __attribute__((always_inline)) bool
lend__http_is_name(const char *name, const char *lower, size_t size)
{
	const uint64_t bits = UINT64_C(0x2020202020202020);
	uint64_t differs;

	if (size < 8)
		return (lend__http_load32(name) | (uint32_t)bits) ==
			       lend__http_load32(lower) &&
		       (lend__http_load32(name + size - 4) | (uint32_t)bits) ==
			       lend__http_load32(lower + size - 4);
	differs = (lend__http_load64(name) | bits) ^ lend__http_load64(lower);
	if (size > 16)
		differs |= (lend__http_load64(name + 8) | bits) ^
			   lend__http_load64(lower + 8);
	differs |= (lend__http_load64(name + size - 8) | bits) ^
		   lend__http_load64(lower + size - 8);
	return differs == 0;
}

#define IS(lower) lend__http_is_name(name, lower, sizeof(lower) - 1)

static inline enum lend__http_field_id lend__http_field_of(const char *name,
							   size_t size)
{
	switch (size) {
	case 4:
		return IS("host") ? LEND__HTTP_FIELD_HOST : 0;
	case 5:
		return IS("range") ? LEND__HTTP_FIELD_RANGE : 0;
	case 6:
		return IS("expect") ? LEND__HTTP_FIELD_EXPECT : 0;
	case 7:
		return IS("upgrade") ? LEND__HTTP_FIELD_UPGRADE : 0;
	case 8:
		if (IS("if-match"))
			return LEND__HTTP_FIELD_IF_MATCH;
		return IS("if-range") ? LEND__HTTP_FIELD_IF_RANGE : 0;
	case 10:
		return IS("connection") ? LEND__HTTP_FIELD_CONNECTION : 0;
	case 12:
		return IS("content-type") ? LEND__HTTP_FIELD_CONTENT_TYPE : 0;
	case 13:
		return IS("if-none-match") ? LEND__HTTP_FIELD_IF_NONE_MATCH : 0;
	case 14:
		return IS("content-length") ? LEND__HTTP_FIELD_CONTENT_LENGTH :
					      0;
	case 15:
		return IS("accept-encoding") ?
			       LEND__HTTP_FIELD_ACCEPT_ENCODING :
			       0;
	case 17:
		if (IS("if-modified-since"))
			return LEND__HTTP_FIELD_IF_MODIFIED_SINCE;
		return IS("transfer-encoding") ?
			       LEND__HTTP_FIELD_TRANSFER_ENCODING :
			       0;
	case 19:
		return IS("if-unmodified-since") ?
			       LEND__HTTP_FIELD_IF_UNMODIFIED_SINCE :
			       0;
	default:
		return LEND__HTTP_FIELD_OTHER;
	}
}

#undef IS

/* The method called @name, in exactly these letters (RFC 9110, 9.1). */
enum lend__http_method lend__http_method_of(const char *name, size_t size);

#endif
