/*
 * Claims for users: see include/lend/claim.h.
 */
#include <lend/claim.h>

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "io/await.h"
#include "io/descriptors.h"
#include "io/hold.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/places.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"
#include "uring/opcode.h"

/* Without a completion nobody would learn of the end; a drain would hold up
 * what others have in the same ring; and in the place of a descriptor would be
 * a number that means nothing there. */
#define FLAGS_REFUSED                                                          \
	(IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_DRAIN | IOSQE_FIXED_FILE)

static void zero_sqes(const struct lend_claim *claim)
{
	/* Slots hold what was submitted there a round ago. */
	for (unsigned i = 0; i < claim->count; i++)
		memset(lend__claim_sqe(claim, i), 0,
		       sizeof(struct io_uring_sqe));
}

static bool is_beside(unsigned count)
{
	return count <= LEND_CLAIMS_BESIDE;
}

static struct lend_claim_handle *new_handle(struct lend_actor *self,
					    unsigned count)
{
	size_t sqes = is_beside(count) ? count * sizeof(struct io_uring_sqe) :
					 0;
	struct lend_claim_handle *handle;
	void *memory;

	if (lend__heap_alloc(&self->heap, sizeof(*handle) + sqes, &memory))
		return NULL;
	handle = memory;
	handle->actor = self;
	handle->count = count;
	handle->reserve = sqes ? handle->sqes : NULL;
	return handle;
}

/* What does not lie beside the actor. */
static int reserve(struct lend_claim_handle *handle)
{
	size_t size = handle->count * sizeof(struct io_uring_sqe);

	if (handle->reserve)
		return 0;
	if (size <= LEND_HEAP_HOME_SPAN_MAX)
		size = LEND_HEAP_HOME_SPAN_MAX + 1;
	return lend__heap_alloc(&handle->actor->heap, size, &handle->reserve) ?
		       -ENOMEM :
		       0;
}

static void free_handle(struct lend_claim_handle *handle)
{
	struct lend_heap *heap = &handle->actor->heap;

	if (!is_beside(handle->count))
		lend__heap_free(heap, handle->reserve);
	lend__heap_free(heap, handle);
}

int lend_claim(unsigned count, uint64_t deadline,
	       struct lend_claim_handle **ret_claim)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_claim_handle *handle;
	int err;

	lend_assert_actor(self);
	if (!count)
		return -EINVAL;
	if (self->claim)
		return -EBUSY;
	lend__turn_spend(self);
	lend__actor_sort_mail(self);
	if (self->cancelled)
		return -ECANCELED;
	handle = new_handle(self, count);
	if (!handle)
		return -ENOMEM;
	err = lend__suspend_claim(self, count, deadline, &handle->claim);
	if (!err) {
		err = reserve(handle);
		if (err)
			lend__claim_abandon(&self->worker->borrower,
					    &handle->claim);
	}
	if (err) {
		free_handle(handle);
		return err;
	}
	zero_sqes(&handle->claim);
	self->claim = handle;
	lend__io_watch_end(self);
	if (lend__places_used())
		lend__place_note(LEND_PLACE_CLAIM, (uintptr_t)handle);
	*ret_claim = handle;
	return 0;
}

struct io_uring_sqe *lend_claim_sqe(struct lend_claim_handle *handle,
				    unsigned i)
{
	lend_assert(handle->actor->claim == handle && i < handle->count);
	return lend__claim_sqe(&handle->claim, i);
}

/* Its claim is open, and it is calling. */
static inline void check_caller(const struct lend_claim_handle *handle)
{
	lend_assert_own(handle->actor == lend__current_actor(), "a claim",
			"the actor that has made it");
	lend_assert(handle->actor->claim == handle);
}

static void end_claim(struct lend_claim_handle *handle)
{
	struct lend_actor *self = handle->actor;

	if (lend__places_used())
		lend__place_forget(LEND_PLACE_CLAIM, (uintptr_t)handle);
	self->claim = NULL;
	free_handle(handle);
}

void lend_claim_abandon(struct lend_claim_handle *handle)
{
	check_caller(handle);
	if (handle->claim.ring)
		lend__claim_abandon(&lend__current_worker()->borrower,
				    &handle->claim);
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
	lend__claim_note_bound(&lend__current_worker()->borrower,
			       &handle->claim, &fresh);
	handle->claim = fresh;
	return 0;
}

static int make_record(struct lend_claim_handle *handle, unsigned i,
		       struct lend_pending **ret_pending)
{
	const struct io_uring_sqe *sqe = lend__claim_sqe(&handle->claim, i);
	struct lend_actor *self = handle->actor;
	int fd = lend__opcode_fd(sqe);
	struct lend_pending *pending;
	void *memory;
	int err;

	if (sqe->flags & FLAGS_REFUSED)
		return -EINVAL;
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

/* Its time was kept in the SQE itself until there was memory that stays. */
static void place_time(struct io_uring_sqe *sqe, struct lend_pending *pending)
{
	if (sqe->opcode != IORING_OP_LINK_TIMEOUT || sqe->addr)
		return;
	pending->time = (struct __kernel_timespec){
		.tv_sec = (int64_t)(sqe->off / LEND_S),
		.tv_nsec = (int64_t)(sqe->off % LEND_S),
	};
	sqe->addr = (uint64_t)(uintptr_t)&pending->time;
	sqe->off = 0;
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

/* Is the next SQE linked behind this one? A chain ends with its claim. */
static bool links(const struct lend_claim_handle *handle, unsigned i)
{
	return i + 1 < handle->count &&
	       lend__claim_sqe(&handle->claim, i)->flags &
		       (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
}

int lend_claim_commit(struct lend_claim_handle *handle,
		      struct lend_pending **ret_pending)
{
	int err;

	check_caller(handle);
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
		place_time(lend__claim_sqe(&handle->claim, i), pending);
		lend__hold(&pending->io, lend__claim_sqe(&handle->claim, i));
		pending->again.op_flags = links(handle, i) ? LEND_IO_LINKS : 0;
	}
	lend__claim_commit(&lend__current_worker()->borrower, &handle->claim);
	end_claim(handle);
	return 0;
}

void lend_claim_link_timeout(struct lend_claim_handle *handle, unsigned i,
			     uint64_t deadline)
{
	struct io_uring_sqe *sqe;

	lend_assert(i > 0);
	lend_claim_sqe(handle, i - 1)->flags |= IOSQE_IO_LINK;
	sqe = lend_claim_sqe(handle, i);
	io_uring_prep_link_timeout(sqe, NULL, IORING_TIMEOUT_ABS);
	sqe->off = deadline;
}

int lend_claim_run(struct lend_claim_handle *handle, int *ret_results)
{
	struct lend_actor *self = handle->actor;
	unsigned count = handle->count;
	struct lend_pending **pendings;
	void *memory;
	int err;

	check_caller(handle);
	if (lend__heap_alloc(&self->heap, count * sizeof(struct lend_pending *),
			     &memory)) {
		lend_claim_abandon(handle);
		return -ENOMEM;
	}
	pendings = memory;
	err = lend_claim_commit(handle, pendings);
	for (unsigned i = 0; i < count && !err; i++) {
		ret_results[i] = lend_pending_await(pendings[i], LEND_FOREVER);
		lend_pending_free(pendings[i]);
	}
	lend__heap_free(&self->heap, memory);
	return err;
}
