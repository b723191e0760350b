/*
 * lend-bench-micro: what scheduling costs, by workloads that do nothing else.
 *
 * bench/micro.py runs it in turn with the same programs in Go, and compares.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "options.h"
#include "output.h"

static int measure(const struct options *options, struct crowd_slice *slices,
		   const struct crowd_work *work, unsigned workers)
{
	struct crowd_plan plan = options->plan;
	int err;

	plan.workers = workers;
	err = crowd_measure(work, &plan, slices);
	if (err == -EOPNOTSUPP)
		return 0;
	if (err) {
		fprintf(stderr, "lend-bench-micro: %s with %u workers: %s\n",
			work->name, workers,
			err == -EPROTO ? "nothing was done" :
					 lend_error_text(err));
		return err;
	}
	output_work(options->format, work, &plan, slices);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct crowd_slice *slices;
	int err = options_read(argc, argv, &options);

	if (err)
		return err > 0 ? 0 : 2;
	slices = calloc(options.plan.slices, sizeof(*slices));
	if (!slices)
		return 1;
	output_begin(options.format);
	for (unsigned i = 0; i < options.work_count; i++)
		for (unsigned j = 0; j < options.workers_count; j++)
			if (measure(&options, slices, options.works[i],
				    options.workers[j]))
				err = 1;
	output_end(options.format);
	free(slices);
	if (fflush(stdout) || ferror(stdout)) {
		fputs("lend-bench-micro: standard output could not be written\n",
		      stderr);
		err = 1;
	}
	return err;
}
