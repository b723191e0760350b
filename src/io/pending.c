/*
 * Pendings: see include/lend/pending.h and pending.h.
 *
 * One that its CQE says is over may have to go on all the same: Note [again] in
 * await.h. That is decided once, when its actor first looks (settle()), and
 * until there was room to submit it again it is due. What it needs for that is
 * its template; one of a claim has none (once).
 */
#include "io/pending.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "actor/message.h"
#include "base/check.h"
#include "io/message.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

/* Between two looks for room to submit what is due, when others are awaited. */
#define DUE_AGAIN_NS LEND_MS

/* In the mail's spare bits, until it is cancelled: submissions in a row, and
 * when. */
#define AGAIN_BITS	6
#define AGAIN_MASK	((1u << AGAIN_BITS) - 1)
#define AGAIN_TICK_MASK (LEND_IO_CANCELLED - 1 - AGAIN_MASK)
#define AGAIN_TICK_BITS 24 /* 16.8 ms */

_Static_assert(LEND_IO_AGAIN_MAX - 1 <= AGAIN_MASK, "they are counted there");

static inline void check_caller(const struct lend_pending *pending)
{
	lend_assert_own(pending->io.actor == lend__current_actor(), "a handle",
			"the actor that has started the operation");
}

/* ---- starting ---- */

int lend__pending_begin(struct lend_io *io, int fd,
			struct lend_pending **ret_pending)
{
	int err = lend__io_begin_record(io, fd, sizeof(struct lend_pending));

	if (err)
		return err;
	err = lend__io_claim(io, LEND_FOREVER);
	if (err) {
		lend__io_drop(io);
		return err;
	}
	*ret_pending = lend_container_of(io->op, struct lend_pending, io);
	lend__io_watch_pending(*ret_pending);
	return 0;
}

void lend__pending_keep(struct lend_pending *pending,
			const struct io_uring_sqe *sqe)
{
	/* The operations of the table use nothing else. */
	lend_debug_assert(!sqe->flags && !sqe->ioprio && !sqe->buf_index &&
			  !sqe->personality);
	pending->io.connects = sqe->opcode == IORING_OP_CONNECT;
	pending->again = (struct lend_io_template){
		.off = sqe->off,
		.addr = sqe->addr,
		.addr3 = sqe->addr3,
		.fd = sqe->fd,
		.len = sqe->len,
		.op_flags = (uint32_t)sqe->rw_flags,
		.file_index = sqe->file_index,
	};
}

void lend__pending_submit(struct lend_io *io, struct lend_pending *pending)
{
	lend__pending_keep(pending, io->sqe);
	lend__io_submit(io);
}

int lend__pending_over(unsigned opcode, int result,
		       struct lend_pending **ret_pending)
{
	struct lend_pending *pending;
	struct lend_io io;
	int err = lend__io_begin_record(&io, -1, sizeof(*pending));

	if (err) {
		lend__io_discard(opcode, result);
		return err;
	}
	pending = lend_container_of(io.op, struct lend_pending, io);
	lend__io_watch_pending(pending);
	pending->io.opcode = (uint8_t)opcode;
	pending->io.op.res = result;
	pending->io.mail.arrived = true;
	pending->io.settled = true;
	*ret_pending = pending;
	return 0;
}

/* ---- going on ---- */

static void fill(struct io_uring_sqe *sqe, const struct lend_pending *pending)
{
	const struct lend_io_template *again = &pending->again;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = pending->io.opcode;
	sqe->fd = again->fd;
	if (pending->io.connects && sqe->opcode == IORING_OP_POLL_ADD) {
		io_uring_prep_poll_add(sqe, again->fd, POLLOUT);
		return;
	}
	sqe->off = again->off;
	sqe->addr = again->addr;
	sqe->addr3 = again->addr3;
	sqe->len = again->len;
	sqe->rw_flags = (__kernel_rwf_t)again->op_flags;
	sqe->file_index = again->file_index;
}

/* As often as LEND_IO_AGAIN_MAX in a tick: then it is the operation's own. */
static bool may_go_on(struct lend_io_op *op)
{
	unsigned tick = (unsigned)(lend_now() >> AGAIN_TICK_BITS)
				<< AGAIN_BITS &
			AGAIN_TICK_MASK;
	unsigned count = op->mail.spare & AGAIN_MASK;

	if (tick != (op->mail.spare & ~AGAIN_MASK))
		count = 0;
	if (count == LEND_IO_AGAIN_MAX - 1)
		return false;
	op->mail.spare = (uint16_t)(tick | (count + 1));
	return true;
}

/* What was begun goes on in the socket though its operation was undone: one
 * that is submitted again finds it half done, or done. */
static bool connect_goes_on(struct lend_io_op *op)
{
	if (op->opcode == IORING_OP_POLL_ADD && op->op.res >= 0) {
		op->opcode = IORING_OP_CONNECT;
		return true;
	}
	if (!op->again)
		return false;
	if (op->op.res == -EALREADY) {
		op->opcode = IORING_OP_POLL_ADD;
		return true;
	}
	if (op->op.res == -EISCONN)
		op->op.res = 0;
	return false;
}

static bool goes_on(struct lend_io_op *op)
{
	if (op->once)
		return false;
	if (op->connects && connect_goes_on(op))
		return true;
	return lend__io_is_undone(op) && may_go_on(op);
}

/* The result as its author knows it. */
static int final_result(const struct lend_io_op *op)
{
	int res = op->op.res;

	if (res == -ETIME && op->opcode == IORING_OP_TIMEOUT && !op->once)
		return 0;
	if (res != -ECANCELED && lend__io_is_interruption(res))
		return op->asked || op->actor->cancelled ? -ECANCELED : -EINTR;
	return res;
}

/* The sender's address is where the caller wants it; its size the kernel has
 * put into our header. */
static void tell_sender(const struct lend_pending *pending)
{
	const struct lend_message_from *from =
		(const struct lend_message_from *)(uintptr_t)
			pending->again.addr;

	if (pending->io.op.res >= 0 && from->size)
		*from->size = from->header.msg_namelen;
}

/* Its CQE has come. False: it is due. */
static bool settle(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;

	if (op->settled)
		return true;
	if (!op->due)
		op->due = goes_on(op);
	if (op->due) {
		if (!op->asked && !op->actor->cancelled)
			return false;
		op->due = false;
		op->op.res = -ECANCELED;
	}
	op->op.res = final_result(op);
	op->settled = true;
	if (op->from)
		tell_sender(pending);
	return true;
}

/* Submit what is due. Unless it says 0 nothing has changed, or it is over. */
static int go_on(struct lend_pending *pending, uint64_t deadline)
{
	struct lend_io io;
	int err = lend__io_renew_pending(&io, pending, deadline);

	if (err == -EBADF) {
		/* Closed meanwhile, and perhaps another file by now. */
		pending->io.asked = true;
		settle(pending);
		return 0;
	}
	if (err)
		return err == -EAGAIN ? -ETIMEDOUT : err;
	pending->io.due = false;
	pending->io.again = true;
	fill(io.sqe, pending);
	lend__io_submit(&io);
	return 0;
}

/* Is it over? Without waiting for anything. */
static bool is_over(struct lend_pending *pending)
{
	if (!lend__io_done(&pending->io))
		return false;
	if (!settle(pending))
		(void)go_on(pending, LEND_NOW);
	return pending->io.settled;
}

/* ---- waiting ---- */

static int await(struct lend_pending *pending, uint64_t deadline, bool cancel)
{
	struct lend_io_op *op = &pending->io;

	for (;;) {
		int res = lend__io_await(op, deadline, cancel);

		if (!op->mail.arrived)
			return res;
		if (settle(pending)) {
			lend__io_see_pending(pending);
			/* Of a cancellation it knows the reason. */
			return op->op.res == -ECANCELED && res == -ETIMEDOUT ?
				       res :
				       op->op.res;
		}
		res = go_on(pending, deadline);
		if (res && res != -ECANCELED)
			return res;
	}
}

int lend_pending_await(struct lend_pending *pending, uint64_t deadline)
{
	check_caller(pending);
	lend__turn_spend(pending->io.actor);
	return await(pending, deadline, false);
}

int lend__pending_finish(struct lend_pending *pending, uint64_t deadline)
{
	int res = await(pending, deadline, true);

	lend_pending_free(pending);
	return res;
}

bool lend_pending_done(struct lend_pending *pending)
{
	check_caller(pending);
	lend__actor_sort_mail(pending->io.actor);
	return is_over(pending);
}

int lend_pending_result(struct lend_pending *pending)
{
	if (!lend_pending_done(pending))
		return -EINPROGRESS;
	lend__io_see_pending(pending);
	return pending->io.op.res;
}

int lend_pending_await_all(struct lend_pending *const *pendings, unsigned count,
			   uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend__turn_spend(self);
	for (unsigned i = 0; i < count; i++) {
		bool seen;
		int res;

		if (!pendings[i])
			continue;
		check_caller(pendings[i]);
		seen = pendings[i]->io.seen;
		res = await(pendings[i], deadline, false);
		if (!pendings[i]->io.settled)
			return res;
		/* It was not told. */
		pendings[i]->io.seen = seen;
	}
	return self->cancelled ? -ECANCELED : 0;
}

/* One of them that is over; or -EINVAL if there is none at all; or -EAGAIN, and
 * when to look again though nothing happened. */
static int find_over(struct lend_pending *const *pendings, unsigned count,
		     uint64_t *wake_ns)
{
	bool any = false;

	for (unsigned i = 0; i < count; i++) {
		struct lend_pending *pending = pendings[i];
		uint64_t again_ns = LEND_FOREVER;

		if (!pending)
			continue;
		any = true;
		check_caller(pending);
		lend__io_make_loud(&pending->io);
		if (is_over(pending))
			return (int)i;
		if (pending->io.due)
			again_ns = lend_after(DUE_AGAIN_NS);
		if (again_ns < *wake_ns)
			*wake_ns = again_ns;
	}
	return any ? -EAGAIN : -EINVAL;
}

int lend_pending_await_any(struct lend_pending *const *pendings, unsigned count,
			   uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend__turn_spend(self);
	lend__actor_sort_mail(self);
	for (;;) {
		uint64_t wake_ns = deadline;
		int found = find_over(pendings, count, &wake_ns);

		if (found != -EAGAIN)
			return found;
		if (self->cancelled)
			return -ECANCELED;
		if (deadline != LEND_FOREVER && lend_now() >= deadline)
			return -ETIMEDOUT;
		for (unsigned i = 0; i < count; i++)
			if (pendings[i])
				lend__io_note_wait(&pendings[i]->io);
		lend__suspend(self, wake_ns);
		lend__io_note_waited(self);
	}
}

/* ---- ending ---- */

void lend_pending_cancel(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;

	check_caller(pending);
	lend__actor_sort_mail(op->actor);
	op->asked = true;
	if (!lend__io_done(op))
		lend__pending_cancel(pending);
	else
		settle(pending);
}

void lend_pending_free(struct lend_pending *pending)
{
	if (!pending)
		return;
	check_caller(pending);
	lend__io_abort(&pending->io);
	lend__io_end_pending(pending);
}

/* ---- mail of those that nobody awaits ---- */

static struct lend_pending *of_mail(struct lend_mail *mail)
{
	return lend_container_of(mail, struct lend_pending, io.mail);
}

static void free_orphan(struct lend_mail *mail)
{
	struct lend_pending *pending = of_mail(mail);

	lend__pending_orphan_over(pending);
	lend__io_end_pending(pending);
}

static int take_notice(struct lend_mail *mail, struct lend_msg **ret_msg)
{
	struct lend_pending *pending = of_mail(mail);
	struct lend_actor *self = pending->io.actor;
	struct lend_notice notice = { .pending = pending };
	struct lend_msg *msg;

	if (!settle(pending)) {
		/* In flight again, or, if it was closed, over: look again. */
		int err = go_on(pending, LEND_FOREVER);

		return err ? err : -EAGAIN;
	}
	notice.result = pending->io.op.res;
	msg = lend__message_new(NULL, lend__actor_ref(self), mail->type,
				&notice, sizeof(notice));
	if (!msg)
		return -ENOMEM;
	lend__actor_remove_mail(self, mail);
	mail->kind = LEND_MAIL_OP;
	lend__io_see_pending(pending);
	*ret_msg = msg;
	return 0;
}

const struct lend_mail_calls lend__pending_mail_calls = {
	.orphan = free_orphan,
	.notice = take_notice,
	.closing = lend__pending_end_closing,
	.cancel_again = lend__pending_cancel_again,
};

void lend_pending_notify(struct lend_pending *pending, uint32_t type)
{
	struct lend_io_op *op = &pending->io;

	check_caller(pending);
	lend__actor_sort_mail(op->actor);
	lend__io_make_loud(op);
	op->mail.type = type;
	if (op->mail.arrived && op->mail.kind != LEND_MAIL_NOTICE)
		lend__actor_append_mail(op->actor, &op->mail);
	op->mail.kind = LEND_MAIL_NOTICE;
}

void lend_pending_abandon(struct lend_pending *pending)
{
	if (!pending)
		return;
	check_caller(pending);
	lend__actor_sort_mail(pending->io.actor);
	lend__io_make_loud(&pending->io);
	if (pending->io.mail.arrived) {
		lend__io_end_pending(pending);
		return;
	}
	pending->io.mail.kind = LEND_MAIL_ORPHAN;
	lend__pending_orphan(pending);
}
