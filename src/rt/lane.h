/*
 * A lane: runnable actors of a worker, first in, first out, however many. They
 * are in a ring; what it has no room for waits in a list behind it.
 *
 * The owner pushes; the owner and thieves pop, by a compare-and-swap of the
 * ring's head. To do without that instruction where no thief comes, by an
 * asymmetric fence as the arbiter has, was tried: two nanoseconds of twenty for
 * an actor that yields, nothing measurable elsewhere, and each theft would
 * interrupt all workers.
 */
#ifndef LEND_RT_LANE_H
#define LEND_RT_LANE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "actor/actor.h"
#include "base/bits.h"
#include "base/ck.h"

/* Actors a lane's ring holds before further ones go to a list under a lock. */
#define LEND_LANE_RING_SIZE 1024

struct lend_lane {
	/* While there is a list no room is known here. */
	struct lend_queue ring;
	pthread_mutex_t lock;
	struct lend_actor *first; /* [lock] */
	struct lend_actor *last;
	_Atomic unsigned listed; /* as a hint */
};

/* 0 or -ENOMEM; lend__lane_fini() can finish what failed. */
int lend__lane_init(struct lend_lane *lane);
void lend__lane_fini(struct lend_lane *lane);

/* ---- by any thread ---- */

/* In the list, as a hint; none to the owner, who alone makes it longer, is
 * none. */
static inline unsigned lend__lane_listed(const struct lend_lane *lane)
{
	return atomic_load_explicit(&lane->listed, memory_order_relaxed);
}

/* As a hint; none to the owner is none. */
static inline unsigned lend__lane_length(const struct lend_lane *lane)
{
	return lend_queue_size(&lane->ring) + lend__lane_listed(lane);
}

/* The same of less work. */
static inline bool lend__lane_has_work(const struct lend_lane *lane)
{
	return !lend_queue_is_empty(&lane->ring) || lend__lane_listed(lane);
}

/* A thief: the oldest @most, or what there is. Return: how many. */
unsigned lend__lane_pop_some(struct lend_lane *lane, struct lend_actor **actors,
			     unsigned most);

/* ---- by the owner ---- */

/* The ring is empty: refill it from the list, but for the oldest. Return: that
 * one, or NULL. */
struct lend_actor *lend__lane_refill(struct lend_lane *lane);

/* At the end, if there is known to be room in the ring; or else, which is for
 * lend__lane_push_further(), false. */
static inline bool lend__lane_push(struct lend_lane *lane,
				   struct lend_actor *actor)
{
	return lend_queue_push_known(&lane->ring, actor);
}

/* At the end. False if it went to the list. */
bool lend__lane_push_further(struct lend_lane *lane, struct lend_actor *actor);

/*
 * Those that come next are fetched from memory while this one runs: of hundreds
 * of actors the records and stacks do not stay in the first-level cache. First
 * the record's two lines, a turn later what it leads to: where the stack was
 * left, and the frames above that up to the actor's own function; and what it
 * has named itself, Note [ahead] of actor/actor.h. A thief may have taken them,
 * and their place may be another's by now; then this is for nothing, no more.
 * The record stays readable whatever becomes of the actor; what it has named
 * need not, and is not read.
 *
 * Always inline: gcc 12 takes a function that only prefetches for one without
 * effects, and leaves out the call.
 */
__attribute__((always_inline)) static inline void
lend__lane_look_ahead(void *actors[3], unsigned count)
{
	const struct lend_actor *next = actors[1], *later = actors[2];
	const char *left_at, *ahead;

	if (count < 2)
		return;
	left_at = lend__fiber_left_at(&next->fiber);
	__builtin_prefetch(left_at);
	__builtin_prefetch(left_at + LEND_CACHE_LINE);
	__builtin_prefetch(left_at + 2 * LEND_CACHE_LINE);
	ahead = atomic_load_explicit(&next->ahead, memory_order_relaxed);
	__builtin_prefetch(ahead);
	__builtin_prefetch(ahead + LEND_CACHE_LINE);
	if (count == 2)
		return;
	__builtin_prefetch(later);
	__builtin_prefetch(&later->fiber);
}

/* The oldest, if the ring has any. */
static inline bool lend__lane_pop_ring(struct lend_lane *lane,
				       struct lend_actor **ret_actor)
{
	void *actors[3];
	unsigned count = lend_queue_pop_ahead(&lane->ring, actors);

	if (lend_unlikely(!count))
		return false;
	lend__lane_look_ahead(actors, count);
	*ret_actor = actors[0];
	return true;
}

/* The oldest, or NULL. */
static inline struct lend_actor *lend__lane_pop(struct lend_lane *lane)
{
	struct lend_actor *actor;

	if (lend_likely(lend__lane_pop_ring(lane, &actor)))
		return actor;
	return lend_likely(!lend__lane_listed(lane)) ? NULL :
						       lend__lane_refill(lane);
}

#endif
