/*
 * Goal:   P2: what lend_defer() registers is called when the actor ends,
 *         however it ends, newest first, once, and may wait; a section without
 *         cancellation lets calls go on and shows the cancellation after.
 * Method: cleanups write down that they were called, after having suspended.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

static char order[64];

/* Appends a letter, after a while in which it could have been cut short. */
static void write_down(void *arg)
{
	size_t at;

	CHECK_EQ(lend_sleep(lend_after(10 * LEND_US)), 0);
	CHECK_EQ(lend_yield(), 0);
	CHECK(!lend_is_cancelled());
	at = strlen(order);
	order[at] = (char)(intptr_t)arg;
	order[at + 1] = '\0';
}

static void *letter(char c)
{
	return (void *)(intptr_t)c;
}

static void close_pair(void *arg)
{
	int *fds = arg;

	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	write_down(letter('p'));
}

LEND_NORETURN static void end_deeply(void)
{
	/* Beyond a few frames. */
	volatile char frame[4000] = { 0 };

	frame[1] = frame[0];
	lend_exit(9);
}

static int ends(void *arg)
{
	int fds[2];
	char byte;

	CHECK_EQ(lend_defer(write_down, letter('a')), 0);
	CHECK_EQ(lend_defer(write_down, letter('b')), 0);
	/* On the stack: when the actor exits, it is still there. */
	test_pair(fds);
	if ((intptr_t)arg)
		CHECK_EQ(lend_defer(close_pair, fds), 0);
	CHECK_EQ(lend_defer(write_down, letter('c')), 0);
	switch ((intptr_t)arg) {
	case 0:
		lend_close(fds[0]);
		lend_close(fds[1]);
		return 9;
	case 1:
		end_deeply();
	case 2:
		CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, LEND_FOREVER),
			 -ECANCELED);
		lend_exit(9);
	default:
		CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, LEND_FOREVER),
			 -ECANCELED);
		/* Cancelled already, and again. */
		CHECK_EQ(lend_cancel(lend_self()), 0);
		lend_exit(9);
	}
}

static int newest_first_however_it_ends(void *arg)
{
	(void)arg;
	for (intptr_t way = 0; way < 4; way++) {
		lend_ref ref;

		order[0] = '\0';
		ref = test_spawn(ends, (void *)way);
		for (int i = 0; i < 10; i++)
			lend_yield();
		if (way >= 2)
			CHECK_EQ(lend_cancel(ref), 0);
		CHECK_EQ(test_join(ref), 9);
		CHECK(!strcmp(order, way ? "cpba" : "cba"));
	}
	return 0;
}

/* ---- taking back ---- */

static int take_back(void *arg)
{
	struct lend_scope *scope;

	(void)arg;
	CHECK_EQ(lend_defer_pop(false), -ENOENT);
	CHECK_EQ(lend_undefer(write_down, NULL), -ENOENT);
	CHECK_EQ(lend_defer(NULL, NULL), -EINVAL);
	for (const char *at = "abcbd"; *at; at++)
		CHECK_EQ(lend_defer(write_down, letter(*at)), 0);
	CHECK_EQ(lend_undefer(write_down, letter('x')), -ENOENT);
	CHECK_EQ(lend_undefer(write_down, letter('b')), 0); /* the newer one */
	CHECK_EQ(lend_defer_pop(true), 0);
	CHECK(!strcmp(order, "d"));
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
	CHECK_EQ(lend_defer_pop(true), -EBUSY);
	CHECK_EQ(lend_scope_close(scope), 0);
	CHECK_EQ(lend_defer_pop(false), 0); /* c */
	return 0;			    /* b, a */
}

static int what_is_taken_back_is_not_called(void *arg)
{
	(void)arg;
	order[0] = '\0';
	CHECK_EQ(test_join(test_spawn(take_back, NULL)), 0);
	CHECK(!strcmp(order, "dba"));
	return 0;
}

/* ---- cleanups that do more ---- */

static void defer_more(void *arg)
{
	write_down(arg);
	if ((intptr_t)arg < 'd')
		CHECK_EQ(lend_defer(defer_more, (char *)arg + 1), 0);
}

static int finish_member(void *arg)
{
	uint64_t before;

	lend_sleep(LEND_FOREVER);
	before = lend_uncancellable_begin();
	write_down(arg);
	lend_uncancellable_end(before);
	return 0;
}

static int register_cleanups(void *arg)
{
	struct lend_scope *scope;

	(void)arg;
	CHECK_EQ(lend_defer(write_down, letter('z')), 0);
	CHECK_EQ(lend_defer(defer_more, letter('a')), 0);
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
	CHECK_EQ(lend_scope_spawn(scope, finish_member, letter('m'), NULL,
				  NULL),
		 0);
	CHECK_EQ(lend_defer(write_down, letter('y')), 0);
	for (int i = 0; i < 5; i++)
		lend_yield();
	return 0;
}

/* A scope is closed in its place among the cleanups. */
static int scopes_and_cleanups_in_order(void *arg)
{
	(void)arg;
	order[0] = '\0';
	CHECK_EQ(test_join(test_spawn(register_cleanups, NULL)), 0);
	CHECK(!strcmp(order, "ymabcdz"));
	return 0;
}

static void leave_things_open(void *arg)
{
	struct lend_scope *scope;

	(void)arg;
	(void)!lend_uncancellable_begin();
	(void)!lend_deadline_push(LEND_NOW);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
}

static int careless(void *arg)
{
	(void)arg;
	CHECK_EQ(lend_defer(write_down, letter('a')), 0);
	CHECK_EQ(lend_defer(leave_things_open, NULL), 0);
	(void)!lend_deadline_push(LEND_NOW);
	lend_exit(1);
}

static int a_careless_cleanup_harms_no_other(void *arg)
{
	(void)arg;
	order[0] = '\0';
	CHECK_EQ(test_join(test_spawn(careless, NULL)), 1);
	CHECK(!strcmp(order, "a"));
	return 0;
}

static void bounded(void *arg)
{
	uint64_t before = lend_deadline_push(lend_after(LEND_MS));

	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_deadline_pop(before), -ETIMEDOUT);
	write_down(arg);
}

static int with_bounded_cleanup(void *arg)
{
	(void)arg;
	CHECK_EQ(lend_defer(bounded, letter('a')), 0);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	return 0;
}

static int blocks_work_in_cleanups(void *arg)
{
	lend_ref ref = test_spawn(with_bounded_cleanup, NULL);

	(void)arg;
	order[0] = '\0';
	lend_yield();
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(test_join(ref), 0);
	CHECK(!strcmp(order, "a"));
	return 0;
}

/* ---- memory ---- */

static _Atomic int called;

static void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&called, 1);
}

static int defer_until_full(void *arg)
{
	int made = 0, err;

	(void)arg;
	while (!(err = lend_defer(count, NULL)))
		made++;
	CHECK_EQ(err, -ENOMEM);
	return made;
}

static int a_full_heap_is_an_error(void *arg)
{
	int made;

	(void)arg;
	atomic_store(&called, 0);
	made = test_join(test_spawn(defer_until_full, NULL));
	CHECK_IN(made, 16, 65536 / 64 + 16);
	CHECK_EQ(atomic_load(&called), made);
	return 0;
}

/* ---- sections ---- */

static _Atomic int stage;

static int in_section(void *arg)
{
	uint64_t outer, inner;
	int pair[2];
	char byte;

	(void)arg;
	test_pair(pair);
	outer = lend_uncancellable_begin();
	atomic_store(&stage, 1);
	CHECK_EQ(lend_recv(pair[0], &byte, 1, 0, lend_after(LEND_MS)),
		 -ETIMEDOUT);
	while (atomic_load(&stage) < 2)
		CHECK_EQ(lend_yield(), 0);
	/* Cancelled by now. */
	CHECK_EQ(lend_recv(pair[0], &byte, 1, 0, lend_after(LEND_MS)),
		 -ETIMEDOUT);
	inner = lend_uncancellable_begin();
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	lend_uncancellable_end(inner);
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	CHECK(!lend_is_cancelled());
	lend_uncancellable_end(outer);
	CHECK(lend_is_cancelled());
	CHECK_EQ(lend_recv(pair[0], &byte, 1, 0, LEND_FOREVER), -ECANCELED);
	/* And once more. */
	outer = lend_uncancellable_begin();
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	lend_uncancellable_end(outer);
	CHECK_EQ(lend_yield(), -ECANCELED);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int sections_hide_a_cancellation(void *arg)
{
	lend_ref ref;

	(void)arg;
	atomic_store(&stage, 0);
	ref = test_spawn(in_section, NULL);
	while (!atomic_load(&stage))
		lend_yield();
	CHECK_EQ(lend_cancel(ref), 0);
	atomic_store(&stage, 2);
	CHECK_EQ(test_join(ref), 0);
	return 0;
}

static int sections_hide_blocks(void *arg)
{
	uint64_t block, section, inner;

	(void)arg;
	block = lend_deadline_push(lend_after(LEND_MS));
	section = lend_uncancellable_begin();
	CHECK_EQ(lend_sleep(lend_after(3 * LEND_MS)), 0);
	inner = lend_deadline_push(lend_after(LEND_MS));
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_deadline_pop(inner), -ETIMEDOUT);
	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	lend_uncancellable_end(section);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_deadline_pop(block), -ETIMEDOUT);
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options few;

	test_init(argc, argv, 60);
	few = test_options;
	few.heap_max = 65536;
	test_actor("newest_first_however_it_ends",
		   newest_first_however_it_ends);
	test_actor("what_is_taken_back_is_not_called",
		   what_is_taken_back_is_not_called);
	test_actor("scopes_and_cleanups_in_order",
		   scopes_and_cleanups_in_order);
	test_actor("a_careless_cleanup_harms_no_other",
		   a_careless_cleanup_harms_no_other);
	test_actor("blocks_work_in_cleanups", blocks_work_in_cleanups);
	test_actor_with("a_full_heap_is_an_error", a_full_heap_is_an_error,
			&few);
	test_actor("sections_hide_a_cancellation",
		   sections_hide_a_cancellation);
	test_actor("sections_hide_blocks", sections_hide_blocks);
	return test_finish();
}
