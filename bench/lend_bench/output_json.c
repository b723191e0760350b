/*
 * Writing JSON: see output_json.h.
 */
#include "lend_bench/output_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "lend_bench/pin.h"
#include "lend_bench/workload.h"

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void text(FILE *file, const char *string)
{
	fputc('"', file);
	for (; *string; string++) {
		unsigned char c = (unsigned char)*string;

		if (c == '"' || c == '\\')
			fprintf(file, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			/* What is no ASCII may be no UTF-8 either. */
			fprintf(file, "\\u%04x", c);
		else
			fputc(c, file);
	}
	fputc('"', file);
}

static void cpu_model(char *model, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(model, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) == 0 && colon) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(model, size, "%s", colon + 2);
			break;
		}
	}
	if (file)
		fclose(file);
}

static void host(FILE *file)
{
	struct utsname names = { 0 };
	char model[200];

	uname(&names);
	cpu_model(model, sizeof(model));
	fputs(" \"host\": {\"cpu\": ", file);
	text(file, model);
	fprintf(file, ", \"cpus\": %u, \"kernel\": ", pin_cpus());
	text(file, names.release);
	fputs(", \"compiler\": ", file);
	text(file, COMPILER);
	fputs(", \"lend\": ", file);
	text(file, lend_version());
	fputs("},\n", file);
}

void json_begin(FILE *file, char **command)
{
	const char *disabled = getenv("LEND_DISABLE");
	time_t now = time(NULL);
	struct tm utc;
	char started[32];

	gmtime_r(&now, &utc);
	strftime(started, sizeof(started), "%Y-%m-%dT%H:%M:%SZ", &utc);
	fprintf(file, "{\"schema\": \"lend-bench/1\", \"started\": \"%s\",\n",
		started);
	host(file);
	fputs(" \"command\": [", file);
	/* It is a part of what was run, though not of the command line. */
	if (disabled && disabled[0]) {
		char word[512];

		snprintf(word, sizeof(word), "LEND_DISABLE=%s", disabled);
		text(file, word);
		fputs(", ", file);
	}
	for (unsigned i = 0; command[i]; i++) {
		fputs(i ? ", " : "", file);
		text(file, command[i]);
	}
	fputs("],\n \"runs\": [", file);
}

static void latency_write(FILE *file, const struct histogram *latency)
{
	static const struct {
		const char *name;
		double fraction;
	} percentiles[] = {
		{ "p50", 0.5 },	    { "p90", 0.9 },	  { "p99", 0.99 },
		{ "p99_9", 0.999 }, { "p99_99", 0.9999 },
	};
	const char *comma = "";

	fprintf(file,
		",\n  \"latency_ns\": {\"count\": %" PRIu64
		", \"min\": %" PRIu64 ", \"mean\": %.0f",
		latency->total, latency->min_ns,
		(double)latency->sum_ns / (double)latency->total);
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]);
	     i++)
		fprintf(file, ", \"%s\": %" PRIu64, percentiles[i].name,
			histogram_ns(latency, percentiles[i].fraction));
	fprintf(file, ", \"max\": %" PRIu64 ", \"buckets\": [",
		latency->max_ns);
	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
		if (!latency->counts[i])
			continue;
		fprintf(file, "%s[%" PRIu64 ",%" PRIu64 "]", comma,
			histogram_slot_end_ns(i), latency->counts[i]);
		comma = ",";
	}
	fputs("]}", file);
}

static void loans_write(FILE *file, const struct lend_stats *stats)
{
	fprintf(file,
		",\n  \"loans\": {\"granted\": %" PRIu64
		", \"recalled\": %" PRIu64 ", \"seized\": %" PRIu64
		", \"returned\": %" PRIu64 ", \"waits\": %" PRIu64
		", \"helped\": %" PRIu64 ", \"revoked_claims\": %" PRIu64 "}",
		stats->total.granted, stats->total.recalled,
		stats->total.seized, stats->total.returned, stats->waits,
		stats->helped, stats->claims_revoked);
}

static void number(FILE *file, const char *name, double value)
{
	text(file, name);
	/* JSON has no infinity. */
	if (isfinite(value))
		fprintf(file, ": %.10g", value);
	else
		fputs(": null", file);
}

static void extras_write(FILE *file, const struct run *run)
{
	const struct lend_stats *stats = &run->stats;
	const struct {
		const char *name;
		uint64_t value;
	} counters[] = {
		{ "steals", stats->steals },
		{ "steals_far", stats->steals_far },
		{ "parks", stats->parks },
		{ "wakes", stats->wakes },
		{ "switches", stats->switches },
		{ "stalls", stats->stalls },
		{ "kicks", stats->kicks },
		{ "stalled_ns", stats->stalled_ns },
	};

	fputs(",\n  \"extra\": {", file);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		number(file, counters[i].name, (double)counters[i].value);
		fputs(", ", file);
	}
	for (unsigned i = 0; i < run->extras.count; i++) {
		number(file, run->extras.list[i].name,
		       run->extras.list[i].value);
		fputs(", ", file);
	}
	number(file, "lost", (double)run->lost);
	fputs("}", file);
}

/* Without operations there is nothing to divide by, or nothing to tell. */
static void quotient(FILE *file, const struct run *run, const char *name,
		     double value)
{
	fputs(", ", file);
	number(file, name, run->operations ? value : NAN);
}

void json_run(FILE *file, const struct run *run, bool is_first)
{
	const struct config *config = run->config;

	fprintf(file,
		"%s\n {\"workload\": \"%s\", \"mode\": \"%s\", \"workers\": %u"
		", \"rings\": %u, \"depth\": %u, \"variant\": ",
		is_first ? "" : ",", workload_at(config->workload)->name,
		lend_ring_mode_name(config->mode), config->workers,
		config->rings, config->depth);
	text(file, config->variant);
	fprintf(file,
		",\n  \"repeat\": %u, \"order\": %u, \"seconds\": %.6f"
		", \"operations\": %" PRIu64 ", \"errors\": %" PRIu64
		", \"verified\": %s",
		run->repeat, run->order, run->seconds, run->operations,
		run->errors + run->lost, run->verified ? "true" : "false");
	if (run->failure[0]) {
		fputs(", \"failure\": ", file);
		text(file, run->failure);
	}
	fprintf(file, ",\n  \"cpu_seconds\": %.9f", run->cpu_seconds);
	quotient(file, run, "ops_per_s", run_rate(run));
	quotient(file, run, "cpu_ns_per_op", run_cpu_ns(run));
	quotient(file, run, "enters_per_op", run_enters(run));
	if (run->latency->total)
		latency_write(file, run->latency);
	loans_write(file, &run->stats);
	extras_write(file, run);
	fputc('}', file);
}

void json_end(FILE *file)
{
	fputs("\n ]}\n", file);
}
