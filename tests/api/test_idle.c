/*
 * Goal:   a runtime with nothing to do uses no CPU, and wakes up for whatever
 *         comes, also when its rings have changed hands before.
 * Method: a thousand receives wait; rounds of the workers and CPU time are read
 *         until there is a span in which next to nothing happened; then
 *         everything arrives at once.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/harness.h"

static _Atomic unsigned started;

static int receive_for_ever(void *arg)
{
	struct lend_buffer buffer;
	int fd = (int)(intptr_t)arg;
	long res;

	atomic_fetch_add(&started, 1);
	res = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
	lend_close(fd);
	return (int)res;
}

static uint64_t rounds_now(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.parks;
}

/* One worker keeps watch, every other millisecond, for a tenth of a second
 * after this actor went to sleep; then there is a time in which nobody computes
 * or wakes up. */
static void await_rest(void)
{
	const uint64_t span_ns = 600 * LEND_MS;
	uint64_t end_ns = lend_after(20 * LEND_S);
	uint64_t cpu_ns, rounds;
	bool at_rest;

	do {
		cpu_ns = test_cpu_ns();
		rounds = rounds_now();
		lend_sleep(lend_after(span_ns));
		cpu_ns = test_cpu_ns() - cpu_ns;
		rounds = rounds_now() - rounds;
		at_rest = rounds < span_ns / (4 * LEND_MS) &&
			  (cpu_ns < span_ns / 50 || test_is_slow());
	} while (!at_rest && lend_now() < end_ns);
	printf("     %llu us of CPU and %llu rounds in 600 ms\n",
	       (unsigned long long)cpu_ns / 1000, (unsigned long long)rounds);
	CHECK(at_rest);
}

static int idle_costs_nothing(void *arg)
{
	static lend_ref refs[1000];
	static int others[1000];

	(void)arg;
	atomic_store(&started, 0);
	for (int i = 0; i < 1000; i++) {
		int pair[2];

		test_pair(pair);
		others[i] = pair[0];
		refs[i] = test_spawn_on(1 + (unsigned)i % test_options.workers,
					receive_for_ever,
					(void *)(intptr_t)pair[1]);
	}
	while (atomic_load(&started) < 1000)
		lend_yield();
	await_rest();
	/* And it is still awake. */
	for (int i = 0; i < 1000; i++)
		close(others[i]);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

static int stall(void *arg)
{
	(void)arg;
	test_spin(50 * LEND_MS);
	return 0;
}

/* Rings change hands in a stall; idle long after it, all of them are watched.
 */
static int watched_after_stall(void *arg)
{
	static lend_ref refs[64];
	static int others[64];

	(void)arg;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 64; i++) {
			int pair[2];

			test_pair(pair);
			others[i] = pair[0];
			refs[i] = test_spawn_on(
				1 + (unsigned)i % test_options.workers,
				receive_for_ever, (void *)(intptr_t)pair[1]);
		}
		lend_yield();
		CHECK_EQ(test_join(test_spawn_on(1 + (unsigned)round % 2, stall,
						 NULL)),
			 0);
		/* Until nobody looks after anybody. */
		lend_sleep(lend_after(150 * LEND_MS));
		for (int i = 0; i < 64; i++)
			close(others[i]);
		for (int i = 0; i < 64; i++)
			CHECK_EQ(test_join(refs[i]), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("idle_costs_nothing", idle_costs_nothing);
	if (test_options.workers < 2)
		test_skip("watched_after_stall", "nobody else has a ring");
	else
		test_actor("watched_after_stall", watched_after_stall);
	return test_finish();
}
