/*
 * Revoking the claim of an actor that suspends: see claims.h.
 */
#include "rt/claims.h"

#include "actor/actor.h"
#include "rt/current.h"
#include "rt/worker.h"

int lend__claims_revoke(struct lend_actor *self)
{
	struct lend_claim_handle *handle = self->claim;
	void *storage;
	int err;

	if (!handle || !handle->claim.ring)
		return 0;
	err = lend__heap_alloc(&self->heap,
			       handle->count * sizeof(struct io_uring_sqe),
			       &storage);
	if (err)
		return -ENOMEM;
	lend__claim_revoke(&lend__current_worker()->borrower, &handle->claim,
			   storage);
	return 0;
}
