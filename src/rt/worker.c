/*
 * The worker's loop: run actors, submit what they asked for, reap what came
 * back, and when nothing is left take from others or wait.
 *
 * A round's submissions go to the kernel in one enter; when there is nothing
 * else to do, that enter is also the wait, unless something was written, which
 * is over without one.
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
#include "rt/monitor.h"
#include "rt/round.h"
#include "rt/runtime.h"
#include "uring/ring.h"

/* Who writes again and again keeps its worker at work, but not from looking at
 * what others have to run, and at slots that nobody needs any more: so often it
 * may write in between. */
#define PROMPTS_MAX 16

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
	worker->magazine = lend__registry_magazine(&runtime->registry, index);
	worker->random = index * 2654435761u + 1;
	/* Until its thread is about to start. */
	atomic_init(&worker->inbox, LEND_INBOX_SEALED);
	lend__pinned_close(worker);
	worker->flushes_early = runtime->options.flush_actors ||
				runtime->options.flush_sqes;
	lend__timers_init(&worker->timers);
	lend__message_store_init(&worker->message_store,
				 &runtime->message_depot);
	worker->event_fd = -1;
	if (lend__run_queue_init(&worker->queue))
		return -ENOMEM;
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
	return 0;
}

void lend__worker_fini(struct lend_worker *worker)
{
	if (!worker->runtime)
		return;
	lend__run_queue_fini(&worker->queue);
	free(worker->wake_ops);
	if (worker->event_fd >= 0)
		close(worker->event_fd);
	lend__timers_fini(&worker->timers);
	lend__message_store_fini(&worker->message_store);
	lend__recorder_fini(&worker->borrower.recorder);
	memset(worker, 0, sizeof(*worker));
	worker->event_fd = -1;
}

/* As lend__worker_enqueue() does. */
void lend__worker_enqueue_special(struct lend_worker *worker,
				  struct lend_actor *actor)
{
	bool urgent = atomic_load_explicit(&actor->urgent,
					   memory_order_relaxed);

	if (urgent)
		atomic_store_explicit(&actor->urgent, false,
				      memory_order_relaxed);
	if (actor->pinned_to == worker)
		lend__run_queue_push_pinned(&worker->queue, actor, urgent);
	else
		lend__run_queue_push(&worker->queue, LEND_RUN_URGENT, actor);
}

void lend__worker_enqueue(struct lend_worker *worker, struct lend_actor *actor)
{
	if (lend__worker_is_plain(worker, actor))
		lend__run_queue_push(&worker->queue, LEND_RUN_READY, actor);
	else
		lend__worker_enqueue_special(worker, actor);
}

void lend__worker_enqueue_woken(struct lend_worker *worker,
				struct lend_actor *actor)
{
	struct lend_actor *waker = worker->running;

	if (!lend__worker_is_plain(worker, actor) || !waker) {
		lend__worker_enqueue(worker, actor);
		return;
	}
	/* Relaxed: a hint, Note [ahead] in actor/actor.h. */
	atomic_store_explicit(&waker->ahead, actor, memory_order_relaxed);
	lend__run_queue_push_next(&worker->queue, actor);
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

bool lend__worker_has_work(struct lend_worker *worker)
{
	return lend__run_queue_has_work(&worker->queue) ||
	       lend__pinned_has_mail(worker) ||
	       atomic_load_explicit(&worker->inbox, memory_order_seq_cst);
}

void lend__worker_hand_over(struct lend_worker *worker)
{
	struct lend_actor *actor;
	bool urgent;

	drain_inbox(worker);
	while ((actor = lend__run_queue_take_any(&worker->queue, &urgent))) {
		/* It stays so: somebody keeps room for it. */
		if (urgent)
			atomic_store_explicit(&actor->urgent, true,
					      memory_order_relaxed);
		lend__worker_send(lend__runtime_pick_worker(worker->runtime),
				  actor);
	}
}

/* ---- running actors ---- */

/* A round is over: Note [affinity] in steal.c. */
static void end_affinity(struct lend_worker *worker)
{
	struct lend_affinity *affinity = &worker->affinity;
	unsigned ran = worker->round.ran;

	if (lend__affinity_wants_time(ran))
		lend__affinity_time(affinity, ran, lend_now() - worker->now_ns);
	lend__affinity_end_round(affinity, ran, &worker->queue);
}

static void run_round(struct lend_worker *worker)
{
	unsigned length = lend__run_queue_length(&worker->queue);
	struct lend_actor *actor;

	lend__worker_share(worker, length);
	lend__round_begin(worker, length);
	while ((actor = lend__round_next(worker))) {
		lend__round_enter(worker, actor);
		lend__fiber_switch(&worker->fiber, &actor->fiber);
		/* Perhaps another one has come back. */
		worker->running = NULL;
		lend__round_settle(worker);
		if (lend_unlikely(worker->flushes_early))
			lend__flush_after_actor(worker);
	}
	if (worker->round.ran)
		lend_counter_add(&worker->switches, worker->round.ran);
	end_affinity(worker);
}

/* ---- the loop ---- */

static void poll_rings(struct lend_worker *worker)
{
	struct lend_borrower *borrower = &worker->borrower;
	struct lend_ring *own = borrower->arbiter->mode->own_ring(borrower);
	/* Mostly nobody is left of a round, which is known at once. */
	unsigned before = lend__run_queue_has_work(&worker->queue) ?
				  lend__run_queue_length(&worker->queue) :
				  0;
	unsigned handled = 0;

	if (own)
		handled = lend__poller_poll(own, worker->now_ns);
	handled += lend__poller_help(borrower, worker->now_ns,
				     borrower->arbiter->stall_ns, false);
	if (handled) {
		unsigned length = lend__run_queue_length(&worker->queue);

		/* Thieves may have taken some of those before. */
		lend__affinity_add(&worker->affinity,
				   length > before ? length - before : 0);
	}
	/* The end of an operation may be all that the watchdog waits for,
	 * though it makes nobody run. */
	if (lend_unlikely(worker->unwatched) && handled) {
		worker->unwatched = false;
		lend__monitor_ensure_watch(worker);
	}
}

/* It has nothing to run: is there anything to do that is not its own actors'?
 * What these have left goes to the kernel first then. */
static bool look_elsewhere(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;

	worker->flush.prompts = 0;
	if ((lend__runtime_count(runtime) == 1 ||
	     !lend__worker_steal(worker, LEND_STEAL_PROBES)) &&
	    !lend__registry_settle(&runtime->registry, worker->magazine,
				   worker->now_ns))
		return false;
	lend__flush(worker, LEND_FLUSH_EMPTY);
	return true;
}

void lend__worker_run(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	bool just_woke = false;

	worker->now_ns = lend_now();
	lend__fp_modes_read(&worker->fp_modes);
	while (!atomic_load_explicit(&runtime->halting, memory_order_relaxed)) {
		/* The end of a park is one, too. */
		if (!just_woke)
			lend__monitor_safe_point(worker);
		just_woke = false;
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
		if ((!worker->flush.prompt ||
		     ++worker->flush.prompts >= PROMPTS_MAX) &&
		    look_elsewhere(worker))
			continue;
		if (worker->flush.prompt) {
			lend__flush(worker, LEND_FLUSH_EMPTY);
			poll_rings(worker);
			continue;
		}
		lend__worker_park(worker);
		just_woke = true;
		/* Mostly it is completions that end it: a round of nobody need
		 * not come first. */
		poll_rings(worker);
	}
}
