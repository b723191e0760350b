/*
 * What one run was, and what that is a second and an operation.
 */
#ifndef LEND_BENCH_RUN_H
#define LEND_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "lend_bench/config.h"
#include "lend_bench/subject.h"

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

/* Operations a second, and so on; 0 if there were none. */
double run_rate(const struct run *run);
double run_cpu_ns(const struct run *run);
double run_enters(const struct run *run);

#endif
