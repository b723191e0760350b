/*
 * Noticing that nothing can run: see deadlock.h. Called when the watchdog is
 * about to sleep for good.
 *
 * The looks at the parts are one after the other. If no worker has run a round
 * from before the first until after the last, they are as good as one: whatever
 * changes a part on its own (a completion, a timer) was there to be seen as
 * pending, and what comes from outside makes a worker run.
 */
#include "rt/deadlock.h"

#include <lend/clock.h>
#include <stdio.h>

#include "actor/actor.h"
#include "arbiter/arbiter.h"
#include "rt/circle.h"
#include "rt/runtime.h"
#include "rt/waiting.h"
#include "rt/worker.h"
#include "uring/opcode.h"

/* Lines on actors in the log; the rest is a number. */
#define LINES_MAX 16

uint64_t lend__deadlock_rounds(const struct lend_runtime *runtime)
{
	uint64_t rounds = 0;

	for (unsigned i = 0; i < lend__runtime_used(runtime); i++)
		rounds += atomic_load_explicit(&runtime->workers[i].parks,
					       memory_order_relaxed) +
			  atomic_load_explicit(&runtime->workers[i].switches,
					       memory_order_relaxed);
	return rounds;
}

static bool has_timer(const struct lend_runtime *runtime)
{
	for (unsigned i = 0; i < lend__runtime_used(runtime); i++)
		if (atomic_load_explicit(&runtime->workers[i].timers.next_ns,
					 memory_order_relaxed) != UINT64_MAX)
			return true;
	return false;
}

/* The polls with which workers wait to be woken are nobody's operations. */
static uint64_t wakes_armed(const struct lend_runtime *runtime)
{
	uint64_t armed = 0;

	for (unsigned i = 0; i < lend__runtime_used(runtime); i++)
		for (unsigned k = 0;
		     k < lend__pool_used(&runtime->arbiter.pool); k++)
			armed += atomic_load_explicit(
				&runtime->workers[i].wake_ops[k].armed,
				memory_order_relaxed);
	return armed;
}

static bool has_operation(const struct lend_runtime *runtime)
{
	const struct lend_arbiter *arbiter = &runtime->arbiter;

	return lend__pool_in_flight(&arbiter->pool) > wakes_armed(runtime) ||
	       atomic_load_explicit(&arbiter->waiting, memory_order_relaxed);
}

/* Who is not runs, or will when its worker comes: that may have been woken, and
 * have no CPU yet. Nor may one be on its way to its first worker. Who waits for
 * a function is asked for that, as the pool is done with it before it says so;
 * a function that nobody waits for wakes nobody at its end. */
static bool are_all_suspended(struct lend_runtime *runtime, unsigned alive)
{
	uint32_t end = lend__waiting_end(runtime);
	unsigned suspended = 0;

	for (uint32_t i = 0; i < end; i++) {
		struct lend_waiting actor;

		if (!lend__waiting_read(runtime, i, &actor))
			continue;
		if (!actor.suspended ||
		    lend__actor_waits_opcode(actor.waits_for) ==
			    LEND_WAITS_BLOCKING)
			return false;
		suspended++;
	}
	return suspended == alive;
}

static void tell_actors(struct lend_runtime *runtime, enum lend_log_level level)
{
	uint32_t end = lend__waiting_end(runtime);
	uint64_t now_ns = lend_now();
	unsigned lines = 0;

	for (uint32_t i = 0; i < end && lines < LINES_MAX; i++) {
		struct lend_waiting actor;
		char what[160], scope[128] = "";
		struct lend_text line = { scope, sizeof(scope) };

		if (!lend__waiting_read(runtime, i, &actor))
			continue;
		lines++;
		lend__waiting_describe(runtime, actor.waits_for, what,
				       sizeof(what));
		lend__waiting_add_scope(&line, runtime, &actor);
		lend__log(&runtime->log, level, "  actor %s %s, for %.3f s%s",
			  actor.title, what,
			  (double)(now_ns - actor.since_ns) / LEND_S, scope);
	}
}

/* Of circles there is room for so many; beyond that none is told, rather than
 * all again and again. */
static bool note_told(struct lend_runtime *runtime,
		      const struct lend_waiting *circle)
{
	struct lend_watchdog *watchdog = &runtime->watchdog;
	bool is_new = !watchdog->told_deadlock;

	if (circle)
		is_new = lend__circle_note(runtime, &watchdog->told_circles,
					   circle);
	watchdog->told_deadlock = true;
	return is_new;
}

static void tell(struct lend_runtime *runtime, enum lend_log_level level,
		 unsigned alive, const char *circle)
{
	lend__log(
		&runtime->log, level,
		"nothing can run any more unless another thread or a signal brings something: %u actors wait",
		alive);
	if (circle)
		lend__log(&runtime->log, level,
			  "  they wait for each other: %s", circle);
	tell_actors(runtime, level);
}

/* What has not been told yet, if no worker has run since there were @rounds.
 * False: one has. */
static bool tell_all(struct lend_runtime *runtime, uint64_t rounds,
		     unsigned alive)
{
	const struct lend_log *log = &runtime->log;
	char text[LEND_CIRCLE_TEXT_MAX];
	struct lend_waiting first;
	bool has_told = false;

	for (;;) {
		bool found = lend__circle_find(
			runtime, &runtime->watchdog.told_circles, &first, text);
		bool alone = atomic_load_explicit(&runtime->alone,
						  memory_order_relaxed);

		if (!lend__runtime_all_parked(runtime) ||
		    lend__deadlock_rounds(runtime) != rounds)
			return false;
		if (!note_told(runtime, found ? &first : NULL))
			return true;
		if (!has_told)
			tell(runtime,
			     found || alone ? LEND_LOG_WARNING : LEND_LOG_INFO,
			     alive, found ? text : NULL);
		else
			lend__log(log, LEND_LOG_WARNING,
				  "  others wait for each other: %s", text);
		has_told = true;
	}
}

bool lend__deadlock_look(struct lend_runtime *runtime)
{
	uint64_t rounds = lend__deadlock_rounds(runtime);
	unsigned alive;

	if (!lend__runtime_all_parked(runtime))
		return false;
	alive = lend__slots_alive(&runtime->registry.free);
	/* Each of them makes a worker run that wakes the watchdog. */
	if (!alive || has_timer(runtime) || has_operation(runtime) ||
	    !are_all_suspended(runtime, alive))
		return true;
	return tell_all(runtime, rounds, alive);
}
