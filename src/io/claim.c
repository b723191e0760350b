/*
 * Claims for users: see include/lend/claim.h.
 */
#include <lend/claim.h>

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "io/await.h"
#include "io/descriptors.h"
#include "io/request.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/suspend.h"
#include "rt/worker.h"

static void zero_sqes(const struct lend_claim *claim)
{
	/* Slots hold what was submitted there a round ago. */
	for (unsigned i = 0; i < claim->count; i++)
		memset(lend__claim_sqe(claim, i), 0,
		       sizeof(struct io_uring_sqe));
}

int lend_claim(unsigned count, uint64_t deadline,
	       struct lend_claim_handle **ret_claim)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_claim_handle *handle;
	void *memory;
	int err;

	lend_assert(self);
	if (!count)
		return -EINVAL;
	if (self->claim)
		return -EBUSY;
	lend__actor_sort_mail(self);
	if (self->cancelled)
		return -ECANCELED;
	if (lend__heap_alloc(&self->heap, sizeof(*handle), &memory))
		return -ENOMEM;
	handle = memory;
	handle->actor = self;
	handle->count = count;
	err = lend__suspend_claim(self, count, deadline, &handle->claim);
	if (err) {
		lend__heap_free(&self->heap, handle);
		return err;
	}
	zero_sqes(&handle->claim);
	self->claim = handle;
	lend__io_watch_end(self);
	*ret_claim = handle;
	return 0;
}

struct io_uring_sqe *lend_claim_sqe(struct lend_claim_handle *handle,
				    unsigned i)
{
	lend_assert(handle->actor->claim == handle && i < handle->count);
	return lend__claim_sqe(&handle->claim, i);
}

static void end_claim(struct lend_claim_handle *handle)
{
	struct lend_actor *self = handle->actor;

	self->claim = NULL;
	lend__heap_free(&self->heap, handle);
}

void lend_claim_abandon(struct lend_claim_handle *handle)
{
	struct lend_actor *self = handle->actor;

	lend_assert(self->claim == handle);
	if (handle->claim.ring)
		lend__claim_abandon(&lend__current_worker()->borrower,
				    &handle->claim);
	else
		lend__claims_free_storage(handle);
	end_claim(handle);
}

/* Bind a revoked claim to whatever ring is at hand now. */
static int bind_anew(struct lend_claim_handle *handle)
{
	struct lend_actor *self = handle->actor;
	struct io_uring_sqe *staged = handle->claim.staged;
	struct lend_claim fresh;
	int err;

	if (handle->claim.ring)
		return 0;
	err = lend__suspend_claim(self, handle->count, LEND_FOREVER, &fresh);
	if (err)
		return err;
	for (unsigned i = 0; i < handle->count; i++)
		*lend__claim_sqe(&fresh, i) = staged[i];
	lend__claims_free_storage(handle);
	lend__claim_note_bound(&lend__current_worker()->borrower,
			       &handle->claim, &fresh);
	handle->claim = fresh;
	return 0;
}

static int make_record(struct lend_claim_handle *handle, unsigned i,
		       struct lend_pending **ret_pending)
{
	struct lend_actor *self = handle->actor;
	int fd = lend__request_fd(lend__claim_sqe(&handle->claim, i));
	struct lend_pending *pending;
	void *memory;
	int err;

	err = fd < 0 ? 0 : lend__descriptor_enter(fd);
	if (err)
		return err;
	if (lend__heap_alloc(&self->heap, sizeof(*pending), &memory)) {
		if (fd >= 0)
			lend__descriptor_leave(fd);
		return -ENOMEM;
	}
	pending = memory;
	lend__io_op_init(&pending->io, self, fd);
	pending->io.once = true;
	pending->io.op.submitter = (uint8_t)lend__current_worker()->index;
	*ret_pending = pending;
	return 0;
}

static void drop_record(struct lend_pending *pending)
{
	if (pending->io.fd >= 0)
		lend__descriptor_leave(pending->io.fd);
	lend__op_fini(&pending->io.op);
	lend__heap_free(&pending->io.actor->heap, pending);
}

/* All records or none; there is no suspension between here and the commit. */
static int make_records(struct lend_claim_handle *handle,
			struct lend_pending **ret_pending)
{
	for (unsigned i = 0; i < handle->count; i++) {
		int err = make_record(handle, i, &ret_pending[i]);

		if (err) {
			while (i)
				drop_record(ret_pending[--i]);
			return err;
		}
	}
	return 0;
}

int lend_claim_commit(struct lend_claim_handle *handle,
		      struct lend_pending **ret_pending)
{
	struct lend_actor *self = handle->actor;
	int err;

	lend_assert(self->claim == handle);
	err = bind_anew(handle);
	if (!err)
		err = make_records(handle, ret_pending);
	if (err) {
		lend_claim_abandon(handle);
		return err;
	}
	for (unsigned i = 0; i < handle->count; i++) {
		struct lend_pending *pending = ret_pending[i];

		lend__claim_sqe(&handle->claim, i)->user_data =
			lend__op_user_data(&pending->io.op);
		pending->io.opcode = lend__claim_sqe(&handle->claim, i)->opcode;
		lend__io_watch_pending(pending);
	}
	lend__claim_commit(&lend__current_worker()->borrower, &handle->claim);
	end_claim(handle);
	return 0;
}
