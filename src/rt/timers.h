/*
 * Timers of one worker: when to wake which actor.
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

#include "base/pairing.h"

struct lend_actor;

struct lend_timers {
	pthread_mutex_t lock;
	struct lend_pairing heap; /* [lock] */
	/* [atomic: hint] the first to go off; UINT64_MAX: none */
	_Atomic uint64_t next_ns;
};

void lend__timers_init(struct lend_timers *timers);
void lend__timers_fini(struct lend_timers *timers);

/* Wake @actor at @deadline or before. Thread: the actor itself, on the worker
 * of @timers. */
void lend__timers_arm(struct lend_timers *timers, struct lend_actor *actor,
		      uint64_t deadline);

/* The actor ends: it is in no timers afterwards. Thread: the actor itself. */
void lend__timers_disarm(struct lend_actor *actor);

/* Signal whoever is due. Thread: any; usually the worker they belong to. */
void lend__timers_expire(struct lend_timers *timers, uint64_t now_ns);

#endif
