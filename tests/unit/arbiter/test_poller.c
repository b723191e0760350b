/*
 * Goal:   each CQE reaches its operation once, whoever polls and whoever holds
 *         the loan; what comes for an earlier use of a record is a bug that is
 *         noticed.
 * Method: completions polled by others than those who submitted.
 */
#include <pthread.h>
#include <signal.h>

#include "fixture.h"

static void init(void)
{
	open_arbiter(&lend__mode_borrowed, 1, 2, 2);
}

static void fini(void)
{
	close_arbiter();
}

static void *poll_elsewhere(void *arg)
{
	lend__ring_enter(arg, 0, 0);
	return (void *)(uintptr_t)lend__poller_poll(arg, lend_now());
}

Test(poller, anybody_may_poll, .init = init, .fini = fini, .timeout = 60)
{
	struct counted_op ops[2];
	pthread_t thread;
	void *handled;

	cr_assert_eq(submit_nop(alice, &ops[0]), 0);
	cr_assert_eq(submit_nop(alice, &ops[1]), 0);
	pthread_create(&thread, NULL, poll_elsewhere, alice->ring);
	pthread_join(thread, &handled);
	cr_expect_eq((uintptr_t)handled, 2);
	cr_expect_eq(ops[0].done, 1);
	cr_expect_eq(ops[1].done, 1);
}

Test(poller, one_at_a_time, .init = init, .fini = fini, .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	lend__arbiter_flush(alice);
	cr_assert(lend__ring_cq_trylock(alice->ring));
	cr_expect_eq(lend__poller_poll(alice->ring, 0), 0);
	lend__ring_cq_unlock(alice->ring);
	cr_expect_eq(lend__poller_poll(alice->ring, 0), 1);
}

Test(poller, vacant_rings_are_helped, .init = init, .fini = fini, .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	lend__arbiter_flush(alice);
	cr_assert(recall(0));
	cr_expect_eq(lend__poller_help(bob, 1, UINT64_MAX), 1);
	cr_expect_eq(op.done, 1);
}

Test(poller, stale_generation_is_noticed, .init = init, .signal = SIGABRT,
     .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	lend__op_init(&op.op, count_done);
	reap_all(alice);
}

Test(poller, freed_record_is_noticed, .init = init, .signal = SIGABRT,
     .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	op.op.in_flight = false;
	lend__op_fini(&op.op);
	reap_all(alice);
}
