/*
 * What a receive does when it is tried: into memory of its own, or into one or
 * several buffers that it takes from its ring.
 */
#include <errno.h>
#include <stdint.h>

#include "kernel.h"
#include "uring/compat.h"

/* Of the ring's own: how many it has left. */
static unsigned buffers_left(const struct sim_ring *ring)
{
	uint16_t tail;

	if (!ring->buffers)
		return 0;
	tail = __atomic_load_n(&ring->buffers->tail, __ATOMIC_ACQUIRE);
	return (uint16_t)(tail - ring->buffers_head);
}

/* The @i-th of these. */
static struct io_uring_buf *buffer_at(const struct sim_ring *ring, unsigned i)
{
	return &ring->buffers->bufs[(ring->buffers_head + i) &
				    (ring->buffers_count - 1)];
}

/* -1 if there is none left. */
static int take_buffer(struct sim_ring *ring, struct io_uring_buf **ret_buf)
{
	if (!buffers_left(ring) || sim_fault())
		return -1;
	*ret_buf = buffer_at(ring, 0);
	return (*ret_buf)->bid;
}

static int32_t receive_selected(struct sim_req *req, uint32_t *ret_flags)
{
	struct sim_ring *ring = req->ring;
	struct io_uring_buf *buf = NULL;
	int number = take_buffer(ring, &buf);
	int32_t res;

	if (number < 0)
		return -ENOBUFS;
	/* Taken first: data that is taken makes room, and who sends because
	 * of that may have another receive take the next buffer. */
	ring->buffers_head++;
	res = sim_stream_receive(req->file, (void *)(uintptr_t)buf->addr,
				 buf->len);
	/* The end of the stream may come with a buffer, or without. */
	if (res < 0 || (res == 0 && sim_random_below(&sim.kernel, 2))) {
		ring->buffers_head--;
	} else {
		*ret_flags |= IORING_CQE_F_BUFFER |
			      (uint32_t)number << IORING_CQE_BUFFER_SHIFT;
	}
	return res;
}

/* How many buffers a bundle may fill: as many as are whole below @most bytes,
 * but one at least. Now and then the kernel looks at one only: it does not know
 * yet that there is more, or one of its threads is at it. */
static unsigned bundle_size(const struct sim_ring *ring, size_t most,
			    size_t *ret_size)
{
	unsigned left = buffers_left(ring), count = 1;
	size_t size = buffer_at(ring, 0)->len;

	if (sim_random_below(&sim.kernel, 4) == 0)
		left = 1;
	for (; count < left && size + buffer_at(ring, count)->len <= most;
	     count++)
		size += buffer_at(ring, count)->len;
	*ret_size = size < most ? size : most;
	return count;
}

/*
 * Several buffers in one result: the first is named, the others lie behind it
 * in the ring, and all but the last are full. When it had the last one that the
 * ring has, it ends. The end of the stream comes without a buffer.
 */
static int32_t receive_bundle(struct sim_req *req, size_t most,
			      uint32_t *ret_flags, bool *ret_ends)
{
	struct sim_ring *ring = req->ring;
	struct io_uring_buf *buf;
	int number = take_buffer(ring, &buf);
	size_t size, done = 0;
	unsigned count;
	int there;

	if (number < 0)
		return -ENOBUFS;
	there = sim_stream_there(req->file);
	if (there <= 0)
		return there; /* SIM_AGAIN, too */
	count = bundle_size(ring, most, &size);
	*ret_ends = count == buffers_left(ring);
	*ret_flags |= IORING_CQE_F_BUFFER | (uint32_t)number
						    << IORING_CQE_BUFFER_SHIFT;
	size = sim_shorten(size < (size_t)there ? size : (size_t)there);
	for (; done < size; ring->buffers_head++) {
		size_t part = size - done;

		buf = buffer_at(ring, 0);
		if (part > buf->len)
			part = buf->len;
		sim_stream_take(req->file, (void *)(uintptr_t)buf->addr, part);
		done += part;
	}
	/* When all are taken: who sends because of the room that there is now
	 * may have another receive take the next. */
	sim_stream_taken(req->file);
	return (int32_t)size;
}

/* One result after the other. It goes on later though there is more, as the
 * kernel lets others have their turn; and it ends when its credit is used up
 * (optlen), when there is no room for CQEs, or for no reason at all. */
static int32_t receive_many(struct sim_req *req, uint32_t *ret_flags)
{
	size_t credit = req->sqe.file_index;

	for (;;) {
		size_t most = credit ? credit - req->received : SIZE_MAX;
		uint32_t flags = 0;
		bool ends = false;
		int32_t res = req->sqe.ioprio & IORING_RECVSEND_BUNDLE ?
				      receive_bundle(req, most, &flags, &ends) :
				      receive_selected(req, &flags);

		if (res <= 0) {
			*ret_flags |= flags;
			return res; /* SIM_AGAIN, too */
		}
		req->received += (size_t)res;
		if ((credit && req->received >= credit) || ends ||
		    req->ring->overflow_count || sim_fault()) {
			*ret_flags |= flags;
			return res;
		}
		sim_ring_post(req->ring, req->sqe.user_data, res,
			      flags | IORING_CQE_F_MORE);
		if (sim_random_below(&sim.kernel, 8) == 0)
			return SIM_AGAIN;
	}
}

int32_t sim_receive(struct sim_req *req, uint32_t *ret_flags)
{
	int32_t res;

	if (req->file->kind == SIM_FILE_DATAGRAM)
		return sim_datagram_receive(req);
	if (req->file->kind == SIM_FILE_LISTENER ||
	    req->file->kind == SIM_FILE_SOCKET)
		return -ENOTCONN;
	if (req->sqe.ioprio & IORING_RECV_MULTISHOT)
		return receive_many(req, ret_flags);
	if (req->sqe.flags & IOSQE_BUFFER_SELECT)
		res = receive_selected(req, ret_flags);
	else
		res = sim_stream_receive(req->file, req->parts[0].iov_base,
					 req->parts[0].iov_len);
	if (res > 0 && req->file->end != req->file->begin)
		*ret_flags |= IORING_CQE_F_SOCK_NONEMPTY;
	return res;
}
