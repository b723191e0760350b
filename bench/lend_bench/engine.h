/*
 * One run: start the process under test, put load on it or let it work, read
 * its counters, end it, judge what came out.
 */
#ifndef LEND_BENCH_ENGINE_H
#define LEND_BENCH_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lend_bench/run.h"

struct engine_times {
	uint64_t warmup_ns;
	uint64_t window_ns;
	uint64_t patience_ns; /* beyond what it should take: it hangs */
};

/**
 * @ret_run  always filled; what it points to is good until the next call
 *
 * Blocks: for the run.
 *
 * Return: is it verified?
 */
bool engine_run(const struct config *config, const struct engine_times *times,
		struct run *ret_run);

#endif
