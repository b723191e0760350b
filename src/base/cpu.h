/*
 * Processors: how many this process may use, and for how long a thread has used
 * one.
 */
#ifndef LEND_BASE_CPU_H
#define LEND_BASE_CPU_H

#include <stdint.h>

/* CPUs in the affinity mask; at least 1. */
unsigned lend__cpu_allowed(void);

/* Of the calling thread, so far, in the kernel too: ns. A system call. */
uint64_t lend__cpu_time(void);

#endif
