/*
 * Goal:   whatever the mode, the depth, the load and the order in which workers
 *         and rings come and go: every byte arrives, everything ends, nothing
 *         is left open. For ThreadSanitizer, too.
 * Method: from a seed, several runtimes one after the other; in each, pairs
 *         that check every byte, readers that give up, actors that come and go,
 *         spinners, timers, and an actor and a thread that change both sizes at
 *         random, some of the changes with deadlines that can not be met.
 *
 *	stress-elastic [SEED [ROUNDS]]
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/traffic.h"
#include "harness/harness.h"

#define ROUNDS	   10
#define CHANGES	   24
#define QUITTERS   6
#define WORKERS_UP 5
#define RINGS_UP   7

static uint64_t round_seed;
static _Atomic unsigned changed, refused, late;

/* Reads that give up after a time of any length. */
static int quit(void *arg)
{
	uint64_t state = round_seed + (uintptr_t)arg;
	int pair[2], rounds = 0;
	char byte;

	test_pair(pair);
	while (!atomic_load(&stop)) {
		uint64_t span = test_random(&state) % 400 * LEND_US;

		if (!CHECK_EQ(lend_recv(pair[0], &byte, 1, 0, lend_after(span)),
			      -ETIMEDOUT))
			break;
		rounds++;
	}
	lend_close(pair[0]);
	lend_close(pair[1]);
	return rounds;
}

static int child(void *arg)
{
	uint64_t state = round_seed ^ (uintptr_t)arg;

	switch (test_random(&state) % 4) {
	case 0:
		test_spin(test_random(&state) % 2000 * LEND_US);
		break;
	case 1:
		lend_sleep(lend_after(test_random(&state) % 3000 * LEND_US));
		break;
	case 2:
		for (unsigned i = 0; i < 20; i++)
			lend_yield();
		break;
	default:
		break;
	}
	return 7;
}

/* Actors on workers that may have left by the time they are spawned. */
static int spawn(void *arg)
{
	uint64_t state = round_seed * 3 + (uintptr_t)arg;
	int spawned = 0;

	while (!atomic_load(&stop)) {
		unsigned workers = lend_runtime_workers(lend_runtime_current());
		lend_ref ref = test_spawn_on(
			1 + (unsigned)(test_random(&state) % workers), child,
			(void *)(uintptr_t)test_random(&state));

		CHECK_EQ(test_join(ref), 7);
		spawned++;
	}
	return spawned;
}

static void change(struct lend_runtime *runtime, uint64_t *state)
{
	uint64_t dice = test_random(state);
	uint64_t deadline = dice % 7 ? lend_after(20 * LEND_S) :
				       lend_after(dice % 300 * LEND_US);
	int err;

	if (dice & 64 || lend_runtime_mode(runtime) == LEND_RING_PRIVATE)
		err = lend_runtime_set_workers(
			runtime, 1 + (unsigned)(dice >> 8) % WORKERS_UP,
			deadline);
	else
		err = lend_runtime_set_rings(
			runtime, 1 + (unsigned)(dice >> 8) % RINGS_UP,
			deadline);
	if (err == -EBUSY)
		atomic_fetch_add(&refused, 1);
	else if (err == -ETIMEDOUT && dice % 7 == 0)
		atomic_fetch_add(&late, 1);
	else if (CHECK_EQ(err, 0))
		atomic_fetch_add(&changed, 1);
}

static void *change_outside(void *arg)
{
	uint64_t state = round_seed * 5;

	for (unsigned i = 0; i < CHANGES / 2; i++) {
		change(arg, &state);
		/* No need for it; only to leave the others a chance. */
		sched_yield();
	}
	return NULL;
}

static int round_of_changes(void *arg)
{
	struct lend_runtime *runtime = lend_runtime_current();
	uint64_t state = round_seed;
	lend_ref quitters[QUITTERS], spawners[2];
	struct traffic traffic;
	pthread_t outside;

	(void)arg;
	start_traffic(&traffic);
	for (uintptr_t i = 0; i < QUITTERS; i++)
		quitters[i] = test_spawn(quit, (void *)i);
	for (uintptr_t i = 0; i < 2; i++)
		spawners[i] = test_spawn(spawn, (void *)i);
	CHECK_EQ(pthread_create(&outside, NULL, change_outside, runtime), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		change(runtime, &state);
		lend_sleep(lend_after(test_random(&state) % 5000 * LEND_US));
	}
	/* The thread can be late; it needs workers, so do not block one. */
	while (pthread_tryjoin_np(outside, NULL))
		lend_sleep(lend_after(LEND_MS));
	stop_traffic(&traffic);
	for (unsigned i = 0; i < QUITTERS; i++)
		CHECK_IN(test_join(quitters[i]), 0, INT32_MAX);
	for (unsigned i = 0; i < 2; i++)
		CHECK_IN(test_join(spawners[i]), 0, INT32_MAX);
	return 0;
}

static void choose(struct lend_options *options, uint64_t *state)
{
	static const enum lend_ring_mode modes[] = { LEND_RING_BORROWED,
						     LEND_RING_PRIVATE,
						     LEND_RING_SHARED };
	static const unsigned depths[] = { 1, 2, 8, 64 };
	uint64_t dice = test_random(state);

	*options = test_options;
	options->mode = modes[dice % 3];
	options->workers = 1 + (unsigned)(dice >> 8) % 4;
	options->rings = options->mode == LEND_RING_PRIVATE ?
				 options->workers :
				 1 + (unsigned)(dice >> 16) % RINGS_UP;
	options->depth = depths[(dice >> 24) % 4];
	options->workers_max = WORKERS_UP;
	options->rings_max = RINGS_UP;
	options->log_level = LEND_LOG_ERROR;
	if ((dice >> 32) % 4 == 0)
		options->without = LEND_FEATURE_MEMBARRIER;
	if ((dice >> 34) % 4 == 0)
		options->without |= LEND_FEATURE_DEFER_TASKRUN;
}

int main(int argc, char **argv)
{
	uint64_t state = test_seed(argc, argv, 1);
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) :
				     ROUNDS;

	test_init(0, NULL, 100);
	for (unsigned i = 0; i < rounds; i++) {
		struct lend_options options;
		char name[96];

		round_seed = test_random(&state);
		choose(&options, &state);
		snprintf(name, sizeof(name), "%s:%u:%u:%u seed %llu",
			 lend_ring_mode_name(options.mode), options.workers,
			 options.rings, options.depth,
			 (unsigned long long)round_seed);
		test_watchdog(100);
		test_actor_with(name, round_of_changes, &options);
	}
	printf("%u changes, %u given up in time, %u found another at it\n",
	       atomic_load(&changed), atomic_load(&late),
	       atomic_load(&refused));
	return test_finish();
}
