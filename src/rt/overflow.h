/*
 * Stack overflows: a fault in a guard page ends the process with a line that
 * names the actor, instead of a bare SIGSEGV.
 */
#ifndef LEND_RT_OVERFLOW_H
#define LEND_RT_OVERFLOW_H

/* Install the handler, once for the process; one that the program installed
 * is left alone. */
void lend__overflow_install(void);

/* The calling worker's stack for signals. The handler can not run on the stack
 * that has just overflowed. */
void lend__overflow_thread_start(void);
void lend__overflow_thread_stop(void);

#endif
