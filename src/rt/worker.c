/*
 * The worker's loop: run actors, submit what they asked for, reap what came
 * back, and when nothing is left take from others or wait.
 *
 * A round's submissions go to the kernel in one enter; when there is nothing
 * else to do, that enter is also the wait.
 */
#include "rt/worker.h"

#include <errno.h>
#include <lend/clock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "arbiter/mode.h"
#include "arbiter/poller.h"
#include "arbiter/removal.h"
#include "base/check.h"
#include "base/counter.h"
#include "rt/kick.h"
#include "rt/lifecycle.h"
#include "rt/monitor.h"
#include "rt/runtime.h"
#include "uring/ring.h"

/* A queue this long wakes a parked worker; a shorter one is faster run here
 * than handed over, as waking costs both sides about 10 us. */
#define WAKE_LENGTH 16

/* A worker that has not come to a safe point for this long is slow: all its
 * runnable actors may be taken. From others, only long queues are halved. */
#define SLOW_NS	     (100 * LEND_US)
#define STEAL_LENGTH 8
#define STEAL_MAX    64

static void wake_op_done(struct lend_op *op, int32_t res, uint32_t flags,
			 bool more)
{
	struct lend_wake_op *wake = lend_container_of(op, struct lend_wake_op,
						      op);

	(void)res;
	(void)flags;
	(void)more;
	/* Release [P3], paired with the acquire before it is armed again. */
	atomic_store_explicit(&wake->armed, false, memory_order_release);
}

int lend__worker_init(struct lend_worker *worker, struct lend_runtime *runtime,
		      unsigned index)
{
	unsigned rings = runtime->arbiter.pool.rings_max;

	memset(worker, 0, sizeof(*worker));
	worker->runtime = runtime;
	worker->index = index;
	worker->random = index * 2654435761u + 1;
	/* Until its thread is about to start. */
	atomic_init(&worker->inbox, LEND_INBOX_SEALED);
	lend__pinned_close(worker);
	worker->flushes_early = runtime->options.flush_actors ||
				runtime->options.flush_sqes;
	lend__timers_init(&worker->timers);
	pthread_mutex_init(&worker->overflow_lock, NULL);
	worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->event_fd < 0)
		return -errno;
	worker->wake_ops = calloc(rings, sizeof(*worker->wake_ops));
	if (!worker->wake_ops)
		return -ENOMEM;
	if (runtime->options.trace_events &&
	    lend__recorder_init(&worker->borrower.recorder,
				runtime->options.trace_events))
		return -ENOMEM;
	for (unsigned i = 0; i < rings; i++)
		lend__op_init(&worker->wake_ops[i].op, wake_op_done);
	return lend_queue_init(&worker->queue, LEND_WORKER_QUEUE_SIZE);
}

void lend__worker_fini(struct lend_worker *worker)
{
	if (!worker->runtime)
		return;
	lend_queue_fini(&worker->queue);
	free(worker->wake_ops);
	if (worker->event_fd >= 0)
		close(worker->event_fd);
	pthread_mutex_destroy(&worker->overflow_lock);
	lend__timers_fini(&worker->timers);
	lend__recorder_fini(&worker->borrower.recorder);
	memset(worker, 0, sizeof(*worker));
	worker->event_fd = -1;
}

static void push_overflow(struct lend_worker *worker, struct lend_actor *actor)
{
	actor->run_next = NULL;
	pthread_mutex_lock(&worker->overflow_lock);
	if (worker->overflow_last)
		worker->overflow_last->run_next = actor;
	else
		worker->overflow_first = actor;
	worker->overflow_last = actor;
	atomic_fetch_add_explicit(&worker->overflow_count, 1,
				  memory_order_relaxed);
	pthread_mutex_unlock(&worker->overflow_lock);
}

static struct lend_actor *pop_overflow(struct lend_worker *worker)
{
	struct lend_actor *actor;

	if (!atomic_load_explicit(&worker->overflow_count,
				  memory_order_relaxed))
		return NULL;
	pthread_mutex_lock(&worker->overflow_lock);
	actor = worker->overflow_first;
	if (actor) {
		worker->overflow_first = actor->run_next;
		if (!worker->overflow_first)
			worker->overflow_last = NULL;
		atomic_fetch_sub_explicit(&worker->overflow_count, 1,
					  memory_order_relaxed);
	}
	pthread_mutex_unlock(&worker->overflow_lock);
	return actor;
}

static void push_urgent(struct lend_worker *worker, struct lend_actor *actor)
{
	actor->run_next = NULL;
	if (worker->urgent_last)
		worker->urgent_last->run_next = actor;
	else
		worker->urgent_first = actor;
	worker->urgent_last = actor;
}

static struct lend_actor *pop_urgent(struct lend_worker *worker)
{
	struct lend_actor *actor = worker->urgent_first;

	if (actor) {
		worker->urgent_first = actor->run_next;
		if (!worker->urgent_first)
			worker->urgent_last = NULL;
	}
	return actor;
}

void lend__worker_enqueue(struct lend_worker *worker, struct lend_actor *actor)
{
	if (lend_unlikely(atomic_load_explicit(&actor->urgent,
					       memory_order_relaxed))) {
		atomic_store_explicit(&actor->urgent, false,
				      memory_order_relaxed);
		push_urgent(worker, actor);
		return;
	}
	if (lend_unlikely(actor->pinned_to == worker)) {
		lend__pinned_enqueue(actor);
		return;
	}
	/* While the list is not empty new ones go behind it. */
	if (lend_unlikely(atomic_load_explicit(&worker->overflow_count,
					       memory_order_relaxed)) ||
	    lend_unlikely(!lend_queue_push(&worker->queue, actor)))
		push_overflow(worker, actor);
}

void lend__worker_send(struct lend_worker *worker, struct lend_actor *actor)
{
	struct lend_actor *head;

	if (lend_unlikely(actor->pinned_to == worker)) {
		lend__pinned_send(actor);
		return;
	}
	head = atomic_load_explicit(&worker->inbox, memory_order_relaxed);
	do {
		while (lend_unlikely(head == LEND_INBOX_SEALED)) {
			worker = lend__runtime_pick_worker(worker->runtime);
			head = atomic_load_explicit(&worker->inbox,
						    memory_order_relaxed);
		}
		actor->run_next = head;
		/* Release [W1], paired with drain_inbox(). */
	} while (!atomic_compare_exchange_weak_explicit(
		&worker->inbox, &head, actor, memory_order_release,
		memory_order_relaxed));
	lend__worker_wake(worker);
}

void lend__worker_enqueue_all(struct lend_worker *worker,
			      struct lend_actor *newest)
{
	struct lend_actor *actor = lend__inbox_oldest_first(newest);

	while (actor) {
		struct lend_actor *next = actor->run_next;

		lend__worker_enqueue(worker, actor);
		actor = next;
	}
}

static void drain_inbox(struct lend_worker *worker)
{
	struct lend_actor *actor = atomic_load_explicit(&worker->inbox,
							memory_order_relaxed);

	if (!actor || actor == LEND_INBOX_SEALED)
		return;
	/* Acquire [W1]. */
	lend__worker_enqueue_all(
		worker, atomic_exchange_explicit(&worker->inbox, NULL,
						 memory_order_acquire));
}

void lend__worker_seal(struct lend_worker *worker)
{
	/* Acquire [W1]. */
	lend__worker_enqueue_all(
		worker,
		atomic_exchange_explicit(&worker->inbox, LEND_INBOX_SEALED,
					 memory_order_acquire));
}

static unsigned runnable_count(const struct lend_worker *worker)
{
	return lend_queue_size(&worker->queue) +
	       atomic_load_explicit(&worker->overflow_count,
				    memory_order_relaxed);
}

bool lend__worker_has_work(struct lend_worker *worker)
{
	return worker->urgent_first || runnable_count(worker) ||
	       lend__pinned_has_work(worker) ||
	       atomic_load_explicit(&worker->inbox, memory_order_seq_cst);
}

void lend__worker_hand_over(struct lend_worker *worker)
{
	struct lend_actor *actor;

	drain_inbox(worker);
	while ((actor = pop_urgent(worker))) {
		/* It stays so: somebody keeps room for it. */
		atomic_store_explicit(&actor->urgent, true,
				      memory_order_relaxed);
		lend__worker_send(lend__runtime_pick_worker(worker->runtime),
				  actor);
	}
	while ((actor = lend_queue_pop(&worker->queue)) ||
	       (actor = pop_overflow(worker)))
		lend__worker_send(lend__runtime_pick_worker(worker->runtime),
				  actor);
}

/* ---- running actors ---- */

static void run(struct lend_worker *worker, struct lend_actor *actor)
{
	struct lend_stalls *stalls = &worker->stalls;

	worker->running = actor;
	atomic_store_explicit(&stalls->running,
			      (uint64_t)actor->generation << 32 | actor->index,
			      memory_order_relaxed);
	actor->worker = worker;
	lend__fiber_switch(&worker->fiber, &actor->fiber);
	worker->running = NULL;
	if (lend_unlikely(atomic_load_explicit(&stalls->noticed,
					       memory_order_relaxed)))
		lend__monitor_blame(worker, actor);
	switch (worker->after) {
	case LEND_AFTER_SUSPEND:
		if (!lend__mailbox_idle(&actor->mailbox))
			lend__worker_enqueue(worker, actor);
		break;
	case LEND_AFTER_YIELD:
		lend__worker_enqueue(worker, actor);
		break;
	case LEND_AFTER_MOVE:
		lend__worker_send(actor->moving_to, actor);
		break;
	case LEND_AFTER_END:
		lend__lifecycle_reap(worker->runtime, actor);
		break;
	}
}

/* Those that are pinned take turns with those that are not. */
static struct lend_actor *next_actor(struct lend_worker *worker, bool pinned)
{
	struct lend_actor *actor = pop_urgent(worker);

	if (!actor && pinned)
		actor = lend__pinned_pop(worker);
	if (!actor)
		actor = lend_queue_pop(&worker->queue);
	if (!actor)
		actor = pop_overflow(worker);
	return actor || pinned ? actor : lend__pinned_pop(worker);
}

static void run_round(struct lend_worker *worker)
{
	unsigned ran = 0;
	/* Only those that are there now: who yields waits for a round. */
	unsigned most = runnable_count(worker);

	if (most > WAKE_LENGTH)
		lend__worker_wake_one(worker->runtime);
	most += worker->pinned.queued;
	if (most > LEND_WORKER_ROUND_MAX)
		most = LEND_WORKER_ROUND_MAX;
	while (ran < most || worker->urgent_first) {
		struct lend_actor *actor = next_actor(worker, ran & 1);

		if (!actor)
			break;
		run(worker, actor);
		ran++;
		if (lend_unlikely(worker->flushes_early))
			lend__flush_after_actor(worker);
	}
	if (ran)
		lend_counter_add(&worker->switches, ran);
}

/* ---- stealing ---- */

static unsigned steal_from(struct lend_worker *worker,
			   struct lend_worker *victim)
{
	uint64_t safe_ns = atomic_load_explicit(&victim->borrower.safe_ns,
						memory_order_relaxed);
	unsigned length = runnable_count(victim);
	unsigned most = 0, stolen = 0;

	if (length && worker->now_ns > safe_ns &&
	    worker->now_ns - safe_ns > SLOW_NS)
		most = length;
	else if (length >= STEAL_LENGTH)
		most = length / 2;
	if (most > STEAL_MAX)
		most = STEAL_MAX;
	while (stolen < most) {
		struct lend_actor *actor = lend_queue_pop(&victim->queue);

		if (!actor)
			actor = pop_overflow(victim);
		if (!actor)
			break;
		lend__worker_enqueue(worker, actor);
		stolen++;
	}
	return stolen;
}

/* A slow worker's inbox can not be drained by others, as only its owner knows
 * what is urgent; but its whole list can be taken. */
static unsigned steal_inbox(struct lend_worker *worker,
			    struct lend_worker *victim)
{
	uint64_t safe_ns = atomic_load_explicit(&victim->borrower.safe_ns,
						memory_order_relaxed);
	struct lend_actor *actor = atomic_load_explicit(&victim->inbox,
							memory_order_relaxed);
	unsigned stolen = 0;

	if (worker->now_ns <= safe_ns || worker->now_ns - safe_ns <= SLOW_NS ||
	    atomic_load_explicit(&victim->park_state, memory_order_relaxed) !=
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
	for (; actor; stolen++) {
		struct lend_actor *next = actor->run_next;

		lend__worker_enqueue(worker, actor);
		actor = next;
	}
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

bool lend__worker_steal(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	unsigned n = lend__runtime_count(runtime), stolen = 0;

	worker->random = worker->random * 1664525u + 1013904223u;
	for (unsigned i = 0; i < n && !stolen; i++) {
		struct lend_worker *victim =
			&runtime->workers[(worker->random / 65536 + i) % n];

		if (victim == worker)
			continue;
		stolen = steal_from(worker, victim);
		stolen += steal_inbox(worker, victim);
		if (stolen)
			record_steal(worker, victim, stolen);
	}
	if (stolen)
		lend_counter_add(&worker->steals, stolen);
	return stolen > 0;
}

/* ---- the loop ---- */

static void poll_rings(struct lend_worker *worker)
{
	struct lend_borrower *borrower = &worker->borrower;
	struct lend_ring *own = borrower->arbiter->mode->own_ring(borrower);

	if (own)
		lend__poller_poll(own, worker->now_ns);
	lend__poller_help(borrower, worker->now_ns,
			  borrower->arbiter->stall_ns);
}

void lend__worker_run(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;

	worker->now_ns = lend_now();
	while (!atomic_load_explicit(&runtime->halting, memory_order_relaxed)) {
		lend__monitor_safe_point(worker);
		if (lend_unlikely(lend__removal_pass(&worker->borrower)))
			lend__worker_wake_all(runtime);
		/* Relaxed: it learns the rest by a compare-and-swap. Pinned
		 * actors come to their end first. */
		if (lend_unlikely(atomic_load_explicit(&worker->stay,
						       memory_order_relaxed)) &&
		    !atomic_load_explicit(&worker->pinned.count,
					  memory_order_relaxed)) {
			if (lend__worker_leave(worker))
				break;
			continue;
		}
		lend__timers_expire(&worker->timers, worker->now_ns);
		drain_inbox(worker);
		lend__pinned_drain(worker);
		if (lend_unlikely(worker->unwatched) &&
		    lend__worker_has_work(worker)) {
			worker->unwatched = false;
			lend__monitor_ensure_watch(worker);
		}
		run_round(worker);
		lend__arbiter_settle(&worker->borrower, false);
		poll_rings(worker);
		lend__monitor_look(worker);
		if (lend__worker_has_work(worker)) {
			lend__flush_after_round(worker);
			continue;
		}
		if (lend__runtime_count(runtime) > 1 &&
		    lend__worker_steal(worker)) {
			lend__flush(worker, LEND_FLUSH_EMPTY);
			continue;
		}
		lend__worker_park(worker);
	}
}
