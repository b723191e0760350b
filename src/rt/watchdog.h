/*
 * The watchdog: says what a worker is doing that has come to no safe point for
 * long, while that lasts.
 *
 * The monitor goes round among the workers and keeps things going within
 * milliseconds; but where there is one worker, or all are stuck, nobody is left
 * to say so. The watchdog is a thread of its own, which only looks. See
 * doc/adr/0031-watchdog.md.
 */
#ifndef LEND_RT_WATCHDOG_H
#define LEND_RT_WATCHDOG_H

#include <lend/base.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "rt/backtrace.h"
#include "rt/circle.h"

struct lend_log;
struct lend_options;
struct lend_runtime;

enum lend_watchdog_state {
	LEND_WATCHDOG_OFF,
	LEND_WATCHDOG_AWAKE,
	LEND_WATCHDOG_ASLEEP, /* until a worker has something to do */
	LEND_WATCHDOG_ENDS,
};

struct lend_watchdog {
	/* [const] while its thread runs */
	pthread_t thread;
	int signal_number; /* that asks for a backtrace; 0: none */
	pthread_mutex_t lock;
	pthread_cond_t changed;

	/* [owner: its thread] */
	struct lend_backtrace backtrace;
	uint64_t rounds_seen; /* of all workers, at the last look */
	bool told_deadlock;
	struct lend_circles told_circles;
	unsigned tried;	   /* so many spare workers were to be there, */
	unsigned failures; /* so often in a row there were not, */
	unsigned pause;	   /* for so many looks there is no new attempt */

	/* [atomic: D1] enum lend_watchdog_state; written under the lock */
	LEND_CACHE_ALIGNED _Atomic uint32_t state;

	/* [owner: its thread] written, read by others as counters */
	_Atomic uint64_t computing;
	_Atomic uint64_t blocked;

	/* [who resizes] written, read by others as a counter: workers that are
	 * there beyond what the program wants, see size.c */
	_Atomic unsigned spares;
};

/**
 * Fill in the defaults, and choose the signal.
 *
 * Return: 0
 *         -EINVAL, -EBUSY  the signal can not be had; the log says why
 */
LEND_NODISCARD int lend__watchdog_complete(struct lend_options *options,
					   const struct lend_log *log);

/* Before there are workers, which unblock the signal. Starts nothing. */
void lend__watchdog_init(struct lend_runtime *runtime);

/* 0, or a negative errno: there is no thread to be had. */
LEND_NODISCARD int lend__watchdog_start(struct lend_runtime *runtime);

/* Its thread has ended when this returns, and the workers it added are those
 * that are there. Thread: not an actor. */
void lend__watchdog_stop(struct lend_runtime *runtime);

void lend__watchdog_fini(struct lend_runtime *runtime);

void lend__watchdog_wake_slowly(struct lend_watchdog *watchdog);

/* A worker has something to do: it is to be looked after. Thread: any. */
static inline void lend__watchdog_wake(struct lend_watchdog *watchdog)
{
	/* [D1]: after it is not parked any more. */
	if (__builtin_expect(atomic_load_explicit(&watchdog->state,
						  memory_order_seq_cst) ==
				     LEND_WATCHDOG_ASLEEP,
			     0))
		lend__watchdog_wake_slowly(watchdog);
}

#endif
