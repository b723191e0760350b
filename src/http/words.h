/*
 * Eight bytes at a time: what the scanners of src/http are made of. Inline,
 * since timing the parser asked for it.
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

/*
 * Note [words]. The high bit of each byte of @word that is below @bound (at
 * most 0x80), or equal to @byte. The borrow of the subtraction can also mark
 * a byte that lies behind a byte that is rightly marked, never one before it,
 * so the lowest mark is always right, and it is the only one to be used.
 */
static inline uint64_t lend__http_marks_below(uint64_t word, uint8_t bound)
{
	return (word - LEND__HTTP_ONES * bound) & ~word & LEND__HTTP_HIGHS;
}

static inline uint64_t lend__http_marks_equal(uint64_t word, uint8_t byte)
{
	return lend__http_marks_below(word ^ (LEND__HTTP_ONES * byte), 1);
}

/*
 * The bytes of @word that do not belong in a request target: LEND__HTTP_TARGET
 * without its table. Note [words] holds here, too: of a byte with its high bit
 * set or behind one that is marked more is said than what is true, hence only
 * the lowest mark is to be used, and only with LEND__HTTP_HIGHS.
 */
static inline uint64_t lend__http_marks_outside(uint64_t word)
{
	return (word - LEND__HTTP_ONES * 0x21) | (word + LEND__HTTP_ONES) |
	       word | ((word ^ LEND__HTTP_ONES * '#') - LEND__HTTP_ONES);
}

/* The first byte that does not belong in a request target, or @end. */
static inline const char *lend__http_skip_target(const char *at,
						 const char *end)
{
	for (; end - at >= 8; at += 8) {
		uint64_t marks = lend__http_marks_outside(
					 lend__http_load64(at)) &
				 LEND__HTTP_HIGHS;

		if (marks)
			return at + __builtin_ctzll(marks) / 8;
	}
	while (at < end && lend__http_is(*at, LEND__HTTP_TARGET))
		at++;
	return at;
}

/*
 * The first byte of the target at @at, which begins with "/", that ends its
 * path or keeps that from being normal: see lend__http_path_normalise(). It is
 * one that does not belong in a target, "?", "%", or a "/" or a "." behind a
 * "/", which may begin an empty segment or "." or "..". The last seven bytes
 * before @end are not looked at: more than that follows each target.
 */
static inline const char *lend__http_skip_normal(const char *at,
						 const char *end)
{
	const uint64_t ones = LEND__HTTP_ONES;
	uint64_t before = 0;

	for (; end - at >= 8; at += 8) {
		uint64_t word = lend__http_load64(at);
		uint64_t slashes = (word ^ ones * '/') - ones;
		/* "." is "/" but for its lowest bit. */
		uint64_t special = ((word | ones) ^ ones * '/') - ones;
		uint64_t marks = special & (slashes << 8 | before);

		/* Said wrongly to be a slash is at most a "." behind one, and
		 * that is marked itself. */
		marks |= lend__http_marks_outside(word) |
			 ((word ^ ones * '%') - ones) |
			 ((word ^ ones * '?') - ones);
		marks &= LEND__HTTP_HIGHS;
		if (marks)
			return at + __builtin_ctzll(marks) / 8;
		before = slashes >> 56;
	}
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
	uint64_t word, marks;

	for (;;) {
		while (end - at >= 8) {
			word = lend__http_load64(at);
			marks = lend__http_marks_below(word, 0x20) |
				lend__http_marks_equal(word, 0x7f);
			if (marks) {
				at += __builtin_ctzll(marks) / 8;
				break;
			}
			at += 8;
		}
		while (at < end && lend__http_is(*at, LEND__HTTP_VALUE)) {
			at++;
			/* Past a tab: back to words. */
			if (end - at >= 8)
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
