/*
 * The command line of `lend-bench compare`.
 */
#ifndef LEND_BENCH_COMPARE_OPTIONS_H
#define LEND_BENCH_COMPARE_OPTIONS_H

#include <stdbool.h>

enum compare_metric {
	COMPARE_CPU,  /* processor time per operation */
	COMPARE_TIME, /* wall-clock time per operation */
	COMPARE_P50,
	COMPARE_P99,
	COMPARE_P99_9,
	COMPARE_METRICS
};
extern const char *const compare_metric_names[COMPARE_METRICS];

struct compare_options {
	const char *paths[2];	       /* before, after */
	double limit;		       /* 0.05: 5 % */
	bool metrics[COMPARE_METRICS]; /* one at least */
	const char *against;	       /* a mode; NULL: none */
	bool help;
};

/* False after a line on standard error. */
bool compare_options_read(int argc, char **argv,
			  struct compare_options *ret_options);

/* Write what `lend-bench compare --help` says. */
void compare_options_help(void);

#endif
