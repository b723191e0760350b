/*
 * Conditions that threads wait for with a deadline of the library's clock.
 */
#ifndef LEND_BASE_CONDITION_H
#define LEND_BASE_CONDITION_H

#include <pthread.h>
#include <stdint.h>

/* Undone by pthread_cond_destroy(). */
void lend__condition_init(pthread_cond_t *condition);

/**
 * Wait until @condition is signalled, or for no reason.
 *
 * @deadline  of lend_now(); LEND_FOREVER
 *
 * Thread: who has locked @lock. Blocks: the thread.
 *
 * Return: 0, or -ETIMEDOUT
 */
int lend__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
			 uint64_t deadline);

#endif
