/*
 * Processors: see cpu.h.
 */
#include "base/cpu.h"

#include <lend/clock.h>
#include <sched.h>
#include <time.h>

unsigned lend__cpu_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) || CPU_COUNT(&set) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

uint64_t lend__cpu_time(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * LEND_S + (uint64_t)used.tv_nsec;
}
