/*
 * Goal:   so many of a queue are known for connections as are there: neither
 *         turns nor thefts leave any behind, and none are where turns are long.
 * Method: what a worker tells of its rounds, told by hand.
 */
#include "rt/affinity.h"

#include <criterion/criterion.h>

#include "actor/actor.h"

#define ACTORS 100

static struct lend_affinity affinity;
static struct lend_run_queue queue, other;
static struct lend_actor actors[ACTORS];

static void setup(void)
{
	cr_assert_eq(lend__run_queue_init(&queue), 0);
	cr_assert_eq(lend__run_queue_init(&other), 0);
}

static void empty(struct lend_run_queue *each)
{
	while (lend__run_queue_take(each))
		;
}

static void teardown(void)
{
	empty(&queue);
	empty(&other);
	lend__run_queue_fini(&queue);
	lend__run_queue_fini(&other);
}

static void reap(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		lend__run_queue_push(&queue, LEND_RUN_READY, &actors[i]);
	lend__affinity_add(&affinity, count);
}

static void run(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		cr_assert_not_null(lend__run_queue_take(&queue));
	lend__affinity_end_round(&affinity, count, &queue);
}

static void expect_keeps(unsigned count)
{
	cr_expect_eq(lend__affinity_keeps(&affinity), count);
}

Test(affinity, polls_add_up_and_turns_take_off, .init = setup, .fini = teardown)
{
	expect_keeps(0);
	reap(10);
	reap(30);
	expect_keeps(40);
	run(15);
	expect_keeps(25);
	run(25);
	expect_keeps(0);
	run(0);
	expect_keeps(0);
}

Test(affinity, turns_of_others_leave_none_too_few, .init = setup,
     .fini = teardown)
{
	reap(3);
	lend__run_queue_push(&queue, LEND_RUN_READY, &actors[3]);
	run(4);
	expect_keeps(0);
}

Test(affinity, who_was_stolen_is_not_kept, .init = setup, .fini = teardown)
{
	for (unsigned i = 0; i < 3; i++) {
		reap(ACTORS);
		cr_expect_eq(lend__run_queue_steal_all(&other, &queue),
			     LEND_RUN_STEAL_MAX);
		expect_keeps(ACTORS);
		run(6);
		expect_keeps(ACTORS - LEND_RUN_STEAL_MAX - 6);
		run(ACTORS - LEND_RUN_STEAL_MAX - 6);
		expect_keeps(0);
		empty(&other);
	}
}

Test(affinity, long_turns_keep_nobody, .init = setup, .fini = teardown)
{
	lend__affinity_time(&affinity, 10, 10 * LEND_LONG_TURN_NS);
	reap(20);
	expect_keeps(20);
	/* Nor those that are there when it is seen. */
	lend__affinity_time(&affinity, 10, 10 * LEND_LONG_TURN_NS + 1);
	run(10);
	expect_keeps(0);
	reap(20);
	expect_keeps(0);
	lend__affinity_time(&affinity, 30, 0);
	reap(20);
	expect_keeps(20);
}

Test(affinity, rounds_are_timed_of_which_half_can_be_taken)
{
	cr_expect(!lend__affinity_wants_time(0));
	cr_expect(!lend__affinity_wants_time(LEND_RUN_STEAL_LENGTH - 1));
	cr_expect(lend__affinity_wants_time(LEND_RUN_STEAL_LENGTH));
}
