/*
 * Timers of one worker: when to wake which actor.
 *
 * Exact: never early, and as late as whoever looks at them, as they are a
 * timing wheel whose last sieve is a heap (base/wheel.h).
 *
 * Lazy: a timer says "look at the clock not later than this". An actor whose
 * deadline moves away leaves its timer as it is and is woken once in vain; a
 * deadline is moved with every request, and going off early is rare. An actor
 * has one timer, in the timers of the worker where it was armed last.
 */
#ifndef LEND_RT_TIMERS_H
#define LEND_RT_TIMERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "actor/actor.h"
#include "base/wheel.h"

/* In the place of an actor's timers: it is being signalled. */
#define LEND_TIMERS_EXPIRING 1

struct lend_timers {
	pthread_mutex_t lock;
	/* [atomic: hint] none goes off before; UINT64_MAX: none is armed */
	_Atomic uint64_t next_ns;
	/* [atomic: hint] from then on there is work to do in advance */
	_Atomic uint64_t ahead_ns;
	struct lend_wheel wheel; /* [lock] */
};

void lend__timers_init(struct lend_timers *timers);
void lend__timers_fini(struct lend_timers *timers);

/* Is it going to be woken by then already? Most of the time it is. Thread: the
 * actor itself. */
static inline bool lend__timers_cover(const struct lend_actor *actor,
				      uint64_t deadline)
{
	/* Acquire [T1], as in lend__timers_arm(), which sees to one that is
	 * going off: that has no address. The key changes only there. */
	struct lend_timers *timers = atomic_load_explicit(&actor->timers,
							  memory_order_acquire);

	return (uintptr_t)timers > LEND_TIMERS_EXPIRING &&
	       actor->timer.key <= deadline;
}

/* Wake @actor at @deadline or before; it is about @now_ns. Thread: the actor
 * itself, on the worker of @timers. */
void lend__timers_arm(struct lend_timers *timers, struct lend_actor *actor,
		      uint64_t deadline, uint64_t now_ns);

/* The actor ends: it is in no timers afterwards. Thread: the actor itself. */
void lend__timers_disarm(struct lend_actor *actor);

/* Signal whoever is due, LEND_TIMERS_ROUND at most: then @next_ns stays in the
 * past. Thread: any; usually the worker they belong to. */
#define LEND_TIMERS_ROUND 256
void lend__timers_expire(struct lend_timers *timers, uint64_t now_ns);

/* Signal all, due or not. Thread: the worker they belong to. */
void lend__timers_expire_all(struct lend_timers *timers);

#endif
