/*
 * Timers of an actor at its end: see include/lend/timer.h.
 */
#ifndef LEND_RT_OWN_TIMERS_H
#define LEND_RT_OWN_TIMERS_H

struct lend_actor;

/* End those that are left, and report them if that is wanted. */
void lend__own_timers_end(struct lend_actor *self);

#endif
