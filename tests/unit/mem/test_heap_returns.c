/*
 * Spans that change hands: freed by others than their owner, and left behind by
 * an owner that ends. One thread here; the stress test has many.
 */
#include "mem/heap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#define HOME_SIZE 1024

static struct lend_heap_range range;
static struct lend_heap heap;
static _Alignas(64) char home[HOME_SIZE];

static void setup(void)
{
	cr_assert_eq(lend__heap_range_init(&range, 2, 0, 0), 0);
	lend__heap_init(&heap, &range, 0, home, HOME_SIZE, 0);
}

static void teardown(void)
{
	lend__heap_check(&heap);
	lend__heap_fini(&heap);
	lend__heap_range_fini(&range);
}

static void *take(size_t size)
{
	void *span = NULL;

	cr_assert_eq(lend__heap_alloc(&heap, size, &span), 0);
	return span;
}

/* Goal: what others free is the owner's again when it looks, and not before:
 * it alone changes its heap. */
Test(heap_returns, owner_takes_back_what_others_free, .init = setup,
     .fini = teardown)
{
	static const size_t sizes[] = { 64, 512, 2048, 8192, 1u << 20 };
	void *spans[5];
	size_t used;

	for (int i = 0; i < 5; i++)
		spans[i] = take(sizes[i]);
	used = lend__heap_used(&heap);
	for (int i = 0; i < 5; i++)
		cr_expect(lend__heap_return(&heap, spans[i]));
	cr_expect_eq(lend__heap_used(&heap), used);
	lend__heap_take_back(&heap);
	cr_expect(lend__heap_empty(&heap));
	cr_expect_eq(atomic_load(&range.totals.returns), 5);
	/* Whole again: the same places in the same order. */
	for (int i = 0; i < 5; i++)
		cr_expect_eq(take(sizes[i]), spans[i]);
	lend__heap_free_all(&heap);
}

/* Goal: who runs out of room finds what others have freed, at home and in the
 * slice; a refusal means that there was nothing, and is counted. */
Test(heap_returns, want_of_room_takes_back)
{
	void *spans[4], *span;

	cr_assert_eq(lend__heap_range_init(&range, 2, 0, 0), 0);
	lend__heap_init(&heap, &range, 0, home, 64, 64 + 3 * 4096);
	spans[0] = take(64);
	for (int i = 1; i < 4; i++)
		spans[i] = take(4096);
	cr_expect_eq(lend__heap_alloc(&heap, 4096, &span), -ENOMEM);
	cr_expect_eq(lend__heap_alloc(&heap, 64, &span), -ENOMEM);
	cr_expect_eq(atomic_load(&range.totals.refusals), 2);
	cr_expect(lend__heap_return(&heap, spans[2]));
	cr_expect_eq(take(4096), spans[2]);
	cr_expect(lend__heap_return(&heap, spans[0]));
	cr_expect_eq(take(64), spans[0]);
	cr_expect_eq(atomic_load(&range.totals.refusals), 2);
	lend__heap_free_all(&heap);
	lend__heap_fini(&heap);
	lend__heap_range_fini(&range);
}

/* Goal: an owner's end frees its spans but for the disowned ones, whose
 * contents stay; freeing one of those forgets that it was disowned. */
Test(heap_returns, end_spares_disowned_spans, .init = setup, .fini = teardown)
{
	static const size_t sizes[] = { 64, 512, 2048, 64, 4096, 65536, 2048 };
	unsigned char *spans[7];

	for (int i = 0; i < 7; i++) {
		spans[i] = take(sizes[i]);
		memset(spans[i], 1 + i, sizes[i]);
	}
	lend__heap_disown(&heap, spans[1]);
	lend__heap_disown(&heap, spans[4]);
	lend__heap_disown(&heap, spans[6]);
	lend__heap_free_all(&heap);
	lend__heap_check(&heap);
	cr_expect_eq(lend__heap_used(&heap), 512 + 4096 + 2048);
	for (int i = 0; i < 7; i++)
		for (size_t k = 0; (i == 1 || i == 4 || i == 6) && k < sizes[i];
		     k++)
			cr_assert_eq(spans[i][k], 1 + i);
	lend__heap_free(&heap, spans[1]);
	lend__heap_free(&heap, spans[4]);
	lend__heap_free(&heap, spans[6]);
	cr_expect(lend__heap_empty(&heap));
	/* The same places, of nobody's mark. */
	for (int i = 0; i < 7; i++)
		cr_expect_eq(take(sizes[i]), spans[i]);
	lend__heap_free_all(&heap);
	cr_expect(lend__heap_empty(&heap));
}

/* Goal: an abandoned heap takes nothing back: who frees is told, and finds the
 * heap as it was left. */
Test(heap_returns, abandoned_heap_has_nobody_who_looks, .init = setup,
     .fini = teardown)
{
	void *one = take(64), *two = take(4096);

	lend__heap_disown(&heap, one);
	lend__heap_disown(&heap, two);
	cr_expect(lend__heap_return(&heap, one));
	cr_expect(lend__heap_abandon(&heap));
	cr_expect_eq(lend__heap_used(&heap), 4096);
	cr_expect_not(lend__heap_return(&heap, two));
	cr_expect_eq(lend__heap_used(&heap), 4096);
	lend__heap_free(&heap, two);
	cr_expect(lend__heap_empty(&heap));
}

/* Goal: nothing is abandoned if the last span has come back. */
Test(heap_returns, empty_heap_is_not_abandoned, .init = setup, .fini = teardown)
{
	void *one = take(2048);

	lend__heap_disown(&heap, one);
	cr_expect(lend__heap_return(&heap, one));
	cr_expect_not(lend__heap_abandon(&heap));
	cr_expect(lend__heap_empty(&heap));
	one = take(64);
	cr_expect(lend__heap_return(&heap, one));
	lend__heap_take_back(&heap);
}

/* Goal: a span that is freed twice, by another or by its owner, is noticed. */
Test(heap_returns, returned_twice, .init = setup, .signal = SIGABRT)
{
	void *span = take(64);

	cr_expect(lend__heap_return(&heap, span));
	cr_expect(lend__heap_return(&heap, span));
	lend__heap_take_back(&heap);
}

Test(heap_returns, returned_and_freed, .init = setup, .signal = SIGABRT)
{
	void *span = take(4096);

	cr_expect(lend__heap_return(&heap, span));
	lend__heap_free(&heap, span);
	lend__heap_take_back(&heap);
}

Test(heap_returns, disowns_live_spans_only, .init = setup, .signal = SIGABRT)
{
	char *span = take(4096);

	lend__heap_disown(&heap, span + 2048);
}
