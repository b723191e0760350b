/*
 * Goal:   C1: an actor that asks for it keeps its floating point modes over its
 *         suspensions, and nobody else gets them: neither while it is
 *         suspended, nor when it has ended or asks no more, nor by a thread
 *         that it has started.
 * Method: actors that are pinned to one worker, so that they run on one thread
 *         in turn, with different roundings; each looks at every turn how a
 *         third is rounded, by both units of x86.
 */
#include <fenv.h>
#include <stdio.h>

#include "harness/harness.h"

#define TURNS 200

static unsigned wrong;	/* all on one worker */
static unsigned others; /* turns of those that have not asked */

static lend_ref spawn_here(lend_actor_fn fn, const void *arg)
{
	const struct lend_spawn_options options = {
		.worker = 1,
		.joinable = true,
		.pinned = true,
	};
	lend_ref ref = { 0, 0 };

	CHECK_EQ(lend_spawn(fn, (void *)(uintptr_t)arg, &options, &ref), 0);
	return ref;
}

/* -1: downwards, 1: upwards, 0: to the nearest, by which a third and minus a
 * third are alike; 99: the units do not agree */
static int rounding(void)
{
	volatile double one = 1, three = 3;
	volatile long double long_one = 1, long_three = 3;
	volatile double third = one / three, minus = -one / three;
	volatile long double long_third = long_one / long_three;
	volatile long double long_minus = -long_one / long_three;
	int narrow = third > 0x1.5555555555555p-2 ? 1 :
		     third != -minus		  ? -1 :
						    0;
	int wide = long_third != -long_minus;

	return wide == (narrow != 0) ? narrow : 99;
}

static int expected(int mode)
{
	return mode == FE_UPWARD ? 1 : mode == FE_DOWNWARD ? -1 : 0;
}

static void look(int mode)
{
	if (fegetround() != mode || rounding() != expected(mode))
		wrong++;
}

static int keeps(void *arg)
{
	int mode = *(const int *)arg;

	lend_keep_fp_modes(true);
	look(FE_TONEAREST);
	CHECK_EQ(fesetround(mode), 0);
	for (unsigned i = 0; i < TURNS; i++) {
		look(mode);
		if (i % 10)
			CHECK_EQ(lend_yield(), 0);
		else
			CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	}
	look(mode);
	/* It ends like that. */
	return 0;
}

static int has_not_asked(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < TURNS; i++) {
		look(FE_TONEAREST);
		others++;
		CHECK_EQ(lend_yield(), 0);
	}
	return 0;
}

static int beside_others(void *arg)
{
	static const int up = FE_UPWARD, down = FE_DOWNWARD;
	lend_ref all[] = {
		spawn_here(has_not_asked, NULL), spawn_here(keeps, &up),
		spawn_here(has_not_asked, NULL), spawn_here(keeps, &down),
		spawn_here(has_not_asked, NULL),
	};

	(void)arg;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		CHECK_EQ(test_join(all[i]), 0);
	CHECK_EQ(others, 3 * TURNS);
	CHECK_EQ(wrong, 0);
	return 0;
}

/* Alone, it goes on without a switch, or by its worker's stack. */
static int alone(void *arg)
{
	static const int up = FE_UPWARD;

	(void)arg;
	CHECK_EQ(test_join(spawn_here(keeps, &up)), 0);
	CHECK_EQ(test_join(spawn_here(has_not_asked, NULL)), 0);
	CHECK_EQ(wrong, 0);
	return 0;
}

static int asks_no_more(void *arg)
{
	(void)arg;
	lend_keep_fp_modes(true);
	CHECK_EQ(fesetround(FE_UPWARD), 0);
	look(FE_UPWARD);
	lend_keep_fp_modes(false);
	look(FE_TONEAREST);
	lend_yield();
	look(FE_TONEAREST);
	/* One that has changed the thread's without having asked. */
	CHECK_EQ(fesetround(FE_DOWNWARD), 0);
	lend_keep_fp_modes(false);
	look(FE_TONEAREST);
	CHECK_EQ(wrong, 0);
	return 0;
}

static int look_once(void *arg)
{
	(void)arg;
	look(FE_TONEAREST);
	return 0;
}

static int look_and_change(void *arg)
{
	look(FE_TONEAREST);
	return fesetround(*(const int *)arg);
}

/* A thread begins with the modes of whoever has started it. */
static int starts_threads(void *arg)
{
	struct lend_runtime *runtime = lend_runtime_current();
	unsigned workers = lend_runtime_workers(runtime);
	const struct lend_spawn_options there = {
		.worker = workers + 1,
		.joinable = true,
		.pinned = true,
	};
	int up = FE_UPWARD, result;
	lend_ref ref;

	(void)arg;
	lend_keep_fp_modes(true);
	CHECK_EQ(fesetround(FE_DOWNWARD), 0);
	CHECK_EQ(lend_runtime_set_workers(runtime, workers + 1,
					  lend_after(60 * LEND_S)),
		 0);
	CHECK_EQ(lend_spawn(look_once, NULL, &there, &ref), 0);
	CHECK_EQ(test_join(ref), 0);
	/* The second function may get the thread that the first has changed. */
	for (int i = 0; i < 2; i++)
		CHECK_EQ(lend_blocking(look_and_change, &up, LEND_FOREVER,
				       &result),
			 0);
	look(FE_DOWNWARD);
	CHECK_EQ(wrong, 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("kept beside others", beside_others);
	test_actor("kept alone", alone);
	test_actor("given up", asks_no_more);
	test_actor("not given to new threads", starts_threads);
	return test_finish();
}
