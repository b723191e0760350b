/*
 * Repeats of a plan: see series.h.
 *
 * Whatever slows the whole machine for longer than a run slows all modes of a
 * repeat, so ratios within one hold where absolute figures do not.
 */
#include "lend_bench/series.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lend_bench/engine.h"
#include "lend_bench/output.h"
#include "lend_bench/plan.h"
#include "lend_bench/say.h"
#include "lend_bench/table.h"
#include "lend_bench/workload.h"

static volatile sig_atomic_t interrupted;

struct series {
	const struct options *options;
	struct plan plan;
	struct table *table;
	struct output json;
	struct output csv;
	unsigned *order; /* of a repeat */
	unsigned done;	 /* runs */
	unsigned failed;
	bool no_ring; /* io_uring can not be used: go no further */
};

static void on_signal(int signal)
{
	(void)signal;
	interrupted = 1;
}

/* The first ends the series after the present run, the second at once. */
static void signals_prepare(void)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = (int)SA_RESETHAND };

	interrupted = 0;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* One line that is drawn again; nothing where nobody sits. */
static void progress(const struct series *series, const struct config *config)
{
	unsigned total = series->options->repeats * series->plan.count;

	if (series->options->quiet || !isatty(STDERR_FILENO))
		return;
	if (config)
		fprintf(stderr, "\r\033[K[%u/%u] %s %s, %u workers %s",
			series->done + 1, total,
			workload_at(config->workload)->name,
			lend_ring_mode_name(config->mode), config->workers,
			config->variant);
	else
		fputs("\r\033[K", stderr);
	if (config && series->failed)
		fprintf(stderr, " (%u failed)", series->failed);
	fflush(stderr);
}

static bool is_no_ring(int error)
{
	return error == -ENOSYS || error == -EPERM || error == -EOPNOTSUPP;
}

/* A run, with a histogram of its own. */
struct kept {
	struct run run;
	struct histogram latency;
};

static void keep(struct kept *kept, const struct run *run)
{
	kept->run = *run;
	kept->latency = *run->latency;
	kept->run.latency = &kept->latency;
}

/*
 * Measure, and again if others disturbed it too much. What is repeated, and
 * what is kept, depends on others' work alone and never on the figures; a run
 * that failed is not repeated.
 */
static void measure(const struct series *series, const struct config *config,
		    struct kept *best)
{
	const struct options *options = series->options;
	const struct engine_times times = {
		.warmup_ns = (uint64_t)(options->warmup_s * 1e9),
		.window_ns = (uint64_t)(options->seconds * 1e9),
		.patience_ns = (uint64_t)(options->patience_s * 1e9),
	};

	for (unsigned i = 0; i <= options->retries; i++) {
		struct run run;
		bool good = engine_run(config, &times, &run);

		if (i == 0 || !good ||
		    run.others_percent < best->run.others_percent)
			keep(best, &run);
		if (!good || interrupted ||
		    best->run.others_percent <= options->others_percent)
			return;
	}
}

static void run_one(struct series *series, unsigned index, unsigned repeat)
{
	struct config *config = &series->plan.configs[index];
	/* Large. */
	static struct kept kept;
	struct run *run = &kept.run;

	progress(series, config);
	/* The same for all modes of a repeat. */
	config->seed = series->options->seed + repeat;
	measure(series, config, &kept);
	if (!run->verified) {
		progress(series, NULL);
		bench_say("%s, %s, %u worker%s%s%s: %s",
			  workload_at(config->workload)->name,
			  lend_ring_mode_name(config->mode), config->workers,
			  config->workers == 1 ? "" : "s",
			  config->variant[0] ? ", " : "", config->variant,
			  run->failure);
		series->failed++;
		series->no_ring = is_no_ring(run->error);
	}
	run->repeat = repeat;
	run->order = series->done++;
	output_run(&series->json, run);
	output_run(&series->csv, run);
	table_add(series->table, index, run);
}

static void run_all(struct series *series)
{
	const struct options *options = series->options;

	for (unsigned r = 0; r < options->repeats; r++) {
		plan_shuffle(&series->plan, options->seed, r, series->order);
		for (unsigned i = 0; i < series->plan.count; i++) {
			if (interrupted || series->no_ring)
				return;
			run_one(series, series->order[i], r);
		}
	}
}

static int status_of(const struct series *series, bool written)
{
	if (series->no_ring)
		return BENCH_NO_RING;
	if (series->failed)
		bench_say(
			"%u of %u runs failed; their figures are in no median",
			series->failed, series->done);
	if (series->failed || !written)
		return BENCH_BROKEN;
	return interrupted ? BENCH_INTERRUPTED : BENCH_DONE;
}

int series_run(const struct options *options, char **command)
{
	struct series series = { .options = options };
	int status = BENCH_USAGE;
	bool written;

	if (!plan_make(options, &series.plan))
		return BENCH_USAGE;
	series.table = table_new(&series.plan, options->repeats);
	series.order = calloc(series.plan.count, sizeof(*series.order));
	if (!series.table || !series.order)
		abort();
	if (!output_open(&series.json, options->json, false, command))
		goto free_memory;
	if (!output_open(&series.csv, options->csv, true, command))
		goto close_json;
	signals_prepare();
	run_all(&series);
	progress(&series, NULL);
	written = output_close(&series.csv);
	written = output_close(&series.json) && written;
	if (!options->quiet)
		table_print(series.table);
	status = status_of(&series, written);
	goto free_memory;
close_json:
	output_close(&series.json);
free_memory:
	table_free(series.table);
	free(series.order);
	plan_free(&series.plan);
	return status;
}
