/*
 * Goal:   a worker submits when its flush policy says so, and the statistics
 *         say why.
 * Method: actors that each write to a pipe without waiting, and an actor that
 *         never lets the worker be idle; what has been submitted is seen at
 *         the other end of the pipes, or in the counters. One worker, so that
 *         nobody else submits.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/harness.h"

#define WRITERS 32

static int pipes[2];

/* One operation; the actor ends when it is over. */
static int write_byte(void *arg)
{
	(void)arg;
	return lend_write(pipes[1], "x", 1, -1, LEND_FOREVER) == 1 ? 0 : -1;
}

/* How many bytes there are, by a system call of our own. */
static unsigned bytes_there(void)
{
	char bytes[WRITERS];
	ssize_t n = read(pipes[0], bytes, sizeof(bytes));

	return n < 0 ? 0 : (unsigned)n;
}

static void spawn_writers(lend_ref *refs)
{
	for (int i = 0; i < WRITERS; i++)
		refs[i] = test_spawn(write_byte, NULL);
}

static void join_writers(const lend_ref *refs)
{
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
}

/* How many bytes had come when this actor ran, spawned behind the writers. */
struct observer {
	unsigned seen;
};

static int observe(void *arg)
{
	struct observer *observer = arg;

	observer->seen = bytes_there();
	return 0;
}

static int with_pipe(int (*fn)(void))
{
	int err;

	CHECK_EQ(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	err = fn();
	close(pipes[0]);
	close(pipes[1]);
	return err;
}

/* Behind the writers, in the same round, an observer looks. */
static unsigned seen_in_the_same_round(struct lend_flush_stats *ret_flushes)
{
	struct observer observer = { 0 };
	struct lend_stats before, after;
	lend_ref refs[WRITERS], looker;

	lend_stats_read(NULL, &before);
	spawn_writers(refs);
	looker = test_spawn(observe, &observer);
	CHECK_EQ(test_join(looker), 0);
	lend_stats_read(NULL, &after);
	join_writers(refs);
	ret_flushes->actors = after.flushes.actors - before.flushes.actors;
	ret_flushes->sqes = after.flushes.sqes - before.flushes.sqes;
	ret_flushes->empty = after.flushes.empty - before.flushes.empty;
	return observer.seen;
}

static int gathered(void)
{
	struct lend_flush_stats flushes;

	CHECK_EQ(seen_in_the_same_round(&flushes), 0);
	CHECK_EQ(flushes.actors, 0);
	CHECK_EQ(flushes.sqes, 0);
	return 0;
}

static int at_once(void)
{
	struct lend_flush_stats flushes;

	/* Each went before the next was resumed. */
	CHECK_EQ(seen_in_the_same_round(&flushes), WRITERS);
	CHECK_EQ(flushes.sqes, WRITERS);
	CHECK_EQ(flushes.actors, 0);
	return 0;
}

static int after_eight(void)
{
	struct lend_flush_stats flushes;

	/* Those of the last eight may still wait for others. */
	CHECK_IN(seen_in_the_same_round(&flushes), WRITERS - 8, WRITERS);
	CHECK_IN(flushes.actors + flushes.sqes, WRITERS / 8 - 1,
		 WRITERS / 8 + 1);
	return 0;
}

static _Atomic bool stop;

static int never_idle(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		lend_yield();
	return 0;
}

static int late_all_the_same(void)
{
	struct lend_stats before, after;
	lend_ref busy, refs[WRITERS];

	atomic_store(&stop, false);
	busy = test_spawn(never_idle, NULL);
	lend_yield();
	lend_stats_read(NULL, &before);
	spawn_writers(refs);
	join_writers(refs);
	lend_stats_read(NULL, &after);
	CHECK(after.flushes.rounds > before.flushes.rounds);
	atomic_store(&stop, true);
	CHECK_EQ(test_join(busy), 0);
	return 0;
}

/* The kernel is through with what is written when it has taken it: who waits
 * for that is resumed without its worker having gone to sleep. */
static int written_without_sleep(void)
{
	struct lend_stats before, after;

	lend_stats_read(NULL, &before);
	for (int i = 0; i < WRITERS; i++)
		CHECK_EQ(write_byte(NULL), 0);
	lend_stats_read(NULL, &after);
	CHECK_EQ(after.flushes.empty - before.flushes.empty, WRITERS);
	CHECK_EQ(after.parks - before.parks, 0);
	CHECK_EQ(bytes_there(), WRITERS);
	return 0;
}

static int run_written(void *arg)
{
	(void)arg;
	return with_pipe(written_without_sleep);
}

static int run_gathered(void *arg)
{
	(void)arg;
	return with_pipe(gathered);
}

static int run_at_once(void *arg)
{
	(void)arg;
	return with_pipe(at_once);
}

static int run_after_eight(void *arg)
{
	(void)arg;
	return with_pipe(after_eight);
}

static int run_late(void *arg)
{
	(void)arg;
	return with_pipe(late_all_the_same);
}

int main(int argc, char **argv)
{
	static const char few[] = "a full ring is submitted at once";
	static const char others[] = "other workers submit, too";
	struct lend_options options;
	const char *reason;

	test_init(argc, argv, 30);
	options = test_options;
	reason = options.workers > 1			      ? others :
		 options.depth && options.depth < 2 * WRITERS ? few :
								NULL;
	if (reason) {
		test_skip("gathered", reason);
		test_skip("at_once", reason);
		test_skip("after_so_many_actors", reason);
		test_skip("after_so_many_sqes", reason);
		test_skip("late_all_the_same", reason);
	} else {
		test_actor_with("gathered", run_gathered, &options);
		options.flush_sqes = 1;
		test_actor_with("at_once", run_at_once, &options);
		options.flush_sqes = 0;
		options.flush_actors = 8;
		test_actor_with("after_so_many_actors", run_after_eight,
				&options);
		options.flush_actors = 0;
		options.flush_sqes = 8;
		test_actor_with("after_so_many_sqes", run_after_eight,
				&options);
		test_actor("late_all_the_same", run_late);
	}
	if (options.workers > 1)
		test_skip("written_without_sleep", others);
	else
		test_actor("written_without_sleep", run_written);
	return test_finish();
}
