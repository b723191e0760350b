/*
 * When a worker submits what its actors have published.
 *
 * A system call costs as much as ten operations, so submissions are gathered;
 * but what is not submitted makes no progress. By default a worker submits when
 * it has nothing else to do, and after a few rounds all the same.
 */
#ifndef LEND_RT_FLUSH_H
#define LEND_RT_FLUSH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lend_worker;

/* Why. */
enum lend_flush_cause {
	LEND_FLUSH_EMPTY,  /* nothing else to do */
	LEND_FLUSH_ROUNDS, /* others were runnable, for rounds */
	LEND_FLUSH_ACTORS, /* lend_options.flush_actors */
	LEND_FLUSH_SQES,   /* lend_options.flush_sqes */
	LEND_FLUSH_CAUSES,
};

/* Embedded in a worker. [owner] */
struct lend_flush {
	unsigned rounds;  /* since the last flush, with work left over */
	unsigned actors;  /* since the last flush */
	bool prompt;	  /* what is not flushed yet will be over at once */
	unsigned prompts; /* such flushes since it last looked elsewhere */
	/* Flushes that found something; read by others as counters. */
	_Atomic uint64_t counts[LEND_FLUSH_CAUSES];
};

/* Submit. Thread: the worker's own. */
void lend__flush(struct lend_worker *worker, enum lend_flush_cause cause);

/* The worker is about to submit by other means, as part of waiting. */
void lend__flush_note(struct lend_worker *worker, enum lend_flush_cause cause);

/* A round is over, and others are runnable. */
void lend__flush_after_round(struct lend_worker *worker);

/* An actor has given the worker back, and the policy is not the default. */
void lend__flush_after_actor(struct lend_worker *worker);

#endif
