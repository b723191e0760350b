/*
 * The JSON file, schema "lend-bench/1": see doc/benchmarks.md.
 */
#ifndef LEND_BENCH_OUTPUT_JSON_H
#define LEND_BENCH_OUTPUT_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include "lend_bench/run.h"

/* @command  NULL behind the last argument */
void json_begin(FILE *file, char **command);
void json_run(FILE *file, const struct run *run, bool is_first);
void json_end(FILE *file);

#endif
