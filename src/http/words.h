/*
 * Eight or sixteen bytes at a time: what the scanners of src/http are made of.
 * Inline, since timing the parser asked for it.
 */
#ifndef LEND_HTTP_WORDS_H
#define LEND_HTTP_WORDS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "http/chars.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	      "the first byte of a word is its lowest");

#define LEND__HTTP_ONES	 UINT64_C(0x0101010101010101)
#define LEND__HTTP_HIGHS UINT64_C(0x8080808080808080)

static inline uint64_t lend__http_load64(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint32_t lend__http_load32(const char *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

/* Sixteen bytes: those of a comparison are 0 where it is false, and all ones
 * where it is true. Signed, so that bytes above 0x7f are below all others. */
typedef int8_t lend__http_bytes __attribute__((vector_size(16)));

static inline lend__http_bytes lend__http_load_bytes(const char *at)
{
	lend__http_bytes bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

/* How many bytes of @marks, which are of a comparison, come before the first
 * that is marked: 16 if none is. */
static inline unsigned lend__http_before_mark(lend__http_bytes marks)
{
	uint64_t halves[2];

	memcpy(halves, &marks, sizeof(halves));
	if (halves[0])
		return (unsigned)__builtin_ctzll(halves[0]) / 8;
	return halves[1] ? 8 + (unsigned)__builtin_ctzll(halves[1]) / 8 : 16;
}

/* The bytes that do not belong in a request target: LEND__HTTP_TARGET. */
static inline lend__http_bytes lend__http_outside_target(lend__http_bytes bytes)
{
	return (bytes < 0x21) | (bytes == 0x7f) | (bytes == '#');
}

/* The first byte that does not belong in a request target, or @end. */
static inline const char *lend__http_skip_target(const char *at,
						 const char *end)
{
	for (; end - at >= 16; at += 16) {
		unsigned skip = lend__http_before_mark(
			lend__http_outside_target(lend__http_load_bytes(at)));

		if (skip < 16)
			return at + skip;
	}
	while (at < end && lend__http_is(*at, LEND__HTTP_TARGET))
		at++;
	return at;
}

/*
 * The first byte behind the "/" at @at, with which a target begins, that ends
 * its path or keeps that from being normal: see lend__http_path_normalise().
 * It is one that does not belong in a target, "?", "%", or a "/" or a "."
 * behind a "/", which may begin an empty segment or "." or "..".
 */
static inline const char *lend__http_skip_normal(const char *at,
						 const char *end)
{
	for (at++; end - at >= 16; at += 16) {
		lend__http_bytes bytes = lend__http_load_bytes(at);
		lend__http_bytes marks = lend__http_outside_target(bytes);
		unsigned skip;

		marks |= (bytes == '?') | (bytes == '%');
		/* "." is "/" but for its lowest bit. */
		marks |= ((bytes | 1) == '/') &
			 (lend__http_load_bytes(at - 1) == '/');
		skip = lend__http_before_mark(marks);
		if (skip < 16)
			return at + skip;
	}
	while (at < end && lend__http_is(*at, LEND__HTTP_TARGET) &&
	       *at != '?' && *at != '%' &&
	       (at[-1] != '/' || (*at != '/' && *at != '.')))
		at++;
	return at;
}

/*
 * Whether @word may hold a byte that does not belong in a field value: below a
 * space, or DEL. So it is said of a tab, too, and sometimes of a "~" behind
 * bytes above 0x7f, so whoever is told so has to look at each byte.
 */
static inline uint64_t lend__http_marks_unusual(uint64_t word)
{
	return ((word - LEND__HTTP_ONES * 0x20) | (word + LEND__HTTP_ONES)) &
	       ~word & LEND__HTTP_HIGHS;
}

/* The first byte that does not belong in a field value, or @end. */
static inline const char *lend__http_skip_value(const char *at, const char *end)
{
	for (;;) {
		for (; end - at >= 16; at += 16) {
			lend__http_bytes bytes = lend__http_load_bytes(at);
			unsigned skip = lend__http_before_mark(
				((bytes >= 0) & (bytes < 0x20)) |
				(bytes == 0x7f));

			if (skip < 16) {
				at += skip;
				break;
			}
		}
		while (at < end && lend__http_is(*at, LEND__HTTP_VALUE)) {
			at++;
			/* Past a tab: back to more at a time. */
			if (end - at >= 16)
				break;
		}
		if (at == end || !lend__http_is(*at, LEND__HTTP_VALUE))
			return at;
	}
}

/* Whether the @size bytes at @text can be the value of a field. */
static inline bool lend__http_is_value(const char *text, size_t size)
{
	uint64_t marks = 0;

	if (size >= 8) {
		for (size_t at = 0; at < size - 8; at += 8)
			marks |= lend__http_marks_unusual(
				lend__http_load64(text + at));
		marks |= lend__http_marks_unusual(
			lend__http_load64(text + size - 8));
		if (!marks)
			return true;
	}
	return lend__http_skip_value(text, text + size) == text + size;
}

#endif
