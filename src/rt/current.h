/*
 * Which worker runs the calling thread.
 *
 * The only thread-local variable of the library, behind functions that are
 * never inlined: a compiler may keep a thread-local's address over a fiber
 * switch, after which the fiber may be on another thread.
 */
#ifndef LEND_RT_CURRENT_H
#define LEND_RT_CURRENT_H

struct lend_actor;
struct lend_worker;

/* NULL on a thread that is no worker. */
struct lend_worker *lend__current_worker(void);

/* The actor that is calling; NULL outside actors. */
struct lend_actor *lend__current_actor(void);

void lend__current_set(struct lend_worker *worker);

#endif
