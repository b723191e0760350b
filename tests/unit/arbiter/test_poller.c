/*
 * Goal:   each CQE reaches its operation once, whoever polls and whoever holds
 *         the loan; what comes for an earlier use of a record is a bug that is
 *         noticed. K5: one look takes a bounded number, also of those that
 *         cause each other. Who helps does not wait for who is submitting.
 * Method: completions polled by others than those who submitted, and at the
 *         moment at which these are in the kernel.
 */
#include <pthread.h>
#include <signal.h>

#include "fixture.h"

/* If set, it comes to help when somebody is about to submit. */
static struct lend_borrower *helper;
static bool helper_waits;
static uint64_t helpers_enters;

static uint64_t all_enters(void)
{
	uint64_t enters = 0;

	for (unsigned i = 0; i < lend__pool_count(&arbiter.pool); i++)
		enters += atomic_load(&arbiter.pool.rings[i].enters);
	return enters;
}

int __real_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);
int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);

int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size)
{
	struct lend_borrower *bob_now = helper;
	uint64_t before;

	if (bob_now && to_submit) {
		helper = NULL;
		before = all_enters();
		lend__poller_help(bob_now, 1, UINT64_MAX, helper_waits);
		helpers_enters = atomic_load(&arbiter.pool.rings[0].enters) -
				 before;
	}
	return __real_lend__sys_enter(fd, to_submit, min_complete, flags,
				      argument, size);
}

static void init(void)
{
	open_arbiter(&lend__mode_borrowed, 1, 2, 2);
}

static void fini(void)
{
	close_arbiter();
}

static void init_deep(void)
{
	open_arbiter(&lend__mode_borrowed, 1, 2 * LEND_POLL_MAX, 1);
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
	cr_expect_eq(lend__poller_help(bob, 1, UINT64_MAX, false), 1);
	cr_expect_eq(op.done, 1);
}

/* Alice is in the kernel, with a ring that is nobody's by now: does Bob enter?
 */
static bool enters_beside_alice(struct counted_op *op, bool waits)
{
	struct lend_ring *ring;

	cr_assert_eq(submit_nop(alice, op), 0);
	ring = alice->ring;
	cr_assert(recall(ring->index));
	cr_assert_eq(lend__ring_unsubmitted(ring), 1);
	helper = bob;
	helper_waits = waits;
	helpers_enters = UINT64_MAX;
	lend__ring_enter(ring, 0, 0);
	cr_assert_neq(helpers_enters, UINT64_MAX, "nobody was inside");
	cr_expect(!lend__ring_is_entered(ring));
	return helpers_enters > 0;
}

Test(poller, nobody_waits_for_who_submits, .init = init, .fini = fini,
     .timeout = 60)
{
	struct counted_op ops[3];
	struct lend_ring *ring;

	cr_expect(!enters_beside_alice(&ops[0], false));
	/* The monitor does. */
	cr_expect(enters_beside_alice(&ops[1], true));
	/* And everybody, if Alice has not come. */
	cr_assert_eq(submit_nop(alice, &ops[2]), 0);
	ring = alice->ring;
	cr_assert(recall(ring->index));
	cr_assert_eq(lend__ring_unsubmitted(ring), 1);
	lend__poller_help(bob, 1, UINT64_MAX, false);
	cr_expect_eq(lend__ring_unsubmitted(ring), 0);
}

/* Completions that the kernel keeps to itself are asked for all the same. */
Test(poller, who_submits_does_not_hide_an_overflow, .init = init, .fini = fini,
     .timeout = 60)
{
	struct counted_op op;
	struct lend_ring *ring;

	cr_assert_eq(submit_nop(alice, &op), 0);
	ring = alice->ring;
	lend__arbiter_flush(alice);
	cr_assert(recall(ring->index));
	*ring->uring.sq.kflags |= IORING_SQ_CQ_OVERFLOW;
	atomic_store(&ring->inside, 1);
	helpers_enters = atomic_load(&ring->enters);
	lend__poller_help(bob, 1, UINT64_MAX, false);
	cr_expect_gt(atomic_load(&ring->enters), helpers_enters);
	atomic_store(&ring->inside, 0);
	*ring->uring.sq.kflags &= ~IORING_SQ_CQ_OVERFLOW;
}

Test(poller, one_look_takes_so_many, .init = init_deep, .fini = fini,
     .timeout = 60)
{
	static struct counted_op ops[LEND_POLL_MAX + 10];

	for (unsigned i = 0; i < LEND_POLL_MAX + 10; i++)
		cr_assert_eq(submit_nop(alice, &ops[i]), 0);
	lend__arbiter_flush(alice);
	cr_expect_eq(lend__poller_poll(alice->ring, 0), LEND_POLL_MAX);
	cr_expect_eq(ops[LEND_POLL_MAX - 1].done, 1);
	cr_expect_eq(ops[LEND_POLL_MAX].done, 0);
	cr_expect_eq(lend__poller_poll(alice->ring, 0), 10);
	cr_expect_eq(lend__poller_poll(alice->ring, 0), 0);
}

static struct lend_op feeder;
static bool fed_up;

/* Its end is its beginning. */
static void feed(struct lend_op *op, int32_t res, uint32_t flags, bool more)
{
	struct lend_claim claim;
	struct io_uring_sqe *sqe;

	(void)res;
	(void)flags;
	(void)more;
	if (fed_up)
		return;
	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	sqe = lend__claim_sqe(&claim, 0);
	lend__op_init(op, feed);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, lend__op_user_data(op));
	lend__claim_commit(alice, &claim);
	lend__arbiter_flush(alice);
}

Test(poller, one_look_at_a_chain_that_feeds_itself_ends, .init = init,
     .fini = fini, .timeout = 60)
{
	feed(&feeder, 0, 0, false);
	for (unsigned i = 0; i < 3; i++)
		cr_expect_eq(lend__poller_poll(alice->ring, 0), LEND_POLL_MAX);
	fed_up = true;
	cr_expect_eq(lend__poller_poll(alice->ring, 0), 1);
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
