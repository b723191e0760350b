/*
 * Giving a heap's memory back to the system: at request, and after a burst. See
 * heap.h. Called where an actor is about to wait, and when its slot is freed.
 *
 * Note [surplus]
 * Memory that is given back and needed again costs a system call and a fault
 * for each page, so what a burst has used is not given back when it is free but
 * when it has not been needed for a while: a window of LEND_HEAP_WINDOW_NS, in
 * which at no time more than a quarter of it was in use. A window begins when
 * the actor first waits with a surplus. If it still waits at the window's end
 * it is woken, finds nothing to do but this, and goes on waiting: nobody else
 * could look after a heap without a lock on each allocation.
 */
#include <sys/mman.h>

#include "base/bits.h"
#include "base/check.h"
#include "mem/heap_bits.h"
#include "mem/pages.h"

#define KEEP_GRANULES (LEND_HEAP_KEEP / LEND_HEAP_GRANULE)

/* A surplus: less than one in so many granules is in use. */
#define SURPLUS 4

struct trimmed {
	unsigned granules; /* no longer held */
	size_t bytes;	   /* of pages */
};

/* Granules @start to @end are not held any more. */
static unsigned granules_drop(struct lend_heap_slice *slice, unsigned start,
			      unsigned end)
{
	unsigned dropped = 0;

	while (start < end) {
		unsigned w = start / 64;
		uint64_t mask = lend__heap_word_mask(&start, end);

		dropped += (unsigned)__builtin_popcountll(slice->held[w] &
							  mask);
		slice->held[w] &= ~mask;
	}
	slice->held_count = (uint16_t)(slice->held_count - dropped);
	return dropped;
}

/* Give the pages of granules @start to @stop back. A page that they share with
 * a granule before or behind them stays, unless @open says that nothing lives
 * behind. */
static void granules_release(struct lend_heap *heap, unsigned start,
			     unsigned stop, bool open, struct trimmed *trimmed)
{
	size_t page = LEND_PAGE_SIZE;
	size_t from = lend_align_up((size_t)start * LEND_HEAP_GRANULE, page);
	size_t to = (size_t)stop * LEND_HEAP_GRANULE;
	unsigned dropped;

	to = open ? lend_align_up(to, page) : to & ~(page - 1);
	if (from >= to)
		return;
	if (stop > to / LEND_HEAP_GRANULE)
		stop = (unsigned)(to / LEND_HEAP_GRANULE);
	dropped = granules_drop(heap->slice,
				(unsigned)(from / LEND_HEAP_GRANULE), stop);
	if (!dropped)
		return;
	trimmed->granules += dropped;
	trimmed->bytes += to - from;
	/* It is refused on locked memory, which its owner wants to keep; so
	 * nothing may rely on finding zeros afterwards. */
	lend__heap_range_release(heap->range, (char *)heap->slice + from,
				 to - from);
}

static void note_trim(struct lend_heap *heap, const struct trimmed *trimmed)
{
	struct lend_heap_totals *totals = &heap->range->totals;

	if (!trimmed->granules)
		return;
	lend__heap_range_discharge(heap->range, (uint64_t)trimmed->granules *
							LEND_HEAP_GRANULE);
	atomic_fetch_add_explicit(&totals->trims, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&totals->trimmed, trimmed->bytes,
				  memory_order_relaxed);
}

static void trim_all(struct lend_heap *heap)
{
	struct lend_heap_slice *slice = heap->slice;
	struct trimmed trimmed = { 0 };
	unsigned end = slice->granule_end;

	/* The bookkeeping goes too: as good as never touched. Its words are
	 * written, as its page may stay. */
	lend__heap_unpoison(slice, heap->range->slice_size);
	heap->slice_touched = false;
	slice->granule_end = 0;
	slice->window_ns = 0;
	granules_release(heap, 0, end, true, &trimmed);
	atomic_fetch_sub_explicit(&heap->range->totals.slices, 1,
				  memory_order_relaxed);
	note_trim(heap, &trimmed);
}

static void trim_free_runs(struct lend_heap *heap)
{
	struct lend_heap_slice *slice = heap->slice;
	unsigned end = slice->granule_end, start, stop;
	struct trimmed trimmed = { 0 };

	for (start = 1; start < end; start = stop) {
		start = lend__heap_granule_next(slice, start, end, false);
		stop = lend__heap_granule_next(slice, start, end, true);
		granules_release(heap, start, stop, stop == end, &trimmed);
	}
	note_trim(heap, &trimmed);
	while (!(slice->held[(slice->granule_end - 1) / 64] >>
			 (slice->granule_end - 1) % 64 &
		 1))
		slice->granule_end--;
}

void lend__heap_trim(struct lend_heap *heap)
{
	heap->is_large = false;
	if (!heap->slice_touched)
		return;
	if (heap->slice_used == 0)
		trim_all(heap);
	else
		trim_free_runs(heap);
}

void lend__heap_range_trim(struct lend_heap_range *range, unsigned index)
{
	struct lend_heap heap;

	lend__heap_init(&heap, range, index, NULL, 0, 0);
	if (heap.slice->held_count)
		trim_all(&heap);
}

static uint64_t window_start(struct lend_heap *heap, uint64_t now_ns)
{
	heap->slice->window_ns = now_ns;
	heap->slice_peak = heap->slice_used;
	return now_ns + LEND_HEAP_WINDOW_NS;
}

uint64_t lend__heap_settle(struct lend_heap *heap, uint64_t now_ns)
{
	struct lend_heap_slice *slice = heap->slice;
	uint64_t due_ns;

	lend_assert(now_ns != 0);
	lend__heap_take_back(heap);
	if (!heap->slice_touched || slice->held_count <= KEEP_GRANULES) {
		heap->is_large = false;
		return UINT64_MAX;
	}
	if (heap->slice_used * SURPLUS >= slice->held_count) {
		slice->window_ns = 0;
		return UINT64_MAX;
	}
	if (!lend__heap_range_is_short(heap->range)) {
		if (!slice->window_ns)
			return window_start(heap, now_ns);
		due_ns = slice->window_ns + LEND_HEAP_WINDOW_NS;
		if (now_ns < due_ns)
			return due_ns;
		if (heap->slice_peak * SURPLUS >= slice->held_count)
			return window_start(heap, now_ns);
	}
	slice->window_ns = 0;
	/* It is large again when it next grows. */
	lend__heap_trim(heap);
	return UINT64_MAX;
}
