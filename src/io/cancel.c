/*
 * Cancelling in the kernel: see cancel.h. Called by await.c and close.c.
 */
#include "io/cancel.h"

#include <errno.h>
#include <string.h>

#include "arbiter/arbiter.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/worker.h"
#include "uring/ring.h"
#include "uring/sys.h"

static int cancel_by_call(struct lend_ring *ring,
			  const struct lend_target *target)
{
	struct io_uring_sync_cancel_reg cancel = {
		.addr = target->user_data,
		.fd = target->fd,
		.timeout = { 0, 0 },
	};

	if (target->fd >= 0)
		cancel.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
	return lend__sys_register(lend__ring_fd(ring),
				  IORING_REGISTER_SYNC_CANCEL, &cancel, 1);
}

void lend__cancel_from_poller(struct lend_ring *ring, uint64_t user_data)
{
	const struct lend_target target = { .user_data = user_data, .fd = -1 };

	(void)cancel_by_call(ring, &target);
}

/* What a kernel thread works on is found only from the thread that submitted.
 * If that is the ring's polling thread, an SQE makes it look. Nobody waits for
 * the cancellation's own CQE: it has no user_data. */
static void cancel_by_sqe(struct lend_ring *ring,
			  const struct lend_target *target)
{
	struct lend_actor *self = lend__current_actor();
	struct io_uring_sqe sqe;

	/* This worker must be outside any claim. */
	if (self->claim && lend__claims_revoke(self))
		return;
	memset(&sqe, 0, sizeof(sqe));
	if (target->fd >= 0)
		io_uring_prep_cancel_fd(&sqe, target->fd,
					IORING_ASYNC_CANCEL_ALL);
	else
		io_uring_prep_cancel64(&sqe, target->user_data, 0);
	/* Without room, or a ring: the caller comes back. */
	(void)lend__arbiter_insert(&lend__current_worker()->borrower, ring,
				   &sqe);
}

int lend__cancel_on_ring(struct lend_ring *ring,
			 const struct lend_target *target)
{
	int res;

	/* It may still be in the submission queue. */
	if (lend__ring_unsubmitted(ring))
		lend__arbiter_clear(&lend__current_worker()->borrower, ring);
	res = cancel_by_call(ring, target);
	if (res == -ENOENT && ring->sqpoll)
		cancel_by_sqe(ring, target);
	return res;
}
