/*
 * Goal:   P2: a scope's actors do not outlive it, however it ends: closed, its
 *         owner returned, exited or cancelled, its deadline passed.
 * Method: members count themselves in and out, on the workers that there are;
 *         a scope that leaves one behind is seen by the count.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "scopes.h"

/* ---- the end of a scope ---- */

static int close_cancels_and_joins(void *arg)
{
	(void)arg;
	for (int round = 0; round < 20; round++) {
		struct lend_scope *scope = open_scope(NULL);

		for (unsigned i = 0; i < 100; i++)
			add(scope, live_until_cancelled, NULL, i);
		CHECK_EQ(lend_scope_actors(scope), 100);
		if (round % 2)
			wait_for_beginning(round * 50);
		CHECK_EQ(lend_scope_close(scope), 0);
		CHECK_EQ(atomic_load(&living), 0);
	}
	CHECK_EQ(lend_scope_close(NULL), 0);
	return 0;
}

static int join_waits_for_all(void *arg)
{
	struct lend_scope *scope = open_scope(NULL);

	(void)arg;
	CHECK_EQ(lend_scope_join(scope, LEND_NOW), 0);
	for (int round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 50; i++)
			add(scope, yield_and_return_arg, (void *)(intptr_t)i,
			    i);
		CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
		CHECK_EQ(lend_scope_actors(scope), 0);
	}
	add(scope, live_until_cancelled, NULL, 0);
	CHECK_EQ(lend_scope_join(scope, LEND_NOW), -ETIMEDOUT);
	CHECK_EQ(lend_scope_join(scope, lend_after(LEND_MS)), -ETIMEDOUT);
	CHECK_EQ(lend_scope_cancel(scope), 0);
	CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
	CHECK_EQ(atomic_load(&living), 0);
	CHECK_EQ(lend_scope_spawn(scope, return_arg, NULL, NULL, NULL),
		 -ECANCELED);
	CHECK_EQ(lend_scope_close(scope), 0);
	return 0;
}

/* An owner that leaves its scope open. */
static int leave_open(void *arg)
{
	struct lend_scope *outer = open_scope(NULL), *inner;

	for (unsigned i = 0; i < 10; i++)
		add(outer, live_until_cancelled, NULL, i);
	inner = open_scope(NULL);
	for (unsigned i = 0; i < 10; i++)
		add(inner, live_until_cancelled, NULL, i);
	wait_for_beginning(20);
	switch ((intptr_t)arg) {
	case 0:
		return 3;
	case 1:
		lend_exit(3);
	case 2:
		/* 0 if they were gone before it looked again. */
		CHECK_IN(lend_scope_join(inner, LEND_FOREVER), -ECANCELED, 0);
		return 3;
	default:
		CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
		return 3;
	}
}

static int owner_ends_anyhow(void *arg)
{
	(void)arg;
	for (intptr_t way = 0; way < 4; way++) {
		lend_ref owner;

		atomic_store(&begun, 0);
		owner = test_spawn(leave_open, (void *)way);
		wait_for_beginning(20);
		if (way >= 2)
			CHECK_EQ(lend_cancel(owner), 0);
		CHECK_EQ(test_join(owner), 3);
		CHECK_EQ(atomic_load(&living), 0);
	}
	return 0;
}

/* ---- trees ---- */

#define FAN   3
#define DEPTH 4

static int grow(void *arg)
{
	intptr_t depth = (intptr_t)arg;
	struct lend_scope *scope;

	if (!depth)
		return live_until_cancelled(NULL);
	scope = open_scope(NULL);
	for (unsigned i = 0; i < FAN; i++)
		add(scope, grow, (void *)(depth - 1), i);
	CHECK_IN(lend_scope_join(scope, LEND_FOREVER), -ECANCELED, 0);
	return lend_scope_close(scope);
}

static int cancelling_the_root_cancels_the_tree(void *arg)
{
	lend_ref root = test_spawn(grow, (void *)DEPTH);

	(void)arg;
	wait_for_beginning(FAN * FAN * FAN * FAN);
	CHECK_EQ(lend_cancel(root), 0);
	CHECK_EQ(test_join(root), 0);
	CHECK_EQ(atomic_load(&living), 0);
	return 0;
}

/* The owner is not asked: it computes. Its members go when it looks. */
static int cancel_members_first(void *arg)
{
	struct lend_scope *scope = open_scope(NULL);

	(void)arg;
	add(scope, live_until_cancelled, NULL, 0);
	atomic_fetch_add(&begun, 1);
	while (!lend_is_cancelled())
		;
	/* Told already, though this one waits for nothing. */
	CHECK_EQ(lend_scope_spawn(scope, return_arg, NULL, NULL, NULL),
		 -ECANCELED);
	return lend_scope_close(scope);
}

static int an_owner_that_computes(void *arg)
{
	lend_ref owner;

	(void)arg;
	if (test_options.workers < 2)
		return 0;
	owner = test_spawn_on(2, cancel_members_first, NULL);
	while (!atomic_load(&begun))
		lend_yield();
	CHECK_EQ(lend_cancel(owner), 0);
	CHECK_EQ(test_join(owner), 0);
	CHECK_EQ(atomic_load(&living), 0);
	return 0;
}

static int open_when_cancelled(void *arg)
{
	struct lend_scope *scope;
	uint64_t before;

	(void)arg;
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	scope = open_scope(NULL);
	CHECK_EQ(lend_scope_spawn(scope, return_arg, NULL, NULL, NULL),
		 -ECANCELED);
	CHECK_EQ(lend_scope_close(scope), 0);
	/* In a section it is as if nobody had cancelled. */
	before = lend_uncancellable_begin();
	scope = open_scope(NULL);
	CHECK_EQ(lend_scope_spawn(scope, return_arg, (void *)5, NULL, NULL), 0);
	CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
	add(scope, live_until_cancelled, NULL, 0);
	lend_uncancellable_end(before);
	CHECK_IN(lend_scope_join(scope, LEND_FOREVER), -ECANCELED, 0);
	return lend_scope_close(scope);
}

static int a_cancelled_owner_opens_a_cancelled_scope(void *arg)
{
	lend_ref owner = test_spawn(open_when_cancelled, NULL);

	(void)arg;
	lend_yield();
	CHECK_EQ(lend_cancel(owner), 0);
	CHECK_EQ(test_join(owner), 0);
	return 0;
}

/* ---- members that spawn ---- */

struct nursery {
	struct lend_scope *scope;
	_Atomic int spawned;
	int depth;
};

static int spawn_into(void *arg)
{
	struct nursery *nursery = arg;

	if (atomic_fetch_add(&nursery->spawned, 1) >= 500)
		return 0;
	for (int i = 0; i < 2; i++) {
		int err = lend_scope_spawn(nursery->scope, spawn_into, nursery,
					   NULL, NULL);

		CHECK(!err || err == -ECANCELED || err == -EAGAIN);
	}
	lend_yield();
	return 0;
}

static int try_others_scope(void *arg)
{
	struct lend_scope *scope = arg;

	CHECK_EQ(lend_scope_spawn(scope, return_arg, NULL, NULL, NULL),
		 -EINVAL);
	CHECK_EQ(lend_scope_cancel(scope), -EINVAL);
	CHECK_EQ(lend_scope_join(scope, LEND_NOW), -EINVAL);
	CHECK_EQ(lend_scope_next(scope, LEND_NOW, NULL, NULL), -EINVAL);
	CHECK_EQ(lend_scope_close(scope), -EINVAL);
	return 0;
}

static int try_as_member(void *arg)
{
	struct lend_scope *scope = arg;

	CHECK_EQ(lend_scope_join(scope, LEND_NOW), -EINVAL);
	CHECK_EQ(lend_scope_next(scope, LEND_NOW, NULL, NULL), -EINVAL);
	CHECK_EQ(lend_scope_close(scope), -EINVAL);
	CHECK_EQ(lend_scope_actors(scope), 1);
	return 0;
}

static int members_may_spawn_others_may_not(void *arg)
{
	struct nursery nursery = { .scope = open_scope(NULL) };

	(void)arg;
	CHECK_EQ(lend_scope_spawn(nursery.scope, spawn_into, &nursery, NULL,
				  NULL),
		 0);
	CHECK_EQ(lend_scope_join(nursery.scope, LEND_FOREVER), 0);
	CHECK(atomic_load(&nursery.spawned) > 500);
	CHECK_EQ(test_join(test_spawn(try_others_scope, nursery.scope)), 0);
	add(nursery.scope, try_as_member, nursery.scope, 0);
	CHECK_EQ(lend_scope_join(nursery.scope, LEND_FOREVER), 0);
	CHECK_EQ(lend_scope_close(nursery.scope), 0);
	/* Closed while they are at it. */
	for (int i = 0; i < 20; i++) {
		nursery.scope = open_scope(NULL);
		atomic_store(&nursery.spawned, 0);
		CHECK_EQ(lend_scope_spawn(nursery.scope, spawn_into, &nursery,
					  NULL, NULL),
			 0);
		for (int j = 0; j < i; j++)
			lend_yield();
		CHECK_EQ(lend_scope_close(nursery.scope), 0);
	}
	return 0;
}

/* ---- deadlines ---- */

static int deadline_ends_all(void *arg)
{
	struct lend_scope_options options = {
		.deadline = lend_after(5 * LEND_MS),
	};
	struct lend_scope *scope = open_scope(&options);
	uint64_t before = lend_now();

	(void)arg;
	for (unsigned i = 0; i < 50; i++)
		add(scope, live_until_cancelled, NULL, i);
	/* The owner is inside, too. */
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK(lend_is_cancelled());
	CHECK(lend_now() - before < 20 * LEND_S);
	CHECK(lend_now() >= options.deadline);
	CHECK_EQ(lend_scope_close(scope), -ETIMEDOUT);
	CHECK_EQ(atomic_load(&living), 0);
	/* Over. */
	CHECK(!lend_is_cancelled());
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	return 0;
}

/* The owner is in a section: the members' deadline holds all the same. */
static int members_have_the_deadline_themselves(void *arg)
{
	struct lend_scope_options options = {
		.deadline = lend_after(5 * LEND_MS),
	};
	struct lend_scope *scope = open_scope(&options);
	uint64_t before;

	(void)arg;
	for (unsigned i = 0; i < 50; i++)
		add(scope, i % 2 ? grow : live_until_cancelled, NULL, i);
	before = lend_uncancellable_begin();
	CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
	lend_uncancellable_end(before);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_scope_close(scope), -ETIMEDOUT);
	return 0;
}

static int blocks_nest(void *arg)
{
	uint64_t outer, inner, start = lend_now();
	struct lend_msg *msg;

	(void)arg;
	CHECK_EQ(lend_deadline(), LEND_FOREVER);
	outer = lend_deadline_push(lend_after(3600 * LEND_S));
	CHECK_EQ(outer, LEND_FOREVER);
	inner = lend_deadline_push(lend_after(2 * LEND_MS));
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), -ECANCELED);
	CHECK(lend_now() >= start + 2 * LEND_MS);
	CHECK_EQ(lend_yield(), -ECANCELED);
	CHECK_EQ(lend_deadline_pop(inner), -ETIMEDOUT);
	CHECK(!lend_is_cancelled());
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	/* A later one inside does not reach further. */
	inner = lend_deadline_push(LEND_FOREVER);
	CHECK(lend_deadline() < lend_after(3601 * LEND_S));
	CHECK_EQ(lend_deadline_pop(inner), 0);
	CHECK_EQ(lend_deadline_pop(outer), 0);
	CHECK_EQ(lend_deadline(), LEND_FOREVER);
	/* The outer one passes while the inner one is open. */
	outer = lend_deadline_push(lend_after(LEND_MS));
	inner = lend_deadline_push(LEND_NOW);
	CHECK(lend_is_cancelled());
	CHECK_EQ(lend_deadline_pop(inner), -ETIMEDOUT);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_deadline_pop(outer), -ETIMEDOUT);
	/* A call's own deadline that is earlier keeps its error. */
	outer = lend_deadline_push(lend_after(3600 * LEND_S));
	CHECK_EQ(lend_receive(lend_after(LEND_MS), &msg), -ETIMEDOUT);
	CHECK_EQ(lend_deadline_pop(outer), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	run("close_cancels_and_joins", close_cancels_and_joins, &test_options);
	run("join_waits_for_all", join_waits_for_all, &test_options);
	run("owner_ends_anyhow", owner_ends_anyhow, &test_options);
	run("cancelling_the_root_cancels_the_tree",
	    cancelling_the_root_cancels_the_tree, &test_options);
	run("an_owner_that_computes", an_owner_that_computes, &test_options);
	run("a_cancelled_owner_opens_a_cancelled_scope",
	    a_cancelled_owner_opens_a_cancelled_scope, &test_options);
	run("members_may_spawn_others_may_not",
	    members_may_spawn_others_may_not, &test_options);
	run("deadline_ends_all", deadline_ends_all, &test_options);
	run("members_have_the_deadline_themselves",
	    members_have_the_deadline_themselves, &test_options);
	run("blocks_nest", blocks_nest, &test_options);
	return test_finish();
}
