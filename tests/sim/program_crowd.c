/*
 * The scenario of --crowd: a thousand actors that compete for 64 workers, or in
 * some seeds for one or two. They begin on one worker, so all the others have
 * to steal; then they yield, wake each other, sleep and compute, in any order.
 * Nobody may be lost: all are joined, and each has to have done its share. Who
 * waits for how long is checked in queue.c.
 */
#include <errno.h>

#include "program.h"

#define CROWD	  1000
#define STEPS_MAX 12

static lend_ref members[CROWD];
static unsigned done[CROWD];

/* What may be left over for a member that has ended, or has not been spawned.
 */
static void rouse(unsigned member)
{
	int err = lend_unpark(members[member]);

	SIM_EXPECT(!err || err == -ESRCH, "unpark: %d", err);
}

static void step(void)
{
	int err;

	switch (sim_draw(0, 9)) {
	case 0:
		lend_sleep(lend_after(sim_draw(0, 200) * LEND_US));
		break;
	case 1:
		sim_burn(sim_draw(1, 100) * LEND_US);
		break;
	case 2:
	case 3:
		/* For a moment, if nobody comes. */
		err = lend_park(lend_after(sim_draw(1, 300) * LEND_US));
		SIM_EXPECT(!err || err == -ETIMEDOUT, "park: %d", err);
		break;
	case 4:
	case 5:
		rouse(sim_draw(0, CROWD - 1));
		break;
	default:
		lend_yield();
	}
}

static int member(void *arg)
{
	unsigned self = sim_number(arg), steps = sim_draw(1, STEPS_MAX);

	for (unsigned i = 0; i < steps; i++)
		step();
	done[self]++;
	return (int)self;
}

int sim_program_crowd(void *arg)
{
	const struct lend_spawn_options here = { .joinable = true };

	(void)arg;
	for (unsigned i = 0; i < CROWD; i++) {
		int err = lend_spawn(member, (void *)(uintptr_t)i, &here,
				     &members[i]);

		SIM_EXPECT(!err, "spawn: %d", err);
	}
	for (unsigned i = 0; i < CROWD; i++)
		sim_join(members[i], (int)i);
	for (unsigned i = 0; i < CROWD; i++)
		SIM_EXPECT(done[i] == 1, "member %u ran %u times", i, done[i]);
	return 0;
}
