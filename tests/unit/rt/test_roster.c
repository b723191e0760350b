/*
 * Goal:   whoever looks for a worker gets a few, however many there are: those
 *         that are at work, or those that are parked; the near ones first, and
 *         no order among those that are equally near.
 * Method: 128 workers on as many CPUs of a made-up machine. Seeds are all
 *         places to start at.
 */
#include "rt/roster.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>

#define WORKERS 128
#define MOST	8

static struct lend_topology topology;
static struct lend_roster roster;
static struct lend_candidates found;

/* A core has 2 CPUs, an L2 4, an L3 8, a node 64; worker i runs on CPU i. */
static void setup(void)
{
	static const unsigned sizes[LEND_FAR] = { 2, 4, 8, 64 };

	for (unsigned cpu = 0; cpu < LEND_CPUS_MAX; cpu++)
		for (unsigned i = 0; i < LEND_FAR; i++)
			topology.groups[cpu][i] = (uint16_t)(cpu / sizes[i]);
	roster.topology = &topology;
	for (unsigned i = 0; i < WORKERS; i++)
		atomic_store(&roster.cpus[i], (uint16_t)i);
}

static void find(unsigned worker, bool parked, unsigned start, unsigned most)
{
	memset(&found, 0xff, sizeof(found));
	lend__roster_find(&roster, worker, WORKERS, parked, start, most,
			  &found);
}

static void expect_ascending(unsigned worker)
{
	for (unsigned i = 1; i < found.count; i++)
		cr_expect_leq(lend__roster_distance(&roster, worker,
						    found.workers[i - 1]),
			      lend__roster_distance(&roster, worker,
						    found.workers[i]));
}

Test(roster, all_are_found_once_the_near_ones_first, .init = setup)
{
	for (unsigned start = 0; start < 2 * WORKERS; start++) {
		bool seen[WORKERS] = { false };

		find(37, false, start, WORKERS);
		cr_assert_eq(found.count, WORKERS - 1);
		for (unsigned i = 0; i < found.count; i++) {
			cr_assert_lt(found.workers[i], WORKERS);
			cr_expect(!seen[found.workers[i]]);
			seen[found.workers[i]] = true;
		}
		cr_expect(!seen[37], "it has found itself");
		cr_expect_eq(found.workers[0], 36);
		expect_ascending(37);
	}
}

Test(roster, those_that_are_parked_are_told_apart, .init = setup)
{
	static const unsigned parked[] = { 0, 5, 63, 64, 100, 127 };
	const unsigned count = sizeof(parked) / sizeof(parked[0]);

	for (unsigned i = 0; i < count; i++)
		lend__roster_park(&roster, parked[i]);
	for (unsigned start = 0; start < WORKERS; start++) {
		find(64, true, start, WORKERS);
		cr_expect_eq(found.count, count - 1);
		cr_expect_eq(lend__roster_distance(&roster, 64,
						   found.workers[0]),
			     LEND_SAME_NODE);
		find(64, false, start, WORKERS);
		cr_expect_eq(found.count, WORKERS - count);
	}
	for (unsigned i = 0; i < count; i++)
		lend__roster_unpark(&roster, parked[i]);
	find(64, true, 0, WORKERS);
	cr_expect_eq(found.count, 0);
}

Test(roster, no_more_are_looked_at_than_asked_for, .init = setup)
{
	unsigned times[WORKERS] = { 0 };

	for (unsigned start = 0; start < WORKERS; start++) {
		find(0, false, start, MOST);
		cr_expect_eq(found.count, MOST);
		expect_ascending(0);
		for (unsigned i = 0; i < MOST; i++)
			times[found.workers[i]]++;
	}
	/* Nobody is spared; he who was left out makes one place for another. */
	for (unsigned i = 1; i < WORKERS; i++)
		cr_expect(times[i] == MOST || times[i] == MOST + 1, "%u: %u", i,
			  times[i]);
}

Test(roster, equals_come_in_any_order, .init = setup)
{
	unsigned first[WORKERS] = { 0 };

	/* Those of the other node, for one of this. */
	for (unsigned i = 0; i < 64; i++)
		lend__roster_park(&roster, i);
	for (unsigned start = 0; start < WORKERS; start++) {
		find(3, false, start, MOST);
		first[found.workers[0]]++;
	}
	for (unsigned i = 64; i < WORKERS; i++)
		cr_expect_gt(first[i], 0, "%u is never the first", i);
}

Test(roster, who_is_back_is_where_it_runs_now, .init = setup)
{
	cpu_set_t all, one;
	int cpu = CPU_SETSIZE - 1;

	cr_assert_eq(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu--;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	atomic_store(&roster.cpus[7], (uint16_t)(cpu + 1));
	lend__roster_park(&roster, 7);
	cr_expect_eq(atomic_load(&roster.cpus[7]), cpu + 1);
	lend__roster_unpark(&roster, 7);
	cr_expect_eq(atomic_load(&roster.cpus[7]), cpu);
}

Test(roster, numbers_beyond_the_count_do_not_exist, .init = setup)
{
	for (unsigned count = 1; count <= WORKERS; count++) {
		lend__roster_find(&roster, 0, count, false, 77, WORKERS,
				  &found);
		cr_expect_eq(found.count, count - 1);
	}
}
