/*
 * Goal:   in shared mode an open claim keeps its room and nothing else: others
 *         claim beside it, on the same ring or the next, and nobody's SQEs mix.
 * Method: interleaved claims of several borrowers on rings of depth 1 and 2.
 */
#include <pthread.h>

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
     .timeout = 60)
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
     .timeout = 60)
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
     .timeout = 60)
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
     .fini = fini, .timeout = 60)
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

/* ---- the designated submitter ---- */

#define SUBMITTERS 4
#define ROUNDS	   20000

static pthread_barrier_t round_begins, round_ends;

static void one_ring_for_four(void)
{
	open_arbiter(&lend__mode_shared, 1, 64, SUBMITTERS);
}

static void *publish_and_flush(void *arg)
{
	struct lend_borrower *borrower = arg;
	struct counted_op op;
	uintptr_t failed = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&round_begins);
		failed += submit_nop(borrower, &op) != 0;
		lend__arbiter_flush(borrower);
		pthread_barrier_wait(&round_ends);
		/* Another round: it is reaped meanwhile. */
		pthread_barrier_wait(&round_begins);
		failed += op.done != 1;
		pthread_barrier_wait(&round_ends);
	}
	return (void *)failed;
}

/* When all have come back from their flush, nothing is left to be flushed,
 * whoever entered for whom. */
Test(shared, submitter_leaves_nobody_behind, .init = one_ring_for_four,
     .fini = fini, .timeout = 60)
{
	struct lend_ring *ring = &arbiter.pool.rings[0];
	pthread_t threads[SUBMITTERS];
	unsigned left = 0;

	pthread_barrier_init(&round_begins, NULL, SUBMITTERS + 1);
	pthread_barrier_init(&round_ends, NULL, SUBMITTERS + 1);
	for (unsigned i = 0; i < SUBMITTERS; i++)
		pthread_create(&threads[i], NULL, publish_and_flush,
			       &borrowers[i]);
	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&round_begins);
		pthread_barrier_wait(&round_ends);
		left += lend__ring_unsubmitted(ring);
		reap_all(alice);
		pthread_barrier_wait(&round_begins);
		pthread_barrier_wait(&round_ends);
	}
	for (unsigned i = 0; i < SUBMITTERS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		cr_expect_eq((uintptr_t)failed, 0);
	}
	cr_expect_eq(left, 0, "%u SQEs were left behind", left);
	pthread_barrier_destroy(&round_begins);
	pthread_barrier_destroy(&round_ends);
}

/* Who finds a submitter at work leaves its SQEs to it, without a system call.
 */
Test(shared, one_enters_for_all, .init = one_ring, .fini = fini, .timeout = 60)
{
	struct lend_ring *ring = &arbiter.pool.rings[0];
	struct counted_op op;
	uint64_t enters;

	atomic_store(&arbiter.loans[0].submitting, true);
	cr_assert_eq(submit_nop(alice, &op), 0);
	enters = atomic_load(&ring->enters);
	lend__arbiter_flush(alice);
	cr_expect_eq(atomic_load(&ring->enters), enters);
	cr_expect_eq(lend__ring_unsubmitted(ring), 1);
	atomic_store(&arbiter.loans[0].submitting, false);
	lend__arbiter_flush(bob);
	cr_expect_eq(lend__ring_unsubmitted(ring), 0);
	reap_all(alice);
	cr_expect_eq(op.done, 1);
}
