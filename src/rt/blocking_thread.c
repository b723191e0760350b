/*
 * The threads of the pool for code that blocks: see blocking_thread.h.
 */
#include "rt/blocking_thread.h"

#include <errno.h>
#include <lend/clock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/condition.h"
#include "rt/blocking.h"
#include "rt/thread.h"

static struct lend_blocking_job *take_locked(struct lend_blocking *pool)
{
	struct lend_list *first = lend_list_pop_front(&pool->queue);

	if (!first)
		return NULL;
	pool->counts.queued--;
	return lend_container_of(first, struct lend_blocking_job, link);
}

/* Wait for something to do; NULL: there was nothing for long, or the pool
 * ends. */
static struct lend_blocking_job *wait_locked(struct lend_blocking *pool)
{
	uint64_t deadline = lend_after(pool->idle_ns);
	int err = 0;

	while (lend_list_empty(&pool->queue)) {
		if (pool->ending || err)
			return NULL;
		pool->idle++;
		err = lend__condition_wait(&pool->work, &pool->lock, deadline);
		pool->idle--;
	}
	return take_locked(pool);
}

/* For reports, which must not look at an actor that may be gone. */
static void note_locked(struct lend_blocking_thread *thread,
			struct lend_blocking_job *job)
{
	thread->busy = true;
	thread->abandoned = false;
	thread->since_ns = lend_now();
	thread->actor = lend__actor_ref(job->actor);
	memcpy(thread->name, job->actor->name, sizeof(thread->name));
	job->thread = thread;
	job->state = LEND_JOB_RUNNING;
}

/* The lock is held before and after, not meanwhile. */
static void run_locked(struct lend_blocking_thread *thread,
		       struct lend_blocking_job *job)
{
	struct lend_blocking *pool = thread->pool;
	struct lend_actor *actor = job->actor;
	bool abandoned;
	int result;

	note_locked(thread, job);
	pool->counts.running++;
	pthread_mutex_unlock(&pool->lock);
	/* The thread was started by an actor, which may keep modes of its own,
	 * and has run functions that may have left theirs. */
	lend__fp_modes_write(&pool->fp_modes);
	result = job->fn(job->arg);
	pthread_mutex_lock(&pool->lock);
	pool->counts.running--;
	pool->counts.run++;
	thread->busy = false;
	abandoned = thread->abandoned;
	job->result = result;
	job->state = LEND_JOB_DONE;
	pthread_mutex_unlock(&pool->lock);
	if (abandoned) {
		if (job->free_arg)
			job->free_arg(job->arg);
		free(job);
	} else {
		/* The last touch of it: Note [jobs]. */
		lend__actor_deliver(actor, &job->mail);
	}
	pthread_mutex_lock(&pool->lock);
}

static void *thread_main(void *argument)
{
	struct lend_blocking_thread *thread = argument;
	struct lend_blocking *pool = thread->pool;
	struct lend_blocking_job *job;
	char name[16];

	snprintf(name, sizeof(name), "lend-block-%u", thread->index % 1000);
	pthread_setname_np(pthread_self(), name);
	pthread_mutex_lock(&pool->lock);
	while ((job = wait_locked(pool)))
		run_locked(thread, job);
	thread->state = LEND_BLOCKING_ENDED;
	pool->counts.threads--;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* A place for another thread; counted as alive from here on. */
static struct lend_blocking_thread *reserve_locked(struct lend_blocking *pool,
						   bool *ret_join)
{
	struct lend_blocking_thread *thread = NULL;

	if (!pool->threads)
		pool->threads = calloc(pool->threads_max,
				       sizeof(*pool->threads));
	if (!pool->threads)
		return NULL;
	for (unsigned i = 0; i < pool->threads_max && !thread; i++) {
		if (pool->threads[i].state == LEND_BLOCKING_ALIVE)
			continue;
		thread = &pool->threads[i];
		thread->index = i;
	}
	lend_assert(thread);
	*ret_join = thread->state == LEND_BLOCKING_ENDED;
	thread->pool = pool;
	thread->busy = false;
	thread->state = LEND_BLOCKING_ALIVE;
	pool->counts.threads++;
	return thread;
}

/* The lock is held before and after, not meanwhile. 0 or -EAGAIN, -ENOMEM. */
static int start_locked(struct lend_blocking *pool)
{
	bool join = false;
	struct lend_blocking_thread *thread = reserve_locked(pool, &join);
	sigset_t before;
	int err;

	if (!thread)
		return -ENOMEM;
	pthread_mutex_unlock(&pool->lock);
	/* It is past its last lock: no more than a moment. */
	if (join)
		pthread_join(thread->id, NULL);
	lend__thread_block_signals(&before);
	err = -pthread_create(&thread->id, NULL, thread_main, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_mutex_lock(&pool->lock);
	if (err) {
		thread->state = LEND_BLOCKING_FREE;
		pool->counts.threads--;
	}
	return err;
}

/* There is no thread and none could be started: nobody comes for what others
 * have queued meanwhile. The lock is held before and after, not meanwhile. */
static void refuse_all_locked(struct lend_blocking *pool)
{
	struct lend_blocking_job *job;

	while ((job = take_locked(pool))) {
		struct lend_actor *actor = job->actor;

		pool->counts.refused++;
		job->error = -EAGAIN;
		job->state = LEND_JOB_DONE;
		pthread_mutex_unlock(&pool->lock);
		lend__actor_deliver(actor, &job->mail);
		pthread_mutex_lock(&pool->lock);
	}
}

int lend__blocking_submit(struct lend_blocking *pool,
			  struct lend_blocking_job *job)
{
	int err = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->counts.queued >= pool->queue_max) {
		pool->counts.refused++;
		pthread_mutex_unlock(&pool->lock);
		return -EAGAIN;
	}
	job->state = LEND_JOB_QUEUED;
	lend_list_push_back(&pool->queue, &job->link);
	pool->counts.queued++;
	pthread_cond_signal(&pool->work);
	/* Idle threads that were woken and have not come yet are spoken for by
	 * what is in the queue. */
	if (pool->counts.queued > pool->idle &&
	    pool->counts.threads < pool->threads_max)
		err = start_locked(pool);
	/* The other threads will come for it, if there are any. */
	if (err && !pool->counts.threads)
		refuse_all_locked(pool);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}
