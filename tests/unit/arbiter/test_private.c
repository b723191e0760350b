/*
 * Goal:   a private ring is its borrower's from the first to the last moment:
 *         nobody recalls it, and a full one is flushed, however often.
 * Method: one ring of depth 1, with and without what the kernel can defer.
 */
#include "fixture.h"

static void play(void)
{
	struct counted_op ops[8];
	uint64_t now_ns = lend_now();

	open_arbiter(&lend__mode_private, 1, 1, 1);
	cr_expect_eq(arbiter.loans[0].borrower, alice);
	for (unsigned i = 0; i < 8; i++)
		cr_assert_eq(submit_nop(alice, &ops[i]), 0);
	cr_expect_eq(lend__arbiter_rescue(alice, now_ns + LEND_S), 0);
	lend__arbiter_settle(alice, true);
	cr_expect_eq(arbiter.loans[0].borrower, alice);
	while (reap_all(alice))
		;
	for (unsigned i = 0; i < 8; i++)
		cr_expect_eq(ops[i].done, 1);
	cr_expect_eq(arbiter.loans[0].granted, 1);
	cr_expect_eq(arbiter.loans[0].recalled, 0);
	close_arbiter();
}

Test(private, ring_is_for_life, .timeout = 60)
{
	play();
	cr_expect_eq(arbiter.mode, &lend__mode_private);
}

Test(private, same_without_deferred_work, .timeout = 60)
{
	setenv("LEND_DISABLE", "defer_taskrun,membarrier", 1);
	play();
	cr_expect(!features.defer_taskrun);
}

/* Somebody waits, wherever: who comes later waits behind, though there is room
 * and the ring is its own. */
Test(private, newcomers_do_not_slip_in, .timeout = 60)
{
	struct counted_waiter waiter = make_waiter(1);
	struct lend_claim claim;

	open_arbiter(&lend__mode_private, 1, 2, 1);
	pthread_mutex_lock(&arbiter.lock);
	lend__arbiter_queue_locked(&arbiter, &waiter.waiter);
	pthread_mutex_unlock(&arbiter.lock);
	cr_expect_eq(lend__claim_begin(alice, 1, NULL, &claim), -EAGAIN);
	lend__arbiter_settle(alice, false);
	cr_expect_eq(waiter.woken, 1);
	cr_expect_eq(lend__claim_begin(alice, 1, NULL, &claim), -EAGAIN);
	cr_assert_eq(lend__claim_begin(alice, 1, &waiter.waiter, &claim), 0);
	lend__claim_abandon(alice, &claim);
	lend__arbiter_withdraw(&arbiter, &waiter.waiter);
	/* Nobody waits any more. */
	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	lend__claim_abandon(alice, &claim);
	cr_expect_eq(atomic_load(&alice->recalled), 0);
	close_arbiter();
}
