/*
 * What the arbiter knows of a worker: the thread that borrows rings.
 *
 * Embedded in a worker. See "Note [handshake]" in loan.c for the two words.
 */
#ifndef LEND_ARBITER_BORROWER_H
#define LEND_ARBITER_BORROWER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/record.h"

struct io_uring_sqe;
struct lend_arbiter;
struct lend_ring;

/* Bits of @recalled: each keeps claims from the fast path. */
#define LEND_RECALLED UINT32_C(0x1) /* the loan is asked back */
#define LEND_IN_LINE  UINT32_C(0x2) /* somebody waits for slots: no barging */

struct lend_borrower {
	/* [const] after attach */
	LEND_CACHE_ALIGNED struct lend_arbiter *arbiter;
	unsigned index;
	struct lend_ring *home; /* [owner] shared mode: the ring tried first */
	struct io_uring_sqe *staging; /* shared mode: where claims are filled */
	bool strayed; /* shared mode: it published on a ring not its home */

	/* [owner] The loan's ring, NULL without one. Valid only while
	 * @recalled is 0, or under the arbiter's lock. */
	struct lend_ring *ring;

	/* [atomic: handshake] Written by the owner: it is inside a claim. */
	LEND_CACHE_ALIGNED _Atomic uint32_t in_use;
	/* [atomic: handshake] Bits set by the arbiter, cleared only by the
	 * owner, both under its lock: take the slow path. */
	_Atomic uint32_t recalled;

	/* [lock: arbiter] The loan was asked back, or has been seized. */
	bool recall_pending;
	bool seized;

	/* [atomic: hints] Written by the owner, read by rescuers. */
	_Atomic uint64_t safe_ns; /* when it last reached a safe point */
	_Atomic bool parked;	  /* it waits inside the kernel: not stalled */

	/* [atomic: E2] The arbiter's epoch that it has learned of. */
	_Atomic uint64_t epoch;

	/* [owner] What it did, for those who look at traces and counters. */
	LEND_CACHE_ALIGNED struct lend_recorder recorder;
	_Atomic uint64_t claims_revoked;   /* [owner] written, read by others */
	_Atomic uint64_t claims_bound;	   /* anew, after a revocation */
	_Atomic uint64_t commits_external; /* of them, on another ring */
	_Atomic uint64_t overflows;	   /* seen, of completion queues */
	_Atomic uint64_t refused;	   /* enters that took nothing */
};

/* Out of line, so that what is not recorded is not made up either. */
__attribute__((cold)) void lend__borrower_write(struct lend_borrower *borrower,
						enum lend_trace_event event,
						unsigned ring,
						uint64_t argument);

/* Record what the borrower did itself. Thread: its own. */
static inline void lend__borrower_record(struct lend_borrower *borrower,
					 enum lend_trace_event event,
					 unsigned ring, uint64_t argument)
{
	if (lend__recorder_is_on(&borrower->recorder))
		lend__borrower_write(borrower, event, ring, argument);
}

#endif
