/*
 * Goal:   in shared mode an open claim keeps its room and nothing else: others
 *         claim beside it, on the same ring or the next, and nobody's SQEs mix.
 * Method: interleaved claims of several borrowers on rings of depth 1 and 2.
 */
#include "fixture.h"

static void fini(void)
{
	close_arbiter();
}

static void one_ring(void)
{
	open_arbiter(&lend__mode_shared, 1, 2, 3);
}

static void two_rings(void)
{
	open_arbiter(&lend__mode_shared, 2, 1, 2);
}

Test(shared, open_claims_beside_each_other, .init = one_ring, .fini = fini,
     .timeout = 10)
{
	struct counted_waiter waiter = make_waiter(1);
	struct lend_claim a, b, c;
	struct counted_op ops[3];

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &a), 0);
	cr_assert_eq(lend__claim_begin(bob, 1, NULL, &b), 0);
	cr_expect_eq(lend__claim_begin(carol, 1, &waiter.waiter, &c), -EAGAIN,
		     "the room is promised");
	fill_nop(&b, 0, &ops[1]);
	fill_nop(&a, 0, &ops[0]);
	/* Committed in another order than begun. */
	lend__claim_commit(bob, &b);
	lend__claim_commit(alice, &a);
	lend__arbiter_settle(alice, false);
	cr_expect_eq(waiter.woken, 1);
	cr_assert_eq(lend__claim_begin(carol, 1, &waiter.waiter, &c), 0);
	fill_nop(&c, 0, &ops[2]);
	lend__claim_commit(carol, &c);
	reap_all(carol);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(ops[i].done, 1);
}

Test(shared, abandoned_room_is_free, .init = one_ring, .fini = fini,
     .timeout = 10)
{
	struct lend_claim a, b;

	for (int i = 0; i < 100; i++) {
		cr_assert_eq(lend__claim_begin(alice, 2, NULL, &a), 0);
		cr_expect_eq(lend__claim_begin(bob, 1, NULL, &b), -EAGAIN);
		lend__claim_abandon(alice, &a);
	}
	cr_expect_eq(arbiter.loans[0].reserved, 0);
}

Test(shared, next_ring_when_home_is_full, .init = two_rings, .fini = fini,
     .timeout = 10)
{
	struct lend_claim a, b;
	struct counted_op ops[2];

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &a), 0);
	cr_assert_eq(lend__claim_begin(bob, 1, NULL, &b), 0);
	cr_expect_neq(a.ring, b.ring);
	lend__claim_abandon(bob, &b);
	/* Alice's home is taken by herself: she may use Bob's. */
	fill_nop(&a, 0, &ops[0]);
	cr_assert_eq(submit_nop(bob, &ops[1]), 0);
	lend__claim_commit(alice, &a);
	while (reap_all(alice) + reap_all(bob))
		;
	cr_expect_eq(ops[0].done, 1);
	cr_expect_eq(ops[1].done, 1);
}

static void two_rings_for_three(void)
{
	open_arbiter(&lend__mode_shared, 2, 1, 3);
}

/*
 * Goal:   what a worker put on a ring that is not its home it submits itself:
 *         those whose home it is may be asleep.
 * Method: Alice and Carol share a home with room for one; Carol is sent to
 *         Bob's, and Bob does nothing.
 */
Test(shared, strays_are_submitted_by_who_published, .init = two_rings_for_three,
     .fini = fini, .timeout = 10)
{
	struct lend_claim a;
	struct counted_op op;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &a), 0);
	cr_assert_eq(submit_nop(carol, &op), 0);
	cr_expect_eq(op.op.ring, &arbiter.pool.rings[1]);
	lend__arbiter_flush(carol);
	cr_expect_eq(lend__ring_unsubmitted(&arbiter.pool.rings[1]), 0);
	reap_all(carol);
	cr_expect_eq(op.done, 1);
	lend__claim_abandon(alice, &a);
}
