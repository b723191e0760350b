/*
 * Goal:   a ring has one borrower at a time, is taken from it between claims
 *         and never inside one, and whoever takes it takes over what was
 *         published and not submitted yet.
 * Method: recalls at each point of a claim, with one ring of depth 1 or 2; and
 *         threads that claim as fast as they can while another one takes their
 *         rings away all the time.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "fixture.h"
#include "uring/sys.h"

static void fini(void)
{
	close_arbiter();
}

static void borrowed(void)
{
	open_arbiter(&lend__mode_borrowed, 1, 2, 2);
}

static void borrowed_without_membarrier(void)
{
	setenv("LEND_DISABLE", "membarrier", 1);
	borrowed();
	cr_assert(!arbiter.has_membarrier);
}

static void recall_inside_and_outside(void)
{
	struct lend_claim claim;
	struct counted_op op;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	cr_expect(!recall(0), "seized inside a claim");
	cr_expect_eq(arbiter.loans[0].state, LEND_LOAN_RECALLED);
	cr_expect(!recall(0), "seized inside a claim, asked again");
	cr_expect_eq(arbiter.loans[0].recalled, 1);
	fill_nop(&claim, 0, &op);
	lend__claim_commit(alice, &claim);
	/* Given back at the end of the claim, without being asked again. */
	cr_expect_eq(arbiter.loans[0].state, LEND_LOAN_VACANT);
	cr_expect_null(alice->ring);
	cr_expect_eq(arbiter.loans[0].seized, 0);

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	lend__claim_abandon(alice, &claim);
	cr_expect(recall(0), "not seized outside a claim");
	cr_expect_eq(arbiter.loans[0].state, LEND_LOAN_VACANT);
	cr_expect_eq(arbiter.loans[0].seized, 1);
	/* Its owner learns of it when it claims again. */
	cr_assert_eq(lend__claim_begin(bob, 1, NULL, &claim), 0);
	lend__claim_abandon(bob, &claim);
	cr_expect_eq(lend__claim_begin(alice, 1, NULL, &claim), -EAGAIN);
	cr_expect_null(alice->ring);
	cr_expect_eq(reap_all(bob), 1);
	cr_expect_eq(op.done, 1);
}

Test(loan, recalled_ring_is_seized_only_between_claims, .init = borrowed,
     .fini = fini, .timeout = 60)
{
	recall_inside_and_outside();
}

Test(loan, same_without_membarrier, .init = borrowed_without_membarrier,
     .fini = fini, .timeout = 60)
{
	recall_inside_and_outside();
}

/* A recall in the middle of lend__claim_begin(), which then fails: in_use was
 * seen, so the recall relies on the borrower. */
Test(loan, claim_that_comes_to_nothing_looks_again, .init = borrowed,
     .fini = fini, .timeout = 60)
{
	static const unsigned wrong[] = { 3, 0 };

	for (unsigned i = 0; i < 2; i++) {
		struct lend_claim claim;

		cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
		lend__claim_abandon(alice, &claim);
		atomic_store(&alice->in_use, 1);
		cr_assert(!recall(0));
		atomic_store(&alice->in_use, 0);
		cr_expect_eq(lend__claim_slow(alice, wrong[i], NULL, &claim),
			     wrong[i] ? -E2BIG : -EINVAL);
		cr_expect_eq(arbiter.loans[0].state, LEND_LOAN_VACANT);
		cr_expect_eq(arbiter.loans[0].returned, i + 1);
	}
}

/* From now on, for this process: -ENOMEM. */
static void let_membarrier_fail(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = 4, .filter = filter };

	cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		cr_skip("no seccomp here");
	cr_assert_lt(lend__sys_membarrier(), 0);
}

Test(loan, nothing_is_seized_without_the_barrier, .init = borrowed,
     .fini = fini, .timeout = 60)
{
	struct lend_claim claim;
	struct counted_op op;

	if (!arbiter.has_membarrier)
		cr_skip("no membarrier here");
	cr_assert_eq(submit_nop(alice, &op), 0);
	let_membarrier_fail();
	/* She is outside a claim, but who knows. */
	cr_expect(!recall(0));
	cr_expect(!recall(0));
	cr_expect_eq(arbiter.loans[0].borrower, alice);
	cr_expect_eq(lend__claim_begin(bob, 1, NULL, &claim), -EAGAIN);
	/* She looks, and returns it. */
	lend__arbiter_settle(alice, false);
	cr_expect_null(alice->ring);
	cr_expect_eq(arbiter.loans[0].seized, 0);
	cr_expect_eq(arbiter.loans[0].returned, 1);
	cr_expect_eq(lend__claim_begin(bob, 1, NULL, &claim), 0);
	lend__claim_abandon(bob, &claim);
	cr_expect_eq(reap_all(bob), 1);
}

Test(loan, taker_gets_what_was_not_submitted, .init = borrowed, .fini = fini,
     .timeout = 60)
{
	struct counted_op ops[3];

	cr_assert_eq(submit_nop(alice, &ops[0]), 0);
	cr_assert(recall(0));
	cr_assert_eq(submit_nop(bob, &ops[1]), 0);
	cr_expect_eq(lend__ring_unsubmitted(bob->ring), 2);
	cr_expect_eq(submit_nop(alice, &ops[2]), -EAGAIN);
	cr_expect_eq(reap_all(bob), 2);
	cr_expect_eq(ops[0].done, 1);
	cr_expect_eq(ops[1].done, 1);
	cr_expect_eq(reap_all(bob), 0);
	cr_expect_eq(lend__ring_in_flight(bob->ring), 0);
}

Test(loan, stale_recall_is_forgotten, .init = borrowed, .fini = fini,
     .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	cr_assert(recall(0));
	/* Claims again, and keeps the new loan. */
	for (int i = 0; i < 3; i++) {
		reap_all(alice);
		cr_assert_eq(submit_nop(alice, &op), 0);
	}
	cr_expect_eq(arbiter.loans[0].granted, 2);
	cr_expect_eq(arbiter.loans[0].borrower, alice);
	reap_all(alice);
}

Test(loan, second_grant_is_a_bug, .init = borrowed, .signal = SIGABRT,
     .timeout = 60)
{
	struct counted_op op;

	cr_assert_eq(submit_nop(alice, &op), 0);
	pthread_mutex_lock(&arbiter.lock);
	lend__loan_grant(&arbiter.loans[0], bob, LEND_WHY_CLAIM);
}

Test(loan, returning_inside_a_claim_is_a_bug, .init = borrowed,
     .signal = SIGABRT, .timeout = 60)
{
	struct lend_claim claim;

	cr_assert_eq(lend__claim_begin(alice, 1, NULL, &claim), 0);
	pthread_mutex_lock(&arbiter.lock);
	lend__loan_return(&arbiter.loans[0], LEND_WHY_RECALLED);
}

/* ---- with threads ---- */

#define OPS 30000

static atomic_bool stop;
static atomic_uint finished;
static struct lend_borrower thread_borrowers[3];

struct slot {
	struct lend_op op;
	atomic_bool busy;
};

static void slot_done(struct lend_op *op, int32_t res, uint32_t flags,
		      bool more)
{
	struct slot *slot = lend_container_of(op, struct slot, op);

	(void)res;
	(void)flags;
	(void)more;
	atomic_fetch_add(&finished, 1);
	atomic_store_explicit(&slot->busy, false, memory_order_release);
}

static void *claim_and_poll(void *arg)
{
	static struct slot slots[2][64];
	unsigned index = (unsigned)(uintptr_t)arg;
	struct lend_borrower *borrower = &thread_borrowers[index];
	unsigned sent = 0;

	lend__arbiter_attach(&arbiter, borrower, index);
	while (sent < OPS) {
		struct slot *slot = &slots[index][sent % 64];
		struct lend_claim claim;

		if (!atomic_load_explicit(&slot->busy, memory_order_acquire) &&
		    !lend__claim_begin(borrower, 1, NULL, &claim)) {
			struct io_uring_sqe *sqe = lend__claim_sqe(&claim, 0);

			lend__op_init(&slot->op, slot_done);
			io_uring_prep_nop(sqe);
			io_uring_sqe_set_data64(sqe,
						lend__op_user_data(&slot->op));
			atomic_store_explicit(&slot->busy, true,
					      memory_order_relaxed);
			lend__claim_commit(borrower, &claim);
			sent++;
		} else {
			lend__arbiter_settle(borrower, true);
		}
		for (unsigned i = 0; i < lend__pool_count(&arbiter.pool); i++) {
			lend__ring_enter(&arbiter.pool.rings[i], 0, 0);
			lend__poller_poll(&arbiter.pool.rings[i], 0);
		}
	}
	while (atomic_load(&finished) < 2 * OPS) {
		lend__arbiter_settle(borrower, true);
		for (unsigned i = 0; i < lend__pool_count(&arbiter.pool); i++) {
			lend__ring_enter(&arbiter.pool.rings[i], 0, 0);
			lend__poller_poll(&arbiter.pool.rings[i], 0);
		}
	}
	lend__arbiter_detach(borrower);
	return NULL;
}

static void *take_away(void *arg)
{
	(void)arg;
	lend__arbiter_attach(&arbiter, &thread_borrowers[2], 2);
	/* Whatever is lent, at whatever moment. */
	while (!atomic_load(&stop)) {
		pthread_mutex_lock(&arbiter.lock);
		for (unsigned i = 0; i < lend__pool_count(&arbiter.pool); i++)
			if (arbiter.loans[i].borrower)
				lend__loan_recall(&arbiter.loans[i], NULL,
						  LEND_WHY_STALL);
		pthread_mutex_unlock(&arbiter.lock);
		sched_yield();
	}
	lend__arbiter_detach(&thread_borrowers[2]);
	return NULL;
}

static void hammer(unsigned rings, unsigned depth)
{
	pthread_t threads[3];

	open_arbiter(&lend__mode_borrowed, rings, depth, 0);
	pthread_create(&threads[2], NULL, take_away, NULL);
	for (uintptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, claim_and_poll, (void *)i);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&stop, true);
	pthread_join(threads[2], NULL);
	cr_expect_eq(atomic_load(&finished), 2 * OPS);
	for (unsigned i = 0; i < rings; i++) {
		cr_expect_eq(lend__ring_in_flight(&arbiter.pool.rings[i]), 0);
		cr_expect_eq(lend__ring_unsubmitted(&arbiter.pool.rings[i]), 0);
	}
	cr_expect_gt(arbiter.loans[0].seized, 0, "nothing was ever seized");
	close_arbiter();
}

Test(loan, no_operation_is_lost_or_doubled_in_a_tug_of_war, .timeout = 60)
{
	hammer(1, 1);
}

Test(loan, nor_with_several_rings, .timeout = 60)
{
	hammer(2, 2);
}
