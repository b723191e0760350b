/*
 * Opening, closing and entering a ring. The queues' fast paths are in ring.h.
 * Called by the pool and the pollers of arbiter/, and by worker threads.
 */
#include "uring/ring.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "uring/sys.h"

/* Newer headers have it; a ring without an index array must not be written
 * through it. */
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif

/*
 * The kernel finds an operation to be cancelled in a hash table whose size
 * follows the CQ's: 32 lists for 1024 entries, 256 for 8192, which is the most.
 * With 50,000 operations in flight the cancellation of each took 60 us with 32.
 * So a ring that is not meant to be small gets that many: 128 KiB.
 */
#define DEEP	256
#define DEEP_CQ 8192

/* How often, and how, lend__ring_clear() waits for a polling thread: about
 * three milliseconds in all, for one that has to share its CPU. */
#define CLEAR_ATTEMPTS 64
#define CLEAR_YIELDS   16
#define CLEAR_NAP_NS   50000

int lend__ring_open(struct lend_ring *ring, unsigned index, unsigned depth,
		    unsigned setup_flags)
{
	struct io_uring_params params = { .flags = setup_flags };
	int err;

	/* A deep CQ: completions of multishots and of accepted connections
	 * come in bursts that have nothing to do with the SQ's depth. */
	params.flags |= IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
	params.cq_entries = (unsigned)lend_ceil_power_of_two(depth) * 4;
	if (params.cq_entries < 64)
		params.cq_entries = 64;
	if (depth >= DEEP && params.cq_entries < DEEP_CQ)
		params.cq_entries = DEEP_CQ;
	if (setup_flags & IORING_SETUP_SQPOLL)
		params.sq_thread_idle = ring->sqpoll_idle_ms;
	err = lend__sys_ring_open(&ring->uring, depth, &params);
	if (err < 0)
		return err;

	ring->index = index;
	ring->depth = params.sq_entries;
	ring->sq_mask = params.sq_entries - 1;
	ring->cq_mask = params.cq_entries - 1;
	ring->setup_flags = setup_flags;
	ring->deferred = setup_flags & IORING_SETUP_DEFER_TASKRUN;
	ring->sqpoll = setup_flags & IORING_SETUP_SQPOLL;
	ring->sqes = ring->uring.sq.sqes;
	ring->cqes = ring->uring.cq.cqes;
	ring->sq_tail = *ring->uring.sq.ktail;
	if (!(params.flags & IORING_SETUP_NO_SQARRAY))
		for (unsigned i = 0; i < params.sq_entries; i++)
			ring->uring.sq.array[i] = i;
	return 0;
}

void lend__ring_close(struct lend_ring *ring)
{
	if (!ring->sqes)
		return;
	lend__buffers_detach(&ring->buffers, lend__ring_fd(ring));
	lend__buffers_detach(&ring->shared, lend__ring_fd(ring));
	lend__sys_ring_close(&ring->uring);
	memset(&ring->uring, 0, sizeof(ring->uring));
	ring->sqes = NULL;
	ring->cqes = NULL;
}

int lend__ring_enable(struct lend_ring *ring)
{
	return lend__sys_register(lend__ring_fd(ring),
				  IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static int enter(struct lend_ring *ring, unsigned to_submit,
		 unsigned min_complete, unsigned flags, uint64_t timeout_ns)
{
	struct __kernel_timespec timeout;
	struct io_uring_getevents_arg argument = { .sigmask_sz = _NSIG / 8 };

	atomic_fetch_add_explicit(&ring->enters, 1, memory_order_relaxed);
	if (!min_complete || timeout_ns == UINT64_MAX)
		return lend__sys_enter(lend__ring_fd(ring), to_submit,
				       min_complete, flags, NULL, _NSIG / 8);

	timeout.tv_sec = (long long)(timeout_ns / 1000000000);
	timeout.tv_nsec = (long long)(timeout_ns % 1000000000);
	argument.ts = (uint64_t)(uintptr_t)&timeout;
	return lend__sys_enter(lend__ring_fd(ring), to_submit, min_complete,
			       flags | IORING_ENTER_EXT_ARG, &argument,
			       sizeof(argument));
}

/* Of a ring that several may enter: all that is published. */
static int submit(struct lend_ring *ring)
{
	int res;

	/* Relaxed: Note [inside]. */
	atomic_fetch_add_explicit(&ring->inside, 1, memory_order_relaxed);
	res = enter(ring, ring->depth, 0, 0, 0);
	atomic_fetch_sub_explicit(&ring->inside, 1, memory_order_relaxed);
	return res;
}

/* The kernel took nothing and did not wait either. What it lacks may be that
 * completions are reaped which it still keeps to itself. */
static int refused(struct lend_ring *ring, int err)
{
	if (lend__ring_wants_enter(ring))
		enter(ring, 0, 0, IORING_ENTER_GETEVENTS, 0);
	return err;
}

/* One thread publishes and enters: the count is exact, and one call submits
 * and waits. A deferred ring does its completion work only when asked for
 * events. */
static int enter_deferred(struct lend_ring *ring, unsigned min_complete,
			  uint64_t timeout_ns)
{
	int res = enter(ring, lend__ring_unsubmitted(ring), min_complete,
			IORING_ENTER_GETEVENTS, timeout_ns);

	return res == -EBUSY || res == -EAGAIN ? refused(ring, res) : res;
}

/*
 * Note [sqpoll]
 * A thread of the kernel's looks for what is published. When it has found
 * nothing for sqpoll_idle_ms it sets SQ_NEED_WAKEUP, passes a full barrier,
 * looks once more, and sleeps. We publish, pass a full barrier [K1], and look
 * at the flag: so either it sees the SQEs, or we see that it has to be woken.
 * The barrier is here, once a flush, and not at each publication: until its
 * flush a claim need not be seen.
 *
 * Completion work is done by that thread, which is woken for it by the kernel.
 */
static int enter_polled(struct lend_ring *ring, unsigned min_complete,
			uint64_t timeout_ns)
{
	unsigned flags = 0;

	atomic_thread_fence(memory_order_seq_cst); /* [K1] */
	if (lend__ring_unsubmitted(ring) && lend__ring_sleeps(ring))
		flags = IORING_ENTER_SQ_WAKEUP;
	if (min_complete ? !lend__ring_has_cqe(ring) :
			   lend__ring_wants_enter(ring))
		return enter(ring, 0, min_complete,
			     flags | IORING_ENTER_GETEVENTS, timeout_ns);
	return flags ? enter(ring, 0, 0, flags, 0) : 0;
}

int lend__ring_enter(struct lend_ring *ring, unsigned min_complete,
		     uint64_t timeout_ns)
{
	int submitted = 0, res;

	if (ring->sqpoll)
		return enter_polled(ring, min_complete, timeout_ns);
	if (ring->deferred)
		return enter_deferred(ring, min_complete, timeout_ns);
	/* Others may publish and enter meanwhile, so a count read here could
	 * end in the middle of a chain: ask for everything, which the kernel
	 * cuts to what it sees published. It then returns without waiting. */
	if (lend__ring_unsubmitted(ring)) {
		submitted = submit(ring);
		if (submitted < 0)
			return refused(ring, submitted);
		/* The kernel may take fewer, for want of memory: what is left
		 * would wait as long as the caller. */
		if (min_complete && lend__ring_unsubmitted(ring))
			return submitted;
	}
	if (min_complete ? lend__ring_has_cqe(ring) :
			   !lend__ring_wants_enter(ring))
		return submitted;
	res = enter(ring, 0, min_complete, IORING_ENTER_GETEVENTS, timeout_ns);
	/* Who does not wait is told what was taken, whatever came after it. */
	return res < 0 && (min_complete || !submitted) ? res : submitted;
}

/* The polling thread is awake and will come by: first let it have this CPU, in
 * case it waits for one. */
static void wait_a_little(unsigned attempt)
{
	const struct timespec nap = { .tv_nsec = CLEAR_NAP_NS };

	if (attempt < CLEAR_YIELDS)
		sched_yield();
	else
		nanosleep(&nap, NULL);
}

void lend__ring_clear(struct lend_ring *ring)
{
	for (unsigned i = 0; lend__ring_unsubmitted(ring); i++) {
		int res = lend__ring_enter(ring, 0, 0);

		if (!ring->sqpoll || res < 0 || i == CLEAR_ATTEMPTS)
			return;
		/* The kernel can wait for one free slot, not for more. */
		if (lend__ring_unsubmitted(ring) == ring->depth)
			enter(ring, 0, 0, IORING_ENTER_SQ_WAIT, 0);
		else
			wait_a_little(i);
	}
}
