/*
 * Goal:   P2: values of a scope's actors are collected once, by whatever order
 *         they end in; the first failure is told; limits hold.
 * Method: members with values of their own, which are counted, and as many of
 *         them as there may be.
 */
#include <errno.h>
#include <stdint.h>

#include "scopes.h"

static const struct lend_spawn_options joinable = { .joinable = true };

/* ---- values ---- */

static int next_collects_each_value_once(void *arg)
{
	struct lend_scope *scope = open_scope(NULL);
	long sum = 0;
	lend_ref refs[100], ref;
	int value, count = 0, err;

	(void)arg;
	CHECK_EQ(lend_scope_next(scope, LEND_FOREVER, NULL, NULL), -ESRCH);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(lend_scope_spawn(scope, yield_and_return_arg,
					  (void *)(intptr_t)i, &joinable,
					  &refs[i]),
			 0);
	/* Some are taken by name, before or after their end. */
	for (int i = 0; i < 100; i += 10) {
		CHECK_EQ(lend_join(refs[i], LEND_FOREVER, &value), 0);
		CHECK_EQ(value, i);
	}
	while (!(err = lend_scope_next(scope, LEND_FOREVER, &ref, &value))) {
		CHECK_EQ(refs[value].index, ref.index);
		CHECK_EQ(refs[value].generation, ref.generation);
		CHECK(value % 10);
		sum += value;
		count++;
	}
	CHECK_EQ(err, -ESRCH);
	CHECK_EQ(count, 90);
	CHECK_EQ(sum, 99 * 50 - 450);
	CHECK_EQ(lend_scope_close(scope), 0);
	return 0;
}

/* Joined by name after their end, in every order. */
static int values_leave_from_the_middle(void *arg)
{
	struct lend_scope *scope = open_scope(NULL);
	lend_ref refs[50];
	int value;

	(void)arg;
	for (int i = 0; i < 50; i++)
		CHECK_EQ(lend_scope_spawn(scope, return_arg,
					  (void *)(intptr_t)i, &joinable,
					  &refs[i]),
			 0);
	CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
	for (int i = 0; i < 50; i += 2) {
		int j = i % 4 ? 49 - i : i;

		CHECK_EQ(lend_join(refs[j], LEND_FOREVER, &value), 0);
		CHECK_EQ(value, j);
		CHECK_EQ(lend_join(refs[j], LEND_FOREVER, &value), -ESRCH);
	}
	for (int i = 0; i < 25; i++)
		CHECK_EQ(lend_scope_next(scope, LEND_NOW, NULL, NULL), 0);
	CHECK_EQ(lend_scope_next(scope, LEND_NOW, NULL, NULL), -ESRCH);
	CHECK_EQ(lend_scope_close(scope), 0);
	return 0;
}

/* Nobody collects: the places are free again all the same. */
static int close_drops_values(void *arg)
{
	(void)arg;
	for (int i = 0; i < 40; i++) {
		struct lend_scope *scope = open_scope(NULL);
		lend_ref ref;

		for (int j = 0; j < 20; j++) {
			int err;

			while ((err = lend_scope_spawn(scope, return_arg, NULL,
						       &joinable, &ref)) ==
			       -ENOMEM)
				lend_yield();
			CHECK_EQ(err, 0);
		}
		if (i % 2)
			CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
		CHECK_EQ(lend_scope_close(scope), 0);
		CHECK_EQ(lend_join(ref, LEND_FOREVER, NULL), -ESRCH);
	}
	return 0;
}

/* ---- failures ---- */

static int first_failure_is_told(void *arg)
{
	const struct lend_scope_options strict = { .cancel_on_failure = true };
	struct lend_scope *scope = open_scope(NULL);

	(void)arg;
	add(scope, live_until_cancelled, NULL, 0);
	add(scope, return_arg, (void *)7, 0);
	while (lend_scope_actors(scope) > 1)
		lend_yield();
	add(scope, return_arg, (void *)-EPIPE, 0);
	while (lend_scope_actors(scope) > 1)
		lend_yield();
	add(scope, return_arg, (void *)-EIO, 0);
	CHECK_EQ(lend_scope_join(scope, lend_after(LEND_MS)), -ETIMEDOUT);
	CHECK_EQ(lend_scope_close(scope), -EPIPE);

	scope = open_scope(&strict);
	for (unsigned i = 0; i < 30; i++)
		add(scope, live_until_cancelled, NULL, i);
	CHECK_EQ(lend_scope_join(scope, LEND_NOW), -ETIMEDOUT);
	add(scope, yield_and_return_arg, (void *)-EIO, 1);
	CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
	CHECK_EQ(lend_scope_spawn(scope, return_arg, NULL, NULL, NULL),
		 -ECANCELED);
	CHECK_EQ(lend_scope_close(scope), -EIO);
	CHECK_EQ(atomic_load(&living), 0);
	return 0;
}

/* ---- limits ---- */

static int limits_hold(void *arg)
{
	const struct lend_scope_options four = { .actors_max = 4 };
	struct lend_scope *scope = open_scope(&four), *inner;
	int err, count = 0;

	(void)arg;
	for (unsigned i = 0; i < 4; i++)
		add(scope, live_until_cancelled, NULL, i);
	CHECK_EQ(lend_scope_spawn(scope, return_arg, NULL, NULL, NULL),
		 -EAGAIN);
	/* A mistake of the caller's is one in a full scope, too, and one that
	 * could not be spawned is not counted. */
	CHECK_EQ(lend_scope_spawn(scope, NULL, NULL, NULL, NULL), -EINVAL);
	inner = open_scope(NULL);
	CHECK_EQ(lend_scope_spawn(inner, NULL, NULL, NULL, NULL), -EINVAL);
	CHECK_EQ(lend_scope_close(scope), -EBUSY);
	do
		err = lend_scope_spawn(inner, live_until_cancelled, NULL, NULL,
				       NULL);
	while (!err && ++count < 100);
	CHECK_EQ(err, -ENOMEM);
	CHECK_EQ(count, 27); /* of 32: this one, four, and these */
	CHECK_EQ(lend_scope_actors(inner), 27);
	CHECK_EQ(lend_scope_close(inner), 0);
	CHECK_EQ(lend_scope_close(scope), 0);
	return 0;
}

static int scopes_are_heap_memory(void *arg)
{
	struct lend_scope *scope;
	int count = 0;

	(void)arg;
	while (!lend_scope_open(NULL, &scope))
		count++;
	CHECK(count > 10 && count < 100000);
	return 0; /* its end closes them all */
}

int main(int argc, char **argv)
{
	struct lend_options few;

	test_init(argc, argv, 60);
	few = test_options;
	run("next_collects_each_value_once", next_collects_each_value_once,
	    &few);
	run("values_leave_from_the_middle", values_leave_from_the_middle, &few);
	run("first_failure_is_told", first_failure_is_told, &few);
	few.actors_max = 32;
	run("close_drops_values", close_drops_values, &few);
	run("limits_hold", limits_hold, &few);
	few.heap_max = 65536;
	run("scopes_are_heap_memory", scopes_are_heap_memory, &few);
	return test_finish();
}
