/*
 * Workers and rings that come and go while a runtime is at work: see
 * include/lend/runtime.h. Rings: Note [removal] in arbiter/removal.c; a
 * worker's own side of leaving: Note [leaving] in leave.c.
 *
 * Note [size]
 * One change at a time: @resizing is taken by an exchange, and who finds it
 * taken is told. Both arrays change at their ends only, so a number is all that
 * others need. Adding publishes the record, then the number; removing a worker
 * lowers workers_open first (nobody is sent there), then has it leave, waits
 * for its thread, and lowers workers_count (nobody steals there, wakes it or
 * looks after it). Records stay, so acting on a stale number is harmless.
 *
 * Whoever changes the size is a thread or an actor, perhaps on the very worker
 * that is to leave, holding the very ring that is to go. So nothing here waits
 * under a lock or for a thread: it takes steps, and sleeps in between, an actor
 * as actors do, which is also the time in which its own worker passes.
 */
#include "rt/size.h"

#include <errno.h>
#include <lend/actor.h>
#include <lend/clock.h>
#include <lend/runtime.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "arbiter/mode.h"
#include "arbiter/removal.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/report.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/thread.h"
#include "rt/turn.h"
#include "rt/worker.h"

/* Between two looks. A change costs that many at least. */
#define NAP_NS (200 * LEND_US)

/* Let others get on. */
static int nap(void)
{
	struct timespec time = { .tv_nsec = NAP_NS };

	if (lend__current_actor())
		return lend_sleep(lend_after(NAP_NS));
	nanosleep(&time, NULL);
	return 0;
}

/* The same where there is no way back: also in a cancelled actor. */
static void nap_on(void)
{
	if (nap())
		lend__suspend_yield(lend__current_worker());
}

/* 0, or why to give up. */
static int nap_until(uint64_t deadline)
{
	if (deadline != LEND_FOREVER && lend_now() >= deadline)
		return -ETIMEDOUT;
	return nap();
}

static bool have_all_passed(struct lend_runtime *runtime)
{
	for (unsigned i = 0; i < lend__runtime_count(runtime); i++)
		if (!lend__removal_has_passed(&runtime->workers[i].borrower))
			return false;
	return true;
}

static int wait_for_all_to_pass(struct lend_runtime *runtime, uint64_t deadline)
{
	while (!have_all_passed(runtime)) {
		int err;

		lend__worker_wake_all(runtime);
		err = nap_until(deadline);
		if (err)
			return err;
	}
	return 0;
}

/* Close the rings that were forgotten, when nobody knows them any more. */
static int close_forgotten(struct lend_runtime *runtime, uint64_t deadline)
{
	int err = wait_for_all_to_pass(runtime, deadline);

	while (!err && !lend__removal_close(&runtime->arbiter))
		err = nap_until(deadline);
	return err;
}

/* ---- rings ---- */

static int add_rings(struct lend_runtime *runtime, unsigned rings)
{
	struct lend_arbiter *arbiter = &runtime->arbiter;
	int err = 0;

	while (!err && lend__arbiter_rings(arbiter) < rings)
		err = lend__arbiter_add_ring(arbiter);
	/* Those whose home a new ring is: Note [home] in arbiter/removal.c. */
	lend__worker_wake_all(runtime);
	return err;
}

static bool are_empty(struct lend_arbiter *arbiter, unsigned first,
		      unsigned end)
{
	bool all = true;

	/* Each of them: those with something in them take a step. */
	for (unsigned i = first; i < end; i++)
		all = lend__removal_empty(arbiter, &arbiter->pool.rings[i]) &&
		      all;
	return all;
}

static int empty_rings(struct lend_runtime *runtime, unsigned first,
		       unsigned end, uint64_t deadline)
{
	while (!are_empty(&runtime->arbiter, first, end)) {
		int err;

		/* Who waits in one of them, or has one for a home. */
		lend__worker_wake_all(runtime);
		err = nap_until(deadline);
		if (err)
			return err;
	}
	return 0;
}

static int remove_rings(struct lend_runtime *runtime, unsigned rings,
			uint64_t deadline)
{
	struct lend_arbiter *arbiter = &runtime->arbiter;
	unsigned before = lend__pool_count(&arbiter->pool);
	int err;

	lend__removal_admit(arbiter, rings);
	err = empty_rings(runtime, rings, before, deadline);
	if (err)
		goto fail_admit;
	lend__removal_forget(arbiter, rings);
	err = close_forgotten(runtime, deadline);
	if (err)
		goto fail_remember;
	return 0;

fail_remember:
	lend__removal_forget(arbiter, before);
fail_admit:
	lend__report_rings(runtime, rings, before);
	lend__removal_admit(arbiter, before);
	/* They have their homes back: Note [home] in arbiter/removal.c. */
	lend__worker_wake_all(runtime);
	return err;
}

/* ---- workers ---- */

/* A private worker's ring was emptied by the worker itself. When a worker is
 * late the descriptor stays open until the next change. */
static void forget_private_ring(struct lend_runtime *runtime, unsigned rings,
				uint64_t deadline)
{
	struct lend_arbiter *arbiter = &runtime->arbiter;

	lend__removal_admit(arbiter, rings);
	lend__removal_forget(arbiter, rings);
	(void)close_forgotten(runtime, deadline);
}

static int wait_for_start(struct lend_runtime *runtime)
{
	for (;;) {
		bool has_started;
		int err;

		pthread_mutex_lock(&runtime->lock);
		has_started = !runtime->starting;
		err = runtime->start_error;
		if (has_started)
			runtime->start_error = 0;
		pthread_mutex_unlock(&runtime->lock);
		if (has_started)
			return err;
		nap_on();
	}
}

static void set_workers(struct lend_runtime *runtime, unsigned count)
{
	/* Release [E3], paired with lend__runtime_count() and _open(). */
	atomic_store_explicit(&runtime->workers_open, count,
			      memory_order_release);
	atomic_store_explicit(&runtime->workers_count, count,
			      memory_order_release);
}

static int add_worker(struct lend_runtime *runtime, uint64_t deadline)
{
	struct lend_arbiter *arbiter = &runtime->arbiter;
	unsigned index = lend__runtime_count(runtime);
	int err = 0;

	if (arbiter->mode->one_to_one)
		err = lend__arbiter_add_ring(arbiter);
	if (err)
		return err;
	err = lend__thread_start(runtime, index);
	if (err)
		goto fail_ring;
	/* Those who count the parked count it, too, from its first park on. */
	atomic_store_explicit(&runtime->workers_count, index + 1,
			      memory_order_release);
	err = wait_for_start(runtime);
	if (err)
		goto fail_thread;
	set_workers(runtime, index + 1);
	/* It may have gone to sleep as long as it was not counted, and so not
	 * as a sentinel; there may be nobody else to be one. */
	lend__worker_wake(&runtime->workers[index]);
	return 0;

fail_thread:
	set_workers(runtime, index);
	pthread_join(runtime->workers[index].thread, NULL);
	/* Somebody may have named it meanwhile. */
	lend__worker_close(&runtime->workers[index]);
fail_ring:
	if (arbiter->mode->one_to_one)
		forget_private_ring(runtime, index, deadline);
	return err;
}

/* 0, or an error: it stays. */
static int have_leave(struct lend_runtime *runtime, struct lend_worker *worker,
		      uint64_t deadline)
{
	atomic_store_explicit(&worker->stay, LEND_ASKED_TO_LEAVE,
			      memory_order_release);
	/* Acquire [E4], paired with lend__worker_leave(). */
	while (atomic_load_explicit(&worker->stay, memory_order_acquire) !=
	       LEND_LEAVES) {
		uint32_t asked = LEND_ASKED_TO_LEAVE;
		int err;

		lend__worker_wake(worker);
		err = nap_until(deadline);
		if (!err)
			continue;
		if (!atomic_compare_exchange_strong_explicit(
			    &worker->stay, &asked, LEND_STAYS,
			    memory_order_acq_rel, memory_order_acquire))
			break; /* it left at the last moment */
		lend__report_worker(runtime, worker->index);
		return err;
	}
	/* All it has to do is to end; the kernel may still interrupt what
	 * its own threads do for it. */
	while (pthread_tryjoin_np(worker->thread, NULL))
		nap_on();
	return 0;
}

static int remove_workers(struct lend_runtime *runtime, unsigned workers,
			  uint64_t deadline)
{
	unsigned count = lend__runtime_count(runtime);
	int err = 0;

	/* At once, so that none hands over to one that goes next. */
	atomic_store_explicit(&runtime->workers_open, workers,
			      memory_order_release);
	while (count > workers && !err) {
		err = have_leave(runtime, &runtime->workers[count - 1],
				 deadline);
		if (err)
			break;
		atomic_store_explicit(&runtime->workers_count, --count,
				      memory_order_release);
		if (runtime->arbiter.mode->one_to_one)
			forget_private_ring(runtime, count, deadline);
	}
	set_workers(runtime, count);
	return err;
}

/* ---- the interface ---- */

static int refuse(const struct lend_runtime *runtime, int err, const char *what,
		  unsigned number, const char *rule)
{
	lend__log(&runtime->log, LEND_LOG_ERROR, "%u %s are refused: %s",
		  number, what, rule);
	return err;
}

static int refuse_more(const struct lend_runtime *runtime, const char *what,
		       unsigned number, const char *option, unsigned limit)
{
	char rule[64];

	snprintf(rule, sizeof(rule), "more than lend_options.%s, which is %u",
		 option, limit);
	return refuse(runtime, -E2BIG, what, number, rule);
}

/* Take the right to change the size, and finish what was left over. If nothing
 * was, nobody need have passed anything: one may be stuck. */
static int begin(struct lend_runtime *runtime, uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	int err;

	if (!runtime->threads_running)
		return -ESHUTDOWN;
	/* It may have no work to do. */
	if (self)
		lend__turn_spend(self);
	/* Acquire, paired with end(): what the one before us did. */
	if (atomic_exchange_explicit(&runtime->resizing, true,
				     memory_order_acquire))
		return -EBUSY;
	if (lend__removal_is_closed(&runtime->arbiter))
		return 0;
	err = close_forgotten(runtime, deadline);
	if (err)
		atomic_store_explicit(&runtime->resizing, false,
				      memory_order_release);
	return err;
}

static int end(struct lend_runtime *runtime, int err)
{
	lend__log(&runtime->log, err ? LEND_LOG_WARNING : LEND_LOG_INFO,
		  "%u workers, %u rings%s%s", lend__runtime_open(runtime),
		  lend__arbiter_rings(&runtime->arbiter),
		  err ? ": the change was given up: " : "",
		  err ? lend_error_text(err) : "");
	atomic_store_explicit(&runtime->resizing, false, memory_order_release);
	return err;
}

int lend_runtime_set_rings(struct lend_runtime *runtime, unsigned rings,
			   uint64_t deadline)
{
	const struct lend_arbiter *arbiter = &runtime->arbiter;
	int err;

	if (!rings)
		return refuse(runtime, -EINVAL, "rings", rings,
			      "the last one stays");
	if (rings > runtime->options.rings_max)
		return refuse_more(runtime, "rings", rings, "rings_max",
				   runtime->options.rings_max);
	if (arbiter->mode->one_to_one)
		return refuse(
			runtime, -EINVAL, "rings", rings,
			"in private mode each worker has one: change the number of workers");
	err = begin(runtime, deadline);
	if (err)
		return err;
	if (rings > lend__arbiter_rings(arbiter))
		err = add_rings(runtime, rings);
	else if (rings < lend__arbiter_rings(arbiter))
		err = remove_rings(runtime, rings, deadline);
	return end(runtime, err);
}

unsigned lend__size_workers_max(const struct lend_runtime *runtime)
{
	const struct lend_options *options = &runtime->options;

	return runtime->arbiter.mode->one_to_one &&
			       options->rings_max < options->workers_max ?
		       options->rings_max :
		       options->workers_max;
}

static int change_workers(struct lend_runtime *runtime, unsigned workers,
			  uint64_t deadline)
{
	int err = 0;

	while (!err && lend__runtime_count(runtime) < workers)
		err = add_worker(runtime, deadline);
	if (!err && lend__runtime_count(runtime) > workers)
		err = remove_workers(runtime, workers, deadline);
	return err;
}

int lend_runtime_set_workers(struct lend_runtime *runtime, unsigned workers,
			     uint64_t deadline)
{
	int err;

	if (!workers)
		return refuse(runtime, -EINVAL, "workers", workers,
			      "the last one stays");
	if (workers > runtime->options.workers_max)
		return refuse_more(runtime, "workers", workers, "workers_max",
				   runtime->options.workers_max);
	if (workers > lend__size_workers_max(runtime))
		return refuse_more(runtime, "workers", workers, "rings_max",
				   runtime->options.rings_max);
	err = begin(runtime, deadline);
	if (err)
		return err;
	/* As many as the caller says stay when nobody is blocked any more. */
	atomic_store_explicit(&runtime->watchdog.spares, 0,
			      memory_order_relaxed);
	return end(runtime, change_workers(runtime, workers, deadline));
}

int lend__size_set_spares(struct lend_runtime *runtime, unsigned spares,
			  uint64_t deadline)
{
	_Atomic unsigned *now = &runtime->watchdog.spares;
	unsigned others, workers, max = lend__size_workers_max(runtime);
	int err = begin(runtime, deadline);

	if (err)
		return err;
	others = lend__runtime_count(runtime) -
		 atomic_load_explicit(now, memory_order_relaxed);
	workers = others + spares < max ? others + spares : max;
	err = change_workers(runtime, workers, deadline);
	atomic_store_explicit(now, lend__runtime_count(runtime) - others,
			      memory_order_relaxed);
	return end(runtime, err);
}
