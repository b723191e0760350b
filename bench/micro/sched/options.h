/*
 * The command line of lend-bench-micro.
 */
#ifndef BENCH_MICRO_OPTIONS_H
#define BENCH_MICRO_OPTIONS_H

#include "crowd.h"

#define OPTIONS_WORKS_MAX   64
#define OPTIONS_WORKERS_MAX 16

enum options_format {
	FORMAT_TABLE,
	FORMAT_CSV,
	FORMAT_JSON,
};

struct options {
	const struct crowd_work *works[OPTIONS_WORKS_MAX];
	unsigned work_count;
	unsigned workers[OPTIONS_WORKERS_MAX];
	unsigned workers_count;
	struct crowd_plan plan;
	enum options_format format;
};

/**
 * Read the command line; what is wrong with it is said on standard error.
 *
 * Return: 0
 *         1   there is nothing to do: help or a list was printed
 *         -1  it can not be understood
 */
int options_read(int argc, char **argv, struct options *ret_options);

#endif
