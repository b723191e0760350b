/*
 * Goal:   room is looked for in the order of what it costs: flush, another
 *         ring, the queue; the queue is first come, first served; idle and
 * stuck borrowers give their rings up when they should and not otherwise.
 * Method: one or two rings of depth 1, borrowers of one thread.
 */
#include "fixture.h"

static void fini(void)
{
	close_arbiter();
}

static void one_ring(void)
{
	open_arbiter(&lend__mode_borrowed, 1, 1, 3);
}

static void two_rings(void)
{
	open_arbiter(&lend__mode_borrowed, 2, 1, 2);
}

Test(borrowed, full_ring_is_flushed_first, .init = two_rings, .fini = fini,
     .timeout = 60)
{
	struct counted_op ops[3];
	struct lend_ring *ring;

	cr_assert_eq(submit_nop(alice, &ops[0]), 0);
	ring = alice->ring;
	cr_assert_eq(submit_nop(alice, &ops[1]), 0);
	cr_assert_eq(submit_nop(alice, &ops[2]), 0);
	cr_expect_eq(alice->ring, ring, "changed its ring without need");
	cr_expect_eq(arbiter.loans[ring->index].granted, 1);
	cr_expect_eq(reap_all(alice), 3);
}

Test(borrowed, each_takes_a_ring_of_its_own, .init = two_rings, .fini = fini,
     .timeout = 60)
{
	struct lend_claim a, b;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &a), 0);
	cr_assert_eq(lend__claim_begin(bob, 1, NULL, &b), 0);
	cr_expect_neq(a.ring, b.ring);
	lend__claim_abandon(alice, &a);
	lend__claim_abandon(bob, &b);
}

Test(borrowed, first_come_first_served, .init = one_ring, .fini = fini,
     .timeout = 60)
{
	struct counted_waiter first = make_waiter(1), second = make_waiter(1);
	struct counted_op ops[3];
	struct lend_claim claim;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	cr_expect_eq(lend__claim_begin(bob, 1, &first.waiter, &claim), -EAGAIN);
	cr_expect_eq(lend__claim_begin(carol, 1, &second.waiter, &claim),
		     -EAGAIN);
	cr_expect_eq(atomic_load(&arbiter.waiting), 2);
	cr_expect_lt(first.waiter.order, second.waiter.order);
	/* No barging, with or without wanting to wait. */
	cr_expect_eq(lend__claim_begin(carol, 1, NULL, &claim), -EAGAIN);

	claim = (struct lend_claim){ .ring = alice->ring, .count = 1 };
	fill_nop(&claim, 0, &ops[0]);
	lend__claim_commit(alice, &claim);
	lend__arbiter_settle(alice, false);
	cr_expect_eq(first.woken, 1);
	cr_expect_eq(second.woken, 0, "there is room for one");

	/* Served, and not there yet: nobody slips in, not even by the fast
	 * path of who holds the ring. */
	cr_expect_eq(lend__claim_begin(alice, 1, NULL, &claim), -EAGAIN);
	cr_expect_eq(lend__claim_begin(carol, 1, NULL, &claim), -EAGAIN);
	cr_expect_eq(atomic_load(&arbiter.waiting), 2);

	/* Served in vain: another that waits was faster. It keeps its place. */
	cr_assert_eq(lend__claim_begin(alice, 1, &second.waiter, &claim), 0);
	cr_expect_eq(lend__claim_begin(bob, 1, &first.waiter,
				       &(struct lend_claim){ 0 }),
		     -EAGAIN);
	lend__claim_abandon(alice, &claim);
	lend__arbiter_settle(alice, false);
	cr_expect_eq(first.woken, 2);
	cr_expect_eq(second.woken, 0);

	/* Who gives up makes room for the next. */
	lend__arbiter_withdraw(&arbiter, &first.waiter);
	lend__arbiter_settle(alice, false);
	cr_expect_eq(second.woken, 1);
	cr_assert_eq(lend__claim_begin(alice, 1, &second.waiter, &claim), 0);
	fill_nop(&claim, 0, &ops[1]);
	lend__claim_commit(alice, &claim);
	lend__arbiter_withdraw(&arbiter, &second.waiter);
	cr_expect_eq(atomic_load(&arbiter.waiting), 0);
	/* The line is gone: the next slow path is the last. */
	lend__arbiter_settle(alice, false);
	cr_expect_eq(atomic_load(&alice->recalled),
		     arbiter.has_membarrier ? 0 : LEND_RECALLED);
	reap_all(alice);
	cr_expect_eq(ops[0].done, 1);
	cr_expect_eq(ops[1].done, 1);
}

Test(borrowed, withdrawn_waiter_is_not_woken, .init = one_ring, .fini = fini,
     .timeout = 60)
{
	struct counted_waiter waiter = make_waiter(1);
	struct lend_claim claim, none;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	cr_expect_eq(lend__claim_begin(bob, 1, &waiter.waiter, &none), -EAGAIN);
	lend__arbiter_withdraw(&arbiter, &waiter.waiter);
	lend__arbiter_withdraw(&arbiter, &waiter.waiter);
	lend__claim_abandon(alice, &claim);
	lend__arbiter_settle(alice, false);
	cr_expect_eq(waiter.woken, 0);
}

Test(borrowed, sleeper_gives_its_ring_up_if_rings_are_few, .init = one_ring,
     .fini = fini, .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	lend__arbiter_settle(alice, false);
	cr_expect_eq(arbiter.loans[0].borrower, alice);
	lend__arbiter_settle(alice, true);
	cr_expect_eq(arbiter.loans[0].state, LEND_LOAN_VACANT);
	/* What it published was submitted, or is by whoever flushes. */
	cr_expect_eq(reap_all(bob), 1);
	cr_expect_eq(op.done, 1);
}

Test(borrowed, sleeper_keeps_its_ring_if_there_are_enough, .init = two_rings,
     .fini = fini, .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	lend__arbiter_settle(alice, true);
	cr_expect_eq(arbiter.loans[alice->ring->index].borrower, alice);
	reap_all(alice);
}

/* The sleeper served somebody who is still on another worker: it must not take
 * the ring to bed, or those who come second wait for ever. */
Test(borrowed, nobody_sleeps_on_a_ring_that_others_wait_for, .init = one_ring,
     .fini = fini, .timeout = 60)
{
	struct counted_waiter first = make_waiter(1), second = make_waiter(1);
	struct lend_claim claim, none;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	cr_expect_eq(lend__claim_begin(bob, 1, &first.waiter, &none), -EAGAIN);
	cr_expect_eq(lend__claim_begin(bob, 1, &second.waiter, &none), -EAGAIN);
	lend__claim_abandon(alice, &claim);
	lend__arbiter_settle(alice, true);
	cr_expect_eq(first.woken, 1);
	cr_expect_eq(second.woken, 0);
	cr_expect_eq(arbiter.loans[0].state, LEND_LOAN_VACANT);
	cr_assert_eq(lend__claim_begin(bob, 1, &first.waiter, &claim), 0);
	lend__claim_abandon(bob, &claim);
	lend__arbiter_settle(bob, true);
	cr_expect_eq(second.woken, 1);
	lend__arbiter_withdraw(&arbiter, &second.waiter);
}

/* ---- rescue ---- */

Test(borrowed, stuck_borrower_loses_its_ring, .init = one_ring, .fini = fini,
     .timeout = 60)
{
	struct counted_op op, other;
	uint64_t now_ns = lend_now();

	atomic_store(&alice->safe_ns, now_ns);
	cr_assert_eq(submit_nop(alice, &op), 0);
	cr_expect_eq(lend__arbiter_rescue(bob, now_ns), 0, "it is not stuck");
	atomic_store(&alice->parked, true);
	cr_expect_eq(lend__arbiter_rescue(bob, now_ns + LEND_S), 0,
		     "it is asleep, not stuck");
	atomic_store(&alice->parked, false);
	cr_expect_eq(lend__arbiter_rescue(alice, now_ns + LEND_S), 0,
		     "from itself");
	cr_expect_eq(lend__arbiter_rescue(bob, now_ns + LEND_S), 1);
	cr_assert_eq(submit_nop(bob, &other), 0);
	reap_all(bob);
	cr_expect_eq(op.done, 1);
	cr_expect_eq(other.done, 1);
	/* With nothing in flight and nobody waiting there is no reason. */
	cr_expect_eq(lend__arbiter_rescue(alice, now_ns + LEND_S), 0);
}

Test(borrowed, stuck_inside_a_claim_keeps_it, .init = one_ring, .fini = fini,
     .timeout = 60)
{
	struct counted_waiter waiter = make_waiter(1);
	struct lend_claim claim, none;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	cr_expect_eq(lend__claim_begin(bob, 1, &waiter.waiter, &none), -EAGAIN);
	cr_expect_eq(lend__arbiter_rescue(bob, lend_now()), 0);
	lend__claim_abandon(alice, &claim);
	/* Returned at once; then it served the one who waited. */
	cr_expect_eq(arbiter.loans[0].returned, 1);
	cr_expect_eq(waiter.woken, 1);
	lend__arbiter_withdraw(&arbiter, &waiter.waiter);
}
