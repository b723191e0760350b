/*
 * Goal:   ten thousand actors, each with a read in flight, are cancelled at
 *         once: all end with that result, in bounded time, and nothing is left:
 *         no operation, actor, memory or descriptor; and what is sent later
 *         reaches those who ask for it then. Rows K3, H3, H15.
 * Method: they share the ends of a few pipes, as descriptors are scarce. Some
 *         are cancelled one by one by another actor, the others by the end of
 *         their scope-less parent: lend_runtime_drain() is the bench's.
 *
 * And the page of a fresh actor is written before it is read, as it would fault
 * twice otherwise: page faults are counted.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/harness.h"

#define PIPES 16
#define FRESH 2000

static int pipes[PIPES][2];
static _Atomic unsigned waiting, cancelled, other;

static int read_for_ever(void *arg)
{
	int fd = *(int *)arg;
	char byte;
	ssize_t res;

	atomic_fetch_add(&waiting, 1);
	res = lend_read(fd, &byte, 1, -1, LEND_FOREVER);
	atomic_fetch_add(res == -ECANCELED ? &cancelled : &other, 1);
	return (int)res;
}

static int read_one(void *arg)
{
	char byte = 0;

	CHECK_EQ(lend_read(*(int *)arg, &byte, 1, -1, LEND_FOREVER), 1);
	return byte;
}

static uint64_t in_flight(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.total.in_flight;
}

static uint64_t alive(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.actors;
}

static unsigned crowd_size(void)
{
	/* Of a ring of depth 1 the kernel keeps two lists to search in. */
	return test_is_slow() || test_options.depth == 1 ? 2000 : 10000;
}

static int crowd_is_cancelled(void *arg)
{
	unsigned count = crowd_size();
	lend_ref *refs = calloc(count, sizeof(*refs));
	uint64_t idle = in_flight();

	(void)arg;
	for (int i = 0; i < PIPES; i++)
		CHECK_EQ(pipe(pipes[i]), 0);
	for (unsigned i = 0; i < count; i++) {
		if (!CHECK_EQ(lend_spawn(read_for_ever, pipes[i % PIPES], NULL,
					 &refs[i]),
			      0))
			return -1;
		if (i % 256 == 255)
			lend_yield();
	}
	/* Workers have polls in flight, too: these alone do not tell. */
	while (atomic_load(&waiting) < count || in_flight() < count)
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	for (unsigned i = 0; i < count; i++)
		CHECK_EQ(lend_cancel(refs[i]), 0);
	while (alive() > 1)
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	CHECK_EQ(atomic_load(&cancelled), count);
	CHECK_EQ(atomic_load(&other), 0);
	for (unsigned i = 0; i < count; i++)
		CHECK_EQ(lend_cancel(refs[i]), -ESRCH);
	free(refs);

	/* A read that had survived would take a byte. */
	for (int i = 0; i < PIPES; i++) {
		lend_ref reader = test_spawn(read_one, pipes[i]);

		CHECK_EQ(write(pipes[i][1], "xy", 2), 2);
		CHECK_EQ(test_join(reader), 'x');
		reader = test_spawn(read_one, pipes[i]);
		CHECK_EQ(test_join(reader), 'y');
		CHECK_EQ(lend_close(pipes[i][0]), 0);
		CHECK_EQ(lend_close(pipes[i][1]), 0);
	}
	/* But for the workers' own polls. */
	CHECK_IN(in_flight(), 0,
		 idle + (uint64_t)test_options.workers * 256 + 1);
	return 0;
}

/* ---- what a fresh place costs ---- */

static int park(void *arg)
{
	(void)arg;
	return lend_park(LEND_FOREVER) == -ECANCELED ? 0 : -1;
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* All at once, so that nobody has a place that was used before. */
static int fresh_ones_fault_once(void *arg)
{
	static lend_ref refs[FRESH];
	long before;

	(void)arg;
	before = faults();
	for (unsigned i = 0; i < FRESH; i++)
		refs[i] = test_spawn(park, NULL);
	/* Their turns have come, too. */
	CHECK_EQ(lend_yield(), 0);
	/* A page each; the rest is for the tables of all of them, and for what
	 * others do meanwhile. */
	CHECK_IN(faults() - before, 0, FRESH + FRESH / 2);
	for (unsigned i = 0; i < FRESH; i++)
		CHECK_EQ(lend_cancel(refs[i]), 0);
	for (unsigned i = 0; i < FRESH; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("crowd_is_cancelled", crowd_is_cancelled);
	if (test_is_slow())
		test_skip("fresh_ones_fault_once",
			  "a sanitizer has pages of its own for each");
	else
		test_actor("fresh_ones_fault_once", fresh_ones_fault_once);
	return test_finish();
}
