/*
 * Conditions with deadlines: see condition.h. Called where threads, not actors,
 * wait: for answers, for ends, for work that blocks.
 */
#include "base/condition.h"

#include <lend/clock.h>
#include <time.h>

void lend__condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

int lend__condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
			 uint64_t deadline)
{
	const struct timespec until = {
		.tv_sec = (time_t)(deadline / LEND_S),
		.tv_nsec = (long)(deadline % LEND_S),
	};

	if (deadline == LEND_FOREVER)
		return -pthread_cond_wait(condition, lock);
	return -pthread_cond_timedwait(condition, lock, &until);
}
