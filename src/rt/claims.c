/*
 * Revoking the claim of an actor that suspends: see claims.h.
 */
#include "rt/claims.h"

#include "actor/actor.h"
#include "rt/current.h"
#include "rt/worker.h"

void lend__claims_revoke(struct lend_actor *self)
{
	struct lend_claim_handle *handle = self->claim;

	if (handle && handle->claim.ring)
		lend__claim_revoke(&lend__current_worker()->borrower,
				   &handle->claim, handle->reserve);
}
