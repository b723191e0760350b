/*
 * The result files: JSON with everything, CSV with a line for each run.
 *
 * A run is written as soon as it is over. Files are complete only after
 * output_close(): until then they have another name. What is no file (a pipe, a
 * device, the standard output under its name) is written as it goes.
 */
#ifndef LEND_BENCH_OUTPUT_H
#define LEND_BENCH_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "lend_bench/run.h"

struct output {
	FILE *file;	  /* NULL: not wanted */
	const char *path; /* as it was asked for */
	char *place;	  /* where it will be */
	char *partial;	  /* where it is until then; NULL: there */
	bool is_csv;
	int error; /* errno of the first failure */
	unsigned runs;
};

/* @path NULL opens nothing. False after a line on standard error. */
bool output_open(struct output *output, const char *path, bool is_csv,
		 char **command);
void output_run(struct output *output, const struct run *run);
/* False after a line on standard error: the file could not be written. */
bool output_close(struct output *output);

#endif
