/*
 * Emptying rings and closing them while workers are at work. Called by who
 * changes a runtime's size (rt/size.c), and by workers at their safe points.
 *
 * Note [removal]
 *
 * Rings are added and removed at the end of the pool's array. Two numbers say
 * where the end is: rings below pool.count are open, and of those the ones
 * below rings_open take submissions. Adding raises the first, then the second.
 * Removing goes the other way, in four steps, each of which can be given up
 * until the third:
 *
 *  1. admit: rings_open is lowered, under the arbiter's lock and each ring's
 *     sq_lock, and the loans of the rings concerned are asked back. Grants look
 *     at rings_open under the arbiter's lock, shared claims under the sq_lock;
 *     so once the loan is vacant, or nothing is reserved, no SQE can be
 *     published any more, but by who changes rings_open again.
 *  2. empty: what was published is submitted; what waits is cancelled, and
 *     submitted again by its owner, elsewhere: Note [again] of io/await.h. CQEs
 *     are reaped as ever. Equal counts of what was published and what was
 *     finished, read under the three locks that guard them, mean empty: each
 *     operation's end has been put into its actor's mailbox.
 *  3. forget: pool.count is lowered. Now nobody finds the ring who looks for
 *     it.
 *  4. close, when all borrowers have passed a safe point since: a grace period.
 *     Until a borrower has passed, an actor of its may put a cancellation into
 *     the ring (insert.c), for an operation that has just ended. So after the
 *     grace period, when nobody can do that any more, what has come that way
 *     is reaped, or it would be counted as in flight for ever.
 *
 * Why the grace period, [E2]. Workers go through the pool, poll rings and enter
 * them without any lock, and wait on their descriptors; actors cancel on the
 * ring that an operation names. None of that is kept over a safe point: a loop
 * reads pool.count afresh, an actor suspends in between, and when it runs again
 * takes its mail first and so knows that the operation is over (its end was
 * delivered in step 2, before the safe point it has suspended through). The
 * exception is a borrower's stale pointer to a ring that was seized from it. It
 * obeys before it passes: recalled was set in step 1, and the epoch it reads
 * was written after that.
 *
 * So each borrower acknowledges the arbiter's epoch at its safe points
 * (release; acquire by the remover: what the borrower did with the ring comes
 * before the close). The price is one load of a line that nobody writes, each
 * round. Those that are parked are woken for it. One that computes for long
 * delays the close for so long, never the emptying.
 *
 * Records (struct lend_ring, struct lend_loan) stay where they are for good, so
 * a stale pointer to one finds a closed ring, not another thing.
 *
 * Provided buffers belong to the record, not to the open ring: those that
 * actors hold stay valid, and come home to the ring that is opened there next.
 *
 * Note [home]
 * In shared mode the number of open rings says which ring is whose home, and a
 * home is watched by those whose it is, not as an orphan. A worker takes its
 * new home when it passes, but what makes a ring somebody's home (one is added,
 * or a removal is given up) holds at once. So whoever does that wakes all
 * workers, and none goes to sleep that has not passed since; else what
 * completes on that ring would wait until its worker wakes up for something
 * else.
 */
#include "arbiter/removal.h"

#include <liburing.h>
#include <lend/clock.h>

#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "arbiter/poller.h"
#include "base/check.h"
#include "uring/ring.h"
#include "uring/sys.h"

/* Polls in one call: LEND_POLL_MAX each. */
#define POLLS_MAX 16

static void advance_epoch(struct lend_arbiter *arbiter)
{
	/* Release [E2], paired with pass(): what was changed before. */
	atomic_fetch_add_explicit(&arbiter->epoch, 1, memory_order_release);
}

/* ---- 1: admit ---- */

static void ask_back_locked(struct lend_arbiter *arbiter, unsigned from)
{
	for (unsigned i = from; i < lend__pool_count(&arbiter->pool); i++)
		if (lend__loan_state(&arbiter->loans[i]) != LEND_LOAN_VACANT)
			lend__loan_recall(&arbiter->loans[i], NULL,
					  LEND_WHY_REMOVED);
}

void lend__removal_admit(struct lend_arbiter *arbiter, unsigned rings)
{
	lend_assert(rings && rings <= lend__pool_count(&arbiter->pool));
	pthread_mutex_lock(&arbiter->lock);
	/* Release [E1], paired with lend__arbiter_rings(). */
	atomic_store_explicit(&arbiter->rings_open, rings,
			      memory_order_release);
	if (arbiter->mode->revocable)
		ask_back_locked(arbiter, rings);
	pthread_mutex_unlock(&arbiter->lock);
	advance_epoch(arbiter);
}

/* ---- 2: empty ---- */

static void cancel_all(const struct lend_ring *ring)
{
	struct io_uring_sync_cancel_reg cancel = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
		/* No waiting: their own CQEs tell when they are over. */
		.timeout = { 0, 0 },
	};

	lend__sys_register(lend__ring_fd(ring), IORING_REGISTER_SYNC_CANCEL,
			   &cancel, 1);
}

static bool is_empty(struct lend_arbiter *arbiter, struct lend_ring *ring)
{
	struct lend_loan *loan = &arbiter->loans[ring->index];
	bool empty;

	pthread_mutex_lock(&arbiter->lock);
	/* A private ring stays its owner's, who is the caller. */
	empty = arbiter->mode->one_to_one ||
		(lend__loan_state(loan) == LEND_LOAN_VACANT &&
		 ring->index >= lend__arbiter_rings(arbiter));
	pthread_mutex_lock(&loan->sq_lock);
	empty = empty && !loan->reserved;
	if (empty && lend__ring_cq_trylock(ring)) {
		empty = !lend__ring_in_flight(ring) &&
			!lend__ring_has_cqe(ring);
		lend__ring_cq_unlock(ring);
	} else {
		empty = false;
	}
	pthread_mutex_unlock(&loan->sq_lock);
	pthread_mutex_unlock(&arbiter->lock);
	return empty;
}

bool lend__removal_empty(struct lend_arbiter *arbiter, struct lend_ring *ring)
{
	if (is_empty(arbiter, ring))
		return true;
	if (arbiter->mode->revocable &&
	    lend__loan_state(&arbiter->loans[ring->index]) !=
		    LEND_LOAN_VACANT) {
		pthread_mutex_lock(&arbiter->lock);
		ask_back_locked(arbiter, lend__arbiter_rings(arbiter));
		pthread_mutex_unlock(&arbiter->lock);
	}
	lend__ring_enter(ring, 0, 0);
	if (lend__ring_in_flight(ring)) {
		cancel_all(ring);
		/* What this thread submitted completes here. */
		lend__ring_enter(ring, 0, 0);
	}
	for (unsigned i = 0; i < POLLS_MAX; i++)
		if (!lend__poller_poll(ring, lend_now()))
			break;
	return is_empty(arbiter, ring);
}

/* ---- 3 and 4: forget, close ---- */

void lend__removal_forget(struct lend_arbiter *arbiter, unsigned rings)
{
	pthread_mutex_lock(&arbiter->lock);
	lend_assert(lend__arbiter_rings(arbiter) <= rings);
	atomic_store_explicit(&arbiter->pool.count, rings,
			      memory_order_relaxed);
	pthread_mutex_unlock(&arbiter->lock);
	advance_epoch(arbiter);
}

bool lend__removal_is_closed(const struct lend_arbiter *arbiter)
{
	const struct lend_pool *pool = &arbiter->pool;

	for (unsigned i = lend__pool_count(pool); i < lend__pool_used(pool);
	     i++)
		if (lend__ring_is_open(&pool->rings[i]))
			return false;
	return true;
}

bool lend__removal_close(struct lend_arbiter *arbiter)
{
	struct lend_pool *pool = &arbiter->pool;
	bool empty = true;

	for (unsigned i = lend__pool_count(pool); i < lend__pool_used(pool);
	     i++)
		if (lend__ring_is_open(&pool->rings[i]))
			empty = lend__removal_empty(arbiter, &pool->rings[i]) &&
				empty;
	/* All or none: the caller may take them all back. */
	if (!empty)
		return false;
	/* Who gives buffers of an ended actor back looks at all records, under
	 * the lock. */
	pthread_mutex_lock(&arbiter->lock);
	for (unsigned i = lend__pool_count(pool); i < lend__pool_used(pool);
	     i++)
		if (lend__ring_is_open(&pool->rings[i]))
			lend__ring_close(&pool->rings[i]);
	pthread_mutex_unlock(&arbiter->lock);
	return true;
}

/* ---- the borrowers' side ---- */

bool lend__removal_has_passed(const struct lend_borrower *borrower)
{
	/* Acquire [E2], paired with pass(). The arbiter's is sequentially
	 * consistent [P1], for a worker that has said that it is parked: it
	 * sees a change, or is woken by who made it, Note [home]. */
	return atomic_load_explicit(&borrower->epoch, memory_order_acquire) ==
	       atomic_load_explicit(&borrower->arbiter->epoch,
				    memory_order_seq_cst);
}

bool lend__removal_pass(struct lend_borrower *borrower)
{
	struct lend_arbiter *arbiter = borrower->arbiter;
	const struct lend_ring *home = borrower->home;
	/* Acquire [E2], paired with advance_epoch(). */
	uint64_t epoch = atomic_load_explicit(&arbiter->epoch,
					      memory_order_acquire);

	if (lend_likely(epoch == atomic_load_explicit(&borrower->epoch,
						      memory_order_relaxed)))
		return false;
	/* Learn of a seizure, so that no stale ring is left. */
	arbiter->mode->settle(arbiter, borrower, false);
	if (arbiter->mode->rehome)
		arbiter->mode->rehome(arbiter, borrower);
	/* Release [E2], paired with has_passed(). */
	atomic_store_explicit(&borrower->epoch, epoch, memory_order_release);
	return borrower->home != home;
}
