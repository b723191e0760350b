/*
 * Spans that are freed by others than their owner: see heap.h. Called by
 * whoever frees I/O memory that is not its own, and by the owner.
 *
 * Note [returned]
 * A heap has no lock: only its owner changes it. So others push what they free
 * on a list, whose links are in the spans, and the owner takes the whole list
 * at once: nothing is popped, so there is no ABA. A push is a release [H1], and
 * the owner's exchange an acquire: what the other one did with the span comes
 * before its next use, and the link is there.
 *
 * An actor that ends leaves its disowned spans. It takes back what has come,
 * and if something is still missing puts LEND_HEAP_NOBODY in the place of the
 * empty list, a release [H2]: who finds that, with an acquire, sees the heap as
 * its owner left it, and frees the span itself, under the lock of the registry
 * (actor/zombie.c). A push that comes between the two makes the owner's
 * compare-and-swap fail: it takes back once more. NOBODY stays until the slot
 * has another actor, which it can not have before the last span is freed.
 */
#include "base/check.h"
#include "mem/heap_bits.h"

void lend__heap_disown(struct lend_heap *heap, void *span)
{
	size_t offset = lend__heap_home_offset(heap, span);

	/* Is it one? Asserts, if not. */
	(void)lend__heap_span_size(heap, span);
	if (offset < lend__heap_home_size(heap)) {
		heap->home_disowned |= UINT64_C(1)
				       << offset / LEND_HEAP_HOME_GRANULE;
	} else {
		size_t granule = lend__heap_slice_offset(heap, span) /
				 LEND_HEAP_GRANULE;

		heap->slice->disowned[granule / 64] |= UINT64_C(1)
						       << granule % 64;
	}
}

bool lend__heap_return(struct lend_heap *heap, void *span)
{
	/* Read now: as soon as the span is on the list the heap may be taken
	 * back to its last span, and be somebody else's. */
	struct lend_heap_range *range = heap->range;
	/* Acquire [H2]. */
	void *head = atomic_load_explicit(&heap->returned,
					  memory_order_acquire);

	do {
		if (head == LEND_HEAP_NOBODY)
			return false;
		*(void **)span = head;
		/* Release [H1], paired with lend__heap_take_back(). Acquire
		 * [H2] if it fails. */
	} while (!atomic_compare_exchange_weak_explicit(
		&heap->returned, &head, span, memory_order_release,
		memory_order_acquire));
	atomic_fetch_add_explicit(&range->totals.returns, 1,
				  memory_order_relaxed);
	return true;
}

void lend__heap_take_back(struct lend_heap *heap)
{
	void *span;

	if (!atomic_load_explicit(&heap->returned, memory_order_relaxed))
		return;
	/* Acquire [H1]. */
	span = atomic_exchange_explicit(&heap->returned, NULL,
					memory_order_acquire);
	lend_assert(span != LEND_HEAP_NOBODY);
	while (span) {
		void *next;

		/* Asserts that it is not free yet: then its first word is no
		 * link. */
		(void)lend__heap_span_size(heap, span);
		next = *(void **)span;
		lend__heap_free(heap, span);
		span = next;
	}
}

bool lend__heap_abandon(struct lend_heap *heap)
{
	for (;;) {
		void *none = NULL;

		lend__heap_take_back(heap);
		if (lend__heap_empty(heap))
			return false;
		/* Release [H2], paired with lend__heap_return(). */
		if (atomic_compare_exchange_strong_explicit(
			    &heap->returned, &none, LEND_HEAP_NOBODY,
			    memory_order_release, memory_order_relaxed))
			return true;
	}
}
