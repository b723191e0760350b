/*
 * Processors: see cpu.h.
 */
#include "base/cpu.h"

#include <sched.h>

unsigned lend__cpu_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) || CPU_COUNT(&set) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}
