/*
 * Keeping processes apart: see pin.h.
 */
#include "lend_bench/pin.h"

#include <sched.h>

/* [const] after the first call, which is the engine's, before it pins itself;
 * a child inherits it. */
static cpu_set_t allowed;

unsigned pin_cpus(void)
{
	if (!CPU_COUNT(&allowed) &&
	    sched_getaffinity(0, sizeof(allowed), &allowed))
		return 0;
	return (unsigned)CPU_COUNT(&allowed);
}

void pin_process(bool is_runtime)
{
	cpu_set_t mine;
	int first = 0;

	if (pin_cpus() < 2)
		return;
	mine = allowed;
	while (!CPU_ISSET(first, &mine))
		first++;
	if (is_runtime) {
		CPU_CLR(first, &mine);
	} else {
		CPU_ZERO(&mine);
		CPU_SET(first, &mine);
	}
	/* If it may not, it runs anywhere, as without the option. */
	sched_setaffinity(0, sizeof(mine), &mine);
}

void pin_nowhere(void)
{
	if (pin_cpus() > 1)
		sched_setaffinity(0, sizeof(allowed), &allowed);
}
