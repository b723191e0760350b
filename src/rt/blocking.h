/*
 * The pool of threads for code that blocks: see include/lend/blocking.h.
 */
#ifndef LEND_RT_BLOCKING_H
#define LEND_RT_BLOCKING_H

#include <lend/actor.h>
#include <lend/runtime.h>
#include <lend/stats.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/fp_modes.h"
#include "base/list.h"
#include "base/log.h"

/* A thread's place; it keeps it after it has ended, until it is joined. */
struct lend_blocking_thread {
	struct lend_blocking *pool; /* [const] */
	unsigned index;		    /* [const] */
	pthread_t id;		    /* [owner: who starts or joins it] */
	/* [lock] */
	enum {
		LEND_BLOCKING_FREE,
		LEND_BLOCKING_ALIVE,
		LEND_BLOCKING_ENDED, /* to be joined */
	} state;
	bool busy;
	uint64_t since_ns; /* what follows is of what it runs */
	bool abandoned;
	lend_ref actor;
	char name[LEND_ACTOR_NAME_MAX + 1];
};

struct lend_blocking {
	/* [const] after init */
	const struct lend_log *log;
	unsigned threads_max;
	unsigned queue_max;
	uint64_t idle_ns;
	struct lend_fp_modes fp_modes;

	pthread_mutex_t lock;
	pthread_cond_t work;	/* something is queued, or the pool ends */
	pthread_cond_t changed; /* a thread has ended */
	/* [lock] */
	struct lend_blocking_thread *threads; /* made at the first use */
	struct lend_list queue;		      /* of struct job, oldest first */
	bool ending;
	unsigned idle;			   /* threads that wait for work */
	struct lend_blocking_stats counts; /* .threads: those alive */
};

/* Fill in the defaults. 0, or -EINVAL with a line in the log. */
int lend__blocking_complete(struct lend_options *options,
			    const struct lend_log *log);

/* @options are complete. Starts nothing. */
void lend__blocking_init(struct lend_blocking *pool,
			 const struct lend_options *options,
			 const struct lend_log *log);

/**
 * Wait until all functions are over and all threads have ended.
 *
 * @patience_ns  after that the log says once what it waits for
 *
 * Thread: not an actor; there are none any more. Blocks: the thread.
 */
void lend__blocking_stop(struct lend_blocking *pool, uint64_t patience_ns);

/* After lend__blocking_stop(), or instead, if there never was an actor. */
void lend__blocking_fini(struct lend_blocking *pool);

/* Thread: any. Blocks: for the pool's lock, briefly. */
void lend__blocking_read(struct lend_blocking *pool,
			 struct lend_blocking_stats *ret_stats);

/* A line for each function that runs. Thread: any. */
void lend__blocking_report(struct lend_blocking *pool);

#endif
