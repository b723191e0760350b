/*
 * Workers that come and go without being asked for by the program: see size.c.
 */
#ifndef LEND_RT_SIZE_H
#define LEND_RT_SIZE_H

#include <lend/base.h>
#include <stdint.h>

struct lend_runtime;

/* There may be so many: in private mode each has a ring. Thread: any. */
unsigned lend__size_workers_max(const struct lend_runtime *runtime);

/**
 * Have so many workers beside those that the program wants.
 *
 * @spares    where there may not be so many, as many as there may be
 * @deadline  for removing: see lend_runtime_set_workers()
 *
 * Thread: the watchdog. Blocks: the thread.
 *
 * Return: as lend_runtime_set_workers(); lend_watchdog.spares says how far it
 *         came
 */
LEND_NODISCARD int lend__size_set_spares(struct lend_runtime *runtime,
					 unsigned spares, uint64_t deadline);

#endif
