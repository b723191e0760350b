/*
 * The runtime: workers, arbiter, registry, and when they start and stop.
 */
#ifndef LEND_RT_RUNTIME_H
#define LEND_RT_RUNTIME_H

#include <lend/runtime.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/fp_modes.h"
#include "actor/host.h"
#include "actor/message_store.h"
#include "actor/registry.h"
#include "arbiter/arbiter.h"
#include "base/log.h"
#include "rt/blocking.h"
#include "rt/roster.h"
#include "rt/watchdog.h"

struct lend_signals;
struct lend_worker;

struct lend_runtime {
	/* [const] after start */
	struct lend_host host;	     /* first: actors know only this */
	struct lend_options options; /* with the defaults filled in */
	struct lend_log log;
	struct lend_worker *workers; /* room for all that there may be */
	uint64_t started_ns;
	struct lend_fp_modes fp_modes; /* those that its threads begin with */

	struct lend_arbiter arbiter;
	struct lend_registry registry;
	struct lend_message_depot message_depot;
	struct lend_blocking blocking;
	struct lend_watchdog watchdog;
	struct lend_signals *signals; /* [lock: of io/signals.c] or NULL */

	pthread_mutex_t lock;
	pthread_cond_t started;
	unsigned starting; /* [lock] workers that have not reported yet */
	int start_error;   /* [lock] */
	bool threads_running;
	_Atomic bool
		alone; /* lend_run()'s: no other thread is likely to help */

	/* [atomic: E3] Workers are added and removed at the end of the array;
	 * see size.c. Those below have a thread; those below take actors;
	 * those below have ever had a thread. */
	_Atomic unsigned workers_count;
	_Atomic unsigned workers_open;
	_Atomic unsigned workers_used;
	_Atomic bool resizing; /* somebody does that */

	/* [atomic: see idle.c, monitor.c] */
	LEND_CACHE_ALIGNED _Atomic bool halting;
	_Atomic bool has_sentinel;
	_Atomic unsigned parked;
	_Atomic uint64_t last_busy_ns;
	_Atomic uint64_t looked_ns;  /* when somebody looked after the others */
	_Atomic uint64_t lookout_ns; /* Note [lookout] in steal.c */
	_Atomic unsigned next_worker; /* round robin of outside spawns */
	struct lend_roster roster;
};

/* A worker's thread is up, or could not attach. */
void lend__runtime_worker_started(struct lend_runtime *runtime, int err);

/* Workers that run, those that are about to leave too. Acquire [E3], paired
 * with what publishes them: their records. */
static inline unsigned lend__runtime_count(const struct lend_runtime *runtime)
{
	return atomic_load_explicit(&runtime->workers_count,
				    memory_order_acquire);
}

/* Do all of them wait in the kernel? Sequentially consistent: [D1]. */
static inline bool lend__runtime_all_parked(const struct lend_runtime *runtime)
{
	return atomic_load_explicit(&runtime->parked, memory_order_seq_cst) ==
	       lend__runtime_count(runtime);
}

/* Workers that take actors. A hint: whoever is sent to one that has left goes
 * to another. */
static inline unsigned lend__runtime_open(const struct lend_runtime *runtime)
{
	return atomic_load_explicit(&runtime->workers_open,
				    memory_order_acquire);
}

/* Workers there have ever been, for those who count. */
static inline unsigned lend__runtime_used(const struct lend_runtime *runtime)
{
	return atomic_load_explicit(&runtime->workers_used,
				    memory_order_acquire);
}

/* The worker for an actor that comes from outside. Thread: any. */
struct lend_worker *lend__runtime_pick_worker(struct lend_runtime *runtime);

#endif
