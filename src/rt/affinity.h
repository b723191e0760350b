/*
 * How many of a worker's queue are connections that should stay there: Note
 * [affinity] in steal.c.
 */
#ifndef LEND_RT_AFFINITY_H
#define LEND_RT_AFFINITY_H

#include <lend/clock.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rt/run_queue.h"

/* Whoever runs for so long costs little by running elsewhere. */
#define LEND_LONG_TURN_NS (10 * LEND_US)

struct lend_affinity {
	/* [owner] turns were long, when that was looked at last */
	bool long_turns;
	/* [owner] writes it; others read it as a hint. So many of the queue
	 * were put there by completions; but for those that are pinned. It may
	 * be too many until the round is over. */
	_Atomic uint32_t reaped;
};

/* How many stay. Any thread, as a hint. */
static inline unsigned
lend__affinity_keeps(const struct lend_affinity *affinity)
{
	return atomic_load_explicit(&affinity->reaped, memory_order_relaxed);
}

/* ---- by the owner ---- */

static inline void lend__affinity_set(struct lend_affinity *affinity,
				      unsigned reaped)
{
	atomic_store_explicit(&affinity->reaped, reaped, memory_order_relaxed);
}

/* Completions have put so many more into the queue; or they were, on the worker
 * from whom they come. */
static inline void lend__affinity_add(struct lend_affinity *affinity,
				      unsigned count)
{
	if (count && !affinity->long_turns)
		lend__affinity_set(affinity,
				   lend__affinity_keeps(affinity) + count);
}

/* Is a round of so many turns to be timed? Of a queue that is shorter nobody
 * takes half. */
static inline bool lend__affinity_wants_time(unsigned ran)
{
	return ran >= LEND_RUN_STEAL_LENGTH;
}

/* It took so long. */
static inline void lend__affinity_time(struct lend_affinity *affinity,
				       unsigned ran, uint64_t span_ns)
{
	affinity->long_turns = span_ns > ran * LEND_LONG_TURN_NS;
}

/* A round of @ran turns is over, and @queue what it has left: of those that
 * have not had their turn thieves may have taken some. */
static inline void lend__affinity_end_round(struct lend_affinity *affinity,
					    unsigned ran,
					    const struct lend_run_queue *queue)
{
	unsigned reaped = lend__affinity_keeps(affinity), length;

	if (!reaped)
		return;
	reaped = reaped > ran && !affinity->long_turns ? reaped - ran : 0;
	if (reaped) {
		length = lend__run_queue_length(queue);
		reaped = reaped < length ? reaped : length;
	}
	lend__affinity_set(affinity, reaped);
}

#endif
