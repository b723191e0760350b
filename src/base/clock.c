/*
 * The clock: see include/lend/clock.h.
 */
#include <lend/clock.h>

#include <time.h>

uint64_t lend_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * LEND_S + (uint64_t)now.tv_nsec;
}

uint64_t lend_after(uint64_t span_ns)
{
	uint64_t now = lend_now();

	return span_ns > LEND_FOREVER - now ? LEND_FOREVER : now + span_ns;
}
