/*
 * A file that `lend-bench run --json` has written, read and checked.
 *
 * doc/benchmarks.md has the format ("lend-bench/1").
 */
#ifndef LEND_BENCH_RESULT_FILE_H
#define LEND_BENCH_RESULT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "lend_bench/arena.h"
#include "lend_bench/summary.h"

/* What can happen to loans; result_loan_names has them in this order. */
#define RESULT_LOANS 7
extern const char *const result_loan_names[RESULT_LOANS];

/* A figure that only this workload has. */
struct result_extra {
	const char *name;
	double value;
};

struct result_latency {
	double count; /* 0: latency was not measured */
	double min, mean, max;
	struct summary_bucket *buckets; /* ascending, none empty */
	size_t bucket_count;
};

/* One measurement of one configuration. Strings are in UTF-8. */
struct result_run {
	const char *workload, *mode,
		*variant; /* variant: "" if there is none */
	unsigned workers, rings, depth, repeat, order;
	double seconds, operations, errors;
	bool verified;
	const char *failure; /* what went wrong, if that is known; else NULL */
	double cpu_seconds;
	double ops_per_s, cpu_ns_per_op, enters_per_op; /* NAN: unknown */
	struct result_latency latency;
	bool has_loans;
	double loans[RESULT_LOANS]; /* NAN: unknown */
	struct result_extra *extras;
	size_t extra_count;
	size_t file;  /* which of the files that were read */
	size_t index; /* in its file's "runs" */
};

struct result_host {
	const char *cpu, *kernel, *compiler, *lend;
	unsigned cpus;
};

struct result_file {
	const char *path;
	const char *started;
	struct result_host host;
	const char *command; /* as one would type it */
	struct result_run *runs;
	size_t run_count;
};

/* Did every operation of this run succeed, with the right result? Others are
 * shown, but not summed up. */
bool result_run_good(const struct result_run *run);

/* What is wrong with it, in a few words; NULL if nothing is. */
const char *result_run_fault(struct arena *arena, const struct result_run *run);

/**
 * Read a file.
 *
 * @number    what the runs' file shall be
 * @ret_file  lives as long as @arena; so does the path
 *
 * Return: NULL, or one line that says what is wrong and where, with the path
 */
const char *result_file_read(struct arena *arena, const char *path,
			     size_t number, struct result_file *ret_file);

#endif
