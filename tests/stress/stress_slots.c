/*
 * Goal:   with magazines at work a slot never has two owners, and as many can
 *         be had at once as there are: nobody is refused while one is free.
 * Method: workers take, hold and give back; others empty magazines behind their
 *         backs. There are as many slots as all of them hold at most, so that
 *         the last ones have to be found in others' magazines.
 *
 * usage: stress-slots [SEED [SECONDS]]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <lend/clock.h>

#include "actor/slots.h"

#define WORKERS 2
/* So many that a magazine is too small at times. */
#define HELD (2 * LEND_SLOTS_BATCH - 4)
/* So few that who trims what is above LEND_SLOTS_WARM_MIN keeps none from the
 * others. */
#define SLOTS (HELD * (WORKERS + 1))

static struct lend_slots slots;
static _Atomic unsigned owners[SLOTS];
/* Slots that somebody has asked for, or is giving back. */
static _Atomic unsigned claimed;
static _Atomic bool over;
static _Atomic uint64_t turns;
static uint64_t seed;

struct keeper {
	pthread_t thread;
	struct lend_magazine *magazine; /* NULL: an outside thread */
	uint64_t random;
	uint32_t held[HELD];
	unsigned count;
};

static void fail(const char *what, uint32_t index)
{
	printf("seed %llu: %s: %u\n", (unsigned long long)seed, what, index);
	exit(1);
}

static unsigned draw(struct keeper *keeper, unsigned below)
{
	keeper->random = keeper->random * 6364136223846793005u +
			 1442695040888963407u;
	return (unsigned)(keeper->random >> 33) % below;
}

static void take(struct keeper *keeper)
{
	uint32_t index = lend__slots_take(&slots, keeper->magazine);

	/* At most HELD each: there is one for everybody. */
	if (index == LEND_SLOTS_NONE)
		fail("refused, with as many taken", atomic_load(&claimed));
	if (atomic_exchange(&owners[index], 1))
		fail("two owners", index);
	keeper->held[keeper->count++] = index;
	atomic_fetch_add(&claimed, 1);
}

static void give(struct keeper *keeper, unsigned which)
{
	struct lend_surplus surplus;
	uint32_t index = keeper->held[which];

	keeper->held[which] = keeper->held[--keeper->count];
	atomic_store(&owners[index], 0);
	if (!keeper->magazine ||
	    !lend__slots_keep(&slots, keeper->magazine, index)) {
		lend__slots_give(&slots, keeper->magazine, index, &surplus);
		lend__slots_cool(&slots, surplus.slots, surplus.count);
	}
	atomic_fetch_sub(&claimed, 1);
}

static void *keep(void *arg)
{
	struct keeper *keeper = arg;

	while (!atomic_load(&over)) {
		unsigned most = draw(keeper, HELD + 1);

		while (keeper->count < most)
			take(keeper);
		while (keeper->count > draw(keeper, most + 1))
			give(keeper, draw(keeper, keeper->count));
		if (keeper->magazine && !draw(keeper, 16))
			lend__slots_return(&slots, keeper->magazine);
		atomic_fetch_add(&turns, 1);
	}
	while (keeper->count)
		give(keeper, 0);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct keeper keepers[WORKERS + 1];
	unsigned seconds = argc > 2 ? (unsigned)atoi(argv[2]) : 2;
	uint64_t end_ns;

	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : lend_now();
	printf("seed %llu\n", (unsigned long long)seed);
	if (lend__slots_init(&slots, SLOTS, WORKERS, 65536))
		return 1;
	for (unsigned i = 0; i <= WORKERS; i++) {
		keepers[i].magazine = i < WORKERS ? &slots.magazines[i] : NULL;
		keepers[i].random = seed + i;
		pthread_create(&keepers[i].thread, NULL, keep, &keepers[i]);
	}
	end_ns = lend_now() + seconds * LEND_S;
	while (lend_now() < end_ns || atomic_load(&turns) < 100)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	atomic_store(&over, true);
	for (unsigned i = 0; i <= WORKERS; i++)
		pthread_join(keepers[i].thread, NULL);
	if (lend__slots_alive(&slots))
		fail("left over", lend__slots_alive(&slots));
	lend__slots_return_all(&slots);
	if (slots.out)
		fail("lost", slots.out);
	lend__slots_fini(&slots);
	return 0;
}
