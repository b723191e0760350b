/*
 * The I/O heap of one actor: placement, classes, refusals, giving pages back.
 * Long random traces are compared with a model that is slow and obvious.
 */
#include "mem/heap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"

#define HOME_SIZE 1024
#define MIB	  (1u << 20)

static struct lend_heap_range range;
static struct lend_heap heap;
static _Alignas(64) char home[LEND_HEAP_HOME_SIZE_MAX];

static void heap_open(size_t slice_size, size_t home_size, size_t limit)
{
	cr_assert_eq(lend__heap_range_init(&range, 3, slice_size, 0), 0);
	lend__heap_init(&heap, &range, 1, home, home_size, limit);
}

static void heap_setup(void)
{
	heap_open(0, HOME_SIZE, 0);
}

static void heap_teardown(void)
{
	lend__heap_check(&heap);
	lend__heap_fini(&heap);
	lend__heap_range_fini(&range);
}

static char *slice_base(void)
{
	return range.base + range.stride;
}

static void *span_take(size_t size)
{
	void *span = NULL;

	cr_assert_eq(lend__heap_alloc(&heap, size, &span), 0, "%zu", size);
	return span;
}

/* Pages of the slice that are in memory. */
static unsigned pages_resident(void)
{
	static unsigned char pages[LEND_HEAP_SLICE_MAX / LEND_PAGE_SIZE];
	size_t count = range.slice_size / LEND_PAGE_SIZE;
	unsigned resident = 0;

	cr_assert_eq(mincore(slice_base(), range.slice_size, pages), 0);
	for (size_t i = 0; i < count; i++)
		resident += pages[i] & 1;
	return resident;
}

/*
 * Goal:   every size gets the smallest class that holds it; nothing and too
 *         much are refused with their own errors, and refusals change nothing.
 * Method: ask on both sides of each class boundary.
 */
Test(heap, takes_the_smallest_class_that_holds_the_size, .init = heap_setup,
     .fini = heap_teardown)
{
	static const size_t classes[] = {
		64,    128,   256,    512,    2048,   4096, 8192,    16384,
		32768, 65536, 131072, 262144, 524288, MIB,  2 * MIB,
	};
	size_t least = 1;
	void *span;

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		size_t sizes[] = { least, classes[i] };

		for (int n = 0; n < 2; n++) {
			span = span_take(sizes[n]);
			cr_expect_eq(lend__heap_span_size(&heap, span),
				     classes[i]);
			cr_expect_eq(lend__heap_used(&heap), classes[i]);
			memset(span, 0x5a, classes[i]);
			lend__heap_check(&heap);
			lend__heap_free(&heap, span);
			cr_expect(lend__heap_empty(&heap));
		}
		least = classes[i] + 1;
	}
	span = &heap;
	cr_expect_eq(lend__heap_alloc(&heap, 0, &span), -EINVAL);
	cr_expect_eq(lend__heap_alloc(&heap, 2 * MIB + 1, &span), -E2BIG);
	cr_expect_eq(lend__heap_alloc(&heap, SIZE_MAX, &span), -E2BIG);
	cr_expect_eq(span, &heap, "an error wrote to ret_span");
	lend__heap_free(&heap, NULL);
}

/*
 * Goal:   an address in a slice names its actor; other addresses name none.
 * Method: both sides of the boundaries of three slices, and of the unused page
 *         between two.
 */
Test(heap, address_names_the_slice, .init = heap_setup, .fini = heap_teardown)
{
	char *base = range.base, *last;
	size_t size = range.slice_size, stride = range.stride;

	cr_expect_eq(lend__heap_range_owner(&range, base - 1), -1);
	cr_expect_eq(lend__heap_range_owner(&range, base), 0);
	cr_expect_eq(lend__heap_range_owner(&range, base + size - 1), 0);
	cr_expect_eq(lend__heap_range_owner(&range, base + size), -1);
	cr_expect_eq(lend__heap_range_owner(&range, base + stride - 1), -1);
	cr_expect_eq(lend__heap_range_owner(&range, base + stride), 1);
	last = base + 2 * stride;
	cr_expect_eq(lend__heap_range_owner(&range, last + size - 1), 2);
	cr_expect_eq(lend__heap_range_owner(&range, last + size), -1);
	cr_expect_eq(lend__heap_range_owner(&range, last + stride), -1);
	cr_expect_eq(lend__heap_range_owner(&range, NULL), -1);
	cr_expect_eq(lend__heap_range_owner(&range, home), -1);
}

/* Goal: a range that can not be is refused, and its fini is harmless. */
Test(heap, impossible_ranges_are_refused)
{
	struct lend_heap_range r;

	cr_expect_eq(lend__heap_range_init(&r, 0, 0, 0), -EINVAL);
	cr_expect_eq(lend__heap_range_init(&r, 1u << 31, 0, 0), -EINVAL);
	cr_expect_eq(lend__heap_range_init(&r, 1, 64 << 10, 0), -EINVAL);
	cr_expect_eq(lend__heap_range_init(&r, 1, 8 * MIB, 0), -EINVAL);
	cr_expect_eq(lend__heap_range_init(&r, 1, MIB + 4096, 0), -EINVAL);
	/* 2^53 bytes: more than the address space of either machine. */
	cr_expect_eq(lend__heap_range_init(&r, (1u << 31) - 1, 0, 0), -ENOMEM);
	lend__heap_range_fini(&r);
}

/*
 * Goal:   small spans live at home, lowest address first; when home is full
 *         they take a granule of the slice, and come home again after a free.
 * Method: fill home, overflow, free one in the middle, ask again.
 */
Test(heap, small_spans_overflow_from_home_into_the_slice, .init = heap_setup,
     .fini = heap_teardown)
{
	char *spans[HOME_SIZE / 64];
	char *away;

	for (int i = 0; i < HOME_SIZE / 64; i++) {
		spans[i] = span_take(64);
		cr_expect_eq(spans[i], home + 64 * i);
	}
	cr_expect_eq(pages_resident(), 0);
	away = span_take(64);
	cr_expect_eq(away, slice_base() + LEND_HEAP_GRANULE);
	cr_expect_eq(lend__heap_span_size(&heap, away), LEND_HEAP_GRANULE);
	cr_expect_eq(lend__heap_used(&heap), HOME_SIZE + LEND_HEAP_GRANULE);
	lend__heap_check(&heap);

	/* One free granule serves 64 bytes, and not 128. */
	lend__heap_free(&heap, spans[7]);
	cr_expect_eq(lend__heap_range_owner(&range, span_take(128)), 1);
	spans[7] = span_take(64);
	cr_expect_eq(spans[7], home + 64 * 7);

	lend__heap_free(&heap, away);
	lend__heap_free(&heap, slice_base() + 2 * LEND_HEAP_GRANULE);
	for (int i = 0; i < HOME_SIZE / 64; i++)
		lend__heap_free(&heap, spans[i]);
}

/*
 * Goal:   what is to be at home is there, aligned to itself, or nowhere.
 * Method: spans of each size, one after the other until there is no room; two
 *         with room of the size between them, but not aligned; a limit; a home
 *         for few, and none.
 */
Test(heap, spans_that_are_to_be_at_home, .init = heap_setup,
     .fini = heap_teardown)
{
	void *spans[HOME_SIZE / 64], *span;

	for (size_t size = 64; size <= 512; size *= 2) {
		unsigned count = 0;

		while (lend__heap_alloc_home(&heap, size, &spans[count])) {
			cr_assert_eq(spans[count], home + count * size);
			cr_expect_eq(lend__heap_span_size(&heap, spans[count]),
				     size);
			count++;
		}
		cr_expect_eq(count, HOME_SIZE / size);
		cr_expect_eq(lend__heap_used(&heap), HOME_SIZE);
		lend__heap_check(&heap);
		while (count)
			lend__heap_free(&heap, spans[--count]);
	}
	/* 512 bytes are free, but not from a multiple of that on. */
	for (int i = 0; i < HOME_SIZE / 64; i++)
		spans[i] = span_take(64);
	for (int i = 0; i < HOME_SIZE / 64; i++)
		if (i != 0 && i != 9)
			lend__heap_free(&heap, spans[i]);
	cr_expect_not(lend__heap_alloc_home(&heap, 512, &span));
	span = span_take(512);
	cr_expect_eq(span, home + 64);
	lend__heap_free(&heap, span);
	cr_assert(lend__heap_alloc_home(&heap, 256, &span));
	cr_expect_eq(span, home + 256);
	lend__heap_check(&heap);
	lend__heap_free(&heap, span);
	lend__heap_free(&heap, spans[0]);
	lend__heap_free(&heap, spans[9]);
	cr_expect_eq(pages_resident(), 0);
	lend__heap_fini(&heap);

	lend__heap_init(&heap, &range, 1, home, HOME_SIZE, 1000);
	cr_assert(lend__heap_alloc_home(&heap, 512, &spans[0]));
	cr_expect_not(lend__heap_alloc_home(&heap, 512, &span));
	cr_assert(lend__heap_alloc_home(&heap, 256, &spans[1]));
	lend__heap_check(&heap);
	lend__heap_free(&heap, spans[0]);
	lend__heap_free(&heap, spans[1]);
	lend__heap_fini(&heap);

	/* Home may have room for few, or none. */
	lend__heap_init(&heap, &range, 1, home, 320, 0);
	cr_expect_not(lend__heap_alloc_home(&heap, 512, &span));
	cr_assert(lend__heap_alloc_home(&heap, 256, &spans[0]));
	cr_expect_not(lend__heap_alloc_home(&heap, 128, &span));
	lend__heap_free(&heap, spans[0]);
	lend__heap_fini(&heap);
	lend__heap_init(&heap, &range, 1, NULL, 0, 0);
	cr_expect_not(lend__heap_alloc_home(&heap, 64, &span));
}

/*
 * Goal:   all free means one span: the largest fits, at the lowest place,
 *         after the slice was full of the smallest.
 * Method: fill with 2 KiB spans, free them odd ones first, ask for 2 MiB.
 */
Test(heap, free_neighbours_become_one_span, .init = heap_setup,
     .fini = heap_teardown)
{
	static char *spans[LEND_HEAP_SLICE_MAX / LEND_HEAP_GRANULE];
	unsigned count = 0;
	void *span;

	while (lend__heap_alloc(&heap, 2048, &span) == 0)
		spans[count++] = span;
	cr_expect_eq(count, LEND_HEAP_SLICE_MAX / LEND_HEAP_GRANULE - 1);
	cr_expect_eq(lend__heap_alloc(&heap, 2 * MIB, &span), -ENOMEM);
	lend__heap_check(&heap);
	for (unsigned i = 1; i < count; i += 2)
		lend__heap_free(&heap, spans[i]);
	cr_expect_eq(lend__heap_alloc(&heap, 4096, &span), -ENOMEM);
	for (unsigned i = 0; i < count; i += 2)
		lend__heap_free(&heap, spans[i]);

	span = span_take(2 * MIB);
	cr_expect_eq(span, slice_base() + 4096);
	cr_expect_eq(lend__heap_alloc(&heap, 2 * MIB, &span), -ENOMEM);
	lend__heap_free(&heap, slice_base() + 4096);
}

/* Goal: a 2 MiB request that no slice of this size can hold commits nothing. */
Test(heap, slice_too_small_for_the_largest_class)
{
	void *span;

	heap_open(LEND_HEAP_SLICE_MIN, 0, 0);
	cr_expect_eq(lend__heap_alloc(&heap, 2 * MIB, &span), -ENOMEM);
	cr_expect_eq(lend__heap_alloc(&heap, 128 << 10, &span), -ENOMEM);
	cr_expect_eq(pages_resident(), 0);
	span = span_take(64 << 10);
	cr_expect_eq(span, slice_base() + 4096);
	lend__heap_free(&heap, span);
	heap_teardown();
}

/* Goal: what one actor is refused or given is nothing to its neighbours. */
Test(heap, limit_is_exact_and_harms_nobody_else)
{
	struct lend_heap other;
	void *span, *big, *small, *theirs;

	heap_open(0, HOME_SIZE, 4096 + 64);
	lend__heap_init(&other, &range, 2, NULL, 0, 0);
	cr_expect_eq(lend__heap_alloc(&heap, 8192, &span), -ENOMEM);
	cr_expect_eq(pages_resident(), 0, "a refusal committed memory");
	big = span_take(4096);
	cr_expect_eq(lend__heap_alloc(&heap, 65, &span), -ENOMEM);
	small = span_take(64);
	cr_expect_eq(lend__heap_alloc(&heap, 1, &span), -ENOMEM);
	cr_expect_eq(lend__heap_alloc(&other, 1, &theirs), 0);
	cr_expect_eq(lend__heap_range_owner(&range, theirs), 2);
	lend__heap_free(&heap, big);
	big = span_take(3000);

	lend__heap_free(&heap, big);
	lend__heap_free(&heap, small);
	lend__heap_free(&other, theirs);
	lend__heap_check(&other);
	lend__heap_fini(&other);
	heap_teardown();
}

/*
 * Goal:   the slice commits on first touch, trim gives back what no live span
 *         uses, and a live span keeps its data.
 * Method: count resident pages around each step.
 */
Test(heap, pages_come_on_first_touch_and_go_by_trim, .init = heap_setup,
     .fini = heap_teardown)
{
	unsigned per_64k = (64 << 10) / LEND_PAGE_SIZE;
	char *a, *b, *c;

	cr_expect_eq(pages_resident(), 0);
	lend__heap_free(&heap, span_take(512));
	lend__heap_trim(&heap);
	cr_expect_eq(pages_resident(), 0);

	a = span_take(64 << 10);
	b = span_take(64 << 10);
	c = span_take(64 << 10);
	cr_expect_eq(pages_resident(), 1, "only the bookkeeping");
	memset(a, 'a', 64 << 10);
	memset(b, 'b', 64 << 10);
	memset(c, 'c', 64 << 10);
	cr_expect_geq(pages_resident(), 3 * per_64k + 1);

	lend__heap_free(&heap, a);
	lend__heap_free(&heap, c);
	lend__heap_trim(&heap);
	lend__heap_check(&heap);
	cr_expect_leq(pages_resident(), per_64k + 2);
	for (int i = 0; i < 64 << 10; i++)
		cr_assert_eq(b[i], 'b');
	cr_expect_eq(span_take(64 << 10), a);
	lend__heap_free(&heap, a);

	lend__heap_free(&heap, b);
	lend__heap_trim(&heap);
	lend__heap_check(&heap);
	cr_expect_eq(pages_resident(), 0, "the bookkeeping goes too");
	lend__heap_free(&heap, span_take(64 << 10));
}

/*
 * Goal:   the pages an actor leaves behind are inherited, not lost: the next
 *         heap of the same slice can give them back.
 */
Test(heap, next_actor_inherits_the_pages, .init = heap_setup,
     .fini = heap_teardown)
{
	char *span = span_take(MIB);

	memset(span, 1, MIB);
	lend__heap_free(&heap, span);
	lend__heap_fini(&heap);
	lend__heap_init(&heap, &range, 1, home, HOME_SIZE, 0);
	lend__heap_check(&heap);
	span = span_take(2048);
	lend__heap_trim(&heap);
	cr_expect_leq(pages_resident(), 1);
	lend__heap_free(&heap, span);
}

/* Present only in a program that AddressSanitizer watches. */
__attribute__((weak)) int __asan_address_is_poisoned(const volatile void *);

static void expect_poisoned(const char *address, size_t size, int poisoned)
{
	cr_expect_eq(__asan_address_is_poisoned(address), poisoned);
	cr_expect_eq(__asan_address_is_poisoned(address + size - 1), poisoned);
}

/*
 * Goal:   AddressSanitizer sees the use of a span that is free, at home and in
 *         the slice, and forgets it all when the memory leaves the heap.
 */
Test(heap, free_memory_is_poisoned_until_fini)
{
	static const size_t sizes[] = { 64, 512, 2048, 4096, 2 * MIB };

	if (!__asan_address_is_poisoned)
		cr_skip_test("not built with AddressSanitizer");
	heap_setup();
	expect_poisoned(home, HOME_SIZE, 1);
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *span = span_take(sizes[i]);

		expect_poisoned(span, sizes[i], 0);
		cr_expect(__asan_address_is_poisoned(span + sizes[i]));
		lend__heap_free(&heap, span);
		expect_poisoned(span, sizes[i], 1);
	}
	expect_poisoned(slice_base(), sizeof(struct lend_heap_slice), 0);
	lend__heap_fini(&heap);
	expect_poisoned(home, HOME_SIZE, 0);
	expect_poisoned(slice_base(), range.slice_size, 0);
	lend__heap_range_fini(&range);
}

/* What ends the process: each is one bad free. */
Test(heap, double_free_at_home, .init = heap_setup, .signal = SIGABRT)
{
	void *span = span_take(64);

	lend__heap_free(&heap, span);
	lend__heap_free(&heap, span);
}

Test(heap, double_free_in_the_slice, .init = heap_setup, .signal = SIGABRT)
{
	void *span = span_take(4096);

	lend__heap_free(&heap, span);
	lend__heap_free(&heap, span);
}

Test(heap, free_inside_a_home_span, .init = heap_setup, .signal = SIGABRT)
{
	lend__heap_free(&heap, (char *)span_take(128) + 64);
}

Test(heap, free_off_a_home_granule, .init = heap_setup, .signal = SIGABRT)
{
	lend__heap_free(&heap, (char *)span_take(128) + 8);
}

Test(heap, free_inside_a_slice_span, .init = heap_setup, .signal = SIGABRT)
{
	lend__heap_free(&heap, (char *)span_take(MIB) + MIB / 2);
}

Test(heap, free_of_the_bookkeeping, .init = heap_setup, .signal = SIGABRT)
{
	span_take(4096);
	lend__heap_free(&heap, slice_base());
}

Test(heap, free_in_an_untouched_slice, .init = heap_setup, .signal = SIGABRT)
{
	lend__heap_free(&heap, slice_base() + 4096);
}

Test(heap, free_in_a_neighbour_s_slice, .init = heap_setup, .signal = SIGABRT)
{
	span_take(4096);
	lend__heap_free(&heap, slice_base() + range.slice_size + 4096);
}

Test(heap, fini_with_a_live_span, .init = heap_setup, .signal = SIGABRT)
{
	span_take(64);
	lend__heap_fini(&heap);
}
