/*
 * A claim: submission slots reserved on one ring, all or none.
 *
 * The fast path is inline and has neither a lock nor a fence (the machine code
 * is looked at: tests/codegen); it works while the loan holds and has room.
 * Between begin and commit the ring can not be taken away, so a claim must be
 * short: an actor that suspends with an open claim has it revoked first (its
 * SQEs move to memory of the actor's, its slots are free) and bound anew at its
 * commit.
 */
#ifndef LEND_ARBITER_CLAIM_H
#define LEND_ARBITER_CLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "arbiter/arbiter.h"
#include "arbiter/borrower.h"
#include "arbiter/op.h"
#include "base/check.h"
#include "uring/ring.h"

struct lend_claim {
	struct lend_ring *ring; /* NULL once the claim was revoked */
	/* Where the SQEs are filled when that is not the ring itself: shared
	 * mode's staging area, or the actor's memory after a revocation. */
	struct io_uring_sqe *staged;
	struct lend_ring *began_on; /* after a revocation: the ring it had */
	unsigned count;
};

/* See lend__claim_begin(); the caller's thread is outside any claim. */
int lend__claim_slow(struct lend_borrower *borrower, unsigned count,
		     struct lend_waiter *waiter, struct lend_claim *claim);

/* The loan was asked back while the claim was open, or must go now. */
void lend__claim_settle(struct lend_borrower *borrower);

/* The fast path of lend__claim_begin(); false: it is to be called. */
static inline bool lend__claim_begin_fast(struct lend_borrower *borrower,
					  unsigned count,
					  struct lend_claim *claim)
{
	/* [A], compiler barrier, [B] of Note [handshake] in loan.c. */
	atomic_store_explicit(&borrower->in_use, 1, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	if (lend_likely(!atomic_load_explicit(&borrower->recalled,
					      memory_order_relaxed)) &&
	    lend_likely(borrower->ring != NULL) &&
	    lend_likely(lend__ring_room(borrower->ring) >= count)) {
		claim->ring = borrower->ring;
		claim->staged = NULL;
		claim->count = count;
		return true;
	}
	/* [C] without anything written. Who asked for the loan meanwhile, and
	 * found it in use, is answered by lend__claim_slow(). */
	atomic_store_explicit(&borrower->in_use, 0, memory_order_release);
	return false;
}

/**
 * Reserve @count consecutive slots.
 *
 * @waiter  if not NULL and there is no room, it is queued, and woken when it
 *          should call again; its first such call fixes its place in the queue
 *
 * Thread: the borrower's, with no other claim open. Blocks: at most for the
 * arbiter's lock and one flush.
 *
 * Return: 0
 *         -EAGAIN  no room; @waiter, if any, is queued
 *         -E2BIG   @count is above the depth of the rings
 */
static inline int lend__claim_begin(struct lend_borrower *borrower,
				    unsigned count, struct lend_waiter *waiter,
				    struct lend_claim *claim)
{
	return lend__claim_begin_fast(borrower, count, claim) ?
		       0 :
		       lend__claim_slow(borrower, count, waiter, claim);
}

/* The @i-th SQE. The pointer is good until the next suspension. */
static inline struct io_uring_sqe *
lend__claim_sqe(const struct lend_claim *claim, unsigned i)
{
	lend_debug_assert(i < claim->count);
	if (claim->staged)
		return &claim->staged[i];
	return lend__ring_slot(claim->ring, i);
}

/* End the bracket of an exclusive claim. */
static inline void lend__claim_leave(struct lend_borrower *borrower)
{
	/* [C], compiler barrier, [D] of Note [handshake]. */
	atomic_store_explicit(&borrower->in_use, 0, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	if (lend_unlikely(atomic_load_explicit(&borrower->recalled,
					       memory_order_relaxed) &
			  LEND_RECALLED))
		lend__claim_settle(borrower);
}

/* Note on each op where it goes, so that it can be cancelled there. */
static inline void lend__claim_note_ops(const struct lend_claim *claim)
{
	for (unsigned i = 0; i < claim->count; i++) {
		uint64_t user_data = lend__claim_sqe(claim, i)->user_data;
		struct lend_op *op;

		if (!user_data)
			continue;
		op = lend__op_from_user_data(user_data);
		lend_assert(!op->in_flight);
		op->in_flight = true;
		op->ring = claim->ring;
	}
}

void lend__claim_commit_staged(struct lend_borrower *borrower,
			       struct lend_claim *claim);

/* Its ops are noted. */
static inline void lend__claim_publish(struct lend_borrower *borrower,
				       struct lend_claim *claim)
{
	if (lend_unlikely(claim->staged)) {
		lend__claim_commit_staged(borrower, claim);
	} else {
		lend__ring_publish(claim->ring, claim->count);
		lend__claim_leave(borrower);
	}
	claim->ring = NULL;
	claim->count = 0;
}

/**
 * Publish a bound claim: from here on its SQEs are the kernel's.
 *
 * lend__claim_commit_one(): it is of one SQE, whose op is @op.
 *
 * Thread: the borrower's, the one that began it. Blocks: no.
 */
static inline void lend__claim_commit(struct lend_borrower *borrower,
				      struct lend_claim *claim)
{
	lend_debug_assert(claim->ring);
	lend__claim_note_ops(claim);
	lend__claim_publish(borrower, claim);
}

static inline void lend__claim_commit_one(struct lend_borrower *borrower,
					  struct lend_claim *claim,
					  struct lend_op *op)
{
	lend_debug_assert(claim->ring && claim->count == 1);
	/* A byte, as it was written a moment ago: what gcc makes one load of,
	 * together with the magic, waits until all of it has retired. */
	lend_assert(!op->in_flight);
	op->in_flight = true;
	op->ring = claim->ring;
	lend__claim_publish(borrower, claim);
}

/* Give the slots of a bound claim back unused. */
void lend__claim_abandon(struct lend_borrower *borrower,
			 struct lend_claim *claim);

/**
 * Uncouple a bound claim from its ring: copy its SQEs to @storage, which must
 * have room for them and stay where it is, and free its slots. The claim is
 * then filled there; to commit it, begin another one and copy.
 *
 * lend__claim_note_bound(): that was done: @fresh is the other one.
 */
void lend__claim_revoke(struct lend_borrower *borrower,
			struct lend_claim *claim, struct io_uring_sqe *storage);
void lend__claim_note_bound(struct lend_borrower *borrower,
			    const struct lend_claim *revoked,
			    const struct lend_claim *fresh);

#endif
