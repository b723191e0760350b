/*
 * The thread-local variable: see current.h.
 */
#include "rt/current.h"

#include <stddef.h>

#include "rt/worker.h"

/* Initial-exec: one load instead of a call into the dynamic linker. */
_Thread_local struct lend_worker *lend__current;

__attribute__((noinline)) struct lend_worker *lend__current_worker(void)
{
	/* Keeps the call from being merged with another one. */
	__asm__ volatile("" ::: "memory");
	return lend__current;
}

__attribute__((noinline)) struct lend_actor *lend__current_actor(void)
{
	__asm__ volatile("" ::: "memory");
	return lend__current ? lend__current->running : NULL;
}

__attribute__((noinline)) void lend__current_set(struct lend_worker *worker)
{
	lend__current = worker;
}
