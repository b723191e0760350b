/*
 * Private rings: one ring, one worker, for life. The yardstick.
 *
 * The loan is granted at attach and returned at detach, and never recalled, so
 * the fast path of a claim always holds; what is left is a full queue.
 */
#include <errno.h>
#include <stddef.h>

#include "arbiter/arbiter.h"
#include "arbiter/claim.h"
#include "arbiter/mode.h"
#include "base/check.h"
#include "uring/ring.h"

static int attach(struct lend_arbiter *arbiter, struct lend_borrower *borrower)
{
	struct lend_loan *loan = &arbiter->loans[borrower->index];

	if (loan->ring->deferred) {
		int err = lend__ring_enable(loan->ring);

		if (err < 0)
			return err;
	}
	pthread_mutex_lock(&arbiter->lock);
	lend__loan_grant(loan, borrower, LEND_WHY_START);
	/* Nothing is ever recalled here, with or without membarrier. */
	lend__arbiter_clear_marks_locked(arbiter, borrower);
	pthread_mutex_unlock(&arbiter->lock);
	return 0;
}

static void detach(struct lend_arbiter *arbiter, struct lend_borrower *borrower)
{
	pthread_mutex_lock(&arbiter->lock);
	lend__loan_return(&arbiter->loans[borrower->index], LEND_WHY_STOP);
	pthread_mutex_unlock(&arbiter->lock);
}

static int claim(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		 unsigned count, struct lend_waiter *waiter,
		 struct lend_claim *claim)
{
	struct lend_ring *ring = borrower->ring;
	bool first_in_line;
	int err = -EAGAIN;

	if (lend__ring_room(ring) < count)
		lend__arbiter_clear(borrower, ring);
	pthread_mutex_lock(&arbiter->lock);
	lend__arbiter_clear_marks_locked(arbiter, borrower);
	/* No barging: who has not waited yet goes behind those who do. One
	 * queue for all workers, as the actor may go on on any of them. */
	first_in_line = (waiter && waiter->order) ||
			!atomic_load_explicit(&arbiter->waiting,
					      memory_order_relaxed);
	if (first_in_line && lend__ring_room(ring) >= count) {
		atomic_store_explicit(&borrower->in_use, 1,
				      memory_order_relaxed);
		claim->ring = ring;
		claim->staged = NULL;
		err = 0;
	} else if (waiter) {
		/* Without room the kernel wants its completions reaped first:
		 * wait for the poller. */
		lend__arbiter_queue_locked(arbiter, waiter);
	}
	pthread_mutex_unlock(&arbiter->lock);
	return err;
}

static void settle(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		   bool parking)
{
	(void)parking;
	if (lend_likely(!atomic_load_explicit(&arbiter->waiting,
					      memory_order_relaxed) &&
			!atomic_load_explicit(&borrower->recalled,
					      memory_order_relaxed)))
		return;
	if (lend__ring_unsubmitted(borrower->ring))
		lend__arbiter_clear(borrower, borrower->ring);
	pthread_mutex_lock(&arbiter->lock);
	lend__arbiter_clear_marks_locked(arbiter, borrower);
	lend__arbiter_serve_locked(arbiter, lend__ring_room(borrower->ring));
	pthread_mutex_unlock(&arbiter->lock);
}

static bool flush(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		  bool others_only)
{
	struct lend_ring *ring = borrower->ring;

	(void)arbiter;
	if (others_only)
		return true;
	if (lend__ring_unsubmitted(ring) || lend__ring_wants_enter(ring))
		return lend__arbiter_submit(borrower, ring);
	return true;
}

static bool is_orphan(const struct lend_arbiter *arbiter,
		      const struct lend_ring *ring)
{
	(void)arbiter;
	(void)ring;
	return false;
}

const struct lend_mode lend__mode_private = {
	.name = "private",
	.id = LEND_RING_PRIVATE,
	.exclusive = true,
	.one_to_one = true,
	.attach = attach,
	.detach = detach,
	.claim = claim,
	.settle = settle,
	.flush = flush,
	.own_ring = lend__mode_held_ring,
	.is_orphan = is_orphan,
};
