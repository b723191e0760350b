/*
 * Revoking the claim of an actor that suspends: see claims.h.
 */
#include "rt/claims.h"

#include <errno.h>
#include <stdlib.h>

#include "actor/actor.h"
#include "rt/current.h"
#include "rt/worker.h"

int lend__claims_revoke(struct lend_actor *self)
{
	struct lend_claim_handle *handle = self->claim;
	size_t size;
	void *storage;

	if (!handle || !handle->claim.ring)
		return 0;
	size = handle->count * sizeof(struct io_uring_sqe);
	handle->storage_is_foreign = lend__heap_alloc(&self->heap, size,
						      &storage) != 0;
	/* The actor may be in the middle of cleaning up because its heap is
	 * full: that must not fail for want of the same memory. */
	if (handle->storage_is_foreign)
		storage = malloc(size);
	if (!storage)
		return -ENOMEM;
	lend__claim_revoke(&lend__current_worker()->borrower, &handle->claim,
			   storage);
	return 0;
}

void lend__claims_free_storage(struct lend_claim_handle *handle)
{
	if (handle->storage_is_foreign)
		free(handle->claim.staged);
	else
		lend__heap_free(&handle->actor->heap, handle->claim.staged);
	handle->claim.staged = NULL;
}
