/*
 * Timeouts of descriptors: see timeouts.h. Called by whoever waits for an
 * operation, and by the close.
 */
#include "io/timeouts.h"

#include <errno.h>
#include <lend/clock.h>
#include <lend/io.h>
#include <liburing.h>
#include <stddef.h>

#include "io/descriptors.h"

/* Relaxed throughout: they bound what begins after whoever set them has told
 * the others of the descriptor, by a message or a spawn. */
struct timeouts {
	_Atomic uint64_t read_ns; /* 0: none */
	_Atomic uint64_t write_ns;
};

/* Addresses only: a page is committed when a descriptor of its has some. */
static struct timeouts table[LEND_DESCRIPTORS_MAX];

_Atomic bool lend__timeouts_set;

static struct timeouts *find(int fd)
{
	return fd >= 0 && fd < LEND_DESCRIPTORS_MAX ? &table[fd] : NULL;
}

/* 0 stands for none, as fresh pages do. */
static uint64_t stored(uint64_t span_ns)
{
	return span_ns == LEND_FOREVER ? 0 : span_ns;
}

int lend_set_timeouts(int fd, uint64_t read_ns, uint64_t write_ns)
{
	struct timeouts *timeouts;
	int err;

	if (!read_ns || !write_ns)
		return -EINVAL;
	if (fd >= LEND_DESCRIPTORS_MAX)
		return -EBADF;
	/* Counted, so that a close comes before or after it. */
	err = lend__descriptor_enter(fd);
	if (err)
		return err;
	timeouts = find(fd);
	atomic_store_explicit(&timeouts->read_ns, stored(read_ns),
			      memory_order_relaxed);
	atomic_store_explicit(&timeouts->write_ns, stored(write_ns),
			      memory_order_relaxed);
	if (!lend__timeouts_used())
		atomic_store_explicit(&lend__timeouts_set, true,
				      memory_order_relaxed);
	lend__descriptor_leave(fd);
	return 0;
}

static uint64_t span_of(struct timeouts *timeouts, uint8_t opcode)
{
	switch (opcode) {
	case IORING_OP_READ:
	case IORING_OP_READV:
	case IORING_OP_READ_FIXED:
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
	case IORING_OP_ACCEPT:
		return atomic_load_explicit(&timeouts->read_ns,
					    memory_order_relaxed);
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
	case IORING_OP_WRITE_FIXED:
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_CONNECT:
		return atomic_load_explicit(&timeouts->write_ns,
					    memory_order_relaxed);
	default:
		return 0;
	}
}

uint64_t lend__timeouts_limit(int fd, uint8_t opcode, uint64_t deadline)
{
	struct timeouts *timeouts = find(fd);
	uint64_t span_ns = timeouts ? span_of(timeouts, opcode) : 0;
	uint64_t limit;

	if (!span_ns)
		return deadline;
	limit = lend_after(span_ns);
	return limit < deadline ? limit : deadline;
}

void lend__timeouts_forget(int fd)
{
	struct timeouts *timeouts = find(fd);

	/* Untouched pages stay untouched. */
	if (!timeouts ||
	    (!atomic_load_explicit(&timeouts->read_ns, memory_order_relaxed) &&
	     !atomic_load_explicit(&timeouts->write_ns, memory_order_relaxed)))
		return;
	atomic_store_explicit(&timeouts->read_ns, 0, memory_order_relaxed);
	atomic_store_explicit(&timeouts->write_ns, 0, memory_order_relaxed);
}
