/*
 * The simulated machine's CPUs: what they share, and where a thread runs, is
 * drawn from the seed, and changes while it runs.
 */
#include <sched.h>

#include "base/topology.h"
#include "sim.h"

#define CPUS 64

/* Apart from the others, so that it takes nothing from them. */
static struct sim_random random_cpu;

const struct lend_topology *__wrap_lend__topology(void);
const struct lend_topology *__wrap_lend__topology(void)
{
	static struct lend_topology topology;
	unsigned size = 1;

	random_cpu.state = sim.seed ^ UINT64_C(0x9e3779b97f4a7c15);
	for (unsigned level = 0; level < LEND_FAR; level++) {
		size *= sim_random_from(&random_cpu, 1, 4);
		for (unsigned cpu = 0; cpu < LEND_CPUS_MAX; cpu++)
			topology.groups[cpu][level] = (uint16_t)(cpu / size);
	}
	return &topology;
}

__typeof__(sched_getcpu) __wrap_sched_getcpu;
int __wrap_sched_getcpu(void)
{
	/* It stays where it was, more often than not. */
	if (!sim.current || sim_random_below(&random_cpu, 4))
		return sim.current ? sim.current->index % CPUS : -1;
	return (int)sim_random_below(&random_cpu, CPUS);
}
