/*
 * What the tests of blocking functions share: functions that wait for a gate,
 * which the test opens when it has seen what it wants, and the pool's numbers.
 * For one .c file each.
 */
#ifndef LEND_TESTS_GATE_H
#define LEND_TESTS_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "harness/harness.h"

/* Of the pool. */
#define THREADS 3

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_open;	/* [lock] */
static unsigned inside; /* [lock] functions at the gate */
static _Atomic unsigned begun;
static _Atomic unsigned freed;

static inline void set_gate(bool open)
{
	pthread_mutex_lock(&lock);
	is_open = open;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* Blocks its thread until the gate is open. */
static inline int pass_gate(void *arg)
{
	atomic_fetch_add(&begun, 1);
	pthread_mutex_lock(&lock);
	inside++;
	while (!is_open)
		pthread_cond_wait(&changed, &lock);
	inside--;
	pthread_mutex_unlock(&lock);
	return (int)(intptr_t)arg;
}

static inline void reset(void)
{
	set_gate(false);
	atomic_store(&begun, 0);
	atomic_store(&freed, 0);
}

static inline struct lend_blocking_stats pool(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.blocking;
}

static inline void wait_for_running(unsigned count)
{
	while (pool().running != count)
		lend_sleep(lend_after(LEND_MS / 10));
}

static inline void wait_for_queued(unsigned count)
{
	while (pool().queued != count)
		lend_sleep(lend_after(LEND_MS / 10));
}

static inline int call(void *arg)
{
	int ret = -1;
	int err = lend_blocking(pass_gate, arg, LEND_FOREVER, &ret);

	return err ? err : ret;
}

/* Every thread of the pool is at the gate. */
static inline void fill_pool(lend_ref callers[THREADS])
{
	reset();
	for (intptr_t i = 0; i < THREADS; i++)
		callers[i] = test_spawn(call, (void *)i);
	wait_for_running(THREADS);
}

static inline void empty_pool(lend_ref callers[THREADS])
{
	set_gate(true);
	for (unsigned i = 0; i < THREADS; i++)
		CHECK_EQ(test_join(callers[i]), i);
}

/* ---- functions that own their argument ---- */

static inline int pass_gate_owned(void *arg)
{
	unsigned *value = arg;

	pass_gate(NULL);
	return (int)++*value;
}

static inline void free_owned(void *arg)
{
	free(arg);
	atomic_fetch_add(&freed, 1);
}

static inline unsigned *new_owned(void)
{
	return calloc(1, sizeof(unsigned));
}

#endif
