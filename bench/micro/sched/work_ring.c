/*
 * Actors that do nothing but take turns.
 *
 *  cycle  rings of 5 actors: each wakes the next one and parks. A push to the
 *         run queue and a pop for each operation, and the number of runnable
 *         actors is not constant, so it can not be done as a swap.
 *  yield  each yields: a pop and a push by somebody known to run again.
 *  yield-if-needed  each asks whether it should, for ever: a call that is
 *         meant to cost next to nothing, and one in ten thousand that yields.
 *
 * "1" in a name: so few that every actor finds an empty run queue.
 */
#include "works.h"

#define RING	       5
#define RINGS_A_WORKER 100

static unsigned count_cycle(unsigned workers)
{
	return RING * RINGS_A_WORKER * workers;
}

static unsigned count_cycle_1(unsigned workers)
{
	return RING * workers;
}

/* A whole ring begins on one worker. */
static unsigned place_ring(const struct crowd *crowd, unsigned index)
{
	return index / RING % crowd->workers + 1;
}

static int run_cycle(struct crowd_member *self)
{
	unsigned first = self->index / RING * RING;
	struct crowd_member *next =
		&self->crowd->members[first + (self->index - first + 1) % RING];
	int err = 0;

	if (self->index == first)
		err = crowd_wake(next);
	while (!err) {
		err = crowd_park();
		if (!err)
			err = crowd_wake(next);
		crowd_count(self);
	}
	return err;
}

const struct crowd_work crowd_cycle = {
	.name = "cycle",
	.help = "100 rings of 5 a worker; an operation: wake the next, park",
	.count = count_cycle,
	.place = place_ring,
	.run = run_cycle,
};

const struct crowd_work crowd_cycle_1 = {
	.name = "cycle-1",
	.help = "the same with one ring a worker",
	.count = count_cycle_1,
	.place = place_ring,
	.run = run_cycle,
};

static unsigned count_yield(unsigned workers)
{
	return 100 * workers;
}

static unsigned count_yield_1(unsigned workers)
{
	return workers;
}

static int run_yield(struct crowd_member *self)
{
	int err;

	while (!(err = lend_yield()))
		crowd_count(self);
	return err;
}

const struct crowd_work crowd_yield = {
	.name = "yield",
	.help = "100 actors a worker; an operation: let the others run",
	.count = count_yield,
	.run = run_yield,
};

const struct crowd_work crowd_yield_1 = {
	.name = "yield-1",
	.help = "the same with one actor a worker",
	.count = count_yield_1,
	.run = run_yield,
};

static int run_yield_if_needed(struct crowd_member *self)
{
	int err;

	while (!(err = lend_yield_if_needed()))
		crowd_count(self);
	return err;
}

const struct crowd_work crowd_yield_if_needed = {
	.name = "yield-if-needed",
	.help = "one actor a worker; an operation: ask whether to yield",
	.count = count_yield_1,
	.run = run_yield_if_needed,
};
