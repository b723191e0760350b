/*
 * Workers that stand in for those that are blocked: how many there are to be.
 */
#ifndef LEND_RT_SPARES_H
#define LEND_RT_SPARES_H

#include <stdint.h>

#include "rt/watchdog.h"

struct lend_runtime;

/* As many as there are now. Thread: any. */
static inline unsigned lend__spares_count(const struct lend_watchdog *watchdog)
{
	return atomic_load_explicit(&watchdog->spares, memory_order_relaxed);
}

/* See that there are as many as workers are blocked that the watchdog has told
 * of, within lend_options.spare_workers: a step. Thread: the watchdog. */
void lend__spares_keep(struct lend_runtime *runtime, uint64_t now_ns);

#endif
