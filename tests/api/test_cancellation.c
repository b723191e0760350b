/*
 * Goal:   P2: a cancellation ends every call that waits, whatever it waits for,
 *         at whatever moment and by whichever way it comes: lend_cancel(), a
 *         scope's cancellation, a scope's deadline, a block's deadline. Calls
 *         that release something are not cut short, nor is anything in a
 *         section. Cleanups are called each time.
 * Method: a table of calls on things that never become ready; random moments,
 *         from a seed.
 */
#include <errno.h>
#include <stdio.h>

#include "api/waits.h"

static uint64_t seed;

/* ---- the actors that wait ---- */

struct waiter {
	const struct wait *wait;
	uint64_t block_ns; /* of a block's deadline; 0: none */
	bool in_section;
	int cleaned;
};

static void count_cleanup(void *arg)
{
	struct waiter *waiter = arg;

	CHECK(!lend_is_cancelled());
	CHECK_EQ(lend_yield(), 0);
	waiter->cleaned++;
}

static void wait_in_section(const struct waiter *waiter)
{
	uint64_t before = lend_uncancellable_begin();

	CHECK_EQ(waiter->wait->fn(lend_after(200 * LEND_US)), -ETIMEDOUT);
	lend_uncancellable_end(before);
}

static int wait_until_cancelled(void *arg)
{
	struct waiter *waiter = arg;
	uint64_t before = LEND_FOREVER;

	CHECK_EQ(lend_defer(count_cleanup, waiter), 0);
	if (waiter->in_section)
		wait_in_section(waiter);
	if (waiter->block_ns)
		before = lend_deadline_push(lend_after(waiter->block_ns));
	if (!CHECK_EQ(waiter->wait->fn(LEND_FOREVER), -ECANCELED))
		fprintf(stderr, "in %s\n", waiter->wait->name);
	/* It stays, and the next call does not wait either. */
	CHECK(lend_is_cancelled());
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	if (waiter->block_ns)
		CHECK_EQ(lend_deadline_pop(before), -ETIMEDOUT);
	lend_exit(3);
}

/* A random moment: before it runs, while it begins, long after. */
static void let_time_pass(uint64_t *random)
{
	unsigned turns = (unsigned)(test_random(random) % 8);

	for (unsigned i = 0; i < turns; i++)
		lend_yield();
	if (test_random(random) % 3 == 0)
		lend_sleep(lend_after(test_random(random) % 400 * LEND_US));
}

enum { BY_CANCEL, BY_SCOPE, BY_SCOPE_DEADLINE, BY_BLOCK, BY_SECTION, WAYS };

static void end_by_scope(struct waiter *waiter, uint64_t *random, bool late)
{
	struct lend_scope_options options = {
		.deadline = late ? lend_after(1 + test_random(random) %
							  (300 * LEND_US)) :
				   0,
	};
	const struct lend_spawn_options there = {
		.worker = 1 + (unsigned)(test_random(random) %
					 test_options.workers),
		.joinable = true,
	};
	struct lend_scope *scope;
	uint64_t before;
	int value = 0;

	CHECK_EQ(lend_scope_open(&options, &scope), 0);
	CHECK_EQ(lend_scope_spawn(scope, wait_until_cancelled, waiter, &there,
				  NULL),
		 0);
	if (!late) {
		let_time_pass(random);
		CHECK_EQ(lend_scope_cancel(scope), 0);
	}
	/* The deadline is this actor's, too. */
	before = lend_uncancellable_begin();
	CHECK_EQ(lend_scope_next(scope, LEND_FOREVER, NULL, &value), 0);
	lend_uncancellable_end(before);
	CHECK_EQ(value, 3);
	CHECK_EQ(lend_scope_close(scope), late ? -ETIMEDOUT : 0);
}

static void end_by_name(struct waiter *waiter, uint64_t *random)
{
	lend_ref ref = test_spawn_on(
		1 + (unsigned)(test_random(random) % test_options.workers),
		wait_until_cancelled, waiter);

	if (!waiter->block_ns) {
		let_time_pass(random);
		CHECK_EQ(lend_cancel(ref), 0);
	}
	CHECK_EQ(test_join(ref), 3);
}

static int way; /* of this run */

static void run_one(const struct wait *wait, uint64_t *random)
{
	struct waiter waiter = {
		.wait = wait,
		.block_ns = way == BY_BLOCK ?
				    1 + test_random(random) % (300 * LEND_US) :
				    0,
		.in_section = way == BY_SECTION,
	};

	if (way == BY_SCOPE || way == BY_SCOPE_DEADLINE)
		end_by_scope(&waiter, random, way == BY_SCOPE_DEADLINE);
	else
		end_by_name(&waiter, random);
	CHECK_EQ(waiter.cleaned, 1);
}

static int everywhere(void *arg)
{
	uint64_t random = seed + (uint64_t)way;

	(void)arg;
	make_world();
	for (unsigned round = 0; round < (test_is_slow() ? 2 : 4); round++)
		for (unsigned i = 0; i < WAITS; i++)
			run_one(&waits[i], &random);
	end_world();
	return 0;
}

/* All at once, in one scope. */
static int all_together(void *arg)
{
	static struct waiter waiters[WAITS * 4];
	struct lend_scope *scope;
	uint64_t random = seed;

	(void)arg;
	make_world();
	for (int round = 0; round < 3; round++) {
		CHECK_EQ(lend_scope_open(NULL, &scope), 0);
		for (unsigned i = 0; i < WAITS * 4; i++) {
			waiters[i] = (struct waiter){
				.wait = &waits[i % WAITS],
			};
			CHECK_EQ(lend_scope_spawn(scope, wait_until_cancelled,
						  &waiters[i], NULL, NULL),
				 0);
		}
		let_time_pass(&random);
		CHECK_EQ(lend_scope_close(scope), 0);
		for (unsigned i = 0; i < WAITS * 4; i++)
			CHECK_EQ(waiters[i].cleaned, 1);
	}
	end_world();
	return 0;
}

/* ---- what is not cut short ---- */

static int recv_on(void *arg)
{
	char byte;

	return (int)lend_recv(*(int *)arg, &byte, 1, 0, LEND_FOREVER);
}

static int close_when_cancelled(void *arg)
{
	lend_ref readers[3];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 3; i++)
		readers[i] = test_spawn_on(1 + i % test_options.workers,
					   recv_on, &pair[0]);
	for (int i = 0; i < 5; i++)
		lend_yield();
	/* Cancelled before, during or after it. */
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = lend_uncancellable_begin();
		int value = test_join(readers[i]);

		/* It may have come when the descriptor was gone. */
		CHECK(value == -ECANCELED || value == -EBADF);
		lend_uncancellable_end(before);
	}
	return 0;
}

static int closing_is_not_cut_short(void *arg)
{
	uint64_t random = seed;

	(void)arg;
	for (int i = 0; i < 30; i++) {
		lend_ref ref = test_spawn(close_when_cancelled, NULL);

		let_time_pass(&random);
		lend_cancel(ref);
		CHECK_EQ(test_join(ref), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const names[WAYS] = {
		"by_cancel", "by_scope",   "by_scope_deadline",
		"by_block",  "by_section",
	};
	struct lend_options one_thread;

	test_init(argc, argv, 100);
	seed = test_seed(0, argv, 1);
	one_thread = test_options;
	one_thread.blocking_threads_max = 1;
	for (way = 0; way < WAYS; way++)
		test_actor_with(names[way], everywhere, &one_thread);
	test_actor_with("all_together", all_together, &one_thread);
	test_actor("closing_is_not_cut_short", closing_is_not_cut_short);
	return test_finish();
}
