/*
 * Noticing that nothing can run any more.
 */
#ifndef LEND_RT_DEADLOCK_H
#define LEND_RT_DEADLOCK_H

struct lend_runtime;

/*
 * If actors live, all workers are parked, and nothing is pending that could
 * wake one (no operation, timer, blocking function), say so in the log, once,
 * with who waits for what.
 *
 * A thread of the program, or a signal, may still bring something. So it is a
 * warning if the runtime is lend_run()'s, where that is rare, or if actors wait
 * for each other in a circle; else information.
 *
 * Thread: the watchdog.
 */
void lend__deadlock_look(struct lend_runtime *runtime);

#endif
