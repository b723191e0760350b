/*
 * The pool of threads for code that blocks: see include/lend/blocking.h. How a
 * thread of it lives is blocking_thread.c.
 */
#include "rt/blocking.h"

#include <errno.h>
#include <lend/blocking.h>
#include <lend/clock.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/condition.h"
#include "rt/blocking_thread.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/options.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"

/* ---- options ---- */

int lend__blocking_complete(struct lend_options *options,
			    const struct lend_log *log)
{
	if (!options->blocking_threads_max)
		options->blocking_threads_max = 16;
	if (!options->blocking_queue_max)
		options->blocking_queue_max = 16384;
	if (!options->blocking_idle_ns)
		options->blocking_idle_ns = 5 * LEND_S;
	if (options->blocking_threads_max > LEND_BLOCKING_THREADS_MAX)
		return lend__option_refuse(log, "blocking_threads_max",
					   options->blocking_threads_max,
					   "1 to 1024");
	if (options->blocking_queue_max > LEND_BLOCKING_QUEUE_MAX)
		return lend__option_refuse(log, "blocking_queue_max",
					   options->blocking_queue_max,
					   "1 to 1048576");
	return 0;
}

/* ---- start and end ---- */

void lend__blocking_init(struct lend_blocking *pool,
			 const struct lend_options *options,
			 const struct lend_log *log)
{
	memset(pool, 0, sizeof(*pool));
	pool->log = log;
	pool->threads_max = options->blocking_threads_max;
	pool->queue_max = options->blocking_queue_max;
	pool->idle_ns = options->blocking_idle_ns;
	lend__fp_modes_read(&pool->fp_modes);
	lend_list_init(&pool->queue);
	pthread_mutex_init(&pool->lock, NULL);
	lend__condition_init(&pool->work);
	lend__condition_init(&pool->changed);
}

/* All threads have ended; false: @deadline has passed. */
static bool wait_for_threads_locked(struct lend_blocking *pool,
				    uint64_t deadline)
{
	int err = 0;

	while (pool->counts.threads && !err)
		err = lend__condition_wait(&pool->changed, &pool->lock,
					   deadline);
	return !pool->counts.threads;
}

void lend__blocking_stop(struct lend_blocking *pool, uint64_t patience_ns)
{
	bool ended;

	pthread_mutex_lock(&pool->lock);
	/* Who had waited has taken its call back, or was waited for. */
	lend_assert(lend_list_empty(&pool->queue));
	pool->ending = true;
	pthread_cond_broadcast(&pool->work);
	ended = wait_for_threads_locked(pool, lend_after(patience_ns));
	pthread_mutex_unlock(&pool->lock);
	if (!ended) {
		lend__log(pool->log, LEND_LOG_WARNING,
			  "blocking functions are not over yet:");
		lend__blocking_report(pool);
		pthread_mutex_lock(&pool->lock);
		wait_for_threads_locked(pool, LEND_FOREVER);
		pthread_mutex_unlock(&pool->lock);
	}
	for (unsigned i = 0; pool->threads && i < pool->threads_max; i++)
		if (pool->threads[i].state == LEND_BLOCKING_ENDED)
			pthread_join(pool->threads[i].id, NULL);
	free(pool->threads);
	pool->threads = NULL;
}

void lend__blocking_fini(struct lend_blocking *pool)
{
	lend_assert(!pool->threads);
	pthread_cond_destroy(&pool->changed);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
}

/* ---- what is going on ---- */

void lend__blocking_read(struct lend_blocking *pool,
			 struct lend_blocking_stats *ret_stats)
{
	pthread_mutex_lock(&pool->lock);
	*ret_stats = pool->counts;
	pthread_mutex_unlock(&pool->lock);
}

/* The copy is logged without the lock. */
static bool copy_busy(struct lend_blocking *pool, unsigned index,
		      struct lend_blocking_thread *copy)
{
	bool busy = false;

	pthread_mutex_lock(&pool->lock);
	if (pool->threads) {
		*copy = pool->threads[index];
		busy = copy->state == LEND_BLOCKING_ALIVE && copy->busy;
	}
	pthread_mutex_unlock(&pool->lock);
	return busy;
}

void lend__blocking_report(struct lend_blocking *pool)
{
	struct lend_blocking_thread thread;

	for (unsigned i = 0; i < pool->threads_max; i++) {
		if (!copy_busy(pool, i, &thread))
			continue;
		lend__log(
			pool->log, LEND_LOG_WARNING,
			"  thread lend-block-%u has run a function for %.1f ms, called by actor %u%s%s%s%s",
			i, (double)(lend_now() - thread.since_ns) / LEND_MS,
			thread.actor.index, thread.name[0] ? " \"" : "",
			thread.name, thread.name[0] ? "\"" : "",
			thread.abandoned ? ", which does not wait for it" : "");
	}
}

/* ---- calls ---- */

static void job_init(struct lend_blocking_job *job, struct lend_actor *self,
		     lend_blocking_fn fn, void *arg)
{
	memset(job, 0, sizeof(*job));
	job->fn = fn;
	job->arg = arg;
	job->actor = self;
	job->mail.kind = LEND_MAIL_OP;
}

/**
 * Give up waiting for @job.
 *
 * @leave  leave one that runs to its thread
 *
 * Return: true, it is not ours any more (and has not run, unless it was left);
 *         false, it will come by mail
 */
static bool withdraw(struct lend_blocking *pool, struct lend_blocking_job *job,
		     bool leave, bool *ret_left)
{
	bool gone = false;

	*ret_left = false;
	pthread_mutex_lock(&pool->lock);
	switch (job->state) {
	case LEND_JOB_QUEUED:
		lend_list_remove(&job->link);
		pool->counts.queued--;
		gone = true;
		break;
	case LEND_JOB_RUNNING:
		if (leave) {
			job->thread->abandoned = true;
			*ret_left = gone = true;
		}
		break;
	case LEND_JOB_DONE:
		break;
	}
	pthread_mutex_unlock(&pool->lock);
	return gone;
}

/* For reports. Relaxed: they may be late. */
static void note_wait(struct lend_actor *self, uint64_t waits_for)
{
	atomic_store_explicit(&self->waits_for, waits_for,
			      memory_order_relaxed);
}

/**
 * Wait until @job is over.
 *
 * Return: 0, or why it was given up; then *@ret_left says whether it runs on
 */
static int await(struct lend_blocking *pool, struct lend_actor *self,
		 struct lend_blocking_job *job, uint64_t deadline, bool leave,
		 bool *ret_left)
{
	bool gives_up = false;

	*ret_left = false;
	note_wait(self, lend__actor_waits(LEND_WAITS_BLOCKING, -1, UINT32_MAX));
	while (!job->mail.arrived) {
		int err;

		if (gives_up) {
			lend__suspend(self, LEND_FOREVER);
			continue;
		}
		err = lend__suspend_until(self, deadline);
		if (err && withdraw(pool, job, leave, ret_left)) {
			note_wait(self, 0);
			return err;
		}
		gives_up = err != 0;
	}
	note_wait(self, 0);
	return job->error;
}

static int begin(struct lend_actor *self, lend_blocking_fn fn)
{
	lend_assert_actor(self);
	if (!fn)
		return -EINVAL;
	lend__actor_sort_mail(self);
	if (self->cancelled)
		return -ECANCELED;
	lend__claims_revoke(self);
	return 0;
}

int lend_blocking(lend_blocking_fn fn, void *arg, uint64_t deadline, int *ret)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_blocking *pool;
	struct lend_blocking_job job;
	bool left;
	int err = begin(self, fn);

	if (err)
		return err;
	pool = &self->worker->runtime->blocking;
	job_init(&job, self, fn, arg);
	err = lend__blocking_submit(pool, &job);
	if (!err)
		err = await(pool, self, &job, deadline, false, &left);
	if (!err && ret)
		*ret = job.result;
	return err;
}

int lend_blocking_owned(lend_blocking_fn fn, void *arg,
			void (*free_arg)(void *arg), uint64_t deadline,
			int *ret)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_blocking_job *job = NULL;
	struct lend_blocking *pool;
	bool left = false;
	int err = begin(self, fn);

	if (err)
		goto out;
	job = malloc(sizeof(*job));
	if (!job) {
		err = -ENOMEM;
		goto out;
	}
	pool = &self->worker->runtime->blocking;
	job_init(job, self, fn, arg);
	job->free_arg = free_arg;
	err = lend__blocking_submit(pool, job);
	if (!err)
		err = await(pool, self, job, deadline, true, &left);
	if (!err && ret)
		*ret = job->result;
	/* Left to its thread: job and argument may be gone already. */
	if (left)
		return err;
	free(job);
out:
	if (err && free_arg)
		free_arg(arg);
	return err;
}
