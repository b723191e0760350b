/*
 * Powers of two, alignment, cache lines.
 */
#ifndef LEND_BASE_BITS_H
#define LEND_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEND_CACHE_LINE	   64
#define LEND_CACHE_ALIGNED __attribute__((aligned(LEND_CACHE_LINE)))

#define LEND_PAGE_SIZE 4096

static inline bool lend_is_power_of_two(uint64_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/* @alignment is a power of two. */
static inline uint64_t lend_align_up(uint64_t x, uint64_t alignment)
{
	return (x + alignment - 1) & ~(alignment - 1);
}

/* The smallest power of two that is at least @x; @x from 1 to 2^63. */
static inline uint64_t lend_ceil_power_of_two(uint64_t x)
{
	return x <= 1 ? 1 : UINT64_C(1) << (64 - __builtin_clzll(x - 1));
}

#endif
