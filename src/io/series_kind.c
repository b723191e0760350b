/*
 * The kinds of series: what each asks for, and where its results wait. Called
 * by series.c.
 */
#include "io/series.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "io/buffer.h"
#include "io/descriptors.h"
#include "rt/places.h"
#include "uring/compat.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- accept ---- */

static void prepare_accept(struct lend_series *series, struct io_uring_sqe *sqe)
{
	io_uring_prep_accept(sqe, series->fd, NULL, NULL, SOCK_CLOEXEC);
	/* Without it each connection ends the operation, and the next call
	 * arms it again. */
	if (series->arbiter->features.multishot)
		sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
}

static unsigned arrive_accept(struct lend_series *series, int32_t res,
			      uint32_t flags)
{
	(void)flags;
	if (lend__series_push(series, (uint32_t)res))
		return true;
	close(res); /* beyond any limit the kernel has */
	return false;
}

static _Atomic uint32_t *link_accept(const struct lend_series *series,
				     uint32_t number)
{
	(void)series;
	return lend__descriptor_link((int)number);
}

static ssize_t take_accept(struct lend_series *series, uint32_t number,
			   struct lend_series_result *ret_result)
{
	(void)series;
	if (!ret_result)
		close((int)number);
	else if (lend__places_used())
		lend__place_note(LEND_PLACE_DESCRIPTOR, number);
	return (ssize_t)number;
}

/* ---- poll ---- */

static void prepare_poll(struct lend_series *series, struct io_uring_sqe *sqe)
{
	io_uring_prep_poll_add(sqe, series->fd, series->poll_events);
	/* Arming tells of what is there already: nothing is lost between one
	 * and the next. */
	if (series->arbiter->features.multishot)
		sqe->len |= IORING_POLL_ADD_MULTI;
}

static unsigned arrive_poll(struct lend_series *series, int32_t res,
			    uint32_t flags)
{
	(void)flags;
	/* Release [I3], paired with take_came(). */
	atomic_fetch_or_explicit(&series->came, (uint32_t)res,
				 memory_order_release);
	return true;
}

/* ---- data, in provided buffers ---- */

/* A result's number is its ring's, which of the ring's buffers it is of, and
 * the buffer's or part's. Ring records stay where they are, and buffers that
 * somebody has with them, so it is good whatever becomes of the ring. */
#define RING_SHIFT (32 - LEND_PARTS_SHIFT)
#define IS_PART	   (UINT32_C(1) << 30)

_Static_assert((uint32_t)LEND_RINGS_MAX << RING_SHIFT <= IS_PART,
	       "ring and part fit in below the bit");

static struct lend_buffers *buffers_at(const struct lend_series *series,
				       uint32_t number)
{
	struct lend_ring *ring =
		&series->arbiter->pool.rings[(number & ~IS_PART) >> RING_SHIFT];

	return number & IS_PART ? &ring->shared : &ring->buffers;
}

static unsigned number_at(uint32_t number)
{
	return number & LEND_PARTS_NUMBER;
}

static _Atomic uint32_t *link_buffer(const struct lend_series *series,
				     uint32_t number)
{
	return lend__buffers_link(buffers_at(series, number),
				  number_at(number));
}

static void arrive_one(struct lend_series *series, struct lend_buffers *buffers,
		       unsigned number, uint32_t size)
{
	uint32_t ring = series->pending.io.op.ring->index << RING_SHIFT;

	lend__buffer_hold(series->pending.io.actor, buffers, number);
	*lend__buffers_filled(buffers, number) = size;
	lend__series_push(series,
			  (buffers->parts ? IS_PART : 0) | ring | number);
}

/* A bundle fills all its buffers but the last. */
static unsigned arrive_buffer(struct lend_series *series, int32_t res,
			      uint32_t flags)
{
	struct lend_ring *ring = series->pending.io.op.ring;
	unsigned first, count = 0;
	struct lend_buffers *buffers = lend__ring_buffers(ring, flags, &first);
	uint32_t left = (uint32_t)res;

	if (!(flags & IORING_CQE_F_BUFFER))
		return 0;
	if (buffers->parts) {
		arrive_one(series, buffers, first, left);
		return 1;
	}
	/* The end of the stream can come with a buffer, too. */
	if (!res) {
		lend__buffers_own(buffers, first,
				  series->pending.io.actor->index + 1);
		lend__buffers_give(buffers, first);
		return 0;
	}
	while (left) {
		uint32_t size = least(left, buffers->size);

		arrive_one(series, buffers,
			   lend__buffers_behind(buffers, first, count), size);
		left -= size;
		count++;
	}
	/* The first was counted by the poller. */
	lend__buffers_note_taken(buffers, count - 1);
	return count;
}

/* What lies in it, as a buffer of the actor's. */
static struct lend_buffer lend_out(const struct lend_series *series,
				   uint32_t number)
{
	struct lend_buffers *buffers = buffers_at(series, number);

	return lend__buffer_view(buffers, number_at(number),
				 *lend__buffers_filled(buffers,
						       number_at(number)));
}

/* A multishot receive may take so much before it ends by itself. The kernel
 * refuses that for datagrams. 0 would be no limit, and 4096 buffers of 1 MiB
 * are 0 in a word; what is not negative in the kernel's int either will do. */
static void limit(const struct lend_series *series, struct io_uring_sqe *sqe)
{
	uint64_t bytes = (uint64_t)series->results_max *
			 series->arbiter->pool.buffer_size;

	if (series->arbiter->features.recv_credit)
		lend__sqe_set_recv_credit(
			sqe, bytes > INT32_MAX ? INT32_MAX : (uint32_t)bytes);
}

static void prepare_recv(struct lend_series *series, struct io_uring_sqe *sqe)
{
	if (series->way == LEND_SERIES_OWN) {
		io_uring_prep_recv(sqe, series->fd, series->own,
				   series->arbiter->pool.buffer_size, 0);
		return;
	}
	io_uring_prep_recv(sqe, series->fd, NULL, 0, 0);
	lend__buffer_select(sqe, series->shared ? LEND_PARTS_GROUP :
						  LEND_BUFFERS_GROUP);
	if (series->way == LEND_SERIES_MANY) {
		sqe->ioprio |= IORING_RECV_MULTISHOT;
		limit(series, sqe);
		/* Both together have had bugs of their own. */
		if (series->arbiter->features.recv_bundle && !series->shared)
			sqe->ioprio |= IORING_RECVSEND_BUNDLE;
	}
}

static ssize_t take_recv(struct lend_series *series, uint32_t number,
			 struct lend_series_result *ret_result)
{
	struct lend_buffer buffer = lend_out(series, number);
	ssize_t size = (ssize_t)buffer.size;

	if (ret_result) {
		lend__buffer_settle(&buffer);
		ret_result->buffer = buffer;
	} else {
		lend__buffer_release(&buffer);
	}
	return size;
}

static void lend_own(struct lend_series *series, size_t size,
		     struct lend_series_result *ret_result)
{
	ret_result->buffer = (struct lend_buffer){ .data = series->own,
						   .size = size };
	series->own = NULL;
	lend__buffer_count_own();
}

static ssize_t take_own_recv(struct lend_series *series, size_t size,
			     struct lend_series_result *ret_result)
{
	lend_own(series, size, ret_result);
	return (ssize_t)size;
}

/* ---- datagrams ---- */

/*
 * A buffer has the kernel's header, the address, the control messages and the
 * payload, in this order and at fixed places; the actor's own memory has the
 * payload first, so that it can be given back like that of a receive, and then
 * the address and the control messages.
 */

static struct lend_series_datagrams *datagrams_of(struct lend_series *series)
{
	return lend_container_of(series, struct lend_series_datagrams, series);
}

static size_t payload_max(const struct lend_series *series)
{
	return series->arbiter->pool.buffer_size - series->address_max -
	       series->control_max;
}

static void prepare_recvmsg(struct lend_series *series,
			    struct io_uring_sqe *sqe)
{
	struct lend_series_datagrams *datagrams = datagrams_of(series);
	struct msghdr *message = &datagrams->message;

	memset(message, 0, sizeof(*message));
	message->msg_namelen = series->address_max;
	message->msg_controllen = series->control_max;
	if (series->way == LEND_SERIES_OWN) {
		datagrams->payload.iov_base = series->own;
		datagrams->payload.iov_len = payload_max(series);
		message->msg_iov = &datagrams->payload;
		message->msg_iovlen = 1;
		message->msg_name = series->own + payload_max(series);
		message->msg_control = (char *)message->msg_name +
				       series->address_max;
	}
	io_uring_prep_recvmsg(sqe, series->fd, message, 0);
	if (series->way == LEND_SERIES_MANY) {
		lend__buffer_select(sqe, LEND_BUFFERS_GROUP);
		sqe->ioprio |= IORING_RECV_MULTISHOT;
	}
}

static ssize_t take_recvmsg(struct lend_series *series, uint32_t number,
			    struct lend_series_result *ret_result)
{
	struct io_uring_recvmsg_out header;
	struct lend_buffer buffer = lend_out(series, number);
	size_t before;
	char *data;

	before = sizeof(header) + series->address_max + series->control_max;
	lend_assert(buffer.size >= before);
	if (!ret_result) {
		lend__buffer_release(&buffer);
		return 0;
	}
	data = buffer.data;
	memcpy(&header, data, sizeof(header));
	data += sizeof(header);
	ret_result->flags = header.flags;
	ret_result->address = header.namelen ? data : NULL;
	ret_result->address_size = least(header.namelen, series->address_max);
	data += series->address_max;
	ret_result->control = header.controllen ? data : NULL;
	ret_result->control_size = least(header.controllen,
					 series->control_max);
	buffer.data = data + series->control_max;
	buffer.size -= before;
	ret_result->buffer = buffer;
	return (ssize_t)buffer.size;
}

static ssize_t take_own_recvmsg(struct lend_series *series, size_t size,
				struct lend_series_result *ret_result)
{
	const struct msghdr *message = &datagrams_of(series)->message;

	ret_result->flags = (unsigned)message->msg_flags;
	ret_result->address = message->msg_namelen ? message->msg_name : NULL;
	ret_result->address_size = least(message->msg_namelen,
					 series->address_max);
	ret_result->control = message->msg_controllen ? message->msg_control :
							NULL;
	ret_result->control_size = message->msg_controllen;
	lend_own(series, size, ret_result);
	return (ssize_t)size;
}

const struct lend__series_kind lend__series_kinds[LEND_SERIES_KINDS] = {
	[LEND_SERIES_RECV] = {
		.prepare = prepare_recv,
		.record_size = sizeof(struct lend_series),
		.arrive = arrive_buffer,
		.link = link_buffer,
		.take = take_recv,
		.take_own = take_own_recv,
		.has_buffers = true,
		.ends_with_0 = true,
	},
	[LEND_SERIES_RECVMSG] = {
		.prepare = prepare_recvmsg,
		.record_size = sizeof(struct lend_series_datagrams),
		.arrive = arrive_buffer,
		.link = link_buffer,
		.take = take_recvmsg,
		.take_own = take_own_recvmsg,
		.has_buffers = true,
	},
	[LEND_SERIES_ACCEPT] = {
		.prepare = prepare_accept,
		.record_size = sizeof(struct lend_series),
		.arrive = arrive_accept,
		.link = link_accept,
		.take = take_accept,
	},
	[LEND_SERIES_POLL] = {
		.prepare = prepare_poll,
		.record_size = sizeof(struct lend_series),
		.arrive = arrive_poll,
	},
};
