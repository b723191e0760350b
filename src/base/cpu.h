/*
 * What the machine offers: processors this process may use.
 */
#ifndef LEND_BASE_CPU_H
#define LEND_BASE_CPU_H

/* CPUs in the affinity mask; at least 1. */
unsigned lend__cpu_allowed(void);

#endif
