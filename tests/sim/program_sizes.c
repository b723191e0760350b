/*
 * A program of a scenario that changes how many workers and rings there are,
 * while the others are at work and should not notice.
 */
#include <errno.h>

#include "kernel.h"
#include "program.h"

static uint64_t draw_deadline(void)
{
	return sim_draw(0, 2) ? LEND_FOREVER :
				lend_after(sim_draw(0, 5000) * LEND_US);
}

/* It may be too busy to be done in time, and others may be at it. */
static void check(int err)
{
	SIM_EXPECT(!err || err == -ETIMEDOUT || err == -EBUSY, "resize: %d",
		   err);
}

int sim_program_sizes(void *arg)
{
	const struct lend_options *options = &sim.knobs.options;
	struct lend_runtime *runtime = lend_runtime_current();

	(void)arg;
	if (!sim.knobs.resizes)
		return 0;
	for (unsigned i = sim_draw(1, 6); i > 0; i--) {
		uint64_t deadline = draw_deadline();

		if (options->mode == LEND_RING_PRIVATE || sim_draw(0, 1)) {
			unsigned workers = sim_draw(1, options->workers_max);

			sim_trace("workers", workers, 0, 0);
			check(lend_runtime_set_workers(runtime, workers,
						       deadline));
		} else {
			unsigned rings = sim_draw(1, options->rings_max);

			sim_trace("rings", rings, 0, 0);
			check(lend_runtime_set_rings(runtime, rings, deadline));
		}
		sim_trace("resized", lend_runtime_workers(runtime),
			  lend_runtime_rings(runtime), 0);
		if (sim_draw(0, 1))
			lend_sleep(lend_after(sim_draw(0, 500) * LEND_US));
	}
	return 0;
}
