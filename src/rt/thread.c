/*
 * Starting the threads of workers: see thread.h. Called by the start of a
 * runtime, and by who changes its size.
 */
#include "rt/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/record.h"
#include "rt/current.h"
#include "rt/kick.h"
#include "rt/overflow.h"
#include "rt/runtime.h"
#include "rt/worker.h"

/* How late the kernel may wake a worker from a wait that has a timeout, so that
 * it can wake several threads at once. What it takes if nobody asks is 50 us,
 * which is more than such a wait lasts where a sentinel looks for actors to
 * take, and most of what a sleeping actor is late. */
#define TIMER_SLACK_NS 1000ul

/* Threads inherit the mask: signals go to the program's own. Faults can not be
 * blocked sensibly. */
void lend__thread_block_signals(sigset_t *ret_before)
{
	static const int faults[] = { SIGSEGV, SIGBUS,	SIGILL,
				      SIGFPE,  SIGABRT, SIGTRAP };
	sigset_t all;

	sigfillset(&all);
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

/* The record may have been another thread's before. */
static int make_ready(struct lend_runtime *runtime, unsigned index)
{
	struct lend_worker *worker = &runtime->workers[index];
	int err = 0;

	if (!worker->runtime) {
		err = lend__worker_init(worker, runtime, index);
		if (err) {
			lend__worker_fini(worker);
			return err;
		}
	}
	atomic_store_explicit(&worker->stay, LEND_STAYS, memory_order_relaxed);
	atomic_store_explicit(&worker->borrower.parked, false,
			      memory_order_relaxed);
	atomic_store_explicit(&worker->borrower.safe_ns, lend_now(),
			      memory_order_relaxed);
	atomic_store_explicit(
		&worker->borrower.recorder.on,
		atomic_load_explicit(&runtime->arbiter.recorder.on,
				     memory_order_relaxed),
		memory_order_relaxed);
	if (index >= lend__runtime_used(runtime))
		/* Release [E3]: the record. */
		atomic_store_explicit(&runtime->workers_used, index + 1,
				      memory_order_release);
	lend__pinned_open(worker);
	/* Release: a record that actors may be sent to. */
	atomic_store_explicit(&worker->inbox, NULL, memory_order_release);
	return 0;
}

int lend__thread_start(struct lend_runtime *runtime, unsigned index)
{
	struct lend_worker *worker = &runtime->workers[index];
	sigset_t before;
	int err = make_ready(runtime, index);

	if (err)
		return err;
	pthread_mutex_lock(&runtime->lock);
	runtime->starting++;
	pthread_mutex_unlock(&runtime->lock);
	lend__thread_block_signals(&before);
	err = -pthread_create(&worker->thread, NULL, lend__thread_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		return 0;
	/* Somebody may have named it meanwhile. */
	lend__worker_close(worker);
	pthread_mutex_lock(&runtime->lock);
	runtime->starting--;
	pthread_mutex_unlock(&runtime->lock);
	return err;
}

void *lend__thread_main(void *argument)
{
	struct lend_worker *worker = argument;
	struct lend_runtime *runtime = worker->runtime;
	char name[16];
	int err;

	snprintf(name, sizeof(name), "lend-%u", worker->index);
	pthread_setname_np(pthread_self(), name);
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	/* A thread has those of whoever started it, and that may be an actor
	 * that keeps its own. */
	lend__fp_modes_write(&runtime->fp_modes);
	lend__current_set(worker);
	lend__roster_unpark(&runtime->roster, worker->index);
	lend__overflow_thread_start();
	lend__fiber_adopt_thread(&worker->fiber);
	err = lend__arbiter_attach(&runtime->arbiter, &worker->borrower,
				   worker->index);
	lend__runtime_worker_started(runtime, err);
	if (!err) {
		lend__kick_thread_start(worker);
		lend__watchdog_wake(&runtime->watchdog);
		lend__worker_run(worker);
		lend__kick_thread_stop(worker);
		lend__arbiter_detach(&worker->borrower);
		/* What it watched while it was parked is nobody's now, and
		 * those who are parked have looked before. */
		if (!atomic_load_explicit(&runtime->halting,
					  memory_order_relaxed))
			lend__worker_wake_all(runtime);
	}
	lend__fiber_release_thread(&worker->fiber);
	lend__overflow_thread_stop();
	lend__current_set(NULL);
	return NULL;
}
