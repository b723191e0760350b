/*
 * Taking runnable actors from other workers. Called by a worker that has
 * nothing to run, and by the monitor for those that are stuck.
 *
 * A stolen actor is not given back: its next operation is on the thief's ring,
 * and so are those that follow. What it has in flight on another ring brings it
 * back to that ring's worker when it is over. So short queues are left alone
 * unless their worker is slow, or stands still; and so are connections, mostly.
 *
 * Note [affinity]
 * Whom a completion has made runnable is a connection, most likely. What it
 * needs is with the worker that has reaped that: its record and its socket in
 * the caches of that CPU, and its receive, which waits in that ring and brings
 * it back. Taken from there for a turn of a microsecond it costs more than that
 * turn: a fifth of all CPU time was spent so (doc/adr/0053-affinity.md). So
 * connections do not count when a queue is halved, unless the worker is busy
 * and the thief is not, as load.h tells; nor is anybody called for them
 * otherwise. But where turns are long they are worth the move, and each counts:
 * a round of many tells how long turns are.
 *
 * It is their number that does not count. Who is taken, as there are others
 * enough, is the oldest, connection or not: for that one the wait is longest.
 *
 * Whom it asks: who has woken it, then who is near, by what their CPUs share,
 * and at random among equals: LEND_STEAL_PROBES of those that are at work,
 * however many there are. The sentinel, whom nobody has called, asks all.
 *
 * Note [lookout]
 * A pair that wakes each other has a queue of one for a moment at each turn,
 * and belongs where it is; one behind an actor that computes is to be taken.
 * What tells them apart is whether turns begin, which the queue shows: the
 * thief counts those that were taken, and looks again later. It keeps one
 * worker in view at a time, and another one when that has moved on.
 *
 * Who looks, when all others are at work or parked? The sentinel, as it has a
 * timeout anyhow. Its looks cost a few us each, so they are far apart
 * (stall_ns, as without) until one finds somebody who stands still; then the
 * next one comes after LOOKOUT_MIN_NS, and each in vain doubles that.
 */
#include "rt/worker.h"

#include <lend/clock.h>

#include "base/counter.h"
#include "rt/runtime.h"

/* A worker that has not come to a safe point for this long is slow: all its
 * runnable actors may be taken. */
#define SLOW_NS (100 * LEND_US)

/* So may those of one that has begun no turn for this long. */
#define STILL_NS (20 * LEND_US)

#define LOOKOUT_MIN_NS (20 * LEND_US)

static bool is_slow(const struct lend_worker *worker,
		    const struct lend_worker *victim)
{
	uint64_t safe_ns = atomic_load_explicit(&victim->borrower.safe_ns,
						memory_order_relaxed);

	return worker->now_ns > safe_ns && worker->now_ns - safe_ns > SLOW_NS;
}

/* Has it begun no turn for a while, though somebody waits? Of those with a
 * short queue one is kept in view at a time: Note [lookout]; end_lookout() was
 * before. */
static bool stands_still(struct lend_worker *worker, struct lend_worker *victim)
{
	struct lend_lookout *lookout = &worker->lookout;

	if (lookout->whom == victim)
		return worker->now_ns - lookout->since_ns >= STILL_NS;
	if (!lookout->whom) {
		lookout->whom = victim;
		lookout->since_ns = worker->now_ns;
		lookout->taken = lend__run_queue_taken(&victim->queue);
	}
	return false;
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

/* Does it take connections, too? Note [affinity]. */
static bool helps(const struct lend_worker *worker,
		  const struct lend_worker *victim)
{
	return lend__load_is_busy(&victim->load, worker->now_ns) &&
	       lend__load_may_help(&worker->load, &victim->load,
				   worker->now_ns);
}

static bool steal_from(struct lend_worker *worker, struct lend_worker *victim)
{
	struct lend_lookout *lookout = &worker->lookout;
	unsigned reaped = lend__affinity_keeps(&victim->affinity);
	bool slow = is_slow(worker, victim);
	unsigned stolen;

	if (!slow && lend__run_queue_length(&victim->queue))
		slow = stands_still(worker, victim);
	if (slow) {
		stolen = lend__run_queue_steal_all(&worker->queue,
						   &victim->queue);
		stolen += steal_inbox(worker, victim);
	} else {
		stolen = lend__run_queue_steal_half(
			&worker->queue, &victim->queue,
			helps(worker, victim) ? 0 : reaped);
	}
	if (!stolen)
		return false;
	/* The oldest are connections, if there are any: here they stay, too. */
	lend__affinity_add(&worker->affinity,
			   stolen < reaped ? stolen : reaped);
	/* What the thief takes is no turn. */
	if (lookout->whom == victim)
		lookout->taken = lend__run_queue_taken(&victim->queue);
	if (slow)
		atomic_store_explicit(&worker->runtime->lookout_ns,
				      LOOKOUT_MIN_NS, memory_order_relaxed);
	lookout->in_vain = false;
	lend_counter_add(&worker->steals, stolen);
	if (lend__roster_distance(&worker->runtime->roster, worker->index,
				  victim->index) > LEND_SAME_L3)
		lend_counter_add(&worker->steals_far, stolen);
	record_steal(worker, victim, stolen);
	return true;
}

/* The one in view has moved on, or has nobody left: another one may be. */
static void end_lookout(struct lend_worker *worker)
{
	struct lend_lookout *lookout = &worker->lookout;
	const struct lend_worker *whom = lookout->whom;

	if (whom && (lookout->taken != lend__run_queue_taken(&whom->queue) ||
		     !lend__run_queue_length(&whom->queue)))
		lookout->whom = NULL;
}

/* Who has woken this worker has something for it, most likely. */
static struct lend_worker *take_call(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	uint32_t called = atomic_load_explicit(&worker->called,
					       memory_order_relaxed);

	if (!called)
		return NULL;
	atomic_store_explicit(&worker->called, 0, memory_order_relaxed);
	return called <= lend__runtime_count(runtime) ?
		       &runtime->workers[called - 1] :
		       NULL;
}

bool lend__worker_steal(struct lend_worker *worker, unsigned probes)
{
	struct lend_runtime *runtime = worker->runtime;
	struct lend_worker *first = take_call(worker);
	struct lend_candidates candidates;

	end_lookout(worker);
	if (first && first != worker && steal_from(worker, first))
		return true;
	first = worker->lookout.whom;
	if (first && steal_from(worker, first))
		return true;
	lend__roster_find(&runtime->roster, worker->index,
			  lend__runtime_count(runtime), false,
			  lend__worker_draw(worker),
			  worker->lookout.in_vain ? LEND_WORKERS_MAX : probes,
			  &candidates);
	for (unsigned i = 0; i < candidates.count; i++) {
		struct lend_worker *victim =
			&runtime->workers[candidates.workers[i]];

		if (victim != first && steal_from(worker, victim))
			return true;
	}
	return false;
}

uint64_t lend__worker_lookout(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	uint64_t span_ns = atomic_load_explicit(&runtime->lookout_ns,
						memory_order_relaxed);

	/* Relaxed: all that is lost by a race is one step. */
	if (worker->lookout.in_vain && span_ns < runtime->arbiter.stall_ns) {
		span_ns *= 2;
		atomic_store_explicit(&runtime->lookout_ns, span_ns,
				      memory_order_relaxed);
	}
	worker->lookout.in_vain = false;
	return lend__runtime_all_parked(runtime) ? UINT64_MAX : span_ns;
}
