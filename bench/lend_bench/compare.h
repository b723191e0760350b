/*
 * `lend-bench compare`: has it become slower?
 */
#ifndef LEND_BENCH_COMPARE_H
#define LEND_BENCH_COMPARE_H

/**
 * Run the command; @argv[0] is its name, "compare".
 *
 * Return: the exit status: 0; 1 if there is a regression, or the results can
 *         not be written; 2 for a bad command line, a file that is no result,
 *         or files that have nothing to compare
 */
int lend_bench_compare(int argc, char **argv);

#endif
