/*
 * The states of a loan and the handshake that moves a ring from one thread to
 * another. Called by the modes and by the arbiter's rescue, under its lock.
 *
 * Note [handshake]
 *
 *   borrower, each claim                 arbiter, each recall (under its lock)
 *   --------------------                 -------------------------------------
 *   in_use = 1          (relaxed) [A]    recalled = 1             (relaxed) [a]
 *   compiler barrier                     membarrier(PRIVATE_EXPEDITED)      [b]
 *   if (recalled) slow path       [B]    if (in_use == 0, acquire)          [c]
 *   ... write SQEs, publish ...              seize
 *   in_use = 0          (release) [C]    else the borrower returns the ring
 *   compiler barrier
 *   if (recalled) slow path       [D]
 *
 * Why both can not use the ring. membarrier makes the borrower's CPU pass a
 * full barrier at some point of its program between [a] and [c]. If that point
 * is before [B], the borrower's load sees recalled == 1 and goes to the slow
 * path without touching the ring. If it is after [B], then [A], which precedes
 * [B] in program order, is visible to [c]: the arbiter reads in_use == 1 and
 * does not seize. A borrower that is not running passes the barrier when it is
 * switched in, which is the same argument.
 *
 * Why no recall is lost. If [c] reads 1, the borrower has not executed [C] as
 * seen from there. Either it executes [D] after [a] became visible, and gives
 * the ring back; or [D] was executed before, but then [C] precedes [D], both
 * precede the barrier, and [c] would have read 0. So "look again after clearing
 * in_use" needs no fence of its own: the same membarrier orders it. It holds
 * for each [C], also that of a claim that came to nothing: whoever has set
 * in_use, for however short, looks again (lend__claim_slow() does).
 *
 * What the seizer sees. The acquire at [c] pairs with the release at [C]: every
 * SQE and the tail written inside earlier claims are visible, so a taker goes
 * on at the right slot and also takes over what was not submitted yet.
 *
 * What in_use does not bracket: enter. A flush needs no ownership (the kernel
 * serialises it and publishes the head), so a seizer never waits for one.
 *
 * Both words belong to the borrower, not to the loan. Only the owner clears
 * its recalled word, in the slow path, under the lock: a seized borrower that
 * still has a stale ring pointer therefore can not pass [B] before it has
 * learned of the seizure.
 *
 * The word has a second bit, which is no part of this: LEND_IN_LINE keeps
 * claims on the slow path while somebody waits for slots. Above, "recalled" is
 * the bit LEND_RECALLED; all who write the word have the lock.
 *
 * Without membarrier, recalled stays 1 for good: every claim takes the slow
 * path, whose lock orders everything, and [c] is exact. A membarrier that is
 * there and fails once (memory is short, a sandbox was entered) is no fence:
 * the recall then leaves the ring where it is.
 *
 * On processors other than x86. The barrier at [b] is passed at one point of
 * the borrower's program, so loads that it had done ahead of [B], as of the
 * ring's tail, are done again if that point is before [B]. What it writes to
 * the ring depends on [B] and can not be ahead of it. [C] and the tail are
 * release stores, as nothing else keeps SQEs before them. [c] is acquire for
 * the language; here the lock that is given back after it would do as well.
 *
 * All of this is a model that spin runs through: tests/model/handshake.pml,
 * with store buffers, both fallbacks, and mutations of each step.
 */
#include "arbiter/loan.h"

#include "arbiter/arbiter.h"
#include "arbiter/borrower.h"
#include "base/check.h"
#include "uring/ring.h"
#include "uring/sys.h"

/* Relaxed: written under the lock, read without it as a hint. */
static void set_state(struct lend_loan *loan, enum lend_loan_state state)
{
	atomic_store_explicit(&loan->state, state, memory_order_relaxed);
}

/* The arbiter's lock is held, so its recorder has one writer. */
static void record(const struct lend_loan *loan, enum lend_trace_event event,
		   enum lend_trace_why why, const struct lend_borrower *whose,
		   const struct lend_borrower *by)
{
	lend__record(&whose->arbiter->recorder,
		     &(struct lend_event){
			     .event = event,
			     .why = why,
			     .ring = (uint16_t)loan->ring->index,
			     .worker = (uint16_t)whose->index,
			     .by = by ? (uint16_t)by->index : LEND_TRACE_NOBODY,
		     });
}

void lend__loan_grant(struct lend_loan *loan, struct lend_borrower *borrower,
		      enum lend_trace_why why)
{
	lend_assert(lend__loan_state(loan) == LEND_LOAN_VACANT);
	lend_assert(!loan->borrower);
	lend_assert(!borrower->ring && !borrower->recall_pending);

	set_state(loan, LEND_LOAN_GRANTED);
	loan->borrower = borrower;
	loan->granted++;
	loan->granted_why[why]++;
	borrower->ring = loan->ring;
	record(loan, LEND_TRACE_GRANT, why, borrower, borrower);
}

void lend__loan_return(struct lend_loan *loan, enum lend_trace_why why)
{
	struct lend_borrower *borrower = loan->borrower;

	/* GRANTED: of its own accord. RECALLED: it was asked. Any other state
	 * means two owners, and a ring that can not be trusted. */
	lend_assert(lend__loan_state(loan) != LEND_LOAN_VACANT);
	lend_assert(borrower && borrower->ring == loan->ring);
	lend_assert(
		!atomic_load_explicit(&borrower->in_use, memory_order_relaxed));

	borrower->ring = NULL;
	borrower->recall_pending = false;
	loan->borrower = NULL;
	set_state(loan, LEND_LOAN_VACANT);
	loan->returned++;
	loan->returned_why[why]++;
	record(loan, LEND_TRACE_RETURN, why, borrower, borrower);
}

bool lend__loan_recall(struct lend_loan *loan,
		       const struct lend_borrower *taker,
		       enum lend_trace_why why)
{
	struct lend_borrower *borrower = loan->borrower;

	lend_assert(lend__loan_state(loan) != LEND_LOAN_VACANT);
	if (lend__loan_state(loan) == LEND_LOAN_GRANTED) {
		set_state(loan, LEND_LOAN_RECALLED);
		loan->recalled++;
		loan->recalled_why[why]++;
		borrower->recall_pending = true;
		record(loan, LEND_TRACE_RECALL, why, borrower, taker);
	}
	/* [a], [b]: relaxed, as membarrier is the fence. Without a fence there
	 * is nothing to be learned from in_use: the loan stays RECALLED, and
	 * is returned at the next look, or the recall is tried again. */
	lend__arbiter_mark_locked(borrower, LEND_RECALLED);
	if (borrower->arbiter->has_membarrier && lend__sys_membarrier() < 0)
		return false;
	/* [c]: acquire, paired with [C]. */
	if (atomic_load_explicit(&borrower->in_use, memory_order_acquire))
		return false;

	/* The owner learns of it in its slow path: its ring pointer is stale
	 * now, and recalled keeps it from using it. */
	borrower->recall_pending = false;
	borrower->seized = true;
	loan->borrower = NULL;
	set_state(loan, LEND_LOAN_VACANT);
	loan->seized++;
	record(loan, LEND_TRACE_SEIZE, why, borrower, taker);
	return true;
}
