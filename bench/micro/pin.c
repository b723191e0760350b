/*
 * Threads that are kept to a processor each, so that what is between two
 * processors is measured, and nothing else.
 */
#include <sched.h>

#include "micro.h"

/* [const] once threads run, which inherit what their creator is kept to. */
static cpu_set_t allowed;

void micro_pin_init(void)
{
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		CPU_ZERO(&allowed);
}

bool micro_pin(bool last)
{
	int cpu = last ? CPU_SETSIZE - 1 : 0;
	cpu_set_t mine;

	if (CPU_COUNT(&allowed) < 2)
		return false;
	while (!CPU_ISSET(cpu, &allowed))
		cpu += last ? -1 : 1;
	CPU_ZERO(&mine);
	CPU_SET(cpu, &mine);
	return sched_setaffinity(0, sizeof(mine), &mine) == 0;
}
