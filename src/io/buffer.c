/*
 * Provided buffers as actors see them: see buffer.h and include/lend/io.h.
 */
#include "io/buffer.h"

#include <errno.h>
#include <string.h>

#include "arbiter/pool.h"
#include "base/check.h"
#include "base/counter.h"
#include "io/await.h"
#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/buffers.h"

/* The actor ends with a receive that nobody finished. */
static void end_with_actor(struct lend_pending *pending)
{
	struct lend_buffer buffer = { 0 };
	bool more;

	lend__io_abort(&pending->io);
	if (lend__buffer_recv_finish(pending, &buffer, &more) > 0)
		lend_buffer_release(&buffer);
}

static void prepare(struct lend_io *io, int fd)
{
	io_uring_prep_recv(io->sqe, fd, NULL, 0, 0);
	lend__buffer_select(io->sqe);
}

/* It may have no more of the runtime's buffers. */
static bool has_enough(const struct lend_actor *self)
{
	/* Relaxed: a counter. */
	return atomic_load_explicit(&self->buffers, memory_order_relaxed) >=
	       self->worker->runtime->options.buffers_actor_max;
}

int lend__buffer_recv_start(int fd, bool data_expected, uint64_t deadline,
			    struct lend_pending **ret_pending)
{
	const struct lend_features *features =
		&lend__current_worker()->runtime->arbiter.features;
	struct lend_io io;
	int err;

	if (!features->buffer_rings || has_enough(lend__current_actor()))
		return -EOPNOTSUPP;
	err = lend__io_begin_pending(&io, fd, deadline, ret_pending);
	if (err)
		return err;
	prepare(&io, fd);
	if (!data_expected && features->poll_first)
		io.sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	(*ret_pending)->end = end_with_actor;
	lend__io_submit(&io);
	return 0;
}

int lend__buffer_recv_again(struct lend_pending *pending, uint64_t deadline)
{
	struct lend_io io;
	int err = lend__io_begin_again(&io, &pending->io, deadline);

	if (err)
		return err;
	prepare(&io, pending->io.fd);
	lend__io_submit(&io);
	return 0;
}

ssize_t lend__buffer_recv_finish(struct lend_pending *pending,
				 struct lend_buffer *ret_buffer, bool *ret_more)
{
	struct lend_buffers *buffers = &pending->io.op.ring->buffers;
	uint32_t flags = pending->io.op.flags;
	struct lend_buffer held;
	int res = pending->io.op.res;

	*ret_more = flags & IORING_CQE_F_SOCK_NONEMPTY;
	if (flags & IORING_CQE_F_BUFFER) {
		unsigned number = flags >> IORING_CQE_BUFFER_SHIFT;

		/* The end of the stream can come with a buffer, too. */
		lend__buffer_hold(pending->io.actor, buffers, number);
		held = lend__buffer_view(buffers, number, (size_t)res);
		if (res > 0)
			*ret_buffer = held;
		else
			lend_buffer_release(&held);
	}
	lend__io_end_pending(pending);
	return res;
}

void lend__buffer_count_own(void)
{
	struct lend_worker *worker = lend__current_worker();

	lend_counter_add(&worker->own_receives, 1);
}

size_t lend__buffer_size(void)
{
	return lend__current_worker()->runtime->arbiter.pool.buffer_size;
}

ssize_t lend__buffer_recv_own(int fd, uint64_t deadline,
			      struct lend_buffer *ret_buffer)
{
	size_t size = lend__buffer_size();
	char *span = lend_io_alloc(size);
	ssize_t res;

	if (!span)
		return -ENOMEM;
	res = lend_recv(fd, span, size, 0, deadline);
	if (res <= 0) {
		lend_io_free(span);
		return res;
	}
	lend__buffer_count_own();
	*ret_buffer = (struct lend_buffer){ .data = span, .size = (size_t)res };
	return res;
}

ssize_t lend_recv_buffer(int fd, uint64_t deadline,
			 struct lend_buffer *ret_buffer)
{
	struct lend_pending *pending;
	bool more;
	ssize_t res = lend__buffer_recv_start(fd, true, deadline, &pending);

	if (res == -EOPNOTSUPP)
		return lend__buffer_recv_own(fd, deadline, ret_buffer);
	if (res)
		return res;
	do {
		res = lend__io_await(&pending->io, deadline, true);
		if (!lend__io_done(&pending->io))
			lend__io_abort(&pending->io);
	} while (lend_unlikely(lend__io_is_undone(&pending->io)) &&
		 !lend__buffer_recv_again(pending, deadline));
	if (pending->io.op.res < 0) {
		/* The await's result, as it tells a deadline from others. */
		lend__io_end_pending(pending);
		return res == -ENOBUFS ?
			       lend__buffer_recv_own(fd, deadline, ret_buffer) :
			       res;
	}
	return lend__buffer_recv_finish(pending, ret_buffer, &more);
}

void lend_buffer_release(struct lend_buffer *buffer)
{
	if (buffer->origin) {
		lend__buffers_give(buffer->origin, buffer->number);
		atomic_fetch_sub_explicit(&lend__current_actor()->buffers, 1,
					  memory_order_relaxed);
	} else if (buffer->data) {
		lend_io_free(buffer->data);
	}
	memset(buffer, 0, sizeof(*buffer));
}
