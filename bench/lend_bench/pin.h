/*
 * On which CPUs generator and runtime run, if they are to be apart.
 */
#ifndef LEND_BENCH_PIN_H
#define LEND_BENCH_PIN_H

#include <stdbool.h>

/* Those that this program may use, at its start: the first one is the
 * generator's, the others are the runtime's. */
unsigned pin_cpus(void);

/* Keep the calling process to its part of them. Does nothing if there is only
 * one CPU. */
void pin_process(bool is_runtime);

/* The calling process may run on all of them again. */
void pin_nowhere(void);

#endif
