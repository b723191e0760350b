/*
 * Reading /proc/stat: see machine.h.
 */
#include "lend_bench/machine.h"

#include <inttypes.h>
#include <lend/clock.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct machine_time machine_time(void)
{
	uint64_t user, nice, system, idle, wait, irq, softirq, stolen;
	uint64_t tick_ns = LEND_S / (uint64_t)sysconf(_SC_CLK_TCK);
	FILE *file = fopen("/proc/stat", "r");
	struct machine_time time = { 0 };

	if (!file)
		return time;
	if (fscanf(file,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &user, &nice, &system, &idle, &wait, &irq, &softirq,
		   &stolen) == 8) {
		time.busy_ns = (user + nice + system + irq + softirq) * tick_ns;
		time.stolen_ns = stolen * tick_ns;
	}
	fclose(file);
	return time;
}

uint64_t machine_own_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * LEND_S + (uint64_t)used.tv_nsec;
}
