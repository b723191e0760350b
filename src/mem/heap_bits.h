/*
 * What the parts of the heap share: granules, their bits, and the sanitizer's
 * view of free memory. For src/mem/heap*.c alone.
 */
#ifndef LEND_MEM_HEAP_BITS_H
#define LEND_MEM_HEAP_BITS_H

#include "mem/heap.h"

#if defined(__SANITIZE_ADDRESS__)
#define LEND_HEAP_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEND_HEAP_ASAN 1
#endif
#endif

#ifdef LEND_HEAP_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* Whoever touches free memory is to be caught by the sanitizer. */
static inline void lend__heap_poison(const volatile void *address, size_t size)
{
#ifdef LEND_HEAP_ASAN
	__asan_poison_memory_region(address, size);
#else
	(void)address;
	(void)size;
#endif
}

static inline void lend__heap_unpoison(const volatile void *address,
				       size_t size)
{
#ifdef LEND_HEAP_ASAN
	__asan_unpoison_memory_region(address, size);
#else
	(void)address;
	(void)size;
#endif
}

static inline char *lend__heap_granule_at(const struct lend_heap *heap,
					  unsigned granule)
{
	return (char *)heap->slice + (size_t)granule * LEND_HEAP_GRANULE;
}

/* @count ones, 1 to 64 of them, from bit @from on; what is above bit 63 is
 * lost. */
static inline uint64_t lend__heap_ones_at(unsigned from, unsigned count)
{
	return (UINT64_MAX >> (64 - count)) << from;
}

/* The part of the granules @start to @end that is in the word of @start, which
 * moves to the next one. */
static inline uint64_t lend__heap_word_mask(unsigned *start, unsigned end)
{
	unsigned bit = *start % 64;
	unsigned n = end - *start < 64 - bit ? end - *start : 64 - bit;

	*start += n;
	return lend__heap_ones_at(bit, n);
}

static inline size_t lend__heap_home_size(const struct lend_heap *heap)
{
	return (size_t)heap->home_count * LEND_HEAP_HOME_GRANULE;
}

/* Offsets of an address; beyond the area's size if it is not there. */
static inline size_t lend__heap_home_offset(const struct lend_heap *heap,
					    const void *span)
{
	return (uintptr_t)span - (uintptr_t)heap->home;
}

static inline size_t lend__heap_slice_offset(const struct lend_heap *heap,
					     const void *span)
{
	return (uintptr_t)span - (uintptr_t)heap->slice;
}

/* The first granule from @from on that is used (or free), @end if none is. */
static inline unsigned
lend__heap_granule_next(const struct lend_heap_slice *slice, unsigned from,
			unsigned end, bool used)
{
	while (from < end) {
		uint64_t word = slice->used[from / 64];
		uint64_t found = (used ? word : ~word) >> from % 64;

		if (found) {
			from += (unsigned)__builtin_ctzll(found);
			return from < end ? from : end;
		}
		from = (from / 64 + 1) * 64;
	}
	return end;
}

#endif
