/*
 * What still holds a runtime, a worker or a ring, as lines of the log: for
 * those who wanted to end it, and ran out of time.
 */
#ifndef LEND_RT_REPORT_H
#define LEND_RT_REPORT_H

struct lend_runtime;

/* Why worker @index did not leave. */
void lend__report_worker(struct lend_runtime *runtime, unsigned index);

/* Why rings from @first on, before @end, could not be closed. */
void lend__report_rings(struct lend_runtime *runtime, unsigned first,
			unsigned end);

/* Which actors live. Return: how many. */
unsigned lend__report_actors(struct lend_runtime *runtime);

#endif
