/*
 * Noticing that nothing can run any more.
 */
#ifndef LEND_RT_DEADLOCK_H
#define LEND_RT_DEADLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct lend_runtime;

/* What all workers have done: while it stays the same and all are parked, no
 * actor has run. Thread: any. */
uint64_t lend__deadlock_rounds(const struct lend_runtime *runtime);

/*
 * If actors live, all workers are parked, and nothing is pending that could
 * wake one (no operation, timer, blocking function), say so in the log, with
 * who waits for what: once for each circle of actors that wait for each other,
 * and once for all without one, as a program that feeds its actors comes by
 * there again and again. Beside LEND_CIRCLES_MAX circles that have been told
 * and still stand no other is told.
 *
 * A thread of the program, or a signal, may still bring something. So it is a
 * warning if the runtime is lend_run()'s, where that is rare, or if actors wait
 * for each other in a circle; else information.
 *
 * Return: true, there is no more to be known until a worker has run, which
 *         wakes the watchdog;
 *         false, a worker was at work meanwhile: look again
 *
 * Thread: the watchdog.
 */
bool lend__deadlock_look(struct lend_runtime *runtime);

#endif
