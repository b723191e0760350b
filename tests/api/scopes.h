/*
 * What the tests of scopes share: members that are counted in and out. For one
 * .c file each.
 */
#ifndef LEND_TESTS_SCOPES_H
#define LEND_TESTS_SCOPES_H

#include <stdatomic.h>

#include "harness/harness.h"

/* [atomic: counters] */
static _Atomic int living;
static _Atomic int begun;

static inline int live_until_cancelled(void *arg)
{
	int err;

	(void)arg;
	atomic_fetch_add(&begun, 1);
	atomic_fetch_add(&living, 1);
	err = lend_sleep(LEND_FOREVER);
	/* Not at once. */
	for (int i = 0; i < 3; i++)
		lend_yield();
	atomic_fetch_sub(&living, 1);
	return err;
}

static inline int return_arg(void *arg)
{
	return (int)(intptr_t)arg;
}

static inline int yield_and_return_arg(void *arg)
{
	for (int i = 0; i < (int)(intptr_t)arg % 7; i++)
		lend_yield();
	return (int)(intptr_t)arg;
}

static inline struct lend_scope *
open_scope(const struct lend_scope_options *options)
{
	struct lend_scope *scope = NULL;

	CHECK_EQ(lend_scope_open(options, &scope), 0);
	return scope;
}

/* Where the runtime likes. */
static inline void add(struct lend_scope *scope, lend_actor_fn fn, void *arg,
		       unsigned number)
{
	const struct lend_spawn_options there = {
		.worker = 1 + number % test_options.workers,
	};

	CHECK_EQ(lend_scope_spawn(scope, fn, arg, &there, NULL), 0);
}

static inline void wait_for_beginning(int count)
{
	while (atomic_load(&begun) < count)
		lend_yield();
}

/* A test of its own. */
static inline void run(const char *name, lend_actor_fn fn,
		       const struct lend_options *options)
{
	atomic_store(&living, 0);
	atomic_store(&begun, 0);
	test_actor_with(name, fn, options);
}

#endif
