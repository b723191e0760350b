/*
 * The thread-local variable: see current.h.
 */
#include "rt/current.h"

#include <stddef.h>

#include "rt/worker.h"

/* Initial-exec: one load instead of a call into the dynamic linker. */
static _Thread_local struct lend_worker *current
	__attribute__((tls_model("initial-exec")));

__attribute__((noinline)) struct lend_worker *lend__current_worker(void)
{
	/* Keeps the call from being merged with another one. */
	__asm__ volatile("" ::: "memory");
	return current;
}

__attribute__((noinline)) struct lend_actor *lend__current_actor(void)
{
	__asm__ volatile("" ::: "memory");
	return current ? current->running : NULL;
}

__attribute__((noinline)) void lend__current_set(struct lend_worker *worker)
{
	current = worker;
}
