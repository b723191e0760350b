/*
 * Goal:   on 16 workers that steal from each other all the time nobody is lost,
 *         or runs on two of them at once.
 * Method: more workers than CPUs. Actors begin on one worker; each yields,
 * wakes another, parks for a moment, computes and spawns one more, at random,
 *         for a number of steps. Who runs says so, and what it writes meanwhile
 *         is plain memory, so that ThreadSanitizer sees two at it. Work is
 *         counted, not time.
 *
 * usage: stress_steal [seed]
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "harness/harness.h"

#define WORKERS 16
#define ROOTS	200
#define STEPS	40
#define TURNS	2 /* of runtimes in each mode */

struct member {
	uint64_t random;
	lend_ref ref; /* [atomic: ready] */
	_Atomic bool ready;
	_Atomic bool runs;
	unsigned steps; /* plain: its own actor's */
};

static struct member members[ROOTS];
static void enter(struct member *self)
{
	CHECK(!atomic_exchange_explicit(&self->runs, true,
					memory_order_relaxed));
}

/* Before a call that may suspend. Relaxed: an order here would hide what the
 * library leaves out. */
static void leave(struct member *self)
{
	self->steps++;
	CHECK(atomic_exchange_explicit(&self->runs, false,
				       memory_order_relaxed));
}

static int child(void *arg)
{
	(void)arg;
	lend_yield();
	return 0;
}

static void rouse(struct member *other)
{
	int err = 0;

	if (atomic_load_explicit(&other->ready, memory_order_acquire))
		err = lend_unpark(other->ref);
	CHECK(err == 0 || err == -ESRCH);
}

static void compute(uint64_t *random)
{
	for (unsigned i = test_random(random) % 2000; i > 0; i--)
		__asm__ volatile("" ::: "memory");
}

static void step(struct member *self)
{
	uint64_t how = test_random(&self->random);
	int err;

	compute(&self->random);
	rouse(&members[how / 8 % ROOTS]);
	leave(self);
	switch (how % 8) {
	case 0:
	case 1:
		err = lend_park(lend_after(how / 8 % 200 * LEND_US));
		CHECK(err == 0 || err == -ETIMEDOUT);
		break;
	case 2:
		CHECK_EQ(lend_join(test_spawn(child, NULL), LEND_FOREVER, NULL),
			 0);
		break;
	default:
		CHECK_EQ(lend_yield(), 0);
	}
	enter(self);
}

static int live(void *arg)
{
	struct member *self = arg;

	enter(self);
	for (unsigned i = 0; i < STEPS; i++)
		step(self);
	leave(self);
	return 0;
}

static int root(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROOTS; i++) {
		members[i].ref = test_spawn(live, &members[i]);
		/* Release, paired with rouse(). */
		atomic_store_explicit(&members[i].ready, true,
				      memory_order_release);
	}
	for (unsigned i = 0; i < ROOTS; i++) {
		CHECK_EQ(lend_join(members[i].ref, LEND_FOREVER, NULL), 0);
		CHECK_EQ(members[i].steps, STEPS + 1);
	}
	return 0;
}

static enum lend_ring_mode mode;
static uint64_t seed;

static int one_runtime(void)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	const struct lend_options options = {
		.mode = mode,
		.workers = WORKERS,
		.rings = mode == LEND_RING_PRIVATE ? WORKERS : 4,
	};
	struct lend_runtime *runtime;
	struct lend_stats stats;
	lend_ref ref;

	for (unsigned i = 0; i < ROOTS; i++) {
		members[i] = (struct member){ 0 };
		members[i].random = test_random(&seed);
	}
	if (!CHECK_EQ(lend_runtime_new(&options, &runtime), 0))
		return 1;
	CHECK_EQ(lend_runtime_spawn(runtime, root, NULL, &joinable, &ref), 0);
	CHECK_EQ(lend_runtime_join(runtime, ref, NULL), 0);
	lend_stats_read(runtime, &stats);
	printf("%llu turns, %llu stolen, %llu wakes\n",
	       (unsigned long long)stats.switches,
	       (unsigned long long)stats.steals,
	       (unsigned long long)stats.wakes);
	lend_runtime_free(runtime);
	return 0;
}

int main(int argc, char **argv)
{
	static const enum lend_ring_mode modes[] = { LEND_RING_BORROWED,
						     LEND_RING_PRIVATE,
						     LEND_RING_SHARED };

	test_init(1, argv, 60);
	seed = test_seed(argc, argv, 1);
	for (unsigned turn = 0; turn < 3 * TURNS; turn++) {
		char name[96];

		mode = modes[turn % 3];
		snprintf(name, sizeof(name), "%s:%u seed %llu",
			 lend_ring_mode_name(mode), WORKERS,
			 (unsigned long long)seed);
		test_watchdog(60);
		test_plain(name, one_runtime);
	}
	return test_finish();
}
