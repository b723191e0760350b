/*
 * Loops of a known cost: see spin.h.
 */
#include "lend_bench/spin.h"

#include <time.h>

#define TRIES	    10
#define TRY_COUNT   UINT64_C(1000000)
#define CHAIN_START UINT64_C(88172645463325252)

/* [const] after spin_calibrate() */
static double rounds_per_us = 1000;

/* Each round needs the one before, so they do not overlap. */
static void rounds(uint64_t count)
{
	uint64_t value = CHAIN_START;

	for (uint64_t i = 0; i < count; i++) {
		value ^= value << 13;
		value ^= value >> 7;
		value ^= value << 17;
		/* Whatever the compiler knows about it, it must compute it. */
		__asm__ volatile("" : "+r"(value));
	}
}

static double used_us(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

void spin_calibrate(void)
{
	double best_us = 0;

	/* The fastest try is the one that nobody disturbed. */
	for (int i = 0; i < TRIES; i++) {
		double took_us = -used_us();

		rounds(TRY_COUNT);
		took_us += used_us();
		if (i == 0 || took_us < best_us)
			best_us = took_us;
	}
	if (best_us > 0)
		rounds_per_us = (double)TRY_COUNT / best_us;
}

void spin(uint64_t span_us)
{
	rounds((uint64_t)((double)span_us * rounds_per_us));
}
