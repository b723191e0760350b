/*
 * Do bundles work? See bundle_test.h.
 *
 * It is what the library does with them, on a small scale: a multishot receive
 * with bundles, buffers that come back in another order than they went, and
 * amounts that fill some of them in part. Kernels have had the buffers of a
 * bundle out of order, and no version tells which.
 */
#include "uring/bundle_test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uring/compat.h"
#include "uring/ring.h"

#define COUNT	   16
#define SIZE	   64
#define ROUNDS	   32
#define TIMEOUT_NS UINT64_C(1000000000)

struct trial {
	struct lend_ring ring;
	int pair[2];
	size_t sent, got;
	bool armed, ended;
};

static char byte_at(size_t i)
{
	return (char)(i * 31 + i / 251);
}

static void arm(struct trial *trial)
{
	struct io_uring_sqe *sqe = lend__ring_slot(&trial->ring, 0);

	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_RECV,
		.fd = trial->pair[0],
		.ioprio = IORING_RECV_MULTISHOT | IORING_RECVSEND_BUNDLE,
		.flags = IOSQE_BUFFER_SELECT,
		.buf_group = LEND_BUFFERS_GROUP,
	};
	lend__sqe_set_recv_credit(sqe, COUNT * SIZE / 2);
	lend__ring_publish(&trial->ring, 1);
	trial->armed = true;
}

/* Compare, and give back the second before the first, and so on. */
static bool take(struct trial *trial, unsigned first, size_t size)
{
	struct lend_buffers *buffers = &trial->ring.buffers;
	unsigned count = (unsigned)((size + SIZE - 1) / SIZE);
	unsigned numbers[COUNT + 1];

	if (count > COUNT)
		return false;
	for (unsigned i = 0; i < count; i++) {
		size_t part = size - i * SIZE < SIZE ? size - i * SIZE : SIZE;
		const char *data;

		numbers[i] = lend__buffers_behind(buffers, first, i);
		data = lend__buffers_at(buffers, numbers[i]);
		for (size_t j = 0; j < part; j++)
			if (data[j] != byte_at(trial->got + j))
				return false;
		trial->got += part;
		lend__buffers_own(buffers, numbers[i], 1);
	}
	lend__buffers_note_taken(buffers, count);
	for (unsigned i = 0; i < count; i++)
		lend__buffers_give(
			buffers,
			numbers[i % 2 || i + 1 == count ? i - i % 2 : i + 1]);
	lend__buffers_drain(buffers);
	return true;
}

/* One CQE. */
static bool step(struct trial *trial)
{
	struct io_uring_cqe *cqe;
	unsigned flags;
	int res;

	if (!trial->armed)
		arm(trial);
	lend__ring_enter(&trial->ring, 1, TIMEOUT_NS);
	cqe = lend__ring_peek(&trial->ring);
	if (!cqe)
		return false;
	res = cqe->res;
	flags = cqe->flags;
	lend__ring_consume(&trial->ring);
	trial->armed = flags & IORING_CQE_F_MORE;
	trial->ended = !res;
	if (res <= 0)
		return !res || res == -ENOBUFS;
	return flags & IORING_CQE_F_BUFFER &&
	       take(trial, flags >> IORING_CQE_BUFFER_SHIFT, (size_t)res);
}

static bool passes(struct trial *trial)
{
	char data[COUNT * SIZE];

	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t size = 1 + i * 97 % 600;

		for (size_t j = 0; j < size; j++)
			data[j] = byte_at(trial->sent + j);
		if (write(trial->pair[1], data, size) != (ssize_t)size)
			return false;
		trial->sent += size;
		while (trial->got < trial->sent)
			if (!step(trial))
				return false;
	}
	return trial->got == trial->sent;
}

/* Nothing is in flight when the ring is closed, or the kernel could write into
 * its buffers. */
static bool end(struct trial *trial)
{
	shutdown(trial->pair[1], SHUT_WR);
	while (trial->armed && !trial->ended)
		if (!step(trial))
			break;
	return !trial->armed;
}

static bool try_it(void)
{
	static struct trial trial;
	bool works = false, over = true;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, trial.pair))
		return false;
	if (!lend__ring_open(&trial.ring, 0, 2, 0)) {
		if (!lend__buffers_init(&trial.ring.buffers,
					lend__ring_fd(&trial.ring), COUNT,
					SIZE)) {
			works = passes(&trial);
			over = end(&trial);
		}
		/* One that does not even end keeps what it may write to. */
		if (over) {
			lend__ring_close(&trial.ring);
			lend__buffers_fini(&trial.ring.buffers, -1);
		}
	}
	close(trial.pair[0]);
	close(trial.pair[1]);
	return works && over;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_worked;

static void try_once(void)
{
	has_worked = try_it();
}

bool lend__bundles_work(void)
{
	pthread_once(&once, try_once);
	return has_worked;
}
