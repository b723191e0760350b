/*
 * An arbiter with a few borrowers and operations, for the tests of this folder.
 * Borrowers are usually all of one thread: who holds a ring is a matter of
 * words in memory, not of threads, unless a test says otherwise.
 */
#ifndef LEND_TESTS_ARBITER_FIXTURE_H
#define LEND_TESTS_ARBITER_FIXTURE_H

#include <criterion/criterion.h>
#include <errno.h>
#include <lend/clock.h>
#include <string.h>

#include "arbiter/arbiter.h"
#include "arbiter/claim.h"
#include "arbiter/mode.h"
#include "arbiter/poller.h"

#define BORROWERS 4

static struct lend_arbiter arbiter;
static struct lend_features features;
static struct lend_borrower borrowers[BORROWERS];
static unsigned attached;

#define alice (&borrowers[0])
#define bob   (&borrowers[1])
#define carol (&borrowers[2])

static inline void open_arbiter(const struct lend_mode *mode, unsigned rings,
				unsigned depth, unsigned count)
{
	const struct lend_arbiter_options options = {
		.mode = mode,
		.rings = rings,
		.depth = depth,
		.stall_ns = LEND_MS,
	};

	cr_assert_eq(lend__features_probe(&features), 0);
	cr_assert_eq(lend__arbiter_init(&arbiter, &options, &features), 0);
	memset(borrowers, 0, sizeof(borrowers));
	for (attached = 0; attached < count; attached++)
		cr_assert_eq(lend__arbiter_attach(
				     &arbiter, &borrowers[attached], attached),
			     0);
}

static inline void close_arbiter(void)
{
	while (attached)
		lend__arbiter_detach(&borrowers[--attached]);
	lend__arbiter_fini(&arbiter);
}

/* ---- operations ---- */

struct counted_op {
	struct lend_op op;
	unsigned done;
};

static inline void count_done(struct lend_op *op, int32_t res, uint32_t flags,
			      bool more)
{
	struct counted_op *counted = lend_container_of(op, struct counted_op,
						       op);

	(void)flags;
	cr_expect_eq(res, 0);
	cr_expect(!more);
	counted->done++;
}

static inline void fill_nop(struct lend_claim *claim, unsigned i,
			    struct counted_op *op)
{
	struct io_uring_sqe *sqe = lend__claim_sqe(claim, i);

	op->done = 0;
	lend__op_init(&op->op, count_done);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, lend__op_user_data(&op->op));
}

static inline int submit_nop(struct lend_borrower *borrower,
			     struct counted_op *op)
{
	struct lend_claim claim;
	int err = lend__claim_begin(borrower, 1, NULL, &claim);

	if (err)
		return err;
	fill_nop(&claim, 0, op);
	lend__claim_commit(borrower, &claim);
	return 0;
}

/* Submit and reap everything there is, on all rings. */
static inline unsigned reap_all(struct lend_borrower *borrower)
{
	unsigned handled = 0;

	lend__arbiter_flush(borrower);
	for (unsigned i = 0; i < lend__pool_count(&arbiter.pool); i++)
		handled += lend__poller_poll(&arbiter.pool.rings[i],
					     lend_now());
	return handled;
}

/* ---- waiters ---- */

struct counted_waiter {
	struct lend_waiter waiter;
	unsigned woken;	 /* how often */
	unsigned ticket; /* when last, of all */
};

static unsigned next_ticket;

static inline void count_wake(struct lend_waiter *waiter)
{
	struct counted_waiter *counted = lend_container_of(
		waiter, struct counted_waiter, waiter);

	counted->woken++;
	counted->ticket = ++next_ticket;
}

static inline struct counted_waiter make_waiter(unsigned count)
{
	return (struct counted_waiter){
		.waiter = { .count = count, .wake = count_wake },
	};
}

static inline bool recall(unsigned ring)
{
	bool seized;

	pthread_mutex_lock(&arbiter.lock);
	seized = lend__loan_recall(&arbiter.loans[ring], NULL, LEND_WHY_STALL);
	pthread_mutex_unlock(&arbiter.lock);
	return seized;
}

#endif
