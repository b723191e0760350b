/*
 * Receiving into provided buffers, started and awaited apart: an idle actor
 * can give its memory back while the receive is in flight.
 */
#ifndef LEND_IO_BUFFER_H
#define LEND_IO_BUFFER_H

#include <lend/io.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "uring/buffers.h"

struct lend_pending;
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

/**
 * Start a receive.
 *
 * @can_share      it is a stream, so what comes may be cut anywhere
 * @data_expected  false: nothing is there yet as far as one knows, so let the
 *                 kernel wait before it tries
 *
 * Return: 0, or an error of lend__io_begin(); -EOPNOTSUPP without buffer
 *         rings, or if the actor has as many buffers as it may: use
 *         lend__buffer_recv_own()
 */
LEND_NODISCARD int
lend__buffer_recv_start(int fd, bool can_share, bool data_expected,
			uint64_t deadline,
			struct lend_pending **ret_pending) LEND_AWAITS;

/* Start one that is undone (lend__io_is_undone()) again. 0, or an error: it is
 * over as before. */
LEND_NODISCARD int lend__buffer_recv_again(struct lend_pending *pending,
					   bool can_share,
					   uint64_t deadline) LEND_AWAITS;

/* Are there shared buffers, and @fd a stream? What has messages must not be cut
 * where such a buffer ends. */
bool lend__buffer_can_share(const struct lend_actor *self, int fd);

/* The result of one that is over; frees its record. -ENOBUFS: there was no
 * buffer; use lend__buffer_recv_own(). @ret_more: there is more to receive. */
ssize_t lend__buffer_recv_finish(struct lend_pending *pending,
				 struct lend_buffer *ret_buffer,
				 bool *ret_more);

/* A part of a buffer that the calling actor has just got: if such buffers are
 * scarce, and it is small, it is copied into memory of the actor's, so that who
 * keeps little does not keep much from the others. */
void lend__buffer_settle(struct lend_buffer *buffer);

/* lend_buffer_release() of one that is known to be the calling actor's. */
void lend__buffer_release(struct lend_buffer *buffer);

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
