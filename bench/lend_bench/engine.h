/*
 * One run: start the process under test, put load on it or let it work, read
 * its counters, end it, judge what came out.
 */
#ifndef LEND_BENCH_ENGINE_H
#define LEND_BENCH_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lend_bench/config.h"
#include "lend_bench/subject.h"

struct engine_times {
	uint64_t warmup_ns;
	uint64_t window_ns;
	uint64_t patience_ns; /* beyond what it should take: it hangs */
};

/* What happened within the window, unless a line says otherwise. */
struct run {
	const struct config *config;
	unsigned repeat;
	unsigned order; /* among all runs of the series */

	/* Every answer was right, every operation was answered, in the whole
	 * run; if not, @failure says in a line what was wrong. */
	bool verified;
	char failure[512];
	int error; /* -errno of the runtime's start, or 0 */

	double seconds;
	uint64_t operations;
	uint64_t errors; /* of the whole run, as is @lost */
	uint64_t lost;
	double cpu_seconds;
	double others_percent;	 /* of one CPU, used by programs not ours */
	struct lend_stats stats; /* differences; .actors is as at the end */
	struct extras extras;
	const struct histogram *latency; /* empty if it is not measured */
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
