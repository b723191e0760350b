/*
 * `lend-bench report`: from result files to a page one can read.
 */
#ifndef LEND_BENCH_REPORT_H
#define LEND_BENCH_REPORT_H

/**
 * Run the command; @argv[0] is its name, "report".
 *
 * What is wrong is said on standard error, in one line.
 *
 * Return: the exit status: 0; 1 if the page can not be written; 2 for a bad
 *         command line or a file that is no result
 */
int lend_bench_report(int argc, char **argv);

#endif
