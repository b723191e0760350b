/*
 * Do buffers that are filled in parts work? See parts_test.h.
 *
 * It is what the library does with them, on a small scale: receives that take
 * one result and receives that take many are armed together, on sockets with
 * data of many sizes, so that several share a buffer and one enter completes
 * several of them; parts come back in another order than they went; streams end
 * in the middle of a buffer. A kernel that posts completions in another order
 * than it fills, or forgets to say that it goes on with a buffer, has the bytes
 * elsewhere than expected, and another place for the next ones than we.
 */
#include "uring/parts_test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uring/compat.h"
#include "uring/parts.h"
#include "uring/ring.h"

#define STREAMS	   4
#define COUNT	   4
#define SIZE	   256
#define ROUNDS	   48
#define KEPT	   5
#define TIMEOUT_NS UINT64_C(1000000000)

struct trial_stream {
	int pair[2];
	size_t sent, got;
	bool many; /* multishot */
	bool armed, ended;
};

struct trial {
	struct lend_ring ring;
	struct trial_stream streams[STREAMS];
	uint32_t kept[KEPT]; /* numbers + 1 of parts that are not yet back */
	unsigned kept_next;
};

static char byte_at(unsigned stream, size_t i)
{
	return (char)(stream * 57 + i * 31 + i / 251);
}

static void arm(struct trial *trial, unsigned number, unsigned *slots)
{
	struct trial_stream *stream = &trial->streams[number];
	struct io_uring_sqe *sqe = lend__ring_slot(&trial->ring, (*slots)++);

	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_RECV,
		.fd = stream->pair[0],
		.ioprio = stream->many ? IORING_RECV_MULTISHOT : 0,
		.flags = IOSQE_BUFFER_SELECT,
		.buf_group = LEND_PARTS_GROUP,
		.user_data = number,
	};
	stream->armed = true;
}

/* The place where the kernel goes on is where we think it does. */
static bool agrees(const struct trial *trial, unsigned buffer)
{
	const struct lend_buffers *buffers = &trial->ring.buffers;
	const struct lend_shared *shared = &buffers->parts->shared[buffer];
	const struct io_uring_buf *entry =
		&buffers->ring->bufs[buffers->entries[buffer] &
				     (buffers->count - 1)];

	return shared->closed ?
		       shared->used == buffers->size :
		       entry->len == buffers->size - shared->used &&
			       entry->addr == (uintptr_t)buffers->base +
						      buffer * SIZE +
						      shared->used;
}

/* Several are kept meanwhile, and the oldest of these is not the first back. */
static void give_back(struct trial *trial, uint32_t number)
{
	unsigned place = trial->kept_next++ * 3 % KEPT;

	if (trial->kept[place])
		lend__buffers_give(&trial->ring.buffers,
				   trial->kept[place] - 1);
	trial->kept[place] = number + 1;
}

static void give_back_all(struct trial *trial)
{
	for (unsigned i = 0; i < KEPT; i++)
		if (trial->kept[i]) {
			lend__buffers_give(&trial->ring.buffers,
					   trial->kept[i] - 1);
			trial->kept[i] = 0;
		}
	lend__buffers_drain(&trial->ring.buffers);
}

static bool take(struct trial *trial, unsigned from, uint32_t flags,
		 size_t size)
{
	struct lend_buffers *buffers = &trial->ring.buffers;
	struct trial_stream *stream = &trial->streams[from];
	uint32_t number;
	const char *data;

	if (!(flags & IORING_CQE_F_BUFFER) ||
	    !(flags >> IORING_CQE_BUFFER_SHIFT & LEND_PARTS_BUFFER))
		return false;
	/* Checked before it is relied on: there it is an assertion. */
	number = flags >> IORING_CQE_BUFFER_SHIFT & (LEND_PARTS_BUFFER - 1);
	if (number >= COUNT || buffers->parts->shared[number].closed ||
	    size > SIZE - buffers->parts->shared[number].used ||
	    !(flags & IORING_CQE_F_BUF_MORE) !=
		    (size == SIZE - buffers->parts->shared[number].used))
		return false;
	flags = lend__parts_take(buffers, (int32_t)size, flags);
	number = flags >> LEND_PARTS_SHIFT;
	lend__buffers_own(buffers, number, 1);
	data = lend__buffers_at(buffers, number);
	for (size_t i = 0; i < size; i++)
		if (data[i] != byte_at(from, stream->got + i))
			return false;
	stream->got += size;
	give_back(trial, number);
	return true;
}

/* One CQE. */
static bool step(struct trial *trial)
{
	struct trial_stream *stream;
	struct io_uring_cqe *next, cqe;

	lend__ring_enter(&trial->ring, 1, TIMEOUT_NS);
	next = lend__ring_peek(&trial->ring);
	if (!next || next->user_data >= STREAMS)
		return false;
	cqe = *next;
	lend__ring_consume(&trial->ring);
	stream = &trial->streams[cqe.user_data];
	stream->armed = cqe.flags & IORING_CQE_F_MORE;
	if (cqe.res > 0)
		return take(trial, (unsigned)cqe.user_data, cqe.flags,
			    (size_t)cqe.res);
	if (cqe.res == -ENOBUFS) {
		give_back_all(trial);
		return true;
	}
	/* With its end comes no buffer, and none is used up. */
	stream->ended = !cqe.res;
	return stream->ended && !(cqe.flags & IORING_CQE_F_BUFFER);
}

static void arm_all(struct trial *trial)
{
	unsigned slots = 0;

	for (unsigned i = 0; i < STREAMS; i++)
		if (!trial->streams[i].armed && !trial->streams[i].ended)
			arm(trial, i, &slots);
	if (slots)
		lend__ring_publish(&trial->ring, slots);
}

static bool has_all(const struct trial *trial)
{
	for (unsigned i = 0; i < STREAMS; i++)
		if (trial->streams[i].got < trial->streams[i].sent)
			return false;
	return true;
}

static bool send_some(struct trial *trial, unsigned number, size_t size)
{
	struct trial_stream *stream = &trial->streams[number];
	char data[SIZE];

	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(number, stream->sent + i);
	stream->sent += size;
	return write(stream->pair[1], data, size) == (ssize_t)size;
}

static bool receive_all(struct trial *trial)
{
	while (!has_all(trial)) {
		arm_all(trial);
		if (!step(trial))
			return false;
		lend__buffers_drain(&trial->ring.buffers);
	}
	for (unsigned i = 0; i < COUNT; i++)
		if (!agrees(trial, i))
			return false;
	return true;
}

/* Data is there before a receive is armed and after. The stream of round 20
 * ends in the middle of a buffer; the others go on. */
static bool passes(struct trial *trial)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned last = i < 20 ? 0 : 1;

		if (i == 20) {
			shutdown(trial->streams[0].pair[1], SHUT_WR);
			while (!trial->streams[0].ended) {
				arm_all(trial);
				if (!step(trial))
					return false;
			}
		}
		if (i % 3)
			arm_all(trial);
		for (unsigned j = last; j < STREAMS; j++)
			if (!send_some(trial, j, 1 + (i * 97 + j * 13) % 120))
				return false;
		if (!receive_all(trial))
			return false;
	}
	return true;
}

/* Nothing is in flight when the ring is closed, or the kernel could write into
 * its buffers. */
static bool end(struct trial *trial)
{
	bool over = true;

	for (unsigned i = 0; i < STREAMS; i++)
		shutdown(trial->streams[i].pair[1], SHUT_WR);
	for (unsigned i = 0; i < STREAMS; i++)
		while (trial->streams[i].armed && !trial->streams[i].ended &&
		       over)
			over = step(trial);
	for (unsigned i = 0; i < STREAMS; i++)
		over = over && !trial->streams[i].armed;
	return over;
}

static bool open_streams(struct trial *trial)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		trial->streams[i].many = i % 2;
		trial->streams[i].pair[0] = trial->streams[i].pair[1] = -1;
	}
	for (unsigned i = 0; i < STREAMS; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			       trial->streams[i].pair))
			return false;
	return true;
}

static void close_streams(struct trial *trial)
{
	for (unsigned i = 0; i < 2 * STREAMS; i++)
		if (trial->streams[i / 2].pair[i % 2] >= 0)
			close(trial->streams[i / 2].pair[i % 2]);
}

bool lend__parts_try(void)
{
	static struct trial trial;
	bool works = false, over = true;

	memset(&trial, 0, sizeof(trial));
	if (open_streams(&trial) &&
	    !lend__ring_open(&trial.ring, 0, STREAMS, 0)) {
		if (!lend__parts_init(&trial.ring.buffers,
				      lend__ring_fd(&trial.ring), COUNT,
				      SIZE)) {
			works = passes(&trial);
			over = end(&trial);
			give_back_all(&trial);
		}
		/* One that does not even end keeps what it may write to. */
		if (over) {
			lend__ring_close(&trial.ring);
			lend__buffers_fini(&trial.ring.buffers, -1);
		}
	}
	close_streams(&trial);
	return works && over;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_worked;

static void try_once(void)
{
	has_worked = lend__parts_try();
}

bool lend__parts_work(void)
{
	pthread_once(&once, try_once);
	return has_worked;
}
