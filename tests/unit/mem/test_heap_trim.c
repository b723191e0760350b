/*
 * Memory of I/O heaps that goes back to the system, and the account of what all
 * of them hold: rows H3 and H15.
 */
#include "mem/heap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define MIB	  (1u << 20)
#define HOME_SIZE 1024
#define HEAPS	  3
#define WINDOW	  LEND_HEAP_WINDOW_NS
#define NEVER	  UINT64_MAX

static struct lend_heap_range range;
static struct lend_heap heaps[HEAPS];
static _Alignas(64) char homes[HEAPS][HOME_SIZE];

static void open_range(uint64_t held_max)
{
	cr_assert_eq(lend__heap_range_init(&range, HEAPS, 0, held_max), 0);
	for (unsigned i = 0; i < HEAPS; i++)
		lend__heap_init(&heaps[i], &range, i, homes[i], HOME_SIZE, 0);
}

static void setup(void)
{
	open_range(0);
}

static void teardown(void)
{
	for (unsigned i = 0; i < HEAPS; i++) {
		lend__heap_free_all(&heaps[i]);
		lend__heap_check(&heaps[i]);
		lend__heap_trim(&heaps[i]);
		lend__heap_fini(&heaps[i]);
	}
	cr_expect_eq(atomic_load(&range.totals.held), 0);
	cr_expect_eq(atomic_load(&range.totals.slices), 0);
	lend__heap_range_fini(&range);
}

/* A span with all its pages in memory. */
static void *take(unsigned i, size_t size)
{
	void *span = NULL;

	cr_assert_eq(lend__heap_alloc(&heaps[i], size, &span), 0);
	memset(span, 1, size);
	return span;
}

static uint64_t held(void)
{
	return atomic_load(&range.totals.held);
}

/* Bytes of slice @i that are in memory. */
static size_t resident(unsigned i)
{
	static unsigned char pages[LEND_HEAP_SLICE_MAX / LEND_PAGE_SIZE];
	size_t count = range.slice_size / LEND_PAGE_SIZE, n = 0;

	cr_assert_eq(mincore(heaps[i].slice, range.slice_size, pages), 0);
	for (size_t k = 0; k < count; k++)
		n += pages[k] & 1;
	return n * LEND_PAGE_SIZE;
}

/* Goal: what is charged is what was handed out and not given back, in all
 * slices; peak, slices and trims are counted. */
Test(heap_trim, account_follows_slices, .init = setup, .fini = teardown)
{
	void *one, *two;

	cr_expect_eq(held(), 0);
	one = take(0, 64);
	cr_expect_eq(held(), 0, "home is not charged");
	lend__heap_free(&heaps[0], one);
	one = take(0, 4096);
	two = take(1, MIB);
	cr_expect_eq(atomic_load(&range.totals.slices), 2);
	/* The bookkeeping of each, and the spans. */
	cr_expect_eq(held(), 2048 + 4096 + 2048 + MIB);
	cr_expect_leq(resident(0) + resident(1),
		      held() + 2 * LEND_HEAP_GRANULE);
	lend__heap_free(&heaps[1], two);
	cr_expect_geq(held(), MIB, "it is free, but not the system's");
	lend__heap_trim(&heaps[1]);
	cr_expect_eq(resident(1), 0);
	cr_expect_eq(held(), 2048 + 4096);
	cr_expect_eq(atomic_load(&range.totals.slices), 1);
	cr_expect_eq(atomic_load(&range.totals.trims), 1);
	cr_expect_geq(atomic_load(&range.totals.trimmed), MIB);
	cr_expect_geq(atomic_load(&range.totals.held_peak), MIB);
	lend__heap_free(&heaps[0], one);
}

/* Goal: a new owner of a slice finds what the last one has left, and it is
 * charged once. */
Test(heap_trim, inherited_pages_are_charged_once, .init = setup,
     .fini = teardown)
{
	uint64_t before;

	lend__heap_free(&heaps[0], take(0, 16384));
	before = held();
	lend__heap_fini(&heaps[0]);
	lend__heap_init(&heaps[0], &range, 0, homes[0], HOME_SIZE, 0);
	cr_expect_eq(held(), before);
	take(0, 16384);
	cr_expect_eq(held(), before);
	cr_expect_eq(atomic_load(&range.totals.slices), 1);
}

/* Goal: after a burst an actor that waits is asked to come again, and then
 * its memory is the system's; a small surplus is not worth that. */
Test(heap_trim, burst_is_over_after_a_window, .init = setup, .fini = teardown)
{
	uint64_t now = 12345, due;
	void *small, *big;

	lend__heap_free(&heaps[0], take(0, LEND_HEAP_KEEP / 2));
	cr_expect_not(heaps[0].is_large);

	small = take(0, 4096);
	big = take(0, 2 * MIB);
	cr_expect(heaps[0].is_large);
	cr_expect_eq(lend__heap_settle(&heaps[0], now), NEVER,
		     "in use: nothing to observe");
	lend__heap_free(&heaps[0], big);
	due = lend__heap_settle(&heaps[0], now);
	cr_expect_eq(due, now + WINDOW);
	cr_expect_eq(lend__heap_settle(&heaps[0], due - 1), due);
	cr_expect_geq(resident(0), 2 * MIB);
	cr_expect_eq(lend__heap_settle(&heaps[0], due), NEVER);
	cr_expect_leq(resident(0), LEND_HEAP_KEEP);
	cr_expect_leq(held(), LEND_HEAP_KEEP);
	cr_expect_not(heaps[0].is_large);
	lend__heap_check(&heaps[0]);
	lend__heap_free(&heaps[0], small);
}

/* Goal: bursts that come again and again keep their memory: no window passes
 * without one. */
Test(heap_trim, regular_bursts_keep_their_memory, .init = setup,
     .fini = teardown)
{
	uint64_t now = 1, due = 0;

	for (int i = 0; i < 100; i++) {
		lend__heap_free(&heaps[0], take(0, MIB));
		due = lend__heap_settle(&heaps[0], now);
		cr_assert(due != NEVER && due > now);
		now += WINDOW / 3;
	}
	cr_expect_eq(atomic_load(&range.totals.trims), 0);
	/* The last one is followed by nothing. */
	for (int i = 0; i < 3 && due != NEVER; i++)
		due = lend__heap_settle(&heaps[0], due);
	cr_expect_eq(due, NEVER);
	cr_expect_eq(atomic_load(&range.totals.trims), 1);
	cr_expect_eq(resident(0), 0);
}

/* Goal: one that holds a span at its far end is trimmed around it, once: it is
 * not asked to come again and again. */
Test(heap_trim, fragmented_heap_is_not_trimmed_in_a_loop, .init = setup,
     .fini = teardown)
{
	char *low = take(0, 2 * MIB), *high = take(0, 4096);
	uint64_t due;

	lend__heap_free(&heaps[0], low);
	due = lend__heap_settle(&heaps[0], 7);
	cr_expect_eq(lend__heap_settle(&heaps[0], due), NEVER);
	cr_expect_not(heaps[0].is_large);
	cr_expect_leq(resident(0), LEND_HEAP_KEEP);
	for (int i = 0; i < 4096; i++)
		cr_assert_eq(high[i], 1);
}

/* Goal: spans that others have returned count as free when a heap settles. */
Test(heap_trim, returned_spans_are_trimmed, .init = setup, .fini = teardown)
{
	void *big = take(0, 2 * MIB);
	uint64_t due;

	cr_expect(lend__heap_return(&heaps[0], big));
	due = lend__heap_settle(&heaps[0], 1);
	cr_expect_neq(due, NEVER);
	cr_expect_eq(lend__heap_settle(&heaps[0], due), NEVER);
	cr_expect_eq(resident(0), 0);
}

/*
 * Goal:   the limit on the total is exact, refuses with -ENOMEM, changes
 *         nothing, and harms none of those who have their memory already.
 * Method: one heap takes all there is; another is refused even its first page;
 *         the first one's spans come and go; a trim makes room.
 */
Test(heap_trim, total_limit_harms_nobody_else)
{
	void *big, *span;

	open_range(3 * MIB + LEND_HEAP_GRANULE);
	big = take(0, 2 * MIB);
	span = take(0, MIB);
	cr_expect_eq(held(), range.held_max);
	lend__heap_free(&heaps[0], span);

	cr_expect_eq(lend__heap_alloc(&heaps[1], 4096, &span), -ENOMEM);
	cr_expect_eq(atomic_load(&range.totals.refusals), 1);
	cr_expect(lend__heap_range_is_short(&range));
	span = take(1, 64);
	cr_expect_eq(lend__heap_alloc(&heaps[2], 2 * MIB, &span), -ENOMEM);
	for (int i = 0; i < 10; i++)
		lend__heap_free(&heaps[0], take(0, MIB));

	/* In want of memory nobody waits for a window. */
	cr_expect_eq(lend__heap_settle(&heaps[0], 1), NEVER);
	lend__heap_free(&heaps[0], big);
	heaps[0].is_large = true;
	cr_expect_eq(lend__heap_settle(&heaps[0], 1), NEVER);
	cr_expect_leq(held(), LEND_HEAP_KEEP);
	cr_expect_not(lend__heap_range_is_short(&range));
	take(1, MIB);
	teardown();
}

/* Goal: a refused slice has cost no memory and is not counted as one in use. */
Test(heap_trim, refusal_of_the_first_span_commits_nothing)
{
	void *span = NULL;

	open_range(1);
	for (unsigned i = 0; i < HEAPS; i++) {
		cr_expect_eq(lend__heap_alloc(&heaps[i], 2048, &span), -ENOMEM);
		cr_expect_eq(resident(i), 0);
	}
	cr_expect_eq(span, NULL);
	cr_expect_eq(atomic_load(&range.totals.slices), 0);
	take(0, 512);
	teardown();
}
