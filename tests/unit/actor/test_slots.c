/*
 * Goal:   a slot is one owner's at a time; magazines hide none of them from who
 *         needs the last; what a burst has left is kept while it may be needed,
 *         and given back after that.
 * Method: slots without anything in them.
 */
#include "actor/slots.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <lend/clock.h>

#define COUNT 4096

static struct lend_slots slots;
static struct lend_surplus surplus;

static void init(void)
{
	cr_assert_eq(lend__slots_init(&slots, COUNT, 2, 65536), 0);
}

static void fini(void)
{
	lend__slots_fini(&slots);
}

static struct lend_magazine *magazine(unsigned worker)
{
	return &slots.magazines[worker];
}

static unsigned in_magazine(unsigned worker)
{
	return (unsigned)(atomic_load(&magazine(worker)->free) >> 32);
}

static uint32_t take(unsigned worker)
{
	return lend__slots_take(&slots, magazine(worker));
}

/* Give back, and trim at once what is too much. Return: so many. */
static unsigned give(struct lend_magazine *to, uint32_t index)
{
	lend__slots_give(&slots, to, index, &surplus);
	lend__slots_cool(&slots, surplus.slots, surplus.count);
	return surplus.count;
}

Test(slots, each_is_given_once, .init = init, .fini = fini)
{
	bool *taken = calloc(COUNT, sizeof(*taken));

	for (unsigned i = 0; i < COUNT; i++) {
		uint32_t index = i % 3 == 2 ? lend__slots_take(&slots, NULL) :
					      take(i % 3);

		cr_assert_lt(index, COUNT);
		cr_assert(!taken[index]);
		taken[index] = true;
		cr_expect_eq(lend__slots_alive(&slots), i + 1);
	}
	cr_expect_eq(take(0), LEND_SLOTS_NONE);
	cr_expect_eq(lend__slots_take(&slots, NULL), LEND_SLOTS_NONE);
	free(taken);
}

Test(slots, last_one_is_found_in_anothers_magazine, .init = init, .fini = fini)
{
	uint32_t all[COUNT];

	for (unsigned i = 0; i < COUNT; i++)
		all[i] = take(0);
	/* These stay in the magazine of worker 0. */
	for (unsigned i = 0; i < 20; i++)
		give(magazine(0), all[i]);
	for (unsigned i = 0; i < 20; i++) {
		all[i] = i % 2 ? take(1) : lend__slots_take(&slots, NULL);
		cr_assert_neq(all[i], LEND_SLOTS_NONE);
	}
	cr_expect_eq(take(0), LEND_SLOTS_NONE);
	cr_expect_eq(lend__slots_alive(&slots), COUNT);
}

Test(slots, one_that_leaves_takes_nothing_along, .init = init, .fini = fini)
{
	uint32_t index = take(1);

	give(magazine(1), index);
	cr_assert_neq(atomic_load(&magazine(1)->free), 0);
	lend__slots_return(&slots, magazine(1));
	cr_expect_eq(atomic_load(&magazine(1)->free), 0);
	cr_expect_eq(slots.out, 0);
	cr_expect_eq(lend__slots_alive(&slots), 0);
}

Test(slots, closed_they_are_nobodys, .init = init, .fini = fini)
{
	uint32_t index = take(0);

	lend__slots_close(&slots);
	lend__slots_return_all(&slots);
	cr_expect(lend__slots_are_closed(&slots));
	cr_expect_eq(take(0), LEND_SLOTS_NONE);
	cr_expect_eq(lend__slots_take(&slots, NULL), LEND_SLOTS_NONE);
	cr_expect_eq(lend__slots_alive(&slots), 1);
	give(magazine(0), index);
	lend__slots_return(&slots, magazine(0));
	cr_expect_eq(lend__slots_alive(&slots), 0);
}

/* What it has no room for goes to the others by the batch. */
Test(slots, full_magazine_keeps_none, .init = init, .fini = fini)
{
	uint32_t all[2 * LEND_SLOTS_BATCH];
	unsigned kept = 0;

	for (unsigned i = 0; i < 2 * LEND_SLOTS_BATCH; i++)
		all[i] = take(0);
	lend__slots_return(&slots, magazine(0));
	while (kept < 2 * LEND_SLOTS_BATCH &&
	       lend__slots_keep(&slots, magazine(0), all[kept]))
		kept++;
	cr_assert_eq(kept, 2 * LEND_SLOTS_BATCH - 1);
	cr_expect_eq(in_magazine(0), kept);
	cr_expect_eq(give(magazine(0), all[kept]), 0);
	cr_expect_eq(in_magazine(0), LEND_SLOTS_BATCH);
	cr_expect_eq(lend__slots_alive(&slots), 0);
	/* A batch of them, without what the first one had. */
	cr_expect_geq(slots.warm_count, LEND_SLOTS_BATCH);
}

/* A burst that comes again finds what it has left, as long as it is not long
 * ago: the clock may have stood still for a window or two. */
Test(slots, burst_is_kept_warm, .init = init, .fini = fini)
{
	uint32_t all[COUNT];
	unsigned trimmed, used;
	uint64_t began_ns;

	do {
		began_ns = lend_now();
		trimmed = 0;
		for (unsigned i = 0; i < 1000; i++)
			all[i] = take(0);
		used = slots.used_end;
		for (unsigned i = 0; i < 1000; i++)
			trimmed += give(magazine(0), all[i]);
		for (unsigned i = 0; i < 1000; i++)
			all[i] = take(0);
		for (unsigned i = 0; i < 1000; i++)
			trimmed += give(magazine(0), all[i]);
	} while (lend_now() - began_ns >= LEND_SLOTS_WINDOW_NS);
	cr_expect_eq(trimmed, 0);
	cr_expect_leq(slots.used_end, used + 8);
}

/* Nobody has needed it in two windows: all but a few go, and whoever was to
 * look for them has no more reason to. */
Test(slots, burst_is_given_back_after_a_while, .init = init, .fini = fini)
{
	uint32_t all[COUNT];
	unsigned cold = 0;
	uint64_t later;

	for (unsigned i = 0; i < 1000; i++)
		all[i] = take(0);
	for (unsigned i = 0; i < 40; i++)
		cold += give(magazine(1), all[i]);
	for (unsigned i = 40; i < 1000; i++)
		cold += give(magazine(0), all[i]);
	cr_assert_neq(magazine(0)->look_ns, UINT64_MAX);
	cr_expect_eq(magazine(1)->look_ns, UINT64_MAX);
	later = lend_now() + 2 * LEND_SLOTS_WINDOW_NS;
	for (int i = 0; i < 1000 && magazine(0)->look_ns != UINT64_MAX; i++) {
		lend__slots_settle(&slots, magazine(0), later, &surplus);
		cold += surplus.count;
		lend__slots_cool(&slots, surplus.slots, surplus.count);
	}
	cr_expect_eq(magazine(0)->look_ns, UINT64_MAX);
	/* Also of what a worker has that did nothing for long. */
	cr_expect_eq(slots.warm_count + in_magazine(0) + in_magazine(1),
		     LEND_SLOTS_WARM_MIN);
	cr_expect_geq(cold, 1000 - LEND_SLOTS_WARM_MIN);
	cr_expect_eq(lend__slots_alive(&slots), 0);
}

/* However many were out: no more than a share of the memory. */
Test(slots, warm_ones_have_a_limit, .init = init, .fini = fini)
{
	uint32_t all[COUNT];

	slots.warm_max = 200;
	for (unsigned i = 0; i < 1000; i++)
		all[i] = take(0);
	for (unsigned i = 0; i < 1000; i++)
		give(magazine(0), all[i]);
	cr_expect_leq(slots.warm_count, 200);
}

/* A worker that looks by a clock that it has read before another one began the
 * window: that is no window without a beginning, and what the burst needs
 * stays. */
Test(slots, clock_of_a_moment_ago_forgets_no_burst, .init = init, .fini = fini)
{
	uint32_t all[COUNT];
	unsigned peak;

	for (unsigned i = 0; i < 1000; i++)
		all[i] = take(0);
	peak = slots.peak;
	for (unsigned i = 0; i < 1000; i++)
		give(magazine(0), all[i]);
	/* No clock moves the window from here on. */
	slots.window_ns = 10 * LEND_SLOTS_WINDOW_NS;
	slots.peak = peak;
	magazine(0)->look_ns = 0;
	lend__slots_settle(&slots, magazine(0), slots.window_ns - 1, &surplus);
	cr_expect_eq(surplus.count, 0);
	cr_expect_eq(slots.peak, peak);
	cr_expect_eq(slots.window_ns, 10 * LEND_SLOTS_WINDOW_NS);
	lend__slots_cool(&slots, surplus.slots, surplus.count);
}

static _Atomic unsigned had;

static void *take_all(void *arg)
{
	(void)arg;
	while (lend__slots_take(&slots, NULL) != LEND_SLOTS_NONE)
		atomic_fetch_add(&had, 1);
	return NULL;
}

/* Nobody is refused while slots are free that somebody is trimming. */
Test(slots, last_ones_are_waited_for_while_they_are_trimmed, .init = init,
     .fini = fini)
{
	uint32_t all[COUNT];
	struct lend_surplus held;
	pthread_t thread;

	for (unsigned i = 0; i < COUNT; i++)
		all[i] = take(0);
	slots.warm_max = LEND_SLOTS_WARM_MIN;
	for (unsigned i = 0; i < COUNT; i++)
		give(magazine(0), all[i]);
	slots.warm_max = 0;
	magazine(0)->look_ns = 0;
	lend__slots_settle(&slots, magazine(0), lend_now(), &held);
	cr_assert_gt(held.count, 0);
	atomic_store(&had, 0);
	pthread_create(&thread, NULL, take_all, NULL);
	while (atomic_load(&had) < COUNT - held.count)
		sched_yield();
	/* The time to be refused, for one that is. */
	for (int i = 0; i < 100; i++)
		sched_yield();
	lend__slots_cool(&slots, held.slots, held.count);
	pthread_join(thread, NULL);
	cr_expect_eq(atomic_load(&had), COUNT);
}
