/*
 * Borrowed rings: a loan is kept until it is recalled, returned for want of
 * room, or its worker goes idle while others wait for rings.
 *
 * Everything here is the slow path. The order in which room is looked for is
 * the order of what it costs: flush the ring one holds (a system call); give it
 * back and take a vacant one; wait in the queue for somebody's safe point.
 */
#include <errno.h>
#include <stddef.h>

#include "arbiter/arbiter.h"
#include "arbiter/claim.h"
#include "arbiter/mode.h"
#include "base/check.h"
#include "uring/ring.h"

static struct lend_loan *loan_of(struct lend_arbiter *arbiter,
				 const struct lend_borrower *borrower)
{
	return &arbiter->loans[borrower->ring->index];
}

/* Learn of a seizure, and obey a recall. The caller is outside any claim. */
static void obey_locked(struct lend_arbiter *arbiter,
			struct lend_borrower *borrower)
{
	if (borrower->seized) {
		borrower->seized = false;
		borrower->ring = NULL;
	} else if (borrower->recall_pending) {
		/* Only a loan can be asked back. */
		lend_assert(borrower->ring);
		lend__loan_return(loan_of(arbiter, borrower),
				  LEND_WHY_RECALLED);
	}
	lend__arbiter_clear_marks_locked(arbiter, borrower);
}

/* Take a vacant ring with room for @count, emptying it first if need be. */
static bool take_vacant_locked(struct lend_arbiter *arbiter,
			       struct lend_borrower *borrower, unsigned count,
			       enum lend_trace_why why)
{
	/* Start where this borrower started last time, so that workers spread
	 * over the rings and come back to their own. */
	unsigned n = lend__arbiter_rings(arbiter);

	for (unsigned i = 0; i < n; i++) {
		struct lend_loan *loan =
			&arbiter->loans[(borrower->index + i) % n];

		if (lend__loan_state(loan) != LEND_LOAN_VACANT)
			continue;
		if (lend__ring_room(loan->ring) < count)
			lend__arbiter_enter(borrower, loan->ring);
		if (lend__ring_room(loan->ring) < count)
			continue;
		lend__loan_grant(loan, borrower, why);
		return true;
	}
	return false;
}

static int attach(struct lend_arbiter *arbiter, struct lend_borrower *borrower)
{
	/* The first ring is borrowed when the first claim needs it. */
	(void)arbiter;
	borrower->ring = NULL;
	return 0;
}

static void detach(struct lend_arbiter *arbiter, struct lend_borrower *borrower)
{
	pthread_mutex_lock(&arbiter->lock);
	obey_locked(arbiter, borrower);
	if (borrower->ring)
		lend__loan_return(loan_of(arbiter, borrower), LEND_WHY_STOP);
	pthread_mutex_unlock(&arbiter->lock);
}

static bool is_orphan(const struct lend_arbiter *arbiter,
		      const struct lend_ring *ring)
{
	/* Relaxed: acting on a ring that was granted a moment ago is
	 * harmless, and one that was returned a moment ago is looked after by
	 * the worker that did it. */
	return lend__loan_state(&arbiter->loans[ring->index]) ==
	       LEND_LOAN_VACANT;
}

/* Room is made by the polling threads: give them the time, before the lock is
 * taken, on the ring held or on one that could be. */
static void await_polling(struct lend_arbiter *arbiter,
			  struct lend_borrower *borrower, unsigned count)
{
	struct lend_ring *ring = borrower->ring;

	for (unsigned i = 0; !ring && i < lend__arbiter_rings(arbiter); i++) {
		unsigned index = (borrower->index + i) %
				 lend__arbiter_rings(arbiter);

		if (is_orphan(arbiter, &arbiter->pool.rings[index]))
			ring = &arbiter->pool.rings[index];
	}
	if (ring && ring->depth - lend__ring_unsubmitted(ring) < count)
		lend__arbiter_clear(borrower, ring);
}

static int claim(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		 unsigned count, struct lend_waiter *waiter,
		 struct lend_claim *claim)
{
	enum lend_trace_why why = LEND_WHY_CLAIM;
	bool first_in_line;
	int err = -EAGAIN;

	/* A flush needs no ownership, so it goes before the lock. A stale ring
	 * (it was seized) is only looked at and entered, which harms nobody. */
	if (arbiter->features.sqpoll)
		await_polling(arbiter, borrower, count);
	else if (borrower->ring &&
		 borrower->ring->depth -
				 lend__ring_unsubmitted(borrower->ring) <
			 count)
		lend__arbiter_enter(borrower, borrower->ring);

	pthread_mutex_lock(&arbiter->lock);
	obey_locked(arbiter, borrower);
	/* No barging: who has not waited yet goes behind those who do. */
	first_in_line = (waiter && waiter->order) ||
			!atomic_load_explicit(&arbiter->waiting,
					      memory_order_relaxed);
	if (first_in_line && borrower->ring &&
	    lend__ring_room(borrower->ring) < count) {
		why = LEND_WHY_EXHAUSTED;
		lend__loan_return(loan_of(arbiter, borrower), why);
	}
	if (first_in_line &&
	    (borrower->ring ||
	     take_vacant_locked(arbiter, borrower, count, why))) {
		/* Under the lock, so a recall either comes before and has been
		 * obeyed, or comes later and sees in_use. */
		atomic_store_explicit(&borrower->in_use, 1,
				      memory_order_relaxed);
		claim->ring = borrower->ring;
		claim->staged = NULL;
		err = 0;
	} else if (waiter) {
		lend__arbiter_queue_locked(arbiter, waiter);
	}
	pthread_mutex_unlock(&arbiter->lock);
	return err;
}

/* Idle rings go back when there are fewer of them than workers: somebody may
 * need one, and asking for it would cost a membarrier. */
static bool returns_when_parking(const struct lend_arbiter *arbiter)
{
	return lend__arbiter_rings(arbiter) <
	       atomic_load_explicit(&arbiter->borrowers, memory_order_relaxed);
}

static void serve_locked(struct lend_arbiter *arbiter,
			 struct lend_borrower *borrower)
{
	struct lend_waiter *first;

	if (lend_list_empty(&arbiter->waiters))
		return;
	first = lend_container_of(arbiter->waiters.next, struct lend_waiter,
				  link);
	if (borrower->ring && lend__ring_room(borrower->ring) < first->count)
		lend__arbiter_enter(borrower, borrower->ring);
	if (!borrower->ring &&
	    !take_vacant_locked(arbiter, borrower, first->count,
				LEND_WHY_WAITER))
		return;
	/* Those served run next on this worker and find its ring; what they
	 * fill can be flushed in between, so one ring full is not the limit,
	 * but it keeps the queue where others see it. */
	lend__arbiter_serve_locked(arbiter, lend__ring_room(borrower->ring));
}

static void settle(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		   bool parking)
{
	bool asked = atomic_load_explicit(&borrower->recalled,
					  memory_order_relaxed);
	bool idle = parking && borrower->ring &&
		    (returns_when_parking(arbiter) ||
		     atomic_load_explicit(&arbiter->waiting,
					  memory_order_relaxed));

	/* Relaxed: whoever queues a waiter comes through here afterwards
	 * itself, so a stale 0 only means that others do not help. */
	if (lend_likely(!asked && !idle &&
			!atomic_load_explicit(&arbiter->waiting,
					      memory_order_relaxed)))
		return;
	if (arbiter->features.sqpoll &&
	    atomic_load_explicit(&arbiter->waiting, memory_order_relaxed))
		await_polling(arbiter, borrower, arbiter->pool.depth);
	pthread_mutex_lock(&arbiter->lock);
	obey_locked(arbiter, borrower);
	serve_locked(arbiter, borrower);
	/* Also when others still wait: whoever runs those that were served
	 * borrows it again. A ring held by a sleeper would help nobody. */
	if (idle && borrower->ring) {
		if (lend__ring_unsubmitted(borrower->ring))
			lend__arbiter_enter(borrower, borrower->ring);
		lend__loan_return(loan_of(arbiter, borrower),
				  returns_when_parking(arbiter) ?
					  LEND_WHY_IDLE :
					  LEND_WHY_WAITER);
	}
	pthread_mutex_unlock(&arbiter->lock);
}

/* Any thread may enter any of these rings, so a flush looks at all that have
 * something to submit and nobody to do it: those held by others are theirs. */
static bool flush(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		  bool others_only)
{
	struct lend_ring *own = borrower->ring;
	bool done = true;

	if (!others_only && own &&
	    (lend__ring_unsubmitted(own) || lend__ring_wants_enter(own)))
		done = lend__arbiter_submit(borrower, own);
	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		struct lend_ring *ring = &arbiter->pool.rings[i];

		if (ring != own && is_orphan(arbiter, ring) &&
		    lend__ring_unsubmitted(ring))
			done = lend__arbiter_submit(borrower, ring) && done;
	}
	return done;
}

const struct lend_mode lend__mode_borrowed = {
	.name = "borrowed",
	.id = LEND_RING_BORROWED,
	.exclusive = true,
	.revocable = true,
	.any_poller = true,
	.attach = attach,
	.detach = detach,
	.claim = claim,
	.settle = settle,
	.flush = flush,
	.own_ring = lend__mode_held_ring,
	.is_orphan = is_orphan,
};
