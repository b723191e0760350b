/*
 * One io_uring instance: our own bookkeeping of its two queues.
 *
 * liburing maps the ring; head and tail are handled here, because a ring that
 * moves between threads needs rules that liburing's helpers do not have:
 *
 *  - Slots are freed from the head the kernel publishes, never by counting
 *    what enter returned, so a flush needs no ownership: any thread may enter.
 *  - Whoever may write SQEs (the holder: a loan, or the ring's lock) owns
 *    @sq_tail. Publishing is one store of the tail, so a chain appears whole.
 *  - Whoever holds @cq_lock consumes CQEs. It is a try-lock: a poller that does
 *    not get it has nothing to do, as somebody else is polling.
 */
#ifndef LEND_URING_RING_H
#define LEND_URING_RING_H

#include <liburing.h>
#include <lend/base.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/check.h"
#include "base/counter.h"
#include "uring/buffers.h"
#include "uring/parts.h"

struct lend_ring {
	/* [const] from lend__ring_open() to lend__ring_close() */
	struct io_uring uring;
	unsigned index; /* in its pool */
	unsigned depth; /* slots of the submission queue */
	unsigned sq_mask;
	unsigned cq_mask;
	unsigned setup_flags;
	unsigned sqpoll_idle_ms; /* with SETUP_SQPOLL; set before open */
	bool deferred; /* completions run only inside the owner's enter */
	bool sqpoll;   /* a thread of the kernel's submits: Note [sqpoll] */
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;

	/* [holder] one writer at a time; read by anyone for a hint */
	LEND_CACHE_ALIGNED unsigned sq_tail;
	_Atomic uint64_t published; /* SQEs ever handed to the kernel */

	/* [cq_lock] */
	LEND_CACHE_ALIGNED atomic_bool cq_lock;
	_Atomic uint64_t finished;	/* operations that had their last CQE */
	_Atomic uint64_t completions;	/* CQEs, those of multishots too */
	_Atomic uint64_t polled_ns;	/* when somebody last looked */
	_Atomic uint64_t buffers_empty; /* receives that found no buffer */
	_Atomic uint64_t stops;		/* series that were told to stop */
	struct lend_buffers buffers;	/* given out whole */
	struct lend_buffers shared;	/* given out in parts */

	/* [atomic: counters] */
	_Atomic uint64_t enters;
	/* [atomic: hint] A parked worker will see its completions. */
	_Atomic bool watched;
	/* [atomic: hint] threads on their way through an enter that submits:
	 * Note [inside] */
	_Atomic unsigned inside;
};

/**
 * Open a ring.
 *
 * @ring         zeroed storage, but for @sqpoll_idle_ms if SQPOLL is asked
 *               for; or that of a closed ring, whose counters go on; stays
 *               where it is
 * @index        its place in the pool
 * @depth        submission slots, 1 to 32768; rounded up to a power of two
 * @setup_flags  IORING_SETUP_*; R_DISABLED is honoured: lend__ring_enable()
 *
 * Return: 0, or -errno of io_uring_setup(2) or mmap(2)
 */
int lend__ring_open(struct lend_ring *ring, unsigned index, unsigned depth,
		    unsigned setup_flags);

/* Close it. Its counters stay, and so do its buffers as long as somebody holds
 * one of them: see lend__buffers_detach(). */
void lend__ring_close(struct lend_ring *ring);

/* Bind a ring opened with R_DISABLED to the calling thread. */
int lend__ring_enable(struct lend_ring *ring);

static inline bool lend__ring_is_open(const struct lend_ring *ring)
{
	return ring->sqes;
}

static inline int lend__ring_fd(const struct lend_ring *ring)
{
	return ring->uring.ring_fd;
}

/* ---- submission side ---- */

/*
 * Note [inside]
 * While the kernel takes SQEs it holds the ring's lock (uring_lock), from its
 * one look at the tail to the last SQE that was published then, of which each
 * may be a send that runs through both sides of a connection. The head moves
 * when all are taken. So whoever sees that something is to be submitted, and
 * enters meanwhile, waits for a millisecond, and finds nothing to do. Who only
 * wants to help looks here first.
 *
 * What is published later is seen to as ever: by its publisher, or in shared
 * mode by whoever submits, Note [submitter]. Flushes and those who park enter
 * all the same, and that is relied upon; and so does the monitor's look, as a
 * thread may lose its CPU on its way in or out, when it is counted but has no
 * lock.
 */
static inline bool lend__ring_is_entered(const struct lend_ring *ring)
{
	/* Relaxed: a hint, acted on again and again. */
	return atomic_load_explicit(&ring->inside, memory_order_relaxed);
}

/* Slots published but not yet taken by the kernel. Any thread, as a hint.
 * With SQPOLL somebody is at work on them, or sleeps: lend__ring_enter(). */
static inline unsigned lend__ring_unsubmitted(const struct lend_ring *ring)
{
	/* Acquire, paired with the kernel's release of the head: it has read
	 * the slots before it gave them back. */
	unsigned head = __atomic_load_n(ring->uring.sq.khead, __ATOMIC_ACQUIRE);

	/* The tail the kernel sees, as the caller may not be the holder. */
	return __atomic_load_n(ring->uring.sq.ktail, __ATOMIC_RELAXED) - head;
}

/* Free slots. Holder only. */
static inline unsigned lend__ring_room(const struct lend_ring *ring)
{
	unsigned head = __atomic_load_n(ring->uring.sq.khead, __ATOMIC_ACQUIRE);

	return ring->depth - (ring->sq_tail - head);
}

/* The @i-th slot behind the tail. Holder only; @i below lend__ring_room(). */
static inline struct io_uring_sqe *lend__ring_slot(const struct lend_ring *ring,
						   unsigned i)
{
	return &ring->sqes[(ring->sq_tail + i) & ring->sq_mask];
}

/* Hand the next @count slots to the kernel by one store. Holder only. */
static inline void lend__ring_publish(struct lend_ring *ring, unsigned count)
{
	uint64_t published = atomic_load_explicit(&ring->published,
						  memory_order_relaxed);

	ring->sq_tail += count;
	/* Release [R2], paired with peek(): what the SQEs and their op records
	 * say. The way through the kernel orders that, too, but a compiler and
	 * ThreadSanitizer know nothing of it. One writer at a time. */
	atomic_store_explicit(&ring->published, published + count,
			      memory_order_release);
	/* Release, paired with the kernel's acquire of the tail. */
	__atomic_store_n(ring->uring.sq.ktail, ring->sq_tail, __ATOMIC_RELEASE);
}

/**
 * Submit what is published, and wait.
 *
 * @min_complete  0 does not wait; 1 waits for a CQE
 * @timeout_ns    how long at most, relative; UINT64_MAX for ever
 *
 * Thread: any for a plain ring; its owner for one with SINGLE_ISSUER.
 * Blocks: the thread, if @min_complete is not 0.
 *
 * Does not wait if there is a CQE already. With SQPOLL nothing is submitted
 * here, but the polling thread is woken if it sleeps.
 *
 * Return: 0 or the number of SQEs taken
 *         -ETIME, -EINTR  the wait ended for another reason (all was taken)
 *         -EBUSY, -EAGAIN the kernel refuses for now: it wants completions to
 *                 be reaped first, or memory; it has not waited
 */
int lend__ring_enter(struct lend_ring *ring, unsigned min_complete,
		     uint64_t timeout_ns);

/**
 * Submit what is published, to have its slots free.
 *
 * Thread: as lend__ring_enter(). Blocks: no; with SQPOLL until the polling
 * thread has taken it all, a few milliseconds at most.
 *
 * The kernel may refuse, or the thread be late: look at the room afterwards.
 */
void lend__ring_clear(struct lend_ring *ring);

/* ---- completion side ---- */

/* Is there a CQE? Any thread, as a hint. */
static inline bool lend__ring_has_cqe(const struct lend_ring *ring)
{
	return __atomic_load_n(ring->uring.cq.ktail, __ATOMIC_RELAXED) !=
	       __atomic_load_n(ring->uring.cq.khead, __ATOMIC_RELAXED);
}

/* Must somebody enter before more CQEs can appear? */
static inline bool lend__ring_wants_enter(const struct lend_ring *ring)
{
	return __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED) &
	       (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

/* Must its polling thread be woken to submit? SQPOLL only. */
static inline bool lend__ring_sleeps(const struct lend_ring *ring)
{
	return __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED) &
	       IORING_SQ_NEED_WAKEUP;
}

static inline bool lend__ring_overflowed(const struct lend_ring *ring)
{
	return __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED) &
	       IORING_SQ_CQ_OVERFLOW;
}

/* Does somebody consume CQEs at this moment? A hint. */
static inline bool lend__ring_cq_locked(const struct lend_ring *ring)
{
	return atomic_load_explicit(&ring->cq_lock, memory_order_relaxed);
}

static inline bool lend__ring_cq_trylock(struct lend_ring *ring)
{
	/* Acquire [R1], paired with the release in cq_unlock: the next
	 * consumer sees the head and the buffer tail of the one before. */
	return !atomic_load_explicit(&ring->cq_lock, memory_order_relaxed) &&
	       !atomic_exchange_explicit(&ring->cq_lock, true,
					 memory_order_acquire);
}

static inline void lend__ring_cq_unlock(struct lend_ring *ring)
{
	/* Release [R1]. */
	atomic_store_explicit(&ring->cq_lock, false, memory_order_release);
}

/* The oldest CQE, or NULL. Consumer only. */
static inline struct io_uring_cqe *lend__ring_peek(const struct lend_ring *ring)
{
	unsigned head = *ring->uring.cq.khead;
	/* Acquire, paired with the kernel's release of the tail. */
	unsigned tail = __atomic_load_n(ring->uring.cq.ktail, __ATOMIC_ACQUIRE);

	if (head == tail)
		return NULL;
	/* Acquire [R2]: a CQE comes after the publication of its SQE. */
	(void)atomic_load_explicit(&ring->published, memory_order_acquire);
	return &ring->cqes[head & ring->cq_mask];
}

/* What the CQE says that comes @ahead after the oldest, if it is there already;
 * 0 otherwise. A hint, for whoever prefetches: it is not consumed, and nothing
 * that its operation left may be read. Consumer only. */
static inline uint64_t lend__ring_peek_ahead(const struct lend_ring *ring,
					     unsigned ahead)
{
	unsigned head = *ring->uring.cq.khead;
	/* Acquire, as in peek(): the CQE is the kernel's until then. */
	unsigned tail = __atomic_load_n(ring->uring.cq.ktail, __ATOMIC_ACQUIRE);

	return tail - head > ahead ?
		       ring->cqes[(head + ahead) & ring->cq_mask].user_data :
		       0;
}

/* A series was told to stop. Consumer only. */
static inline void lend__ring_note_stop(struct lend_ring *ring)
{
	lend_counter_add(&ring->stops, 1);
}

/* Give the oldest CQE's slot back to the kernel. Consumer only. */
static inline void lend__ring_consume(struct lend_ring *ring)
{
	__atomic_store_n(ring->uring.cq.khead, *ring->uring.cq.khead + 1,
			 __ATOMIC_RELEASE);
}

/* Operations that have not had their last CQE. Any thread, as a hint: exact
 * only while nobody submits or reaps. */
static inline uint64_t lend__ring_in_flight(const struct lend_ring *ring)
{
	uint64_t finished = atomic_load_explicit(&ring->finished,
						 memory_order_relaxed);

	return atomic_load_explicit(&ring->published, memory_order_relaxed) -
	       finished;
}

/* A completion comes with a buffer: note it, before anything else is done with
 * the completion. Return: its flags, which lend__ring_buffers() understands.
 * The ring's consumer only. */
static inline uint32_t lend__ring_take_buffer(struct lend_ring *ring,
					      int32_t res, uint32_t flags)
{
	if (ring->shared.ring &&
	    flags >> IORING_CQE_BUFFER_SHIFT & LEND_PARTS_BUFFER)
		return lend__parts_take(&ring->shared, res, flags);
	lend__buffers_note_taken(&ring->buffers, 1);
	return flags;
}

/* A completion says that there was no buffer for what came, or may come. The
 * ring's consumer only. */
static inline void lend__ring_lacks_buffer(struct lend_ring *ring)
{
	lend_counter_add(&ring->buffers_empty, 1);
	lend__buffers_open_more(&ring->buffers);
}

/* Which buffers the number in @flags is one of, and the number. */
static inline struct lend_buffers *
lend__ring_buffers(struct lend_ring *ring, uint32_t flags, unsigned *ret_number)
{
	if (flags & LEND_CQE_F_PART) {
		*ret_number = flags >> LEND_PARTS_SHIFT;
		return &ring->shared;
	}
	*ret_number = flags >> IORING_CQE_BUFFER_SHIFT;
	return &ring->buffers;
}

#endif
