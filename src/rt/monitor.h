/*
 * The monitor: notices workers that do not come to a safe point, and keeps
 * going what depends on them.
 *
 * A duty, not a thread: workers at their safe points take turns at it, and
 * while the others are at work one that is parked, the sentinel, has a timeout
 * for it. See "Note [sentinel]" in monitor.c.
 */
#ifndef LEND_RT_MONITOR_H
#define LEND_RT_MONITOR_H

#include <lend/actor.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "base/check.h"

struct lend_worker;

/* What is known of a worker's stalls; embedded in it. */
struct lend_stalls {
	/* [owner] The first actor that came back after a stall was noticed. */
	char blamed[LEND_ACTOR_TITLE_SIZE];
	uint64_t logged_ns; /* when a line was written last */
	uint64_t unlogged;  /* stalls since then */

	/* [owner] written, read by others as counters */
	_Atomic uint64_t count;
	_Atomic uint64_t total_ns;
	_Atomic uint64_t longest_ns;

	/* [atomic: hints] The monitor, or the watchdog, has seen it stuck; the
	 * owner clears. */
	_Atomic bool noticed;
	_Atomic uint64_t traced_ns; /* the safe point of the stall that was
				       recorded last */
	_Atomic uint64_t running;   /* the actor that runs: index, generation */

	/* [owner: the watchdog] by their safe points */
	uint64_t told_ns;    /* the stall that it has told of last, */
	bool told_blocked;   /* and whether that was in a system call */
	uint64_t sampled_ns; /* the one that it has begun to measure */
	uint64_t sampled_cpu_ns;
};

/* A safe point of the calling worker: read its clock, and report the stall if
 * that took too long. */
void lend__monitor_safe_point(struct lend_worker *worker);

/* @actor has just given the worker back, for which the monitor has waited. */
void lend__monitor_blame(struct lend_worker *worker,
			 const struct lend_actor *actor);

/* Has it come to no safe point for stall_ns? Thread: any. */
bool lend__monitor_is_stuck(const struct lend_worker *worker, uint64_t now_ns);

/* Look after the others, if nobody has for a while. Thread: a worker at its
 * safe point. */
void lend__monitor_look(struct lend_worker *worker);

/* ---- the sentinel ---- */

/* Is it this worker's turn to keep watch while it is parked? */
bool lend__monitor_take_watch(struct lend_worker *worker);
void lend__monitor_end_watch(struct lend_worker *worker);

/* How long the sentinel may wait before it has to look. */
uint64_t lend__monitor_timeout(const struct lend_worker *worker,
			       uint64_t now_ns);

/* The calling worker has something to do, so somebody must keep watch. */
void lend__monitor_ensure_watch(struct lend_worker *worker);

#endif
