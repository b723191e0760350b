/*
 * Receiving, started and awaited apart: an idle actor can give its memory back
 * while the receive is in flight.
 *
 * Who receives without knowing how much has a provided buffer, which is the
 * actor's from when something has come. Who knows that it is little receives
 * into the page that the actor has anyway: the kernel need not look for a
 * buffer, and the lines are nearer. doc/adr/0054-short-receives.md.
 */
#ifndef LEND_IO_BUFFER_H
#define LEND_IO_BUFFER_H

#include <lend/io.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "io/await.h"
#include "uring/buffers.h"

struct lend_runtime;

/* Have the kernel pick a buffer of @group for what @sqe receives. */
static inline void lend__buffer_select(struct io_uring_sqe *sqe, uint16_t group)
{
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = group;
}

/* One that came with a completion is @actor's from here on. Thread: the
 * poller's, or the actor. */
static inline void lend__buffer_hold(struct lend_actor *actor,
				     struct lend_buffers *buffers,
				     unsigned number)
{
	lend__buffers_own(buffers, number, actor->index + 1);
	/* Relaxed: a counter. */
	atomic_fetch_add_explicit(&actor->buffers, 1, memory_order_relaxed);
}

/* As its actor sees it, with @size bytes in it. */
static inline struct lend_buffer lend__buffer_view(struct lend_buffers *buffers,
						   unsigned number, size_t size)
{
	return (struct lend_buffer){
		.data = lend__buffers_at(buffers, number),
		.size = size,
		.origin = buffers,
		.number = number,
	};
}

/* What is known of a receive. */
enum lend_recv_hint {
	/* It is a stream: what comes may be cut anywhere, so that the buffer
	 * may be shared. */
	LEND_RECV_STREAM = 1,
	/* Something is there already, as far as one knows. Otherwise the kernel
	 * waits before it tries. */
	LEND_RECV_READY = 2,
};

/* Bytes that a short receive has room for at most. */
#define LEND_RECV_SHORT_MAX LEND_HEAP_HOME_SPAN_MAX

/**
 * Have what receives on @fd need, one after the other; the record is kept
 * (Note [kept] in await.h), and may be used for other operations on @fd while
 * none is in flight and what the last one has brought is not needed.
 *
 * Return: 0, or an error of lend__io_keep()
 */
LEND_NODISCARD int lend__buffer_recv_open(int fd,
					  struct lend_pending **ret_pending);

/* None is in flight, and what came is not needed any more. */
void lend__buffer_recv_close(struct lend_pending *pending);

/**
 * Start a receive.
 *
 * @hints     enum lend_recv_hint
 * @expected  so many bytes are likely to come, and of a stream: if that is well
 *            below LEND_RECV_SHORT_MAX, and there is room for it at home, no
 *            more than has room there is received. UINT32_MAX: it is not
 *            known, or may not be cut
 *
 * Return: 0, or an error of lend__io_begin_kept(); -EOPNOTSUPP without buffer
 *         rings, or if the actor has as many buffers as it may: use
 *         lend__buffer_recv_own()
 */
LEND_NODISCARD int lend__buffer_recv_start(struct lend_pending *pending,
					   unsigned hints, uint32_t expected,
					   uint64_t deadline) LEND_AWAITS;

/* Start one that is undone (lend__io_is_undone()) again. 0, or an error: it is
 * over as before. */
LEND_NODISCARD int lend__buffer_recv_again(struct lend_pending *pending,
					   unsigned hints,
					   uint64_t deadline) LEND_AWAITS;

/* How much the last receive has room for, in bytes, in a span that is kept as
 * the record is; 0: it was not short. */
static inline uint32_t
lend__buffer_recv_room(const struct lend_pending *pending)
{
	return pending->room.size;
}

/* Are there shared buffers, and @fd a stream? What has messages must not be cut
 * where such a buffer ends. */
bool lend__buffer_can_share(const struct lend_actor *self, int fd);

/* The result of one that is over. -ENOBUFS: there was no buffer; use
 * lend__buffer_recv_own(). @ret_more: there is more to receive. */
ssize_t lend__buffer_recv_finish(struct lend_pending *pending,
				 struct lend_buffer *ret_buffer,
				 bool *ret_more);

/* A part of a buffer that the calling actor has just got: if such buffers are
 * scarce, and it is small, it is copied into memory of the actor's, so that who
 * keeps little does not keep much from the others. */
void lend__buffer_settle(struct lend_buffer *buffer);

/* lend_buffer_release() of one that is known to be the calling actor's. */
void lend__buffer_release(struct lend_buffer *buffer);

/* The same of one that may have come with @pending: the room of a short receive
 * is kept. */
static inline void lend__buffer_recv_release(const struct lend_pending *pending,
					     struct lend_buffer *buffer)
{
	if (buffer->data == pending->room.data)
		*buffer = (struct lend_buffer){ .data = NULL };
	else
		lend__buffer_release(buffer);
}

/* So many buffers or parts of streams an actor may have. */
uint32_t lend__buffer_stream_max(const struct lend_runtime *runtime);

/* Bytes of each buffer: lend_options.buffer_size. Thread: a worker's. */
size_t lend__buffer_size(void);

/* Receive into memory of the actor's heap, as large as a buffer. */
ssize_t lend__buffer_recv_own(int fd, uint64_t deadline,
			      struct lend_buffer *ret_buffer) LEND_AWAITS;

/* For the counters: something was received into memory of an actor's. Thread:
 * a worker's. */
void lend__buffer_count_own(void);

#endif
