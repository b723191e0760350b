/*
 * Timers: see timers.h.
 *
 * An actor reads its own @timers field without the lock of the timers it names.
 * That is enough: only the actor arms, and whoever fires writes EXPIRING, then
 * signals, then writes NULL. An actor that still reads the timers has therefore
 * not taken that signal yet (its mailbox would have shown it EXPIRING, too):
 * the signal will wake it, and it arms again. One that reads EXPIRING waits for
 * the few instructions until NULL, as it may have taken the signal already.
 */
#include "rt/timers.h"

#include <sched.h>
#include <stddef.h>

#include "actor/actor.h"
#include "base/list.h"

/* [timers] Going off: the actor is being signalled. */
#define EXPIRING ((struct lend_timers *)1)

/* Due timers signalled under one hold of the lock. */
#define EXPIRE_BATCH 64

void lend__timers_init(struct lend_timers *timers)
{
	pthread_mutex_init(&timers->lock, NULL);
	timers->heap.root = NULL;
	atomic_init(&timers->next_ns, UINT64_MAX);
}

void lend__timers_fini(struct lend_timers *timers)
{
	pthread_mutex_destroy(&timers->lock);
}

static void note_next_locked(struct lend_timers *timers)
{
	struct lend_pairing_node *first = timers->heap.root;

	atomic_store_explicit(&timers->next_ns, first ? first->key : UINT64_MAX,
			      memory_order_relaxed);
}

/* The timers @actor is armed in, not EXPIRING. */
static struct lend_timers *armed_in(const struct lend_actor *actor)
{
	struct lend_timers *timers;

	/* Acquire [T1], paired with expire(): the signal was delivered. */
	while ((timers = atomic_load_explicit(
			&actor->timers, memory_order_acquire)) == EXPIRING)
		sched_yield();
	return timers;
}

void lend__timers_disarm(struct lend_actor *actor)
{
	struct lend_timers *timers;

	while ((timers = armed_in(actor))) {
		pthread_mutex_lock(&timers->lock);
		if (atomic_load_explicit(&actor->timers,
					 memory_order_relaxed) == timers) {
			lend_pairing_remove(&timers->heap, &actor->timer);
			atomic_store_explicit(&actor->timers, NULL,
					      memory_order_relaxed);
			note_next_locked(timers);
		}
		pthread_mutex_unlock(&timers->lock);
	}
}

void lend__timers_arm(struct lend_timers *timers, struct lend_actor *actor,
		      uint64_t deadline)
{
	/* The key changes only in here, so the actor may read it. */
	if (armed_in(actor)) {
		if (actor->timer.key <= deadline)
			return;
		lend__timers_disarm(actor);
	}
	pthread_mutex_lock(&timers->lock);
	lend_pairing_add(&timers->heap, &actor->timer, deadline);
	atomic_store_explicit(&actor->timers, timers, memory_order_relaxed);
	note_next_locked(timers);
	pthread_mutex_unlock(&timers->lock);
}

void lend__timers_expire(struct lend_timers *timers, uint64_t now_ns)
{
	while (atomic_load_explicit(&timers->next_ns, memory_order_relaxed) <=
	       now_ns) {
		pthread_mutex_lock(&timers->lock);
		for (unsigned i = 0; i < EXPIRE_BATCH; i++) {
			struct lend_pairing_node *first = timers->heap.root;
			struct lend_actor *actor;

			if (!first || first->key > now_ns)
				break;
			lend_pairing_remove(&timers->heap, first);
			actor = lend_container_of(first, struct lend_actor,
						  timer);
			/* Relaxed: the signal's release publishes it. */
			atomic_store_explicit(&actor->timers, EXPIRING,
					      memory_order_relaxed);
			lend__actor_signal(actor, LEND_SIGNAL_WAKE);
			/* Release [T1], last: afterwards the actor may end. */
			atomic_store_explicit(&actor->timers, NULL,
					      memory_order_release);
		}
		note_next_locked(timers);
		pthread_mutex_unlock(&timers->lock);
	}
}
