/*
 * The I/O heap of one actor: spans that the kernel may write to, found lowest
 * address first in two bitmaps. See heap.h for the shape of the data.
 *
 * What it does not do: lock (only the owner calls), zero what it hands out, or
 * give pages back: that is heap_trim.c.
 *
 * Called by the actor's record, when one begins and ends, and by the operation
 * layer, for whatever an operation points to.
 *
 * Note [why bitmaps]: a buddy tree finds a run faster when it is far away, but
 * only at addresses aligned to the run's own size, so that it refuses requests
 * which would fit, and needs a header or a level to be found again on free.
 * The bitmap of a whole slice is 256 bytes: reading all of it costs less than
 * one miss elsewhere.
 */
#include "mem/heap.h"

#include <errno.h>

#include "base/bits.h"
#include "base/check.h"
#include "mem/heap_bits.h"

/* Spans of two granules and more start at even ones: on 4 KiB. */
#define EVEN_BITS UINT64_C(0x5555555555555555)

static unsigned slice_words(const struct lend_heap *heap)
{
	return (unsigned)(heap->range->slice_size / LEND_HEAP_GRANULE / 64);
}

/* Mark @count granules from @start on as used, or as free. */
static void granules_mark(struct lend_heap_slice *slice, unsigned start,
			  unsigned count, bool used)
{
	unsigned end = start + count;

	while (start < end) {
		unsigned w = start / 64;
		uint64_t mask = lend__heap_word_mask(&start, end);

		if (used)
			slice->used[w] |= mask;
		else
			slice->used[w] &= ~mask;
	}
}

/*
 * The lowest start of @count free granules, a power of two up to 64; 0 if
 * there is none (granule 0 is never free).
 *
 * A run may begin in one word and end in the next, so each step looks at two
 * words as one number of 128 bits and ands it with itself shifted: after the
 * shifts 1, 2, .. count / 2 a bit is set where @count free granules begin. The
 * zeros that enter at bit 127 get no further than bit 64, so the low word is
 * exact.
 */
static unsigned short_run_find(const struct lend_heap *heap, unsigned count)
{
	const uint64_t *used = heap->slice->used;
	unsigned words = slice_words(heap);
	uint64_t starts = count > 1 ? EVEN_BITS : UINT64_MAX;

	for (unsigned w = heap->word_hint; w < words; w++) {
		uint64_t low = ~used[w];
		uint64_t high = w + 1 < words ? ~used[w + 1] : 0;

		for (unsigned s = 1; s < count; s *= 2) {
			low &= low >> s | high << (64 - s);
			high &= high >> s;
		}
		low &= starts;
		if (low)
			return w * 64 + (unsigned)__builtin_ctzll(low);
	}
	return 0;
}

/* The same for more than 64 granules. No such run fits between two used
 * granules of one word, so only the ends of each word matter. */
static unsigned long_run_find(const struct lend_heap *heap, unsigned count)
{
	unsigned words = slice_words(heap);
	unsigned start = heap->word_hint * 64;
	unsigned run = 0;

	for (unsigned w = heap->word_hint; w < words; w++) {
		uint64_t used = heap->slice->used[w];

		if (used == 0) {
			run += 64;
		} else if (run + (unsigned)__builtin_ctzll(used) >= count) {
			return start;
		} else {
			run = (unsigned)__builtin_clzll(used) & ~1u;
			start = (w + 1) * 64 - run;
		}
		if (run >= count)
			return start;
	}
	return 0;
}

/* From now on the slice may be read and written: its first page is committed.
 * The last owner of these addresses may have left its pages, never a span.
 * False: there is no memory left for it. */
static bool slice_touch(struct lend_heap *heap)
{
	struct lend_heap_slice *slice = heap->slice;

	lend_assert(heap->slice_used == 0);
	lend_assert((slice->used[0] & ~UINT64_C(1)) == 0);
	slice->used[0] |= 1;
	slice->last[0] |= 1;
	if (!(slice->held[0] & 1)) {
		if (!lend__heap_range_charge(heap->range, LEND_HEAP_GRANULE)) {
			lend__heap_range_release(heap->range, slice,
						 LEND_PAGE_SIZE);
			return false;
		}
		slice->held[0] |= 1;
		slice->held_count = 1;
		slice->granule_end = 1;
		atomic_fetch_add_explicit(&heap->range->totals.slices, 1,
					  memory_order_relaxed);
	}
	slice->window_ns = 0;
	heap->is_large = slice->held_count > LEND_HEAP_KEEP / LEND_HEAP_GRANULE;
	heap->slice_touched = true;
	heap->slice_peak = 0;
	heap->word_hint = 0;
	/* Not at init: this commits shadow memory, if not the slice's. */
	lend__heap_poison(lend__heap_granule_at(heap, 1),
			  heap->range->slice_size - LEND_HEAP_GRANULE);
	return true;
}

/* Granules @start to @end are about to be handed out: charge for those that
 * are not held yet. */
static bool slice_hold(struct lend_heap *heap, unsigned start, unsigned end)
{
	struct lend_heap_slice *slice = heap->slice;
	unsigned more = 0;

	for (unsigned i = start; i < end;) {
		unsigned w = i / 64;

		more += (unsigned)__builtin_popcountll(
			lend__heap_word_mask(&i, end) & ~slice->held[w]);
	}
	if (lend_likely(!more))
		return true;
	if (!lend__heap_range_charge(heap->range,
				     (uint64_t)more * LEND_HEAP_GRANULE))
		return false;
	for (unsigned i = start; i < end;) {
		unsigned w = i / 64;

		slice->held[w] |= lend__heap_word_mask(&i, end);
	}
	slice->held_count = (uint16_t)(slice->held_count + more);
	if (slice->granule_end < end)
		slice->granule_end = (uint16_t)end;
	if (slice->held_count > LEND_HEAP_KEEP / LEND_HEAP_GRANULE)
		heap->is_large = true;
	return true;
}

static int slice_take(struct lend_heap *heap, uint32_t bytes, void **ret_span)
{
	unsigned count = bytes / LEND_HEAP_GRANULE;
	struct lend_heap_slice *slice = heap->slice;
	unsigned start, end;

	/* Both before the slice is touched: a refusal commits nothing. */
	if (bytes > heap->limit - heap->used ||
	    bytes >= heap->range->slice_size)
		return -ENOMEM;
	if (!heap->slice_touched && !slice_touch(heap))
		return -ENOMEM;

	start = count <= 64 ? short_run_find(heap, count) :
			      long_run_find(heap, count);
	if (start == 0)
		return -ENOMEM;
	end = start + count;
	if (!slice_hold(heap, start, end))
		return -ENOMEM;
	granules_mark(slice, start, count, true);
	slice->last[(end - 1) / 64] |= lend__heap_ones_at((end - 1) % 64, 1);
	while (heap->word_hint < slice_words(heap) &&
	       slice->used[heap->word_hint] == UINT64_MAX)
		heap->word_hint++;
	heap->used += bytes;
	heap->slice_used = (uint16_t)(heap->slice_used + count);
	if (heap->slice_peak < heap->slice_used)
		heap->slice_peak = heap->slice_used;
	*ret_span = lend__heap_granule_at(heap, start);
	lend__heap_unpoison(*ret_span, bytes);
	return 0;
}

/* What there was no room for. Others may have returned something meanwhile. */
static __attribute__((noinline)) int alloc_again(struct lend_heap *heap,
						 size_t size, void **ret_span)
{
	if (atomic_load_explicit(&heap->returned, memory_order_relaxed)) {
		lend__heap_take_back(heap);
		return lend__heap_alloc(heap, size, ret_span);
	}
	atomic_fetch_add_explicit(&heap->range->totals.refusals, 1,
				  memory_order_relaxed);
	return -ENOMEM;
}

static __attribute__((noinline)) int slice_alloc(struct lend_heap *heap,
						 size_t size, void **ret_span)
{
	uint32_t bytes = size <= LEND_HEAP_GRANULE ?
				 LEND_HEAP_GRANULE :
				 (uint32_t)lend_ceil_power_of_two(size);

	if (lend_likely(slice_take(heap, bytes, ret_span) == 0))
		return 0;
	return alloc_again(heap, size, ret_span);
}

/* Where @count free granules begin at home. Zeros enter at the top, so no run
 * leaves the word; bits beyond home count as used. */
static inline uint64_t home_fits(const struct lend_heap *heap, unsigned count)
{
	uint64_t fits = ~heap->home_used;

	for (unsigned s = 1; s < count; s *= 2)
		fits &= fits >> s;
	return fits;
}

/* @count ones from the lowest of @fits on; right also where the span ends with
 * the word and the shift yields 0. */
static inline void home_take(struct lend_heap *heap, uint64_t fits,
			     unsigned count, void **ret_span)
{
	uint64_t first = fits & -fits;
	uint32_t bytes = count * LEND_HEAP_HOME_GRANULE;

	heap->home_used |= (first << count) - first;
	heap->home_last |= first << (count - 1);
	heap->used += bytes;
	*ret_span = heap->home + __builtin_ctzll(fits) * LEND_HEAP_HOME_GRANULE;
	lend__heap_unpoison(*ret_span, bytes);
}

int lend__heap_alloc(struct lend_heap *heap, size_t size, void **ret_span)
{
	uint64_t fits;
	unsigned count;

	if (lend_unlikely(size == 0))
		return -EINVAL;
	if (lend_unlikely(size > LEND_HEAP_SPAN_MAX))
		return -E2BIG;
	if (size > LEND_HEAP_HOME_SPAN_MAX)
		return slice_alloc(heap, size, ret_span);

	count = (unsigned)lend_ceil_power_of_two(
		(size + LEND_HEAP_HOME_GRANULE - 1) / LEND_HEAP_HOME_GRANULE);
	fits = home_fits(heap, count);
	if (lend_unlikely(fits == 0))
		return slice_alloc(heap, size, ret_span);
	if (lend_unlikely(count * LEND_HEAP_HOME_GRANULE >
			  heap->limit - heap->used))
		return alloc_again(heap, size, ret_span);
	home_take(heap, fits, count, ret_span);
	return 0;
}

bool lend__heap_alloc_home(struct lend_heap *heap, size_t size, void **ret_span)
{
	/* Every bit, every second, fourth, eighth one. */
	static const uint64_t aligned[] = {
		UINT64_MAX,
		EVEN_BITS,
		UINT64_C(0x1111111111111111),
		UINT64_C(0x0101010101010101),
	};
	unsigned count = (unsigned)(size / LEND_HEAP_HOME_GRANULE);
	uint64_t fits;

	lend_debug_assert(count && count * LEND_HEAP_HOME_GRANULE == size &&
			  !(count & (count - 1)) &&
			  size <= LEND_HEAP_HOME_SPAN_MAX);
	fits = home_fits(heap, count) & aligned[__builtin_ctz(count)];
	if (!fits || size > heap->limit - heap->used)
		return false;
	home_take(heap, fits, count, ret_span);
	return true;
}

/* The bits of the live span at home that starts @offset bytes into it; its
 * last granule's alone in *@ret_last. */
static inline uint64_t home_span_bits(const struct lend_heap *heap,
				      size_t offset, uint64_t *ret_last)
{
	uint64_t first = UINT64_C(1) << offset / LEND_HEAP_HOME_GRANULE;
	/* Used, and not preceded by a granule whose span goes on. */
	uint64_t starts = heap->home_used &
			  ~((heap->home_used & ~heap->home_last) << 1);
	uint64_t lasts = heap->home_last & -first;

	lend_assert(offset % LEND_HEAP_HOME_GRANULE == 0);
	lend_assert(starts & first);
	lend_debug_assert(lasts != 0);
	*ret_last = lasts & -lasts;
	return *ret_last | (*ret_last - first);
}

/* Granules of the live span in the slice that starts @offset bytes into it. */
static unsigned slice_span_count(const struct lend_heap *heap, size_t offset)
{
	const struct lend_heap_slice *slice = heap->slice;
	unsigned start = (unsigned)(offset / LEND_HEAP_GRANULE);
	unsigned before = start - 1;
	unsigned w = start / 64;
	uint64_t last;

	lend_assert(heap->slice_touched);
	lend_assert(offset < heap->range->slice_size);
	lend_assert(offset % LEND_HEAP_GRANULE == 0);
	lend_assert(start != 0);
	lend_assert(slice->used[w] >> start % 64 & 1);
	lend_assert(!(slice->used[before / 64] >> before % 64 & 1) ||
		    (slice->last[before / 64] >> before % 64 & 1));

	last = slice->last[w] & UINT64_MAX << start % 64;
	while (last == 0) {
		w++;
		lend_assert(w < slice_words(heap));
		last = slice->last[w];
	}
	return w * 64 + (unsigned)__builtin_ctzll(last) - start + 1;
}

static __attribute__((noinline)) void slice_free(struct lend_heap *heap,
						 void *span)
{
	size_t offset = lend__heap_slice_offset(heap, span);
	unsigned count = slice_span_count(heap, offset);
	unsigned start = (unsigned)(offset / LEND_HEAP_GRANULE);
	unsigned last = start + count - 1;
	uint32_t bytes = count * LEND_HEAP_GRANULE;

	lend_assert(heap->slice_used >= count);
	granules_mark(heap->slice, start, count, false);
	heap->slice->last[last / 64] &= ~lend__heap_ones_at(last % 64, 1);
	heap->slice->disowned[start / 64] &= ~lend__heap_ones_at(start % 64, 1);
	if (heap->word_hint > start / 64)
		heap->word_hint = (uint8_t)(start / 64);
	heap->used -= bytes;
	heap->slice_used = (uint16_t)(heap->slice_used - count);
	lend__heap_poison(span, bytes);
}

void lend__heap_free(struct lend_heap *heap, void *span)
{
	size_t offset = lend__heap_home_offset(heap, span);
	uint64_t bits, last;
	uint32_t bytes;

	if (offset >= lend__heap_home_size(heap)) {
		if (span)
			slice_free(heap, span);
		return;
	}
	bits = home_span_bits(heap, offset, &last);
	bytes = (uint32_t)(__builtin_ctzll(last) + 1) * LEND_HEAP_HOME_GRANULE -
		(uint32_t)offset;
	heap->home_used &= ~bits;
	heap->home_last &= ~last;
	heap->home_disowned &= ~bits;
	heap->used -= bytes;
	lend__heap_poison(span, bytes);
}

size_t lend__heap_span_size(const struct lend_heap *heap, const void *span)
{
	size_t offset = lend__heap_home_offset(heap, span);
	uint64_t last;

	if (offset >= lend__heap_home_size(heap))
		return (size_t)slice_span_count(
			       heap, lend__heap_slice_offset(heap, span)) *
		       LEND_HEAP_GRANULE;
	(void)home_span_bits(heap, offset, &last);
	return (size_t)(__builtin_ctzll(last) + 1) * LEND_HEAP_HOME_GRANULE -
	       offset;
}

bool lend__heap_empty(const struct lend_heap *heap)
{
	return heap->used == 0;
}

size_t lend__heap_used(const struct lend_heap *heap)
{
	return heap->used;
}

/* The first granules of live spans at home. */
static uint64_t home_starts(const struct lend_heap *heap)
{
	uint64_t there = heap->home_count ?
				 lend__heap_ones_at(0, heap->home_count) :
				 0;

	return heap->home_used & there &
	       ~((heap->home_used & ~heap->home_last) << 1);
}

void lend__heap_free_all(struct lend_heap *heap)
{
	unsigned granule = 1;
	uint64_t starts;

	/* What others have returned counts until it is taken back. */
	if (lend_likely(!heap->used))
		return;
	/* First, as they are live until then: else those that are not disowned
	 * would be freed here, and once more by who takes the list. */
	lend__heap_take_back(heap);
	starts = home_starts(heap) & ~heap->home_disowned;
	for (; starts; starts &= starts - 1)
		lend__heap_free(heap,
				heap->home + (size_t)__builtin_ctzll(starts) *
						     LEND_HEAP_HOME_GRANULE);
	while (heap->slice_used) {
		const struct lend_heap_slice *slice = heap->slice;
		unsigned count;

		granule = lend__heap_granule_next(slice, granule,
						  slice->granule_end, true);
		if (granule == slice->granule_end)
			return;
		count = slice_span_count(heap,
					 (size_t)granule * LEND_HEAP_GRANULE);
		if (!(slice->disowned[granule / 64] >> granule % 64 & 1))
			slice_free(heap, lend__heap_granule_at(heap, granule));
		granule += count;
	}
}

bool lend__heap_has(const struct lend_heap *heap, const void *span)
{
	return lend__heap_home_offset(heap, span) <
		       lend__heap_home_size(heap) ||
	       lend__heap_slice_offset(heap, span) < heap->range->slice_size;
}

void lend__heap_init(struct lend_heap *heap, struct lend_heap_range *range,
		     unsigned index, void *home, size_t home_size,
		     size_t limit_bytes)
{
	unsigned granules = (unsigned)(home_size / LEND_HEAP_HOME_GRANULE);

	lend_assert(index < range->slices);
	lend_assert(home_size <= LEND_HEAP_HOME_SIZE_MAX);
	lend_assert(home_size % LEND_HEAP_HOME_GRANULE == 0);
	lend_assert((uintptr_t)home % LEND_HEAP_HOME_GRANULE == 0);
	lend_assert(home || home_size == 0);

	*heap = (struct lend_heap){
		.home_used = granules == 64 ? 0 : UINT64_MAX << granules,
		.home = home,
		.home_count = (uint8_t)granules,
		.slice = (void *)(range->base + index * range->stride),
		.range = range,
		.limit = limit_bytes == 0 || limit_bytes > UINT32_MAX ?
				 UINT32_MAX :
				 (uint32_t)limit_bytes,
	};
	lend__heap_poison(home, home_size);
}

void lend__heap_fini(struct lend_heap *heap)
{
	lend_assert(heap->used == 0);
	lend_assert(heap->slice_used == 0);
	lend_assert(heap->home_last == 0);
	lend_assert(heap->home_disowned == 0);
	if (heap->slice_touched)
		lend__heap_unpoison(heap->slice, heap->range->slice_size);
	lend__heap_unpoison(heap->home, lend__heap_home_size(heap));
	/* So that nothing is in it; who uses it all the same comes not far. */
	heap->home_count = 0;
	heap->range = NULL;
}
