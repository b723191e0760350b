/*
 * Records that are kept for one operation after the other: Note [kept] in
 * await.h.
 */
#include <errno.h>

#include "base/check.h"
#include "io/await.h"
#include "io/descriptors.h"

int lend__io_keep(int fd, struct lend_pending **ret_pending)
{
	struct lend_pending *pending;
	struct lend_io io;
	int err = lend__io_begin_record(&io, fd, sizeof(*pending));

	if (err)
		return err;
	pending = lend_container_of(io.op, struct lend_pending, io);
	pending->io.mail.arrived = true;
	lend__io_enlist(pending);
	*ret_pending = pending;
	return 0;
}

int lend__io_begin_kept(struct lend_io *io, struct lend_pending *kept,
			uint64_t deadline)
{
	struct lend_io_op *op = &kept->io;
	struct lend_actor *self = op->actor;

	lend_assert(op->mail.arrived);
	io->agains = 0;
	if (lend__mailbox_has_mail(&self->mailbox))
		lend__actor_sort_mail(self);
	if (lend_unlikely(self->cancelled))
		return -ECANCELED;
	if (lend_unlikely(lend__descriptor_is_closing(op->fd)))
		return -EBADF;
	return lend__io_begin_again(io, op, deadline);
}
