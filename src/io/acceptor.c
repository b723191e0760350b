/*
 * The multishot accept: see acceptor.h.
 */
#include "io/acceptor.h"

#include <errno.h>
#include <lend/clock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "rt/current.h"
#include "rt/suspend.h"
#include "rt/worker.h"

static void accept_done(struct lend_op *op, int32_t res, uint32_t flags,
			bool more)
{
	struct lend_acceptor *acceptor =
		lend_container_of(op, struct lend_acceptor, pending.io.op);

	(void)flags;
	(void)more;
	if (res >= 0 && !lend__descriptor_push(&acceptor->accepted, res))
		close(res); /* beyond any limit the kernel has */
	/* Acquire-release, paired with the owner's store: whoever turns it
	 * from false to true owns the mail, and what was pushed before is seen
	 * by the owner after its store of false. */
	if (!atomic_exchange_explicit(&acceptor->mailed, true,
				      memory_order_acq_rel))
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
	atomic_init(&acceptor->mailed, false);
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
	struct lend_io io = {.self = self, .op = &acceptor->pending.io};
	int err = lend__descriptor_enter(acceptor->fd);

	if (err)
		return err;
	err = lend__suspend_claim(self, 1, deadline, true, &io.claim);
	if (err) {
		lend__descriptor_leave(acceptor->fd);
		return err;
	}
	/* Each arming is another operation to the kernel. */
	lend__op_init(&io.op->op, accept_done);
	io.sqe = lend__claim_sqe(&io.claim, 0);
	io_uring_prep_multishot_accept(io.sqe, acceptor->fd, NULL, NULL,
				       SOCK_CLOEXEC);
	acceptor->armed = true;
	acceptor->error = 0;
	lend__io_submit(&io);
	return 0;
}

/* Take what has come in. The order matters: mail first, then the flag, then
 * the results, so that a result that comes later brings new mail. */
static void collect(struct lend_acceptor *acceptor)
{
	struct lend_io_op *op = &acceptor->pending.io;
	uint32_t list;

	lend__actor_sort_mail(op->actor);
	if (!op->mail.arrived)
		return;
	op->mail.arrived = false;
	atomic_exchange_explicit(&acceptor->mailed, false,
				 memory_order_acq_rel);
	list = lend__descriptor_take_all(&acceptor->accepted);
	if (!acceptor->taken) {
		/* Newest first: turn it round. */
		while (list)
			lend__descriptor_prepend(&acceptor->taken,
						 lend__descriptor_next(&list));
	} else {
		/* Some are left: serving these first is fairer than walking
		 * to the end, and they are few. */
		while (list)
			lend__descriptor_push(&acceptor->accepted,
					      lend__descriptor_next(&list));
		op->mail.arrived = true;
		atomic_store_explicit(&acceptor->mailed, true,
				      memory_order_relaxed);
	}
	if (acceptor->armed && !op->op.in_flight) {
		acceptor->armed = false;
		if (op->op.res < 0)
			acceptor->error = op->op.res;
		lend__descriptor_leave(acceptor->fd);
	}
}

int lend__acceptor_next(struct lend_acceptor *acceptor, uint64_t deadline)
{
	struct lend_actor *self = acceptor->pending.io.actor;

	for (;;) {
		int err;

		collect(acceptor);
		if (acceptor->taken)
			return lend__descriptor_next(&acceptor->taken);
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
		}
		err = lend__suspend(self, deadline);
		if (err)
			return err;
	}
}

void lend__acceptor_pause(struct lend_acceptor *acceptor)
{
	struct lend_io_op *op = &acceptor->pending.io;

	collect(acceptor);
	while (acceptor->armed) {
		lend__io_cancel(&op->op, op->op.submitter);
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
