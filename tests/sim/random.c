/*
 * Chance: splitmix64, which is short, fast, and good enough to choose among
 * a handful of things.
 */
#include "sim.h"

uint64_t sim_random_next(struct sim_random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned sim_random_below(struct sim_random *random, unsigned n)
{
	return (unsigned)((sim_random_next(random) >> 32) * n >> 32);
}

unsigned sim_random_from(struct sim_random *random, unsigned low, unsigned high)
{
	return low + sim_random_below(random, high - low + 1);
}

bool sim_random_chance(struct sim_random *random, unsigned per_myriad)
{
	return per_myriad && sim_random_below(random, 10000) < per_myriad;
}
