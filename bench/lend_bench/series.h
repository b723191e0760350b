/*
 * All runs of all configurations, interleaved.
 */
#ifndef LEND_BENCH_SERIES_H
#define LEND_BENCH_SERIES_H

#include "lend_bench/options.h"

/**
 * Run what the options ask for; @command is what the JSON file will name.
 *
 * Return: the exit status
 */
int series_run(const struct options *options, char **command);

#endif
