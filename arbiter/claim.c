/*
 * The slow paths of a claim: see claim.h.
 */
#include "arbiter/claim.h"

#include <errno.h>

#include "arbiter/mode.h"
#include "base/counter.h"

int lend__claim_slow(struct lend_borrower *borrower, unsigned count,
		     struct lend_waiter *waiter, struct lend_claim *claim)
{
	struct lend_arbiter *arbiter = borrower->arbiter;

	if (count == 0 || count > arbiter->pool.depth) {
		/* The look that follows [C] of Note [handshake]: a recall may
		 * have seen in_use, and relies on it. */
		lend__claim_settle(borrower);
		return count ? -E2BIG : -EINVAL;
	}
	claim->count = count;
	return arbiter->mode->claim(arbiter, borrower, count, waiter, claim);
}

void lend__claim_settle(struct lend_borrower *borrower)
{
	borrower->arbiter->mode->settle(borrower->arbiter, borrower, false);
}

void lend__claim_commit_staged(struct lend_borrower *borrower,
			       struct lend_claim *claim)
{
	borrower->arbiter->mode->commit(borrower->arbiter, borrower, claim);
}

void lend__claim_abandon(struct lend_borrower *borrower,
			 struct lend_claim *claim)
{
	lend_assert(claim->ring);
	if (claim->staged)
		borrower->arbiter->mode->abandon(borrower->arbiter, borrower,
						 claim);
	else
		lend__claim_leave(borrower);
	claim->ring = NULL;
	claim->count = 0;
}

void lend__claim_revoke(struct lend_borrower *borrower,
			struct lend_claim *claim, struct io_uring_sqe *storage)
{
	struct lend_ring *ring = claim->ring;
	unsigned count = claim->count;

	for (unsigned i = 0; i < count; i++)
		storage[i] = *lend__claim_sqe(claim, i);
	lend__claim_abandon(borrower, claim);
	claim->staged = storage;
	claim->began_on = ring;
	claim->count = count;
	lend_counter_add(&borrower->claims_revoked, 1);
	lend__borrower_record(borrower, LEND_TRACE_REVOKE, ring->index, count);
}

void lend__claim_note_bound(struct lend_borrower *borrower,
			    const struct lend_claim *revoked,
			    const struct lend_claim *fresh)
{
	lend_counter_add(&borrower->claims_bound, 1);
	if (fresh->ring != revoked->began_on)
		lend_counter_add(&borrower->commits_external, 1);
	lend__borrower_record(borrower, LEND_TRACE_BIND, fresh->ring->index,
			      revoked->began_on->index);
}
