/*
 * Revoking the claim of an actor that suspends: see claims.h.
 */
#include "rt/claims.h"

#include <errno.h>
#include <stdlib.h>

#include "actor/actor.h"
#include "rt/current.h"
#include "rt/worker.h"

static void *get_storage(struct lend_claim_handle *handle)
{
	size_t size = handle->count * sizeof(struct io_uring_sqe);
	void *storage;

	handle->storage_is_foreign = lend__heap_alloc(&handle->actor->heap,
						      size, &storage) != 0;
	/* The actor may be in the middle of cleaning up because its heap is
	 * full: that must not fail for want of the same memory. */
	return handle->storage_is_foreign ? malloc(size) : storage;
}

int lend__claims_revoke(struct lend_actor *self)
{
	struct lend_claim_handle *handle = self->claim;
	void *storage;

	if (!handle || !handle->claim.ring)
		return 0;
	storage = handle->reserve ? handle->reserve : get_storage(handle);
	if (!storage)
		return -ENOMEM;
	lend__claim_revoke(&lend__current_worker()->borrower, &handle->claim,
			   storage);
	return 0;
}

void lend__claims_free_storage(struct lend_claim_handle *handle)
{
	/* The reserve is freed with the claim. */
	if (handle->claim.staged == handle->reserve)
		return;
	if (handle->storage_is_foreign)
		free(handle->claim.staged);
	else
		lend__heap_free(&handle->actor->heap, handle->claim.staged);
	handle->claim.staged = NULL;
}
