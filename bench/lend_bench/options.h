/*
 * The command line of `lend-bench run`.
 */
#ifndef LEND_BENCH_OPTIONS_H
#define LEND_BENCH_OPTIONS_H

#include "lend_bench/config.h"
#include "lend_bench/params.h"

#define SELECTED_MAX 64

struct options {
	unsigned workloads[SELECTED_MAX];
	unsigned workloads_count;
	enum lend_ring_mode modes[MODES_MAX];
	unsigned modes_count;
	struct list workers;
	struct list rings;		 /* empty: auto */
	struct list depths;		 /* empty: the workload's */
	struct list params[PARAM_COUNT]; /* empty: the workload's */
	unsigned repeats;
	double seconds;
	double warmup_s;
	double patience_s;
	unsigned others_percent; /* more of others' work: measure again */
	unsigned retries;	 /* so many times */
	uint64_t seed;
	const char *json;
	const char *csv;
	enum tamper tamper;
	bool pin;
	bool quiet;
	bool help;
};

/* False after a line on standard error. */
bool options_read(int argc, char **argv, struct options *ret_options);

/* Write what `lend-bench run --help` says. */
void options_help(void);

#endif
