/*
 * How busy a worker is: for how much of its time it is not idle.
 *
 * It is idle while it is parked, but for what the kernel does for it there: who
 * parks submits what is left, and on deferred rings that is where receives and
 * reads are made. So it is idle for no more than its thread uses no processor,
 * either. That alone would not do: a thread that waits for one is busy.
 *
 * In a moment nearly every worker is either at work or parked; who is to help
 * whom is told from the last LEND_LOAD_WINDOW_NS. A worker that has been parked
 * for all of them is idle, whatever it did before.
 */
#ifndef LEND_RT_LOAD_H
#define LEND_RT_LOAD_H

#include <lend/clock.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

/* Long enough to hold some ten parks of a worker with a full load. */
#define LEND_LOAD_WINDOW_NS (16 * LEND_MS)

/* Shares of time are in 1/256. */
#define LEND_LOAD_WHOLE 256

/* A worker that is idle for less of its time is busy. And who helps it has to
 * be idle for so much more of its own: then it is not the next to be busy. */
#define LEND_LOAD_QUARTER (LEND_LOAD_WHOLE / 4)

/* All zero: nothing is known, and it is taken for busy. */
struct lend_load {
	/* [owner] of the window that has begun */
	uint64_t began_ns;
	uint64_t parked_ns;
	uint64_t used_ns; /* by its thread, when that began */
	/* [owner] writes them; others read them as hints: relaxed */
	_Atomic uint64_t since_ns; /* it is parked, or 0 */
	_Atomic uint32_t idle;	   /* share of the last window */
};

/* ---- by the owner ---- */

/* A window is over. */
void lend__load_end_window(struct lend_load *load, uint64_t now_ns);

/* It is not parked, and comes by here again and again. */
static inline void lend__load_look(struct lend_load *load, uint64_t now_ns)
{
	if (lend_unlikely(now_ns - load->began_ns >= LEND_LOAD_WINDOW_NS))
		lend__load_end_window(load, now_ns);
}

static inline void lend__load_park(struct lend_load *load, uint64_t now_ns)
{
	atomic_store_explicit(&load->since_ns, now_ns, memory_order_relaxed);
}

static inline void lend__load_unpark(struct lend_load *load, uint64_t now_ns)
{
	load->parked_ns += now_ns - atomic_load_explicit(&load->since_ns,
							 memory_order_relaxed);
	lend__load_look(load, now_ns);
	atomic_store_explicit(&load->since_ns, 0, memory_order_relaxed);
}

/* ---- by any thread ---- */

/* The share of its time that it is idle. */
static inline uint32_t lend__load_idle(const struct lend_load *load,
				       uint64_t now_ns)
{
	uint64_t since_ns = atomic_load_explicit(&load->since_ns,
						 memory_order_relaxed);

	if (since_ns && now_ns > since_ns &&
	    now_ns - since_ns >= LEND_LOAD_WINDOW_NS)
		return LEND_LOAD_WHOLE;
	return atomic_load_explicit(&load->idle, memory_order_relaxed);
}

static inline bool lend__load_is_busy(const struct lend_load *load,
				      uint64_t now_ns)
{
	return lend__load_idle(load, now_ns) < LEND_LOAD_QUARTER;
}

/* Is @helper to help one that is busy? */
static inline bool lend__load_may_help(const struct lend_load *helper,
				       const struct lend_load *busy,
				       uint64_t now_ns)
{
	return lend__load_idle(helper, now_ns) >=
	       lend__load_idle(busy, now_ns) + LEND_LOAD_QUARTER;
}

#endif
