/*
 * The I/O heap of one actor: spans that the kernel may write to, found lowest
 * address first in two bitmaps. See heap.h for the shape of the data.
 *
 * What it does not do: lock (only the owner calls), zero what it hands out, or
 * give pages back by itself (lend__heap_trim() is the caller's policy).
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
#include <sys/mman.h>

#include "base/bits.h"
#include "base/check.h"

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
static void memory_poison(const volatile void *address, size_t size)
{
#ifdef LEND_HEAP_ASAN
	__asan_poison_memory_region(address, size);
#else
	(void)address;
	(void)size;
#endif
}

static void memory_unpoison(const volatile void *address, size_t size)
{
#ifdef LEND_HEAP_ASAN
	__asan_unpoison_memory_region(address, size);
#else
	(void)address;
	(void)size;
#endif
}

/* Spans of two granules and more start at even ones: on 4 KiB. */
#define EVEN_BITS UINT64_C(0x5555555555555555)

/* @count ones, 1 to 64 of them, from bit @from on; what is above bit 63 is
 * lost. */
static uint64_t ones_at(unsigned from, unsigned count)
{
	return (UINT64_MAX >> (64 - count)) << from;
}

static unsigned slice_words(const struct lend_heap *heap)
{
	return (unsigned)(heap->range->slice_size / LEND_HEAP_GRANULE / 64);
}

static char *granule_address(const struct lend_heap *heap, unsigned granule)
{
	return (char *)heap->slice + (size_t)granule * LEND_HEAP_GRANULE;
}

/* Mark @count granules from @start on as used, or as free. */
static void granules_mark(struct lend_heap_slice *slice, unsigned start,
			  unsigned count, bool used)
{
	unsigned end = start + count;

	while (start < end) {
		unsigned bit = start % 64;
		unsigned n = end - start < 64 - bit ? end - start : 64 - bit;
		uint64_t mask = ones_at(bit, n);

		if (used)
			slice->used[start / 64] |= mask;
		else
			slice->used[start / 64] &= ~mask;
		start += n;
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
 * The last owner of these addresses may have left its pages, never a span. */
static void slice_touch(struct lend_heap *heap)
{
	struct lend_heap_slice *slice = heap->slice;

	lend_assert(heap->slice_used == 0);
	lend_assert((slice->used[0] & ~UINT64_C(1)) == 0);
	slice->used[0] |= 1;
	slice->last[0] |= 1;
	if (slice->granule_end == 0)
		slice->granule_end = 1;
	heap->slice_touched = true;
	heap->word_hint = 0;
	/* Not at init: this commits shadow memory, if not the slice's. */
	memory_poison(granule_address(heap, 1),
		      heap->range->slice_size - LEND_HEAP_GRANULE);
}

static __attribute__((noinline)) int slice_alloc(struct lend_heap *heap,
						 size_t size, void **ret_span)
{
	uint32_t bytes = size <= LEND_HEAP_GRANULE ?
				 LEND_HEAP_GRANULE :
				 (uint32_t)lend_ceil_power_of_two(size);
	unsigned count = bytes / LEND_HEAP_GRANULE;
	struct lend_heap_slice *slice = heap->slice;
	unsigned start, end;

	/* Both before the slice is touched: a refusal commits nothing. */
	if (bytes > heap->limit - heap->used ||
	    bytes >= heap->range->slice_size)
		return -ENOMEM;
	if (!heap->slice_touched)
		slice_touch(heap);

	start = count <= 64 ? short_run_find(heap, count) :
			      long_run_find(heap, count);
	if (start == 0)
		return -ENOMEM;
	end = start + count;
	granules_mark(slice, start, count, true);
	slice->last[(end - 1) / 64] |= ones_at((end - 1) % 64, 1);
	if (slice->granule_end < end)
		slice->granule_end = end;
	while (heap->word_hint < slice_words(heap) &&
	       slice->used[heap->word_hint] == UINT64_MAX)
		heap->word_hint++;
	heap->used += bytes;
	heap->slice_used += bytes;
	*ret_span = granule_address(heap, start);
	memory_unpoison(*ret_span, bytes);
	return 0;
}

int lend__heap_alloc(struct lend_heap *heap, size_t size, void **ret_span)
{
	uint64_t fits, first;
	uint32_t bytes;
	unsigned count;

	if (lend_unlikely(size == 0))
		return -EINVAL;
	if (lend_unlikely(size > LEND_HEAP_SPAN_MAX))
		return -E2BIG;
	if (size > LEND_HEAP_HOME_SPAN_MAX)
		return slice_alloc(heap, size, ret_span);

	count = (unsigned)lend_ceil_power_of_two(
		(size + LEND_HEAP_HOME_GRANULE - 1) / LEND_HEAP_HOME_GRANULE);
	bytes = count * LEND_HEAP_HOME_GRANULE;
	/* A bit stays set where @count free granules begin. Zeros enter at the
	 * top, so no run leaves the word; bits beyond home count as used. */
	fits = ~heap->home_used;
	for (unsigned s = 1; s < count; s *= 2)
		fits &= fits >> s;
	if (lend_unlikely(fits == 0))
		return slice_alloc(heap, size, ret_span);
	if (lend_unlikely(bytes > heap->limit - heap->used))
		return -ENOMEM;

	/* @count ones from the lowest fitting bit on; right also where the
	 * span ends with the word and the shift yields 0. */
	first = fits & -fits;
	heap->home_used |= (first << count) - first;
	heap->home_last |= first << (count - 1);
	heap->used += bytes;
	*ret_span = heap->home + __builtin_ctzll(fits) * LEND_HEAP_HOME_GRANULE;
	memory_unpoison(*ret_span, bytes);
	return 0;
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

static size_t home_offset(const struct lend_heap *heap, const void *span)
{
	return (uintptr_t)span - (uintptr_t)heap->home;
}

static size_t slice_offset(const struct lend_heap *heap, const void *span)
{
	return (uintptr_t)span - (uintptr_t)heap->slice;
}

static __attribute__((noinline)) void slice_free(struct lend_heap *heap,
						 void *span)
{
	size_t offset = slice_offset(heap, span);
	unsigned count = slice_span_count(heap, offset);
	unsigned start = (unsigned)(offset / LEND_HEAP_GRANULE);
	unsigned last = start + count - 1;
	uint32_t bytes = count * LEND_HEAP_GRANULE;

	lend_assert(heap->slice_used >= bytes);
	granules_mark(heap->slice, start, count, false);
	heap->slice->last[last / 64] &= ~ones_at(last % 64, 1);
	if (heap->word_hint > start / 64)
		heap->word_hint = (uint8_t)(start / 64);
	heap->used -= bytes;
	heap->slice_used -= bytes;
	memory_poison(span, bytes);
}

void lend__heap_free(struct lend_heap *heap, void *span)
{
	size_t offset = home_offset(heap, span);
	uint64_t bits, last;
	uint32_t bytes;

	if (offset >= heap->home_size) {
		if (span)
			slice_free(heap, span);
		return;
	}
	bits = home_span_bits(heap, offset, &last);
	bytes = (uint32_t)(__builtin_ctzll(last) + 1) * LEND_HEAP_HOME_GRANULE -
		(uint32_t)offset;
	heap->home_used &= ~bits;
	heap->home_last &= ~last;
	heap->used -= bytes;
	memory_poison(span, bytes);
}

size_t lend__heap_span_size(const struct lend_heap *heap, const void *span)
{
	size_t offset = home_offset(heap, span);
	uint64_t last;

	if (offset >= heap->home_size)
		return (size_t)slice_span_count(heap,
						slice_offset(heap, span)) *
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

/* The first granule from @from on that is used (or free), @end if none is. */
static unsigned granule_next(const struct lend_heap_slice *slice, unsigned from,
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

/* Give the pages of granules @start to @stop back. A page that they share with
 * a granule before or behind them stays, unless @open says that nothing lives
 * behind. */
static void granules_release(struct lend_heap *heap, unsigned start,
			     unsigned stop, bool open)
{
	size_t page = LEND_PAGE_SIZE;
	size_t from = lend_align_up((size_t)start * LEND_HEAP_GRANULE, page);
	size_t to = (size_t)stop * LEND_HEAP_GRANULE;

	to = open ? lend_align_up(to, page) : to & ~(page - 1);
	/* It is refused on locked memory, which its owner wants to keep; so
	 * nothing may rely on finding zeros afterwards. */
	if (from < to)
		(void)madvise((char *)heap->slice + from, to - from,
			      MADV_DONTNEED);
}

void lend__heap_free_all(struct lend_heap *heap)
{
	/* Any span ends where a granule is marked last; freeing takes starts,
	 * and the lowest used granule is always one. */
	while (heap->home_last)
		lend__heap_free(
			heap,
			heap->home + (size_t)__builtin_ctzll(heap->home_used) *
					     LEND_HEAP_HOME_GRANULE);
	while (heap->slice_used) {
		unsigned first = granule_next(heap->slice, 1,
					      heap->slice->granule_end, true);

		lend__heap_free(heap,
				(char *)heap->slice +
					(size_t)first * LEND_HEAP_GRANULE);
	}
}

void lend__heap_trim(struct lend_heap *heap)
{
	struct lend_heap_slice *slice = heap->slice;
	unsigned start, stop, end;

	if (!heap->slice_touched)
		return;
	end = slice->granule_end;
	if (heap->slice_used == 0) {
		/* The bookkeeping goes too: as good as never touched. */
		memory_unpoison(slice, heap->range->slice_size);
		heap->slice_touched = false;
		granules_release(heap, 0, end, true);
		return;
	}
	for (start = 1; start < end; start = stop) {
		start = granule_next(slice, start, end, false);
		stop = granule_next(slice, start, end, true);
		granules_release(heap, start, stop, stop == end);
		if (stop == end)
			slice->granule_end = start;
	}
}

void lend__heap_init(struct lend_heap *heap,
		     const struct lend_heap_range *range, unsigned index,
		     void *home, size_t home_size, size_t limit_bytes)
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
		.home_size = (uint16_t)home_size,
		.slice = (void *)(range->base + index * range->stride),
		.range = range,
		.limit = limit_bytes == 0 || limit_bytes > UINT32_MAX ?
				 UINT32_MAX :
				 (uint32_t)limit_bytes,
	};
	memory_poison(home, home_size);
}

void lend__heap_fini(struct lend_heap *heap)
{
	lend_assert(heap->used == 0);
	lend_assert(heap->slice_used == 0);
	lend_assert(heap->home_last == 0);
	if (heap->slice_touched)
		memory_unpoison(heap->slice, heap->range->slice_size);
	memory_unpoison(heap->home, heap->home_size);
	*heap = (struct lend_heap){ 0 };
}
