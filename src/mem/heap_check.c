/*
 * A walk over one I/O heap that asserts everything its code relies on. Apart
 * from heap.c so that what checks shares no code with what is checked.
 */
#include "mem/heap.h"

#include "base/bits.h"
#include "base/check.h"

static bool bit_get(const uint64_t *words, unsigned bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

/* The granules of the span that starts at @start, which ends before @end. */
static unsigned span_walk(const uint64_t *used, const uint64_t *last,
			  unsigned start, unsigned end)
{
	unsigned i = start;

	while (!bit_get(last, i)) {
		i++;
		lend_assert(i < end);
		lend_assert(bit_get(used, i));
	}
	return i - start + 1;
}

static size_t home_check(const struct lend_heap *heap)
{
	unsigned end = heap->home_count;
	unsigned granules = 0;
	unsigned count;

	for (unsigned i = end; i < 64; i++) {
		lend_assert(bit_get(&heap->home_used, i));
		lend_assert(!bit_get(&heap->home_last, i));
	}
	for (unsigned i = 0; i < end; i += count) {
		count = 1;
		if (!bit_get(&heap->home_used, i)) {
			lend_assert(!bit_get(&heap->home_last, i));
			lend_assert(!bit_get(&heap->home_disowned, i));
			continue;
		}
		count = span_walk(&heap->home_used, &heap->home_last, i, end);
		lend_assert(lend_is_power_of_two(count));
		lend_assert(count <=
			    LEND_HEAP_HOME_SPAN_MAX / LEND_HEAP_HOME_GRANULE);
		granules += count;
	}
	return (size_t)granules * LEND_HEAP_HOME_GRANULE;
}

static size_t slice_check(const struct lend_heap *heap)
{
	const struct lend_heap_slice *slice = heap->slice;
	unsigned end = (unsigned)(heap->range->slice_size / LEND_HEAP_GRANULE);
	unsigned granules = 0, held = 0;
	unsigned count;

	for (unsigned i = 0; i < end; i++) {
		bool is_held = bit_get(slice->held, i);

		lend_assert(is_held || !bit_get(slice->used, i));
		lend_assert(!is_held || i < slice->granule_end);
		held += is_held;
	}
	lend_assert(held == slice->held_count);
	/* The bookkeeping is a span of its own. */
	lend_assert(bit_get(slice->used, 0));
	lend_assert(bit_get(slice->last, 0));
	lend_assert(slice->granule_end >= 1);
	lend_assert(slice->granule_end <= end);
	lend_assert(heap->word_hint <= end / 64);
	for (unsigned w = 0; w < heap->word_hint; w++)
		lend_assert(slice->used[w] == UINT64_MAX);

	for (unsigned i = 1; i < end; i += count) {
		count = 1;
		if (!bit_get(slice->used, i)) {
			lend_assert(!bit_get(slice->last, i));
			lend_assert(!bit_get(slice->disowned, i));
			continue;
		}
		count = span_walk(slice->used, slice->last, i, end);
		lend_assert(lend_is_power_of_two(count));
		lend_assert(count <= LEND_HEAP_SPAN_MAX / LEND_HEAP_GRANULE);
		lend_assert(count == 1 || i % 2 == 0);
		lend_assert(i + count <= slice->granule_end);
		granules += count;
	}
	return (size_t)granules * LEND_HEAP_GRANULE;
}

void lend__heap_check(const struct lend_heap *heap)
{
	size_t home_used = home_check(heap);
	size_t slice_used = heap->slice_touched ? slice_check(heap) : 0;

	lend_assert(heap->used <= heap->limit);
	lend_assert((size_t)heap->slice_used * LEND_HEAP_GRANULE == slice_used);
	lend_assert(heap->slice_peak >= heap->slice_used);
	lend_assert(heap->used == home_used + slice_used);
	lend_assert(lend__heap_range_owner(heap->range, heap->slice) >= 0);
}
