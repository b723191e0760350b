/*
 * Goal:   a free of what is no live record ends the process, also by the short
 *         way; so that it takes and frees what the long way does is part of
 *         test_heap_trace.c.
 * Method: each is one bad free.
 */
#include "mem/heap_record.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct lend_heap_range range;
static struct lend_heap heap;
static _Alignas(64) char home[1024];

static void heap_setup(void)
{
	cr_assert_eq(lend__heap_range_init(&range, 1, 0, 0), 0);
	lend__heap_init(&heap, &range, 0, home, sizeof(home), 0);
}

static void *record_take(void)
{
	void *record = NULL;

	cr_assert_eq(lend__heap_alloc_record(&heap, &record), 0);
	return record;
}

Test(heap_record, double_free, .init = heap_setup, .signal = SIGABRT)
{
	void *record = record_take();

	lend__heap_free_record(&heap, record);
	lend__heap_free_record(&heap, record);
}

Test(heap_record, free_off_a_granule, .init = heap_setup, .signal = SIGABRT)
{
	lend__heap_free_record(&heap, (char *)record_take() + 8);
}

Test(heap_record, free_inside_a_span, .init = heap_setup, .signal = SIGABRT)
{
	void *span;

	cr_assert_eq(lend__heap_alloc(&heap, 128, &span), 0);
	lend__heap_free_record(&heap, (char *)span + 64);
}

Test(heap_record, free_behind_home, .init = heap_setup, .signal = SIGABRT)
{
	record_take();
	lend__heap_free_record(&heap, home + sizeof(home));
}

/* Home ends where its bits are set for good. */
Test(heap_record, home_that_is_full_goes_on_in_the_slice, .init = heap_setup)
{
	void *records[sizeof(home) / LEND_HEAP_HOME_GRANULE];
	unsigned count = sizeof(records) / sizeof(records[0]);
	char *one_more;

	for (unsigned i = 0; i < count; i++) {
		records[i] = record_take();
		cr_expect_eq(records[i], home + i * LEND_HEAP_HOME_GRANULE);
	}
	one_more = record_take();
	cr_expect_eq(one_more, range.base + LEND_HEAP_GRANULE);
	lend__heap_check(&heap);
	lend__heap_free_record(&heap, one_more);
	for (unsigned i = 0; i < count; i++)
		lend__heap_free_record(&heap, records[i]);
	cr_expect(lend__heap_empty(&heap));
	lend__heap_fini(&heap);
	lend__heap_range_fini(&range);
}
