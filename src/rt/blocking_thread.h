/*
 * The threads of the pool, and what they run.
 *
 * Note [jobs]
 * A job lies on its actor's stack, or in malloc() if it may be left. Its state
 * changes under the pool's lock: QUEUED, RUNNING, DONE. DONE is followed by one
 * piece of mail, as an operation's end is, which is the last thing its thread
 * does with it; so the actor goes by the mail, not by the state. An actor that
 * gives up takes a job out of the queue, or marks its thread's place as
 * abandoned while it is RUNNING: then the thread sends no mail and frees job
 * and argument. One that is DONE has mail on its way, and must wait for it.
 */
#ifndef LEND_RT_BLOCKING_THREAD_H
#define LEND_RT_BLOCKING_THREAD_H

#include <lend/blocking.h>

#include "actor/mailbox.h"
#include "base/list.h"

struct lend_actor;
struct lend_blocking;
struct lend_blocking_thread;

struct lend_blocking_job {
	/* [const] once queued */
	lend_blocking_fn fn;
	void *arg;
	void (*free_arg)(void *arg);
	struct lend_actor *actor; /* waits for it, unless it is abandoned */

	struct lend_mail mail; /* its end; releases @result to the actor */
	int result;
	int error; /* it has not run, and will not */
	/* [lock: the pool's] */
	struct lend_list link; /* in the queue */
	enum {
		LEND_JOB_QUEUED,
		LEND_JOB_RUNNING,
		LEND_JOB_DONE,
	} state;
	struct lend_blocking_thread *thread; /* RUNNING: that has it */
};

/**
 * Queue @job, and see that a thread comes for it.
 *
 * Return: 0; if no thread can be started its end comes with an error
 *         -EAGAIN  the queue is full; counted
 */
int lend__blocking_submit(struct lend_blocking *pool,
			  struct lend_blocking_job *job);

#endif
