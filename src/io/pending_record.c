/*
 * The record of a pending that users see, from its beginning to its end: see
 * await.h. Called by pending.c, request.c and claim.c; what the poller does at
 * the end of such an operation is here, too.
 */
#include <unistd.h>

#include "io/await.h"
#include "io/descriptors.h"
#include "rt/places.h"
#include "rt/suspend.h"

static bool is_zero_copy(const struct lend_op *op)
{
	unsigned opcode = lend_container_of(op, struct lend_io_op, op)->opcode;

	return opcode == IORING_OP_SEND_ZC || opcode == IORING_OP_SENDMSG_ZC;
}

static void pending_done(struct lend_op *op, int32_t res, uint32_t flags,
			 bool more)
{
	struct lend_pending *pending = lend_container_of(
		op, struct lend_pending, io.op);
	bool leaves = !more;

	/* Of a zero-copy send the first CQE has the result, the last one says
	 * that the kernel has let go of the memory. Its SQE has 0 where that
	 * is kept in between, and is filled once more if it is undone. With the
	 * first one it leaves the descriptor: a peer that reads nothing has the
	 * kernel keep the memory, but not hold up who closes. */
	if (more) {
		pending->again.addr3 = (uint32_t)res;
		leaves = is_zero_copy(op);
	} else if (flags & IORING_CQE_F_NOTIF) {
		op->res = (int32_t)(uint32_t)pending->again.addr3;
		pending->again.addr3 = 0;
		leaves = !is_zero_copy(op);
	}
	/* Not when its actor frees it, which may be late: somebody, perhaps
	 * that very actor, may be waiting to close it. */
	if (leaves && pending->io.fd != -1)
		lend__descriptor_leave(pending->io.fd);
	lend__io_op_done(op, res, flags, more);
}

void lend__io_watch_pending(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;

	op->op.done = pending_done;
	if (op->fd != -1)
		op->epoch = lend__descriptor_epoch(op->fd);
	pending->again.addr3 = 0;
	lend__io_enlist(pending);
	if (lend__places_used())
		lend__place_note(LEND_PLACE_OPERATION, (uintptr_t)pending);
}

int lend__io_renew_pending(struct lend_io *io, struct lend_pending *pending,
			   uint64_t deadline)
{
	struct lend_io_op *op = &pending->io;
	int err = 0;

	io->self = op->actor;
	io->op = op;
	if (op->fd != -1)
		err = lend__descriptor_enter_again(op->fd, op->epoch);
	if (err)
		return err;
	err = lend__suspend_claim(io->self, 1, deadline, &io->claim);
	if (err) {
		if (op->fd != -1)
			lend__descriptor_leave(op->fd);
		return err;
	}
	if (op->mail.kind == LEND_MAIL_NOTICE)
		lend__actor_remove_mail(io->self, &op->mail);
	lend__op_fini(&op->op);
	lend__op_init(&op->op, pending_done);
	op->mail.arrived = false;
	atomic_store_explicit(&op->notice, LEND_IO_LOUD, memory_order_relaxed);
	io->sqe = lend__claim_sqe(&io->claim, 0);
	return 0;
}

void lend__io_discard(unsigned opcode, int res)
{
	if (res < 0)
		return;
	if (lend__io_opens(opcode))
		close(res);
}

void lend__io_see_pending(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;

	if (lend__places_used() && !op->seen && op->op.res >= 0 &&
	    lend__io_opens(op->opcode))
		lend__place_note(LEND_PLACE_DESCRIPTOR, (uintptr_t)op->op.res);
	op->seen = true;
}

/* The one that it is linked behind is linked to what comes next in its chain,
 * or to nothing, but not to the next claim's. See lend__pending_first(). */
static void leave_chain(const struct lend_pending *pending)
{
	struct lend_list *link = pending->link.prev;
	struct lend_pending *before;

	if (lend_likely(!pending->io.once) ||
	    link == &pending->io.actor->pendings)
		return;
	before = lend_container_of(link, struct lend_pending, link);
	if (before->io.once && before->again.op_flags & LEND_IO_LINKS &&
	    !(pending->again.op_flags & LEND_IO_LINKS))
		before->again.op_flags &= ~LEND_IO_LINKS;
}

void lend__io_end_pending(struct lend_pending *pending)
{
	struct lend_io_op *op = &pending->io;

	if (lend__places_used())
		lend__place_forget(LEND_PLACE_OPERATION, (uintptr_t)pending);
	leave_chain(pending);
	lend_list_remove(&pending->link);
	if (lend_unlikely(op->mail.kind == LEND_MAIL_NOTICE))
		lend__actor_remove_mail(op->actor, &op->mail);
	if (op->op.done == pending_done) {
		op->fd = -1;
		if (!op->seen)
			lend__io_discard(op->opcode, op->op.res);
	}
	lend__io_end(op);
}
