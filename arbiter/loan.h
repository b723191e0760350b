/*
 * A loan: who may write a ring's submission queue, and how it is taken back.
 *
 *               grant                      recall
 *      VACANT ----------> GRANTED -----------------> RECALLED
 *        ^                   | return                   | return, or seize
 *        +-------------------+--------------------------+
 *
 * A loan covers submission only; CQEs belong to whoever polls the ring.
 * All functions are called with the arbiter's lock held.
 */
#ifndef LEND_ARBITER_LOAN_H
#define LEND_ARBITER_LOAN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/record.h"

struct lend_borrower;
struct lend_ring;

enum lend_loan_state {
	LEND_LOAN_VACANT,
	LEND_LOAN_GRANTED,
	LEND_LOAN_RECALLED,
};

/* One for each ring of the pool. [lock: arbiter] unless said otherwise. */
struct lend_loan {
	_Atomic enum lend_loan_state state; /* read without it as a hint */
	struct lend_borrower *borrower;	    /* NULL while VACANT */
	struct lend_ring *ring;		    /* [const] */

	uint64_t granted;
	uint64_t recalled;
	uint64_t seized;
	uint64_t returned;
	uint64_t granted_why[LEND_WHYS];
	uint64_t recalled_why[LEND_WHYS];
	uint64_t returned_why[LEND_WHYS];

	/* Shared mode only: claims reserve room, then fill, then copy. */
	pthread_mutex_t sq_lock;
	unsigned reserved; /* [lock: sq_lock] */
	/* [atomic: S1] Somebody submits what all have published. */
	_Atomic bool submitting;
};

/* Exact under the lock, a hint without it. */
static inline enum lend_loan_state
lend__loan_state(const struct lend_loan *loan)
{
	return atomic_load_explicit(&loan->state, memory_order_relaxed);
}

/* Lend a vacant ring. */
void lend__loan_grant(struct lend_loan *loan, struct lend_borrower *borrower,
		      enum lend_trace_why why);

/* The borrower's own thread gives its ring back, outside any claim. */
void lend__loan_return(struct lend_loan *loan, enum lend_trace_why why);

/**
 * Ask a loan back, and take it if its borrower is outside any claim.
 *
 * The borrower may be running; see "Note [handshake]".
 *
 * @taker  who asks, for the record; NULL: nobody in particular
 *
 * Return: true if the loan is vacant now; false if the borrower is inside a
 *         claim and will return it at the claim's end, or if that could not be
 *         found out (membarrier failed): then it returns it at its next look
 */
bool lend__loan_recall(struct lend_loan *loan,
		       const struct lend_borrower *taker,
		       enum lend_trace_why why);

#endif
