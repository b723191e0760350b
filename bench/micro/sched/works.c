/*
 * The workloads there are, in the order in which they are listed.
 */
#include "works.h"

#include <string.h>

const struct crowd_work *const crowd_works[] = {
	&crowd_cycle,
	&crowd_cycle_1,
	&crowd_yield,
	&crowd_yield_1,
	&crowd_yield_if_needed,
	&crowd_churn,
	&crowd_locality,
	&crowd_locality_own,
	&crowd_transfer_yield,
	&crowd_transfer_park,
	&crowd_transfer_all,
	&crowd_spawn,
	&crowd_spawn_many,
	&crowd_pingpong,
	&crowd_pingpong_far,
	&crowd_fan_in_1,
	&crowd_fan_in_16,
	&crowd_wake_latency,
	&crowd_wait_1000,
	&crowd_timer,
	&crowd_timer_move,
	&crowd_sleep,
	NULL,
};

const struct crowd_work *crowd_work_find(const char *name)
{
	for (unsigned i = 0; crowd_works[i]; i++)
		if (strcmp(crowd_works[i]->name, name) == 0)
			return crowd_works[i];
	return NULL;
}
