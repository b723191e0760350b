/*
 * Opening, closing and the CSV file: see output.h. JSON is output_json.c's.
 */
#include "lend_bench/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lend_bench/output_json.h"
#include "lend_bench/say.h"
#include "lend_bench/workload.h"

/* ---- CSV ---- */

static void csv_begin(FILE *file)
{
	fputs("workload,mode,workers,rings,depth,variant,repeat,order,seconds,"
	      "operations,errors,lost,verified,cpu_seconds,ops_per_s,"
	      "cpu_ns_per_op,enters_per_op,latency_count,min_ns,mean_ns,p50_ns,"
	      "p90_ns,p99_ns,p99_9_ns,p99_99_ns,max_ns,granted,recalled,seized,"
	      "returned,waits,helped,stalls,kicks,extra,failure\n",
	      file);
}

static void csv_latency(FILE *file, const struct histogram *latency)
{
	static const double fractions[] = { 0.5, 0.9, 0.99, 0.999, 0.9999 };

	if (!latency->total) {
		fputs(",,,,,,,,,", file);
		return;
	}
	fprintf(file, ",%" PRIu64 ",%" PRIu64 ",%.0f", latency->total,
		latency->min_ns,
		(double)latency->sum_ns / (double)latency->total);
	for (size_t i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++)
		fprintf(file, ",%" PRIu64, histogram_ns(latency, fractions[i]));
	fprintf(file, ",%" PRIu64, latency->max_ns);
}

/* Quoted; a quotation mark is doubled. */
static void csv_text(FILE *file, const char *text)
{
	fputs(",\"", file);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', file);
		fputc(*text == '\n' ? ' ' : *text, file);
	}
	fputc('"', file);
}

static void csv_run(FILE *file, const struct run *run)
{
	const struct config *config = run->config;
	const struct lend_stats *stats = &run->stats;
	char extra[1024] = "";
	size_t used = 0;

	fprintf(file, "%s,%s,%u,%u,%u", workload_at(config->workload)->name,
		lend_ring_mode_name(config->mode), config->workers,
		config->rings, config->depth);
	csv_text(file, config->variant);
	fprintf(file, ",%u,%u,%.6f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s",
		run->repeat, run->order, run->seconds, run->operations,
		run->errors, run->lost, run->verified ? "true" : "false");
	fprintf(file, ",%.6f,%.1f,%.1f,%.5f", run->cpu_seconds, run_rate(run),
		run_cpu_ns(run), run_enters(run));
	csv_latency(file, run->latency);
	fprintf(file,
		",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
		stats->total.granted, stats->total.recalled,
		stats->total.seized, stats->total.returned, stats->waits,
		stats->helped, stats->stalls, stats->kicks);
	for (unsigned i = 0; i < run->extras.count; i++)
		used += (size_t)snprintf(extra + used, sizeof(extra) - used,
					 "%s%s=%g", used ? ";" : "",
					 run->extras.list[i].name,
					 run->extras.list[i].value);
	csv_text(file, extra);
	csv_text(file, run->failure);
	fputc('\n', file);
}

/* ---- files ---- */

/* A link is followed, so that it stays one. What is no file is not replaced by
 * one: the null device least of all, which root could do. */
static void places_find(struct output *output)
{
	struct stat status;

	output->place = realpath(output->path, NULL);
	if (!output->place)
		output->place = strdup(output->path);
	if (!output->place)
		abort();
	/* Of a link that leads nowhere yet this is the link. */
	if (lstat(output->place, &status) == 0 && !S_ISREG(status.st_mode))
		return;
	if (asprintf(&output->partial, "%s.partial", output->place) < 0)
		abort();
}

static void places_forget(struct output *output)
{
	free(output->place);
	free(output->partial);
}

bool output_open(struct output *output, const char *path, bool is_csv,
		 char **command)
{
	*output = (struct output){ .path = path, .is_csv = is_csv };
	if (!path)
		return true;
	places_find(output);
	output->file = fopen(output->partial ? output->partial : output->place,
			     "w");
	if (!output->file) {
		bench_say(
			"--%s: \"%s\" can not be written: %s; choose a place that can",
			is_csv ? "csv" : "json", path, strerror(errno));
		places_forget(output);
		return false;
	}
	if (is_csv)
		csv_begin(output->file);
	else
		json_begin(output->file, command);
	return true;
}

/* The first one says why; what follows may be its consequence. */
static void note_error(struct output *output, int result)
{
	if (result && !output->error)
		output->error = errno;
}

void output_run(struct output *output, const struct run *run)
{
	if (!output->file)
		return;
	if (output->is_csv)
		csv_run(output->file, run);
	else
		json_run(output->file, run, output->runs == 0);
	output->runs++;
	/* So that a series that is broken off leaves something to read. */
	note_error(output, fflush(output->file));
}

bool output_close(struct output *output)
{
	if (!output->file)
		return true;
	if (!output->is_csv)
		json_end(output->file);
	note_error(output, fclose(output->file));
	if (!output->error && output->partial)
		note_error(output, rename(output->partial, output->place));
	if (output->error)
		bench_say("\"%s\" could not be written: %s", output->path,
			  strerror(output->error));
	output->file = NULL;
	places_forget(output);
	return !output->error;
}
