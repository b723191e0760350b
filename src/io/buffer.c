/*
 * Provided buffers as actors see them: see buffer.h and include/lend/io.h.
 */
#include "io/buffer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "arbiter/pool.h"
#include "base/check.h"
#include "base/counter.h"
#include "io/await.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/buffers.h"

static const struct lend_pool *pool_of(const struct lend_actor *actor)
{
	return &actor->worker->runtime->arbiter.pool;
}

bool lend__buffer_can_share(const struct lend_actor *self, int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return pool_of(self)->shared &&
	       !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) &&
	       type == SOCK_STREAM;
}

static void prepare(struct lend_io *io, const struct lend_pending *pending,
		    unsigned hints)
{
	const struct lend_pool *pool = pool_of(io->self);
	const struct lend_io_room *room = &pending->room;
	int fd = pending->io.fd;

	if (room->data) {
		io_uring_prep_recv(io->sqe, fd, room->data, room->size, 0);
		return;
	}
	/* As much as a buffer has, also of one that is shared. */
	io_uring_prep_recv(io->sqe, fd, NULL, pool->buffer_size, 0);
	lend__buffer_select(io->sqe, hints & LEND_RECV_STREAM && pool->shared ?
					     LEND_PARTS_GROUP :
					     LEND_BUFFERS_GROUP);
}

/* Bytes of room for a short receive: an eighth more than is expected at least,
 * as what fills it may have been cut. 0: that is too much. */
static uint32_t room_for(uint32_t expected)
{
	uint32_t size = LEND_RECV_SHORT_MAX;

	if (expected < size)
		expected += expected / 8;
	if (expected < size / 2)
		size /= 2;
	return expected < size ? size : 0;
}

/* None if there is none where it would cost nothing. */
static void have_room(struct lend_actor *self, uint32_t expected,
		      struct lend_io_room *room)
{
	uint32_t size = room_for(expected);
	void *span;

	if (lend_likely(size == room->size))
		return;
	if (room->data)
		lend__heap_free(&self->heap, room->data);
	*room = (struct lend_io_room){ NULL, 0 };
	if (size && lend__heap_alloc_home(&self->heap, size, &span))
		*room = (struct lend_io_room){ span, size };
}

/* It may have no more of the runtime's buffers. */
static bool has_enough(const struct lend_actor *self)
{
	/* Relaxed: a counter. */
	return atomic_load_explicit(&self->buffers, memory_order_relaxed) >=
	       lend__buffer_stream_max(self->worker->runtime);
}

uint32_t lend__buffer_stream_max(const struct lend_runtime *runtime)
{
	uint32_t max = runtime->options.buffers_actor_max;

	return runtime->arbiter.pool.shared && max > LEND_POOL_SHARED_FACTOR ?
		       max / LEND_POOL_SHARED_FACTOR :
		       max;
}

int lend__buffer_recv_open(int fd, struct lend_pending **ret_pending)
{
	int err = lend__io_keep(fd, ret_pending);

	if (!err)
		(*ret_pending)->room = (struct lend_io_room){ NULL, 0 };
	return err;
}

void lend__buffer_recv_close(struct lend_pending *pending)
{
	if (pending->room.data)
		lend__heap_free(&pending->io.actor->heap, pending->room.data);
	lend__io_end_pending(pending);
}

int lend__buffer_recv_start(struct lend_pending *pending, unsigned hints,
			    uint32_t expected, uint64_t deadline)
{
	struct lend_actor *self = pending->io.actor;
	const struct lend_features *features =
		&self->worker->runtime->arbiter.features;
	struct lend_io io;
	int err;

	lend_debug_assert(hints & LEND_RECV_STREAM || expected == UINT32_MAX);
	if (!features->buffer_rings || has_enough(self))
		return -EOPNOTSUPP;
	have_room(self, expected, &pending->room);
	err = lend__io_begin_kept(&io, pending, deadline);
	if (err)
		return err;
	prepare(&io, pending, hints);
	if (!(hints & LEND_RECV_READY) && features->poll_first)
		io.sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	lend__io_submit(&io);
	return 0;
}

int lend__buffer_recv_again(struct lend_pending *pending, unsigned hints,
			    uint64_t deadline)
{
	struct lend_io io;
	int err = lend__io_begin_again(&io, &pending->io, deadline);

	if (err)
		return err;
	prepare(&io, pending, hints);
	lend__io_submit(&io);
	return 0;
}

void lend__buffer_settle(struct lend_buffer *buffer)
{
	struct lend_buffers *buffers = buffer->origin;
	struct lend_worker *worker = lend__current_worker();
	size_t size = buffer->size;
	char *copy;

	if (lend_likely(!buffers->parts || !lend__buffers_is_scarce(buffers)) ||
	    size > buffers->size / LEND_POOL_SHARED_FACTOR)
		return;
	copy = lend_io_alloc(size);
	if (!copy)
		return; /* it has what came, all the same */
	memcpy(copy, buffer->data, size);
	lend_counter_add(&worker->copied_receives, 1);
	lend__buffer_release(buffer);
	*buffer = (struct lend_buffer){ .data = copy, .size = size };
}

/* Of a short one. */
static void finish_short(const struct lend_pending *pending,
			 struct lend_buffer *ret_buffer)
{
	int res = pending->io.op.res;

	if (lend_unlikely(res <= 0))
		return;
	lend_counter_add(&pending->io.actor->worker->short_receives, 1);
	*ret_buffer = (struct lend_buffer){ .data = pending->room.data,
					    .size = (size_t)res };
}

/* Of one that has taken a provided buffer. */
static void finish_lent(const struct lend_pending *pending,
			struct lend_buffer *ret_buffer)
{
	const struct lend_op *op = &pending->io.op;
	struct lend_buffers *buffers;
	struct lend_buffer held;
	unsigned number;

	buffers = lend__ring_buffers(op->ring, op->flags, &number);
	/* Whoever receives is about to read it, and what is done until then
	 * takes as long as to fetch it. */
	__builtin_prefetch(lend__buffers_at(buffers, number));
	/* The end of the stream can come with a buffer, too. */
	lend__buffer_hold(pending->io.actor, buffers, number);
	held = lend__buffer_view(buffers, number, (size_t)op->res);
	if (op->res > 0) {
		lend__buffer_settle(&held);
		*ret_buffer = held;
	} else {
		lend__buffer_release(&held);
	}
}

ssize_t lend__buffer_recv_finish(struct lend_pending *pending,
				 struct lend_buffer *ret_buffer, bool *ret_more)
{
	uint32_t flags = pending->io.op.flags;
	int res = pending->io.op.res;

	*ret_more = flags & IORING_CQE_F_SOCK_NONEMPTY;
	if (pending->room.data)
		finish_short(pending, ret_buffer);
	else if (flags & IORING_CQE_F_BUFFER)
		finish_lent(pending, ret_buffer);
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

static ssize_t recv_buffer(struct lend_pending *pending, uint64_t deadline,
			   struct lend_buffer *ret_buffer)
{
	struct lend_actor *self = pending->io.actor;
	int fd = pending->io.fd;
	unsigned hints = LEND_RECV_READY;
	bool more;
	ssize_t res;

	if (lend__buffer_can_share(self, fd))
		hints |= LEND_RECV_STREAM;
	res = lend__buffer_recv_start(pending, hints, UINT32_MAX, deadline);
	if (res)
		return res;
	do {
		res = lend__io_await(&pending->io, deadline, true);
	} while (lend_unlikely(lend__io_is_undone(&pending->io)) &&
		 !lend__buffer_recv_again(pending, hints, deadline));
	/* The await's result, as it tells a deadline from others. */
	return pending->io.op.res < 0 ?
		       res :
		       lend__buffer_recv_finish(pending, ret_buffer, &more);
}

ssize_t lend_recv_buffer(int fd, uint64_t deadline,
			 struct lend_buffer *ret_buffer)
{
	struct lend_pending *pending;
	ssize_t res;

	lend_assert_actor(lend__current_actor());
	res = lend__buffer_recv_open(fd, &pending);
	if (res)
		return res;
	res = recv_buffer(pending, deadline, ret_buffer);
	lend__buffer_recv_close(pending);
	if (res == -EOPNOTSUPP || res == -ENOBUFS)
		res = lend__buffer_recv_own(fd, deadline, ret_buffer);
	return res;
}

void lend_buffer_release(struct lend_buffer *buffer)
{
	const struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend_assert_own(!buffer->origin ||
				lend__buffers_owner(buffer->origin,
						    buffer->number) ==
					self->index + 1,
			"a buffer", "the actor that has received it, once,");
	lend__buffer_release(buffer);
}

void lend__buffer_release(struct lend_buffer *buffer)
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
