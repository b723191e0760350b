/*
 * Counters of a runtime. They are read without stopping anything, so two of
 * them may differ by what happened in between.
 */
#ifndef LEND_STATS_H
#define LEND_STATS_H

#include <lend/actor.h>
#include <lend/base.h>
#include <lend/trace.h>

struct lend_runtime;

/* Since the start, unless a line says otherwise. */
struct lend_ring_stats {
	uint64_t submissions; /* SQEs published */
	uint64_t enters;      /* system calls */
	uint64_t completions; /* CQEs */
	uint64_t in_flight;   /* now: operations without their last CQE */
	uint64_t granted;     /* loans */
	uint64_t recalled;
	uint64_t seized;
	uint64_t returned;
	int holder; /* now: the worker that has it, from 0; -1: nobody */
	/* The same by reason: indices are enum lend_trace_why. A seizure has
	 * the reason of the recall before it. */
	uint64_t granted_why[LEND_WHYS];
	uint64_t recalled_why[LEND_WHYS];
	uint64_t returned_why[LEND_WHYS];
};

/* Submissions of workers, by cause, that found something to submit. Those
 * for want of room in a ring are not among them. */
struct lend_flush_stats {
	uint64_t empty;	 /* nothing else was to be done */
	uint64_t rounds; /* others were runnable for two rounds */
	uint64_t actors; /* lend_options.flush_actors had run */
	uint64_t sqes;	 /* lend_options.flush_sqes waited */
};

/* The pool of threads for code that blocks: see blocking.h. */
struct lend_blocking_stats {
	unsigned threads; /* now */
	unsigned running; /* now: functions */
	unsigned queued;  /* now: calls that wait for a thread */
	uint64_t run;	  /* functions that are over */
	uint64_t refused; /* calls: too many waited, or there was no thread */
};

/* The buffers that received data comes in, of all rings. */
struct lend_buffer_stats {
	uint64_t count;	 /* now: lend_options.buffers of each ring */
	uint64_t in_use; /* now: somebody has them, or has just given them
			    back */
	uint64_t empty;	 /* receives that found none */
	uint64_t own;	 /* received into memory of an actor's instead */
	uint64_t spared; /* received where an actor has room anyway: little was
			    expected, so that none was asked for */
	/* Of those that are given out in parts (LEND_FEATURE_INC_BUFFERS): */
	uint64_t parts;	 /* now: of @in_use */
	uint64_t spent;	 /* now: full, and wait for their last part */
	uint64_t copied; /* small parts, into memory of an actor's, as many
			    buffers were spent */
};

/* See series.h. */
struct lend_series_stats {
	uint64_t rearmed; /* submissions but for the first of each */
	uint64_t stopped; /* times the kernel was told to stop, as too much
			     waited */
};

struct lend_stats {
	uint64_t uptime_ns;
	unsigned workers;
	unsigned rings;
	struct lend_ring_stats total; /* .holder is -1 */
	uint64_t waits;		      /* claims that had to queue for SQEs */
	uint64_t helped; /* polls of rings their poller neglected */
	uint64_t actors; /* alive now */
	uint64_t spawned;
	uint64_t switches;   /* times an actor was resumed */
	uint64_t messages;   /* sent */
	uint64_t steals;     /* actors taken from another worker's queue */
	uint64_t steals_far; /* of those: from a worker on a CPU that has no
			      * cache in common with the thief's */
	uint64_t next_hits;  /* actors that ran right after who woke them */
	uint64_t queue_overflows; /* actors for which a run queue's ring had no
				     room, so that they went to its list */
	uint64_t budget_yields;	  /* turns that ended though their actor had not
				     to wait, or at lend_yield_if_needed() */
	uint64_t parks;		  /* times a worker had nothing to do */
	uint64_t wakes; /* times a parked worker was woken by another */
	struct lend_flush_stats flushes;
	uint64_t stalls;     /* times a worker came to no safe point for long:
			      * lend_options.stall_ns */
	uint64_t stalled_ns; /* how long, together */
	uint64_t longest_stall_ns;   /* of all workers */
	uint64_t watchdog_computing; /* stalls that lend_options.watchdog_ns has
				      * been too short for: in a computation */
	uint64_t watchdog_blocked;   /* in a system call */
	unsigned spare_workers; /* now: lend_options.spare_workers that run */
	uint64_t kicks;	  /* interrupts of a stuck worker's thread, so that the
			   * kernel goes on with what it had submitted; without
			   * those that came with a recall */
	uint64_t waiting; /* now: claims that wait for SQEs */
	uint64_t wait_ns; /* of claims that waited and have ended */
	uint64_t claims_revoked;   /* their actors suspended with them open */
	uint64_t claims_bound;	   /* of those: got SQEs anew to be committed */
	uint64_t commits_external; /* of those: on another ring than before */
	uint64_t overflows;	   /* completion queues found overflowed */
	uint64_t refused;	   /* enters that the kernel turned down */
	uint64_t resubmitted; /* operations that the kernel ended though nobody
				 had asked, and that were submitted again */
	struct lend_blocking_stats blocking;
	/* I/O memory of actors, but for the kilobyte beside each record: bytes
	 * that the system has given and not got back, ... */
	uint64_t heap_held;	 /* now */
	uint64_t heap_held_peak; /* at most, so far */
	uint64_t heap_slices;	 /* now: actors that have some, and free slots
				    that kept theirs for the next actor */
	uint64_t heap_trims;	 /* times some was given back */
	uint64_t heap_trimmed;	 /* bytes */
	uint64_t heap_refusals;	 /* requests beyond heap_max, heap_total_max */
	uint64_t heap_returns;	 /* spans freed by others than their actor */
	uint64_t zombies; /* now: actors that have ended, and left spans that
			     others have not freed yet */
	struct lend_buffer_stats buffers;
	struct lend_series_stats series;
	/* The deepest stack of an actor that has ended, in bytes from its
	 * slot's end on, whole pages; 0: none has, or was looked at. One in 256
	 * is, and each that was the first on its stack; so a new record may be
	 * that of an actor which had the stack before the one that is named.
	 * Stacks of their own are all looked at. */
	uint64_t stack_deepest;
	char stack_deepest_name[LEND_ACTOR_NAME_MAX + 1];
};

LEND_BEGIN_DECLS

/**
 * Read the counters.
 *
 * @runtime  NULL: that of lend_runtime_current(); if there is none all is 0,
 *           and .total.holder is -1
 *
 * Thread: any. Blocks: for the arbiter's lock, briefly.
 */
LEND_API void lend_stats_read(const struct lend_runtime *runtime,
			      struct lend_stats *ret_stats);

/**
 * Read one ring's counters.
 *
 * @runtime    NULL: that of lend_runtime_current()
 * @ring       0 to lend_stats.rings - 1
 * @ret_stats  written only on success
 *
 * Thread: any. Blocks: for the arbiter's lock, briefly.
 *
 * Return: 0
 *         -EINVAL  there is no such ring, or no such runtime
 */
LEND_API int lend_stats_read_ring(const struct lend_runtime *runtime,
				  unsigned ring,
				  struct lend_ring_stats *ret_stats);

LEND_END_DECLS

#endif
