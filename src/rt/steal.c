/*
 * Taking runnable actors from other workers. Called by a worker that has
 * nothing to run, and by the monitor for those that are stuck.
 *
 * A stolen actor is not given back: its next operation is on the thief's ring,
 * and so are those that follow. What it has in flight on another ring brings it
 * back to that ring's worker when it is over. So that connections do not
 * bounce, short queues are left alone unless their worker is slow.
 */
#include "rt/worker.h"

#include "base/counter.h"
#include "rt/runtime.h"

/* A worker that has not come to a safe point for this long is slow: all its
 * runnable actors may be taken. */
#define SLOW_NS (100 * LEND_US)

static bool is_slow(const struct lend_worker *worker,
		    const struct lend_worker *victim)
{
	uint64_t safe_ns = atomic_load_explicit(&victim->borrower.safe_ns,
						memory_order_relaxed);

	return worker->now_ns > safe_ns && worker->now_ns - safe_ns > SLOW_NS;
}

/* A slow worker's inbox can not be drained one by one by others, but its whole
 * list can be taken. */
static unsigned steal_inbox(struct lend_worker *worker,
			    struct lend_worker *victim)
{
	struct lend_actor *actor = atomic_load_explicit(&victim->inbox,
							memory_order_relaxed);
	unsigned stolen = 0;

	if (atomic_load_explicit(&victim->park_state, memory_order_relaxed) !=
	    LEND_PARK_RUNNING)
		return 0;
	do {
		/* A seal stays. */
		if (!actor || actor == LEND_INBOX_SEALED)
			return 0;
		/* Acquire [W1]. */
	} while (!atomic_compare_exchange_weak_explicit(
		&victim->inbox, &actor, NULL, memory_order_acquire,
		memory_order_relaxed));
	for (const struct lend_actor *each = actor; each; each = each->run_next)
		stolen++;
	lend__worker_enqueue_all(worker, actor);
	return stolen;
}

static void record_steal(struct lend_worker *worker,
			 const struct lend_worker *victim, unsigned stolen)
{
	lend__record(&worker->borrower.recorder,
		     &(struct lend_event){
			     .event = LEND_TRACE_STEAL,
			     .ring = LEND_TRACE_NOBODY,
			     .worker = (uint16_t)victim->index,
			     .by = (uint16_t)worker->index,
			     .argument = stolen,
		     });
}

static bool steal_from(struct lend_worker *worker, struct lend_worker *victim)
{
	bool slow = is_slow(worker, victim);
	unsigned stolen = lend__run_queue_steal(&worker->queue, &victim->queue,
						slow);

	if (slow)
		stolen += steal_inbox(worker, victim);
	if (!stolen)
		return false;
	lend_counter_add(&worker->steals, stolen);
	record_steal(worker, victim, stolen);
	return true;
}

bool lend__worker_steal(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	unsigned n = lend__runtime_count(runtime);

	worker->random = worker->random * 1664525u + 1013904223u;
	for (unsigned i = 0; i < n; i++) {
		struct lend_worker *victim =
			&runtime->workers[(worker->random / 65536 + i) % n];

		if (victim != worker && steal_from(worker, victim))
			return true;
	}
	return false;
}
