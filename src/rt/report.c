/*
 * Reports of what holds something up: see report.h. Everything is read while
 * it changes, so a line may be late; it never touches what may be gone.
 */
#include "rt/report.h"

#include <lend/clock.h>
#include <stdio.h>

#include "actor/actor.h"
#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "rt/runtime.h"
#include "rt/waiting.h"
#include "rt/worker.h"

/* Lines on actors in one report; the rest is a number. */
#define ACTORS_MAX 16

/* A line for each actor that lives; with @ring not -1, that waits for an
 * operation on it. */
static unsigned report_actors(struct lend_runtime *runtime, int ring)
{
	uint32_t end = lend__waiting_end(runtime);
	unsigned found = 0;

	for (uint32_t i = 0; i < end; i++) {
		struct lend_waiting actor;
		char what[96];

		if (!lend__waiting_read(runtime, i, &actor))
			continue;
		if (ring >= 0 &&
		    (!actor.waits_for ||
		     lend__actor_waits_ring(actor.waits_for) != (unsigned)ring))
			continue;
		if (found++ >= ACTORS_MAX)
			continue;
		lend__waiting_describe(runtime, actor.waits_for, what,
				       sizeof(what));
		lend__log(&runtime->log, LEND_LOG_WARNING, "  actor %s %s",
			  actor.title, what);
	}
	if (found > ACTORS_MAX)
		lend__log(&runtime->log, LEND_LOG_WARNING,
			  "  and %u actors more", found - ACTORS_MAX);
	return found;
}

/* How long ago a worker was at a safe point, in milliseconds; 0: it waits. */
static double age_ms(const struct lend_worker *worker)
{
	uint64_t safe_ns = atomic_load_explicit(&worker->borrower.safe_ns,
						memory_order_relaxed);
	uint64_t now_ns = lend_now();

	if (atomic_load_explicit(&worker->borrower.parked,
				 memory_order_relaxed) ||
	    now_ns < safe_ns)
		return 0;
	return (double)(now_ns - safe_ns) / LEND_MS;
}

static void report_late(struct lend_runtime *runtime, unsigned index)
{
	const struct lend_worker *worker = &runtime->workers[index];
	struct lend_waiting actor;
	bool alive = lend__waiting_running(worker, &actor);

	lend__log(
		&runtime->log, LEND_LOG_WARNING,
		"worker %u came to its last safe point %.1f ms ago; it runs, or ran last, actor %s",
		index, age_ms(worker),
		alive ? actor.title : "none that is alive");
}

static void report_stuck(struct lend_runtime *runtime)
{
	for (unsigned i = 0; i < lend__runtime_count(runtime); i++)
		if (age_ms(&runtime->workers[i]) >
		    (double)runtime->arbiter.stall_ns / LEND_MS)
			report_late(runtime, i);
}

void lend__report_worker(struct lend_runtime *runtime, unsigned index)
{
	struct lend_arbiter *arbiter = &runtime->arbiter;
	const struct lend_ring *ring = &arbiter->pool.rings[index];

	report_late(runtime, index);
	if (!arbiter->mode->one_to_one)
		return;
	lend__log(&runtime->log, LEND_LOG_WARNING,
		  "on its ring %llu operations are in flight",
		  (unsigned long long)lend__ring_in_flight(ring));
	report_actors(runtime, (int)index);
}

static void report_ring(struct lend_runtime *runtime, unsigned index)
{
	struct lend_arbiter *arbiter = &runtime->arbiter;
	const struct lend_loan *loan = &arbiter->loans[index];
	uint64_t in_flight = lend__ring_in_flight(loan->ring);
	int holder;

	pthread_mutex_lock(&arbiter->lock);
	holder = loan->borrower ? (int)loan->borrower->index : -1;
	pthread_mutex_unlock(&arbiter->lock);
	if (holder >= 0) {
		lend__log(&runtime->log, LEND_LOG_WARNING,
			  "ring %u is lent to worker %d, which is in a claim",
			  index, holder);
	}
	if (!in_flight)
		return;
	lend__log(&runtime->log, LEND_LOG_WARNING,
		  "ring %u has %llu operations in flight", index,
		  (unsigned long long)in_flight);
	report_actors(runtime, (int)index);
}

void lend__report_rings(struct lend_runtime *runtime, unsigned first,
			unsigned end)
{
	for (unsigned i = first; i < end; i++)
		report_ring(runtime, i);
	report_stuck(runtime);
}

unsigned lend__report_actors(struct lend_runtime *runtime)
{
	lend__log(&runtime->log, LEND_LOG_WARNING,
		  "actors that were cancelled have not ended yet:");
	report_stuck(runtime);
	lend__blocking_report(&runtime->blocking);
	return report_actors(runtime, -1);
}
