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
#include "base/check.h"
#include "base/list.h"

#define EXPIRING ((struct lend_timers *)LEND_TIMERS_EXPIRING)

/* Timers signalled or moved under one hold of the lock. */
#define EXPIRE_BATCH 64

/* Later than any timer that is armed. */
#define AFTER_ALL (UINT64_MAX - 1)

void lend__timers_init(struct lend_timers *timers)
{
	pthread_mutex_init(&timers->lock, NULL);
	lend_wheel_init(&timers->wheel);
	atomic_init(&timers->next_ns, UINT64_MAX);
	atomic_init(&timers->ahead_ns, UINT64_MAX);
}

void lend__timers_fini(struct lend_timers *timers)
{
	pthread_mutex_destroy(&timers->lock);
}

/* Relaxed: hints; what they say is looked up under the lock. */
static uint64_t load(const _Atomic uint64_t *hint_ns)
{
	return atomic_load_explicit(hint_ns, memory_order_relaxed);
}

static void store(_Atomic uint64_t *hint_ns, uint64_t value)
{
	/* Other threads read its line; it seldom changes. */
	if (load(hint_ns) != value)
		atomic_store_explicit(hint_ns, value, memory_order_relaxed);
}

static void note_next_locked(struct lend_timers *timers)
{
	uint64_t ahead_ns;

	store(&timers->next_ns, lend_wheel_next(&timers->wheel, &ahead_ns));
	store(&timers->ahead_ns, ahead_ns);
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
			lend_wheel_remove(&timers->wheel, &actor->timer);
			atomic_store_explicit(&actor->timers, NULL,
					      memory_order_relaxed);
			note_next_locked(timers);
		}
		pthread_mutex_unlock(&timers->lock);
	}
}

void lend__timers_arm(struct lend_timers *timers, struct lend_actor *actor,
		      uint64_t deadline, uint64_t now_ns)
{
	/* The key changes only in here, so the actor may read it. */
	if (armed_in(actor)) {
		if (actor->timer.key <= deadline)
			return;
		lend__timers_disarm(actor);
	}
	pthread_mutex_lock(&timers->lock);
	lend_wheel_add(&timers->wheel, &actor->timer, deadline, now_ns);
	atomic_store_explicit(&actor->timers, timers, memory_order_relaxed);
	note_next_locked(timers);
	pthread_mutex_unlock(&timers->lock);
}

static void signal_locked(struct lend_pairing_node *due)
{
	struct lend_actor *actor = lend_container_of(due, struct lend_actor,
						     timer);

	/* Relaxed: the signal's release publishes it. */
	atomic_store_explicit(&actor->timers, EXPIRING, memory_order_relaxed);
	lend__actor_signal(actor, LEND_SIGNAL_WAKE);
	/* Release [T1], last: afterwards the actor may end. */
	atomic_store_explicit(&actor->timers, NULL, memory_order_release);
}

static void expire_some(struct lend_timers *timers, uint64_t now_ns)
{
	struct lend_pairing_node *due;
	unsigned work = EXPIRE_BATCH;

	pthread_mutex_lock(&timers->lock);
	while (work && (due = lend_wheel_take(&timers->wheel, now_ns, &work))) {
		signal_locked(due);
		work -= work > 0;
	}
	note_next_locked(timers);
	pthread_mutex_unlock(&timers->lock);
}

void lend__timers_expire(struct lend_timers *timers, uint64_t now_ns)
{
	for (unsigned done = 0;
	     load(&timers->next_ns) <= now_ns && done < LEND_TIMERS_ROUND;
	     done += EXPIRE_BATCH)
		expire_some(timers, now_ns);
	if (lend_unlikely(load(&timers->ahead_ns) <= now_ns))
		expire_some(timers, now_ns);
}

void lend__timers_expire_all(struct lend_timers *timers)
{
	while (load(&timers->next_ns) != UINT64_MAX)
		expire_some(timers, AFTER_ALL);
}
