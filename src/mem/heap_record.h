/*
 * lend__heap_alloc() and lend__heap_free() of the span that nearly every
 * operation's record is: one granule at home. Inline, as bench operation asks;
 * whatever is not as usual is left to those two.
 *
 * Called by the operation layer. Thread: the heap's owner.
 */
#ifndef LEND_MEM_HEAP_RECORD_H
#define LEND_MEM_HEAP_RECORD_H

#include "base/check.h"
#include "mem/heap_bits.h"

/* One granule. Return: 0, or what lend__heap_alloc() says. */
LEND_NODISCARD static inline int lend__heap_alloc_record(struct lend_heap *heap,
							 void **ret_span)
{
	uint64_t fits = ~heap->home_used;
	uint64_t first = fits & -fits;

	if (lend_unlikely(!fits ||
			  heap->limit - heap->used < LEND_HEAP_HOME_GRANULE))
		return lend__heap_alloc(heap, LEND_HEAP_HOME_GRANULE, ret_span);
	heap->home_used |= first;
	heap->home_last |= first;
	heap->used += LEND_HEAP_HOME_GRANULE;
	*ret_span = heap->home +
		    (size_t)__builtin_ctzll(fits) * LEND_HEAP_HOME_GRANULE;
	lend__heap_unpoison(*ret_span, LEND_HEAP_HOME_GRANULE);
	return 0;
}

/* Any span; a granule at home is free at once. */
static inline void lend__heap_free_record(struct lend_heap *heap, void *span)
{
	size_t offset = (size_t)((char *)span - heap->home);
	uint64_t bit = UINT64_C(1) << offset / LEND_HEAP_HOME_GRANULE % 64;

	/* It ends where it begins, at a granule of home, which was not freed
	 * before: one that is free ends nothing. */
	if (lend_unlikely(offset >= LEND_HEAP_HOME_SIZE_MAX ||
			  offset % LEND_HEAP_HOME_GRANULE ||
			  !(heap->home_last & bit) ||
			  (heap->home_used & ~heap->home_last) << 1 & bit)) {
		lend__heap_free(heap, span);
		return;
	}
	heap->home_used &= ~bit;
	heap->home_last &= ~bit;
	heap->home_disowned &= ~bit;
	heap->used -= LEND_HEAP_HOME_GRANULE;
	lend__heap_poison(span, LEND_HEAP_HOME_GRANULE);
}

#endif
