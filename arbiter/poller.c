/*
 * Reaping completions: see poller.h.
 */
#include "arbiter/poller.h"

#include <errno.h>

#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "arbiter/op.h"
#include "base/check.h"
#include "base/counter.h"
#include "uring/ring.h"

/* CQEs between the one that is delivered and that whose record is fetched. */
#define AHEAD 4

static void deliver(const struct io_uring_cqe *cqe, struct lend_ring *ring,
		    uint64_t *finished)
{
	bool more = cqe->flags & IORING_CQE_F_MORE;
	uint32_t flags = cqe->flags;
	struct lend_op *op;

	if (!more)
		(*finished)++;
	if (flags & IORING_CQE_F_BUFFER)
		flags = lend__ring_take_buffer(ring, cqe->res, flags);
	else if (lend_unlikely(cqe->res == -ENOBUFS))
		lend__ring_lacks_buffer(ring);
	if (!cqe->user_data)
		return;
	op = lend__op_from_user_data(cqe->user_data);
	lend_assert(op->in_flight);
	/* Before done: afterwards the record may be somebody else's. */
	op->res = cqe->res;
	op->flags = flags;
	op->in_flight = more;
	op->done(op, cqe->res, flags, more);
}

/* The records of hundreds of operations are in no cache when these are over,
 * and each delivery would wait for one. So they are fetched while those of the
 * CQEs before them are delivered.
 *
 * Always inline: see lend__lane_look_ahead(). */
__attribute__((always_inline)) static inline void
look_ahead(const struct lend_ring *ring)
{
	uint64_t user_data = lend__ring_peek_ahead(ring, AHEAD);

	if (user_data)
		__builtin_prefetch(lend__op_address(user_data), 1);
}

unsigned lend__poller_poll(struct lend_ring *ring, uint64_t now_ns)
{
	unsigned handled = 0;
	uint64_t finished;

	if (!lend__ring_has_cqe(ring)) {
		/* Buffers given back must reach the kernel though nothing
		 * arrives: a receive may wait for one. */
		if (!lend__buffers_has_returned(&ring->buffers) &&
		    !lend__buffers_has_returned(&ring->shared))
			return 0;
	}
	if (!lend__ring_cq_trylock(ring))
		return 0;
	finished = atomic_load_explicit(&ring->finished, memory_order_relaxed);
	while (handled < LEND_POLL_MAX) {
		struct io_uring_cqe *next = lend__ring_peek(ring);
		struct io_uring_cqe cqe;

		if (!next)
			break;
		look_ahead(ring);
		/* Copied, and its slot free, before anything else happens. */
		cqe = *next;
		lend__ring_consume(ring);
		handled++;
		deliver(&cqe, ring, &finished);
	}
	/* Single writer under cq_lock; relaxed, as they are counters. */
	atomic_store_explicit(&ring->finished, finished, memory_order_relaxed);
	lend_counter_add(&ring->completions, handled);
	atomic_store_explicit(&ring->polled_ns, now_ns, memory_order_relaxed);
	if (ring->buffers.ring)
		lend__buffers_drain(&ring->buffers);
	if (ring->shared.ring)
		lend__buffers_drain(&ring->shared);
	lend__ring_cq_unlock(ring);
	return handled;
}

static void note_help(struct lend_borrower *borrower,
		      const struct lend_ring *ring, unsigned handled)
{
	atomic_fetch_add_explicit(&borrower->arbiter->helped, 1,
				  memory_order_relaxed);
	lend__borrower_record(borrower, LEND_TRACE_HELP, ring->index, handled);
}

/* Is there something to enter for? Completions that the kernel keeps to itself
 * can be had in no other way, and whoever parks comes back for them at once. */
static bool wants_help(const struct lend_ring *ring, bool waits)
{
	if (lend__ring_overflowed(ring))
		return true;
	return (lend__ring_unsubmitted(ring) ||
		(lend__ring_in_flight(ring) && lend__ring_wants_enter(ring))) &&
	       (waits || !lend__ring_is_entered(ring));
}

unsigned lend__poller_help(struct lend_borrower *borrower, uint64_t now_ns,
			   uint64_t age_ns, bool waits)
{
	struct lend_arbiter *arbiter = borrower->arbiter;
	struct lend_ring *own = arbiter->mode->own_ring(borrower);
	unsigned handled = 0;

	if (!arbiter->mode->any_poller)
		return 0;
	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		struct lend_ring *ring = &arbiter->pool.rings[i];
		uint64_t polled_ns;
		unsigned n;

		if (ring == own)
			continue;
		polled_ns = atomic_load_explicit(&ring->polled_ns,
						 memory_order_relaxed);
		if (!arbiter->mode->is_orphan(arbiter, ring) &&
		    (now_ns < polled_ns || now_ns - polled_ns < age_ns))
			continue;
		if (wants_help(ring, waits))
			lend__arbiter_enter(borrower, ring);
		n = lend__poller_poll(ring, now_ns);
		if (n)
			note_help(borrower, ring, n);
		handled += n;
	}
	return handled;
}
