/*
 * The arbiter: owns the pool, lends its rings, keeps the queue of those who
 * wait for submission slots.
 *
 * Callers are the workers (attach, settle, rescue) and, through claim.h, the
 * actors that run on them. arbiter/README.md tells the whole story.
 */
#ifndef LEND_ARBITER_ARBITER_H
#define LEND_ARBITER_ARBITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arbiter/borrower.h"
#include "arbiter/loan.h"
#include "arbiter/pool.h"
#include "base/list.h"
#include "uring/features.h"

struct lend_mode;

/* Somebody who waits for slots. In the waiter's own memory, queued until it is
 * served or withdraws; nobody touches it after its wake function was called. */
struct lend_waiter {
	struct lend_list link; /* [lock: arbiter] */
	uint64_t order;	       /* [lock: arbiter] place in the queue, 0: none */
	unsigned count;	       /* slots wanted */
	uint64_t since_ns;     /* [lock: arbiter] when it was queued first */
	const char *name;      /* who waits, for the record; NULL: not known */
	bool queued;	       /* [lock: arbiter] */
	_Atomic bool served;   /* set before wake: it may call again */
	void (*wake)(struct lend_waiter *waiter);
};

struct lend_arbiter {
	/* [const] after init */
	const struct lend_mode *mode;
	struct lend_pool pool;
	struct lend_features features;
	bool has_membarrier;
	uint64_t stall_ns; /* a borrower this long without safe point stalls */

	/* [lock] writes. Rings below take submissions; at most pool.count. */
	_Atomic unsigned rings_open;
	_Atomic unsigned borrowers; /* [atomic: hint] attached */
	/* [atomic: E2] Counts removals: Note [removal]. */
	_Atomic uint64_t epoch;

	pthread_mutex_t lock;
	struct lend_loan *loans;  /* [lock] one for each ring that may be */
	struct lend_list waiters; /* [lock] first come, first served */
	uint64_t next_order;	  /* [lock] */
	uint64_t waits;		  /* [lock] counter */
	uint64_t wait_ns; /* [lock] of waiters that are served or gone */
	struct lend_recorder recorder; /* [lock] writes: what is under it */
	/* As a hint: while these wait the kernel has not taken all it could. */
	_Atomic bool refusing;
	/* [lock] writes: those with a ticket, queued, or served and not there
	 * yet. Read without it as a hint. */
	_Atomic unsigned waiting;
	_Atomic uint64_t helped; /* polls of a ring its own poller neglected */
	_Atomic uint64_t kicks;	 /* stuck threads interrupted, without a loan */
};

struct lend_arbiter_options {
	const struct lend_mode *mode;
	unsigned rings;	    /* 1 to LEND_RINGS_MAX */
	unsigned rings_max; /* those that there may be; 0: @rings */
	unsigned depth;	    /* 1 to LEND_DEPTH_MAX */
	uint64_t stall_ns;
	unsigned sqpoll_idle_ms; /* with features->sqpoll */
	unsigned trace_events;	 /* records to keep; 0: none */
	unsigned buffers;	 /* see struct lend_pool_options */
	unsigned buffer_size;
};

/**
 * Open the pool and prepare the loans.
 *
 * Return: 0
 *         -ENOMEM, or the error of opening a ring
 */
int lend__arbiter_init(struct lend_arbiter *arbiter,
		       const struct lend_arbiter_options *options,
		       const struct lend_features *features);
/* The features that its rings and loans make use of: enum lend_feature. */
unsigned lend__arbiter_features(const struct lend_arbiter *arbiter);

/* All borrowers have detached, nothing is in flight. */
void lend__arbiter_fini(struct lend_arbiter *arbiter);

/**
 * A worker starts (on its own thread) or stops borrowing.
 *
 * @borrower  zeroed; others may read its hints before it attaches
 * @index     its own among those attached; the lowest that are free, so that
 *            in private mode it is a ring's
 *
 * Return: 0, -ENOMEM, or the error of binding a private ring to the thread
 */
int lend__arbiter_attach(struct lend_arbiter *arbiter,
			 struct lend_borrower *borrower, unsigned index);
void lend__arbiter_detach(struct lend_borrower *borrower);

/**
 * Safe point of a worker: give back what was recalled, and let those who wait
 * for slots try again if there is room now.
 *
 * @parking  the worker is about to wait in the kernel
 *
 * Thread: the borrower's. Blocks: at most for the arbiter's lock.
 */
void lend__arbiter_settle(struct lend_borrower *borrower, bool parking);

/**
 * Submit what was published on the rings this borrower answers for; or on all
 * of them but its own, for who is about to wait in that, which submits, too.
 *
 * Thread: the borrower's. Blocks: no (system calls).
 *
 * Return: true if the kernel has taken it all. False: it may want completions
 *         to be reaped first (EBUSY, EAGAIN); who sleeps now leaves the rest
 *         to nobody, as others take this borrower for the one that answers
 */
bool lend__arbiter_flush(struct lend_borrower *borrower);
bool lend__arbiter_flush_others(struct lend_borrower *borrower);

/**
 * Enter a ring without waiting: submit what is published there, and have it do
 * its completion work. Counted and recorded as this borrower's doing.
 *
 * Thread: the borrower's. Blocks: no (a system call).
 *
 * Return: as lend__ring_enter()
 */
int lend__arbiter_enter(struct lend_borrower *borrower, struct lend_ring *ring);

/* The same. Return: true if the kernel has taken, or will take, all of it. */
bool lend__arbiter_submit(struct lend_borrower *borrower,
			  struct lend_ring *ring);

/**
 * The same for the sake of the slots: what is published is the kernel's
 * afterwards, unless it refuses.
 *
 * Thread: the borrower's, without the arbiter's lock. Blocks: as
 * lend__ring_clear().
 */
void lend__arbiter_clear(struct lend_borrower *borrower,
			 struct lend_ring *ring);

/**
 * Publish one SQE on a given ring, whoever may have it, and submit it. For
 * what concerns that ring alone; a loan in the way is asked back.
 *
 * Thread: the borrower's, outside any claim. Blocks: for the arbiter's lock,
 * and one membarrier(2) if somebody else has the ring.
 *
 * Return: 0
 *         -EAGAIN  no room, or the ring is in use: try again later; in private
 *                  mode only the ring's own worker can
 */
int lend__arbiter_insert(struct lend_borrower *borrower, struct lend_ring *ring,
			 const struct io_uring_sqe *sqe);

/* Must parked workers look after those that wait for slots without being told?
 * Usually whoever makes room serves them; but a polling thread tells nobody,
 * and what was refused may be taken in the enter of a worker that waits. A
 * hint. */
bool lend__arbiter_must_look(const struct lend_arbiter *arbiter);

/**
 * Somebody has not reached a safe point for long: take the rings of all such
 * borrowers, so that waiters go on, and have the completion work done that the
 * kernel keeps for their threads. To be called again while that lasts.
 *
 * Thread: the rescuer's. Blocks: for the arbiter's lock, and one membarrier(2)
 * for each loan, about 15 us.
 *
 * Return: how many loans were seized
 */
unsigned lend__arbiter_rescue(struct lend_borrower *rescuer, uint64_t now_ns);

/* The waiter has got what it waited for, or gives up (deadline, cancellation):
 * it hands its ticket in. Afterwards it is not queued; it may have been woken
 * just before. Until then nobody without a ticket gets any slots. */
void lend__arbiter_withdraw(struct lend_arbiter *arbiter,
			    struct lend_waiter *waiter);

/**
 * Open one more ring, and lend it from here on.
 *
 * Thread: any, one at a time: see removal.h. Blocks: for the arbiter's lock.
 *
 * Return: 0
 *         -E2BIG  there are as many as there may be
 *         what lend__ring_open() or lend__buffers_init() says
 */
int lend__arbiter_add_ring(struct lend_arbiter *arbiter);

/* Give back every provided buffer that @owner holds: it has ended. */
void lend__arbiter_give_buffers(struct lend_arbiter *arbiter, uint32_t owner);

/* Rings that take submissions. Exact under the lock, a hint without it: acting
 * on a ring that is being emptied is harmless. */
static inline unsigned lend__arbiter_rings(const struct lend_arbiter *arbiter)
{
	/* Acquire [E1], paired with lend__removal_admit(): their records. */
	return atomic_load_explicit(&arbiter->rings_open, memory_order_acquire);
}

/* ---- for the modes ---- */

/* Queue in order; a waiter that was served in vain keeps its place. */
void lend__arbiter_queue_locked(struct lend_arbiter *arbiter,
				struct lend_waiter *waiter);

/* Keep the borrower from the fast path: LEND_RECALLED, LEND_IN_LINE. */
void lend__arbiter_mark_locked(struct lend_borrower *borrower, uint32_t bit);

/* The borrower, in its slow path, has obeyed: let it go the fast path again, if
 * nobody waits. Thread: its own. */
void lend__arbiter_clear_marks_locked(struct lend_arbiter *arbiter,
				      struct lend_borrower *borrower);

/* Wake waiters from the front for which there is @room. */
void lend__arbiter_serve_locked(struct lend_arbiter *arbiter, unsigned room);

#endif
