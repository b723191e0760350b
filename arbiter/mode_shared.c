/*
 * Shared rings: any worker submits to any ring, under the ring's lock.
 *
 * A claim reserves room under the lock, is filled in the worker's own staging
 * area, and is copied into the queue at its commit: the lock is never held
 * while an actor runs, so one that computes inside a claim blocks nobody. One
 * copy of 64 bytes an SQE is the price.
 *
 * Note [submitter]
 * Of the workers that want a ring flushed at the same time one enters the
 * kernel for all, the designated submitter; the others leave their SQEs to it
 * and go on. Without that they would queue up at the kernel's lock of the ring,
 * to find there that there is nothing left for them.
 *
 * Nobody's SQEs are left behind: a worker publishes, then looks for a
 * submitter; the submitter steps down, then looks for SQEs. Both put a full
 * fence between the two [S1], so at least one sees the other: the worker
 * becomes submitter itself, or the submitter goes round again.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "arbiter/arbiter.h"
#include "arbiter/claim.h"
#include "arbiter/mode.h"
#include "base/check.h"
#include "uring/ring.h"

static void rehome(struct lend_arbiter *arbiter, struct lend_borrower *borrower)
{
	unsigned home = borrower->index % lend__arbiter_rings(arbiter);

	/* What it left unsubmitted at the old one is not forgotten. */
	borrower->strayed |= borrower->home != NULL;
	borrower->home = &arbiter->pool.rings[home];
}

static int attach(struct lend_arbiter *arbiter, struct lend_borrower *borrower)
{
	borrower->home = NULL;
	rehome(arbiter, borrower);
	borrower->staging = calloc(arbiter->pool.depth,
				   sizeof(*borrower->staging));
	return borrower->staging ? 0 : -ENOMEM;
}

static void detach(struct lend_arbiter *arbiter, struct lend_borrower *borrower)
{
	(void)arbiter;
	free(borrower->staging);
	borrower->staging = NULL;
}

static struct lend_loan *loan_of(struct lend_arbiter *arbiter,
				 const struct lend_ring *ring)
{
	return &arbiter->loans[ring->index];
}

static bool reserve(struct lend_arbiter *arbiter, struct lend_loan *loan,
		    unsigned count)
{
	bool ok;

	pthread_mutex_lock(&loan->sq_lock);
	/* Under the lock: Note [removal]. */
	ok = loan->ring->index < lend__arbiter_rings(arbiter) &&
	     lend__ring_room(loan->ring) >= loan->reserved + count;
	if (ok)
		loan->reserved += count;
	pthread_mutex_unlock(&loan->sq_lock);
	return ok;
}

/* The first ring with room, starting at the worker's own. */
static struct lend_ring *find_room(struct lend_arbiter *arbiter,
				   struct lend_borrower *borrower,
				   unsigned count)
{
	unsigned n = lend__arbiter_rings(arbiter);

	for (unsigned i = 0; i < n; i++) {
		struct lend_loan *loan =
			&arbiter->loans[(borrower->home->index + i) % n];

		if (reserve(arbiter, loan, count))
			return loan->ring;
		if (i == 0)
			lend__arbiter_clear(borrower, loan->ring);
		else
			lend__arbiter_enter(borrower, loan->ring);
		if (reserve(arbiter, loan, count))
			return loan->ring;
	}
	return NULL;
}

static int claim(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		 unsigned count, struct lend_waiter *waiter,
		 struct lend_claim *claim)
{
	/* No barging: who has not waited yet goes behind those who do. The
	 * hint is enough, as both sides are in the middle of things. */
	bool first_in_line = (waiter && waiter->order) ||
			     !atomic_load_explicit(&arbiter->waiting,
						   memory_order_relaxed);
	struct lend_ring *ring = NULL;

	if (first_in_line)
		ring = find_room(arbiter, borrower, count);
	if (!ring) {
		if (waiter) {
			pthread_mutex_lock(&arbiter->lock);
			lend__arbiter_queue_locked(arbiter, waiter);
			pthread_mutex_unlock(&arbiter->lock);
		}
		return -EAGAIN;
	}
	claim->ring = ring;
	claim->staged = borrower->staging;
	return 0;
}

static void commit(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		   struct lend_claim *claim)
{
	struct lend_loan *loan = loan_of(arbiter, claim->ring);

	borrower->strayed |= claim->ring != borrower->home;
	pthread_mutex_lock(&loan->sq_lock);
	for (unsigned i = 0; i < claim->count; i++)
		*lend__ring_slot(loan->ring, i) = claim->staged[i];
	lend__ring_publish(loan->ring, claim->count);
	loan->reserved -= claim->count;
	pthread_mutex_unlock(&loan->sq_lock);
}

static void abandon(struct lend_arbiter *arbiter,
		    struct lend_borrower *borrower, struct lend_claim *claim)
{
	struct lend_loan *loan = loan_of(arbiter, claim->ring);

	(void)borrower;
	pthread_mutex_lock(&loan->sq_lock);
	loan->reserved -= claim->count;
	pthread_mutex_unlock(&loan->sq_lock);
}

/* Submit what anybody has published on @ring, unless somebody else is at it:
 * Note [submitter]. If the kernel refuses, those who left their SQEs to this
 * worker do not know: it has to try again before it sleeps. */
static bool submit(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		   struct lend_ring *ring)
{
	struct lend_loan *loan = loan_of(arbiter, ring);

	/* The polling thread does that already, and need only be awake. */
	if (ring->sqpoll) {
		lend__arbiter_enter(borrower, ring);
		return true;
	}
	do {
		/* [S1]: the caller's SQEs before the look. An exchange that
		 * is sequentially consistent is a full fence. */
		if (atomic_exchange_explicit(&loan->submitting, true,
					     memory_order_seq_cst))
			return true;
		if (lend__arbiter_enter(borrower, ring) < 0) {
			atomic_store_explicit(&loan->submitting, false,
					      memory_order_release);
			return false;
		}
		/* [S1]: stepping down before the look. */
		atomic_store_explicit(&loan->submitting, false,
				      memory_order_seq_cst);
		atomic_thread_fence(memory_order_seq_cst);
	} while (lend__ring_unsubmitted(ring));
	return true;
}

static bool flush_all(struct lend_arbiter *arbiter,
		      struct lend_borrower *borrower)
{
	bool done = true;

	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		struct lend_ring *ring = &arbiter->pool.rings[i];

		if (lend__ring_unsubmitted(ring) &&
		    !submit(arbiter, borrower, ring))
			done = false;
	}
	/* What is left is this worker's to come back to. */
	borrower->strayed = !done;
	return done;
}

/* Submit for everybody whose home is this ring: whoever reaches its safe point
 * first takes along what others have published, and they find nothing left to
 * do. Other rings are left to their own workers, as completion work belongs to
 * the thread that entered; but what this worker put there it submits itself,
 * as those may be asleep. */
static bool flush(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		  bool others_only)
{
	struct lend_ring *home = borrower->home;
	bool done = true;

	if (!others_only &&
	    (lend__ring_unsubmitted(home) || lend__ring_wants_enter(home)))
		done = submit(arbiter, borrower, home);
	if (lend_unlikely(borrower->strayed))
		done = flush_all(arbiter, borrower) && done;
	return done;
}

static void settle(struct lend_arbiter *arbiter, struct lend_borrower *borrower,
		   bool parking)
{
	unsigned room = 0;

	(void)parking;
	if (lend_likely(!atomic_load_explicit(&arbiter->waiting,
					      memory_order_relaxed)))
		return;
	flush(arbiter, borrower, false);
	flush_all(arbiter, borrower);
	if (arbiter->features.sqpoll)
		lend__arbiter_clear(borrower, borrower->home);
	for (unsigned i = 0; i < lend__arbiter_rings(arbiter); i++) {
		struct lend_loan *loan = &arbiter->loans[i];
		unsigned free_slots;

		/* The biggest room on one ring, as a claim is on one. */
		pthread_mutex_lock(&loan->sq_lock);
		free_slots = lend__ring_room(loan->ring) - loan->reserved;
		pthread_mutex_unlock(&loan->sq_lock);
		if (free_slots > room)
			room = free_slots;
	}
	pthread_mutex_lock(&arbiter->lock);
	lend__arbiter_serve_locked(arbiter, room);
	pthread_mutex_unlock(&arbiter->lock);
}

static struct lend_ring *own_ring(const struct lend_borrower *borrower)
{
	return borrower->home;
}

static bool is_orphan(const struct lend_arbiter *arbiter,
		      const struct lend_ring *ring)
{
	/* More rings than workers: those behind have nobody's home; nor have
	 * those that are being emptied. */
	return ring->index >= atomic_load_explicit(&arbiter->borrowers,
						   memory_order_relaxed) ||
	       ring->index >= lend__arbiter_rings(arbiter);
}

const struct lend_mode lend__mode_shared = {
	.name = "shared",
	.id = LEND_RING_SHARED,
	.any_poller = true,
	.attach = attach,
	.detach = detach,
	.claim = claim,
	.commit = commit,
	.abandon = abandon,
	.settle = settle,
	.rehome = rehome,
	.flush = flush,
	.own_ring = own_ring,
	.is_orphan = is_orphan,
};
