/*
 * Goal:   completions that cause completions leave the worker to others; and
 *         slow operations take their time side by side, not one after another.
 * Method: a crowd of actors that submit again whatever completes, and one that
 *         counts how many completions there are between two of its turns; a
 *         hundred waits, and fifty reads, of which none can end before all have
 *         begun.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

/* ---- a self-feeding chain of completions ---- */

#define FEEDERS 400
#define TURNS	200

static _Atomic bool stop;

static int feed(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		/* Over as soon as it is submitted. */
		int err = test_nop();

		if (err)
			return err;
	}
	return 0;
}

static uint64_t completions(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.total.completions;
}

/* Others get their turn by a yield, by a timer, and by I/O of their own. */
static int get_turns(void *arg)
{
	uint64_t longest = 0, sum = 0;
	int pair[2];
	char byte = 'x';

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < TURNS; i++) {
		uint64_t before = completions(), between;

		switch (i % 3) {
		case 0:
			lend_yield();
			break;
		case 1:
			lend_sleep(LEND_NOW);
			break;
		default:
			CHECK_EQ(lend_write(pair[0], &byte, 1, -1,
					    LEND_FOREVER),
				 1);
			CHECK_EQ(lend_recv(pair[1], &byte, 1, 0, LEND_FOREVER),
				 1);
		}
		between = completions() - before;
		sum += between;
		if (between > longest)
			longest = between;
	}
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	printf("completions between two turns: %llu at most, %llu on average\n",
	       (unsigned long long)longest, (unsigned long long)(sum / TURNS));
	/* Two operations take a handful of rounds, and a round has at most 256
	 * actors and 256 completions of each ring. Of several workers others
	 * may go on while this one has no CPU, so that there the number says
	 * nothing; but all turns came. */
	if (test_options.workers == 1 && !test_options.sqpoll_idle_ms)
		CHECK_IN(longest, 0, 16 * 256);
	return 0;
}

static int chains_do_not_take_over(void *arg)
{
	lend_ref feeders[FEEDERS], other;

	(void)arg;
	atomic_store(&stop, false);
	for (unsigned i = 0; i < FEEDERS; i++)
		feeders[i] = test_spawn_on(1 + i % test_options.workers, feed,
					   NULL);
	other = test_spawn_on(1, get_turns, NULL);
	CHECK_EQ(test_join(other), 0);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < FEEDERS; i++)
		CHECK_EQ(test_join(feeders[i]), 0);
	return 0;
}

/* ---- slow operations ---- */

#define WAITERS 100

static _Atomic unsigned waiting;

static int wait_for_ever(void *arg)
{
	(void)arg;
	atomic_fetch_add(&waiting, 1);
	return lend_sleep(LEND_FOREVER);
}

/* None of them ends before all have begun: if one had its worker until it is
 * over, this would never end. */
static int waits_overlap(void *arg)
{
	lend_ref refs[WAITERS];

	(void)arg;
	atomic_store(&waiting, 0);
	for (int i = 0; i < WAITERS; i++)
		refs[i] = test_spawn_on(1 + (unsigned)i % test_options.workers,
					wait_for_ever, NULL);
	while (atomic_load(&waiting) < WAITERS)
		lend_yield();
	for (int i = 0; i < WAITERS; i++) {
		CHECK_EQ(lend_cancel(refs[i]), 0);
		CHECK_EQ(test_join(refs[i]), -ECANCELED);
	}
	return 0;
}

#define READERS 50

static int read_one(void *arg)
{
	char byte = 0;

	if (lend_read((int)(intptr_t)arg, &byte, 1, -1, LEND_FOREVER) != 1)
		return -1;
	return byte;
}

/* Nothing is there to be read until all are waiting for it: if one had to be
 * over before the next begins, this would never end. */
static int slow_reads_overlap(void *arg)
{
	int pipes[READERS][2];
	lend_ref refs[READERS];
	struct lend_stats stats;

	(void)arg;
	for (int i = 0; i < READERS; i++) {
		if (!CHECK_EQ(pipe(pipes[i]), 0))
			return -1;
		refs[i] = test_spawn_on(1 + (unsigned)i % test_options.workers,
					read_one,
					(void *)(intptr_t)pipes[i][0]);
	}
	do {
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
		lend_stats_read(NULL, &stats);
	} while (stats.total.in_flight < READERS);
	/* The last that began is the first that ends. */
	for (int i = READERS; i-- > 0;) {
		char byte = (char)(i + 1);

		CHECK_EQ(write(pipes[i][1], &byte, 1), 1);
		CHECK_EQ(test_join(refs[i]), i + 1);
	}
	for (int i = 0; i < READERS; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("chains_do_not_take_over", chains_do_not_take_over);
	test_actor("waits_overlap", waits_overlap);
	test_actor("slow_reads_overlap", slow_reads_overlap);
	return test_finish();
}
