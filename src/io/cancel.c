/*
 * Cancelling in the kernel: see cancel.h. Called by await.c and close.c.
 */
#include "io/cancel.h"

#include <errno.h>
#include <lend/clock.h>
#include <string.h>

#include "arbiter/arbiter.h"
#include "io/await.h"
#include "io/pending.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"
#include "uring/ring.h"
#include "uring/sys.h"

/* Of a descriptor's operations the kernel says how many it has found. */
static int cancel_by_call(struct lend_ring *ring,
			  const struct lend_target *target)
{
	int res;

	struct io_uring_sync_cancel_reg cancel = {
		.addr = target->user_data,
		.fd = target->fd,
		.timeout = { 0, 0 },
	};

	if (target->fd >= 0)
		cancel.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
	res = lend__sys_register(lend__ring_fd(ring),
				 IORING_REGISTER_SYNC_CANCEL, &cancel, 1);
	return res == 0 && target->fd >= 0 ? -ENOENT : res;
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
	lend__claims_revoke(self);
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

/*
 * Note [cancel again]
 * Each attempt searches the kernel's lists, for an operation that is not there
 * any more all of one. When a hundred thousand are cancelled at once, their
 * ends take longer to come than the shortest wait, and if all asked again every
 * time it passed they would keep each other from ending. So who was found waits
 * longer, and who was not waits twice as long after each round over all
 * workers: an operation that can not be interrupted, on a disk that does not
 * answer, may take for ever.
 */
#define AGAIN_DOUBLINGS_MAX 7

uint64_t lend__cancel_again_after(int found, unsigned attempt, unsigned workers)
{
	unsigned doublings = attempt / workers;

	if (found >= 0)
		return LEND_IO_CANCEL_FOUND_NS;
	if (doublings > AGAIN_DOUBLINGS_MAX)
		doublings = AGAIN_DOUBLINGS_MAX;
	return LEND_IO_CANCEL_AGAIN_NS << doublings;
}

/* What the kernel said, or -EAGAIN if it was not asked. */
static int cancel(struct lend_actor *self, struct lend_io_op *io,
		  unsigned attempt, unsigned workers)
{
	const struct lend_op *op = &lend__pending_first(io)->op;
	struct lend_ring *ring = op->ring;
	struct lend_target target = {
		.user_data = lend__op_user_data(op),
		.fd = -1,
	};
	int found;

	io->asked = true;
	/* A ring with a single issuer takes nothing from other threads. */
	if (ring->deferred) {
		unsigned owner = ring->index;

		lend__suspend_move(self, owner);
		/* If it has not ended on the way, its ring is there. */
		if (self->worker->index == owner && !io->mail.arrived)
			return lend__cancel_on_ring(ring, &target);
		/* Taken over on the way: the caller tries again. */
		return -EAGAIN;
	}
	found = lend__cancel_on_ring(ring, &target);
	if (found != -ENOENT)
		return found;
	/* What a kernel thread works on for a worker can be found only from
	 * that worker's thread: the one that entered. Usually that is the one
	 * which published, but it may be any. */
	lend__suspend_move(self, (op->submitter + attempt) % workers);
	/* On the way it may have ended, and its ring have been closed. */
	return io->mail.arrived ? -EAGAIN : lend__cancel_on_ring(ring, &target);
}

uint64_t lend__io_cancel(struct lend_io_op *io, unsigned attempt)
{
	struct lend_actor *self = lend__current_actor();
	unsigned workers = lend__runtime_count(self->worker->runtime);
	int found = cancel(self, io, attempt, workers);

	lend__suspend_return(self);
	return lend__cancel_again_after(found, attempt, workers);
}

/*
 * Note [cancelled]
 * Who cancels a pending need not wait for it next: its notice may be one of
 * many messages, or it is looked for now and then. So it is remembered in the
 * record when to cancel it again, and in the actor the earliest of these
 * moments. When that has passed, the next call of the actor that waits or
 * yields, whatever for, comes here first, on its way to its wait; while it
 * waits it is woken then. That takes no memory and no other actor, so there is
 * nothing that could be refused, and each is asked about as often as if it were
 * awaited. An actor that does neither keeps its worker for itself, and learns
 * of no end anyway.
 *
 * Who has many is not to go through all of them for each: those whose time is
 * near are taken along, and LEND_IO_CANCEL_AGAIN_NS pass from one time to the
 * next.
 */

static void ask(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;
	unsigned attempt = op->mail.spare & ~LEND_IO_CANCELLED;

	op->mail.spare = (uint16_t)((attempt + 1) | LEND_IO_CANCELLED);
	pending->again.cancel_again_ns = lend_after(
		lend__io_cancel(op, attempt));
}

void lend__pending_cancel(struct lend_pending *pending)
{
	struct lend_actor *self = pending->io.actor;

	if (!(pending->io.mail.spare & LEND_IO_CANCELLED))
		pending->io.mail.spare = LEND_IO_CANCELLED;
	ask(pending);
	if (!lend__io_done(&pending->io) &&
	    pending->again.cancel_again_ns < self->cancel_again_ns)
		lend__actor_cancel_again(self, pending->again.cancel_again_ns);
}

/* Is it in flight, and cancelled by its actor, which has not abandoned it? */
static bool is_to_end(struct lend_pending *pending)
{
	return !pending->end && pending->io.mail.spare & LEND_IO_CANCELLED &&
	       pending->io.mail.kind != LEND_MAIL_ORPHAN &&
	       !lend__io_done(&pending->io);
}

void lend__pending_cancel_again(struct lend_actor *self)
{
	uint64_t near_ns = lend_after(LEND_IO_CANCEL_AGAIN_NS);
	uint64_t next_ns = LEND_FOREVER, soonest_ns;

	/* On the way to other workers mail is taken, which frees what was
	 * abandoned, but not the one that is looked at. */
	lend_list_for_each (link, &self->pendings) {
		struct lend_pending *pending = lend_container_of(
			link, struct lend_pending, link);

		if (!is_to_end(pending))
			continue;
		if (pending->again.cancel_again_ns <= near_ns)
			ask(pending);
		if (pending->again.cancel_again_ns < next_ns)
			next_ns = pending->again.cancel_again_ns;
	}
	soonest_ns = lend_after(LEND_IO_CANCEL_AGAIN_NS);
	lend__actor_cancel_again(self,
				 next_ns < soonest_ns ? soonest_ns : next_ns);
}
