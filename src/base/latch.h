/*
 * A lock for a few instructions, of one byte, that nobody sleeps in: whoever
 * finds it taken offers its processor to who has it. Giving it back is one
 * store, so that its memory may be gone right after.
 *
 * One that loses its processor with a latch in hand keeps the others waiting
 * until it has it back, and they use theirs up meanwhile. To offer it is no use
 * to who has it if that thread has a lower real-time priority (SCHED_FIFO) and
 * the same processor: threads of different priorities that have actors in
 * common must not be bound to one. The bit of an entry (actor/registry.h) is
 * the same in this.
 */
#ifndef LEND_BASE_LATCH_H
#define LEND_BASE_LATCH_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct lend_latch {
	_Atomic bool taken; /* [atomic: Y1] */
};

static inline void lend_latch_take(struct lend_latch *latch)
{
	/* Acquire [Y1], paired with lend_latch_give(). */
	while (atomic_exchange_explicit(&latch->taken, true,
					memory_order_acquire))
		sched_yield();
}

static inline void lend_latch_give(struct lend_latch *latch)
{
	/* Release [Y1]. */
	atomic_store_explicit(&latch->taken, false, memory_order_release);
}

#endif
