/*
 * Which worker runs the calling thread.
 *
 * The only thread-local variable of the library, behind functions that are
 * never inlined: a compiler may keep a thread-local's address over a fiber
 * switch, after which the fiber may be on another thread. Nobody uses the
 * variable itself.
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

extern _Thread_local struct lend_worker *lend__current
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/**
 * The same as lend__current_worker() without a call, for functions that take
 * nanoseconds: as the first thing in a function that is marked noinline, and
 * once. What it calls may switch; nothing of it looks again.
 */
__attribute__((always_inline)) static inline struct lend_worker *
lend__current_at_entry(void)
{
#ifdef LEND_CURRENT_IS_CALLED
	return lend__current_worker();
#else
	return lend__current;
#endif
}

#endif
