/*
 * One SQE on a ring that is not the caller's: see lend__arbiter_insert().
 *
 * An operation can be cancelled only on the ring that it is on. A system call
 * does that for all that waits in the kernel, but does not find what a kernel
 * thread works on for a polling thread: that takes an SQE, on that ring,
 * whoever has it.
 */
#include <errno.h>

#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "base/check.h"
#include "uring/ring.h"

static int put(struct lend_ring *ring, unsigned reserved,
	       const struct io_uring_sqe *sqe)
{
	if (lend__ring_room(ring) <= reserved)
		return -EAGAIN;
	*lend__ring_slot(ring, 0) = *sqe;
	lend__ring_publish(ring, 1);
	return 0;
}

static int insert_shared(struct lend_loan *loan, const struct io_uring_sqe *sqe)
{
	int err;

	/* Claims of this mode are filled elsewhere, so the slot is free. */
	pthread_mutex_lock(&loan->sq_lock);
	err = put(loan->ring, loan->reserved, sqe);
	pthread_mutex_unlock(&loan->sq_lock);
	return err;
}

/* A vacant loan can be granted to nobody while the lock is held, so its ring
 * may be written. One that somebody else has is asked back; if it is in use
 * just now, it comes back at the end of that claim. */
static int insert_exclusive(struct lend_borrower *borrower,
			    struct lend_loan *loan,
			    const struct io_uring_sqe *sqe)
{
	struct lend_arbiter *arbiter = borrower->arbiter;
	int err = -EAGAIN;

	lend_assert(
		!atomic_load_explicit(&borrower->in_use, memory_order_relaxed));
	pthread_mutex_lock(&arbiter->lock);
	if (loan->borrower && loan->borrower != borrower &&
	    arbiter->mode->revocable)
		lend__loan_recall(loan, borrower, LEND_WHY_WAITER);
	if (!loan->borrower || loan->borrower == borrower)
		err = put(loan->ring, 0, sqe);
	pthread_mutex_unlock(&arbiter->lock);
	return err;
}

int lend__arbiter_insert(struct lend_borrower *borrower, struct lend_ring *ring,
			 const struct io_uring_sqe *sqe)
{
	struct lend_arbiter *arbiter = borrower->arbiter;
	struct lend_loan *loan = &arbiter->loans[ring->index];
	int err;

	/* One that is about to be closed: Note [removal]. What the caller has
	 * there is over, as it will learn. */
	if (ring->index >= lend__pool_count(&arbiter->pool))
		return -EAGAIN;
	err = arbiter->mode->exclusive ? insert_exclusive(borrower, loan, sqe) :
					 insert_shared(loan, sqe);
	if (!err)
		lend__arbiter_enter(borrower, ring);
	return err;
}
