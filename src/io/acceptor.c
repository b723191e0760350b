/*
 * The acceptor, a multishot accept where there is one: see acceptor.h.
 *
 * The poller, on any worker, pushes what was accepted and then sets MAILED;
 * whoever sets it puts the mail into the mailbox, so it is there at most once.
 * The actor takes the mail, clears the word, then takes what was pushed: what
 * comes after that sets MAILED anew. ENDED comes with the operation's last CQE,
 * in the same step, after which the poller touches the record no more, but for
 * the delivery if that is its duty; so the actor believes only an ENDED that
 * came out of the word, never the record itself.
 */
#include "io/acceptor.h"

#include <errno.h>
#include <lend/clock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"

#define MAILED UINT32_C(1)
#define ENDED  UINT32_C(2)

static void accept_done(struct lend_op *op, int32_t res, uint32_t flags,
			bool more)
{
	struct lend_acceptor *acceptor = lend_container_of(
		op, struct lend_acceptor, pending.io.op);

	uint32_t before;

	(void)flags;
	if (res >= 0 && !lend__descriptor_push(&acceptor->accepted, res))
		close(res); /* beyond any limit the kernel has */
	/* Release [I1], paired with collect(): what was pushed, and op.res. */
	before = atomic_fetch_or_explicit(&acceptor->state,
					  more ? MAILED : MAILED | ENDED,
					  memory_order_acq_rel);
	if (!(before & MAILED))
		lend__actor_deliver(acceptor->pending.io.actor,
				    &acceptor->pending.io.mail);
}

static void end_with_actor(struct lend_pending *pending)
{
	lend__acceptor_close(
		lend_container_of(pending, struct lend_acceptor, pending));
}

int lend__acceptor_open(int fd, struct lend_acceptor **home)
{
	struct lend_acceptor *acceptor = lend_io_alloc(sizeof(*acceptor));

	if (!acceptor)
		return -ENOMEM;
	lend__io_op_init(&acceptor->pending.io, lend__current_actor(), -1);
	acceptor->pending.io.op.done = accept_done;
	acceptor->pending.end = end_with_actor;
	lend_list_push_back(&lend__current_actor()->pendings,
			    &acceptor->pending.link);
	lend__io_watch_end(lend__current_actor());
	acceptor->fd = fd;
	acceptor->armed = false;
	atomic_init(&acceptor->state, 0);
	atomic_init(&acceptor->accepted.head, 0);
	acceptor->taken = 0;
	acceptor->error = 0;
	acceptor->home = home;
	*home = acceptor;
	return 0;
}

static int arm(struct lend_acceptor *acceptor, uint64_t deadline)
{
	struct lend_actor *self = acceptor->pending.io.actor;
	struct lend_io io = { .self = self, .op = &acceptor->pending.io };
	int err = lend__descriptor_enter(acceptor->fd);

	if (err)
		return err;
	err = lend__suspend_claim(self, 1, deadline, &io.claim);
	if (err) {
		lend__descriptor_leave(acceptor->fd);
		return err;
	}
	/* Each arming is another operation to the kernel. */
	lend__op_init(&io.op->op, accept_done);
	io.op->asked = false;
	io.sqe = lend__claim_sqe(&io.claim, 0);
	io_uring_prep_accept(io.sqe, acceptor->fd, NULL, NULL, SOCK_CLOEXEC);
	/* Without it each connection ends the operation, and the next call
	 * arms it again. */
	if (self->worker->runtime->arbiter.features.multishot)
		io.sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
	acceptor->armed = true;
	acceptor->error = 0;
	lend__io_submit(&io);
	return 0;
}

/* Put what was pushed, newest first, behind what was taken before. */
static void take_accepted(struct lend_acceptor *acceptor)
{
	uint32_t list = lend__descriptor_take_all(&acceptor->accepted);
	uint32_t oldest_first = 0;
	int newest = (int)list - 1;

	if (!list)
		return;
	while (list)
		lend__descriptor_prepend(&oldest_first,
					 lend__descriptor_next(&list));
	if (acceptor->taken)
		lend__descriptor_append(acceptor->taken_last, oldest_first);
	else
		acceptor->taken = oldest_first;
	acceptor->taken_last = newest;
}

static void collect(struct lend_acceptor *acceptor)
{
	struct lend_io_op *op = &acceptor->pending.io;
	uint32_t state;

	lend__actor_sort_mail(op->actor);
	if (!op->mail.arrived)
		return;
	op->mail.arrived = false;
	/* Acquire [I1]. */
	state = atomic_exchange_explicit(&acceptor->state, 0,
					 memory_order_acq_rel);
	take_accepted(acceptor);
	if (!(state & ENDED))
		return;
	acceptor->armed = false;
	/* Not an error if nobody asked for it: the next call arms it anew.
	 * The descriptor is not the record's, so it is told by hand. */
	op->fd = acceptor->fd;
	if (op->op.res < 0 && !lend__io_is_undone(op))
		acceptor->error = op->op.res;
	op->fd = -1;
	lend__descriptor_leave(acceptor->fd);
}

/* What waits in the kernel's queue at this moment. */
static int accept_now(const struct lend_acceptor *acceptor)
{
	int fd = accept4(acceptor->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

int lend__acceptor_next(struct lend_acceptor *acceptor, uint64_t deadline)
{
	struct lend_actor *self = acceptor->pending.io.actor;

	for (;;) {
		int err;

		collect(acceptor);
		if (acceptor->taken)
			return lend__descriptor_next(&acceptor->taken);
		/* Does not wait, so a cancelled actor may, too. */
		if (deadline == LEND_NOW)
			return accept_now(acceptor);
		if (self->cancelled)
			return -ECANCELED;
		if (acceptor->error) {
			err = acceptor->error;
			acceptor->error = 0;
			return err;
		}
		if (deadline != LEND_FOREVER && lend_now() >= deadline)
			return -ETIMEDOUT;
		if (!acceptor->armed) {
			err = arm(acceptor, deadline);
			if (err)
				return err;
			/* It may have waited for room, and taken the mail of
			 * a cancellation, which wakes nobody twice. */
			continue;
		}
		lend__io_note_wait(&acceptor->pending.io);
		err = lend__suspend(self, deadline);
		lend__io_note_waited(self);
		if (err)
			return err;
	}
}

void lend__acceptor_pause(struct lend_acceptor *acceptor)
{
	struct lend_io_op *op = &acceptor->pending.io;

	collect(acceptor);
	for (unsigned attempt = 0; acceptor->armed; attempt++) {
		lend__io_cancel(op, attempt);
		collect(acceptor);
		if (acceptor->armed)
			lend__suspend(op->actor, lend_after(5 * LEND_MS));
		collect(acceptor);
	}
	if (acceptor->error == -ECANCELED)
		acceptor->error = 0;
}

void lend__acceptor_close(struct lend_acceptor *acceptor)
{
	uint32_t list;

	lend__acceptor_pause(acceptor);
	while (acceptor->taken)
		close(lend__descriptor_next(&acceptor->taken));
	list = lend__descriptor_take_all(&acceptor->accepted);
	while (list)
		close(lend__descriptor_next(&list));
	*acceptor->home = NULL;
	lend_list_remove(&acceptor->pending.link);
	lend__op_fini(&acceptor->pending.io.op);
	lend_io_free(acceptor);
}
