/*
 * Reading the command line of `lend-bench run`: see options.h.
 */
#include "lend_bench/options.h"

#include <errno.h>
#include <getopt.h>
#include <lend/runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend_bench/say.h"
#include "lend_bench/workload.h"

#define RINGS_MAX   256
#define DEPTH_MAX   4096
#define REPEATS_MAX 10000
#define SECONDS_MAX 86400
#define OTHERS_MAX  100000
#define RETRIES_MAX 1000

enum {
	OPT_PARAM = 1000, /* and the parameter's number */
	OPT_WORKLOAD = 1,
	OPT_MODES,
	OPT_WORKERS,
	OPT_RINGS,
	OPT_DEPTH,
	OPT_REPEAT,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_PATIENCE,
	OPT_SEED,
	OPT_JSON,
	OPT_CSV,
	OPT_TAMPER,
	OPT_OTHERS,
	OPT_RETRIES,
	OPT_PIN,
	OPT_QUIET,
	OPT_HELP,
};

static const struct option rules[] = {
	{ "workload", required_argument, NULL, OPT_WORKLOAD },
	{ "modes", required_argument, NULL, OPT_MODES },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "rings", required_argument, NULL, OPT_RINGS },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "repeat", required_argument, NULL, OPT_REPEAT },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "patience", required_argument, NULL, OPT_PATIENCE },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "csv", required_argument, NULL, OPT_CSV },
	{ "tamper", required_argument, NULL, OPT_TAMPER },
	{ "others", required_argument, NULL, OPT_OTHERS },
	{ "retries", required_argument, NULL, OPT_RETRIES },
	{ "pin", no_argument, NULL, OPT_PIN },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, OPT_HELP },
};
#define RULES_COUNT (sizeof(rules) / sizeof(rules[0]))

static void params_help(bool common)
{
	for (unsigned i = 0; i < PARAM_COUNT; i++)
		if (params[i].is_common == common)
			printf("  --%-15s  %s; %u to %u\n", params[i].name,
			       params[i].help, params[i].min, params[i].max);
}

void options_help(void)
{
	fputs("usage: lend-bench run --workload W[,W...] [OPTION...]\n"
	      "\n"
	      "Runs each configuration of each workload, all of them in each\n"
	      "repeat, in an order that changes; checks every answer.\n"
	      "\n"
	      "  --workload W[,W]   what to run, of what `lend-bench list` shows;\n"
	      "                     or all\n"
	      "  --modes M[,M]      borrowed, private, shared (all three)\n"
	      "  --workers N[,N]    threads (2)\n"
	      "  --rings N[,N]      io_uring instances; auto: as many as workers,\n"
	      "                     and half of that for few-rings (auto).\n"
	      "                     private has as many as workers always\n"
	      "  --depth N[,N]      submission slots of a ring (the workload's)\n"
	      "  --repeat N         times each configuration is run (5)\n"
	      "  --seconds S        length of the measured window (1)\n"
	      "  --warmup S         load before the window opens (0.2)\n"
	      "  --patience S       how much longer a run may take than it should\n"
	      "                     before it counts as hung (30)\n"
	      "  --pin              the load generator alone on the first CPU, the\n"
	      "                     runtime on the others\n"
	      "  --others P         measure again what was disturbed by other\n"
	      "                     programs using more than P percent of one CPU,\n"
	      "                     and keep the least disturbed (any)\n"
	      "  --retries N        how many times at most (3)\n"
	      "  --seed N           of the order and of the data (1)\n"
	      "  --json FILE        write all figures there\n"
	      "  --csv FILE         the same without histograms, one line a run\n"
	      "  --quiet            no progress, no table\n"
	      "\n"
	      "Parameters of workloads, each with a list of values; `lend-bench\n"
	      "list` says which workload has which, and its own values:\n"
	      "\n",
	      stdout);
	params_help(false);
	fputs("\nParameters of the runtime, for any workload:\n\n", stdout);
	params_help(true);
	fputs("\n"
	      "To test the bench itself: --tamper corrupt, lose or hang has each\n"
	      "run do one thing wrong, which must be found.\n"
	      "\n"
	      "Exit status: 0; 1 a run failed or an answer was wrong; 2 the\n"
	      "command line; 3 io_uring can not be used; 130 interrupted.\n",
	      stdout);
}

/* ---- values ---- */

static bool numbers_read(const char *name, const char *text, unsigned min,
			 unsigned max, struct list *list)
{
	const char *bad;
	int size;

	if (list_read(text, min, max, list, &bad, &size))
		return true;
	if (size < 0)
		bench_say(
			"--%s: \"%s\" has too many values; at most %d are possible",
			name, text, LIST_MAX);
	else
		bench_say("--%s: \"%.*s\" is not a number from %u to %u", name,
			  size, bad, min, max);
	return false;
}

static bool number_read(const char *name, const char *text, unsigned min,
			unsigned max, unsigned *ret_value)
{
	struct list list;

	if (!numbers_read(name, text, min, max, &list))
		return false;
	if (list.count != 1) {
		bench_say("--%s: \"%s\" is a list; give one number", name,
			  text);
		return false;
	}
	*ret_value = list.values[0];
	return true;
}

static bool seconds_read(const char *name, const char *text, double min,
			 double *ret_seconds)
{
	char *end;
	double value = strtod(text, &end);

	/* Written so that what is not a number fails, too. */
	if (end == text || *end || !(value >= min && value <= SECONDS_MAX)) {
		bench_say(
			"--%s: \"%s\" is not a number of seconds from %g to %d",
			name, text, min, SECONDS_MAX);
		return false;
	}
	*ret_seconds = value;
	return true;
}

static bool seed_read(const char *text, uint64_t *ret_seed)
{
	char *end;

	errno = 0;
	*ret_seed = strtoull(text, &end, 0);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno)
		return true;
	bench_say("--seed: \"%s\" is not a number of at most 64 bits", text);
	return false;
}

static bool modes_read(const char *text, struct options *options)
{
	options->modes_count = 0;
	for (;;) {
		size_t size = strcspn(text, ",");
		char name[16] = "";
		enum lend_ring_mode mode;

		if (size < sizeof(name))
			memcpy(name, text, size);
		if (lend_ring_mode_parse(name, &mode)) {
			bench_say(
				"--modes: \"%.*s\" is not a mode; use borrowed, private or shared",
				(int)size, text);
			return false;
		}
		for (unsigned i = 0; i < options->modes_count; i++) {
			if (options->modes[i] != mode)
				continue;
			bench_say(
				"--modes: \"%s\" is there twice; name each mode once",
				name);
			return false;
		}
		options->modes[options->modes_count++] = mode;
		if (!text[size])
			return true;
		text += size + 1;
	}
}

static bool workload_add(struct options *options, unsigned workload)
{
	for (unsigned i = 0; i < options->workloads_count; i++) {
		if (options->workloads[i] != workload)
			continue;
		bench_say(
			"--workload: \"%s\" is there twice; name each workload once",
			workload_at(workload)->name);
		return false;
	}
	options->workloads[options->workloads_count++] = workload;
	return true;
}

static bool workloads_read(const char *text, struct options *options)
{
	if (strcmp(text, "all") == 0) {
		for (unsigned i = 0; workload_at(i); i++)
			if (!workload_add(options, i))
				return false;
		return true;
	}
	for (;;) {
		size_t size = strcspn(text, ",");
		int found = workload_find(text, size);

		if (found < 0) {
			bench_say(
				"--workload: \"%.*s\" is not a workload; `lend-bench list` has them",
				(int)size, text);
			return false;
		}
		if (!workload_add(options, (unsigned)found))
			return false;
		if (!text[size])
			return true;
		text += size + 1;
	}
}

static bool tamper_read(const char *text, enum tamper *ret_tamper)
{
	static const char *const names[] = {
		[TAMPER_CORRUPT] = "corrupt",
		[TAMPER_LOSE] = "lose",
		[TAMPER_HANG] = "hang",
	};

	for (int i = TAMPER_CORRUPT; i <= TAMPER_HANG; i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_tamper = (enum tamper)i;
			return true;
		}
	}
	bench_say("--tamper: \"%s\" is none; use corrupt, lose or hang", text);
	return false;
}

/* ---- options ---- */

static bool apply(int option, const char *text, struct options *options)
{
	if (option >= OPT_PARAM) {
		const struct param_rule *rule = &params[option - OPT_PARAM];

		return numbers_read(rule->name, text, rule->min, rule->max,
				    &options->params[option - OPT_PARAM]);
	}
	switch (option) {
	case OPT_WORKLOAD:
		return workloads_read(text, options);
	case OPT_MODES:
		return modes_read(text, options);
	case OPT_WORKERS:
		return numbers_read("workers", text, 1, LEND_WORKERS_MAX,
				    &options->workers);
	case OPT_RINGS:
		options->rings.count = 0;
		return strcmp(text, "auto") == 0 ||
		       numbers_read("rings", text, 1, RINGS_MAX,
				    &options->rings);
	case OPT_DEPTH:
		return numbers_read("depth", text, 1, DEPTH_MAX,
				    &options->depths);
	case OPT_REPEAT:
		return number_read("repeat", text, 1, REPEATS_MAX,
				   &options->repeats);
	case OPT_SECONDS:
		return seconds_read("seconds", text, 0.001, &options->seconds);
	case OPT_WARMUP:
		return seconds_read("warmup", text, 0, &options->warmup_s);
	case OPT_PATIENCE:
		return seconds_read("patience", text, 0.1,
				    &options->patience_s);
	case OPT_SEED:
		return seed_read(text, &options->seed);
	case OPT_JSON:
		options->json = text;
		return true;
	case OPT_CSV:
		options->csv = text;
		return true;
	case OPT_TAMPER:
		return tamper_read(text, &options->tamper);
	case OPT_OTHERS:
		return number_read("others", text, 0, OTHERS_MAX,
				   &options->others_percent);
	case OPT_RETRIES:
		return number_read("retries", text, 0, RETRIES_MAX,
				   &options->retries);
	case OPT_PIN:
		options->pin = true;
		return true;
	case OPT_QUIET:
		options->quiet = true;
		return true;
	case OPT_HELP:
		options->help = true;
		return true;
	}
	return false;
}

static void complain(const char *argument, int option, bool no_value,
		     const struct option *known)
{
	const char *name = NULL;

	for (; option && known->name; known++)
		if (known->val == option)
			name = known->name;
	if (name && no_value)
		bench_say("--%s needs a value; see `lend-bench run --help`",
			  name);
	else if (name)
		bench_say("\"%s\": --%s takes no value; leave it out", argument,
			  name);
	else
		bench_say(
			"unknown option \"%s\"; `lend-bench run --help` lists the known ones",
			argument);
}

/* A parameter that none of the workloads has would silently do nothing. */
static bool params_check(const struct options *options)
{
	for (unsigned p = 0; p < PARAM_COUNT; p++) {
		bool used = !options->params[p].count || params[p].is_common;

		for (unsigned i = 0; i < options->workloads_count; i++)
			used |= workload_at(options->workloads[i])
					->defaults[p] != NULL;
		if (used)
			continue;
		bench_say(
			"--%s: none of the chosen workloads has it; leave it out, or see `lend-bench list`",
			params[p].name);
		return false;
	}
	return true;
}

bool options_read(int argc, char **argv, struct options *ret_options)
{
	struct options options = {
		.modes = { LEND_RING_BORROWED, LEND_RING_PRIVATE,
			   LEND_RING_SHARED },
		.modes_count = 3,
		.workers = { { 2 }, 1 },
		.repeats = 5,
		.seconds = 1,
		.warmup_s = 0.2,
		.patience_s = 30,
		.others_percent = OTHERS_MAX,
		.retries = 3,
		.seed = 1,
	};
	struct option known[RULES_COUNT + PARAM_COUNT + 1] = { 0 };
	int found;

	memcpy(known, rules, sizeof(rules));
	for (int i = 0; i < PARAM_COUNT; i++)
		known[RULES_COUNT + (unsigned)i] = (struct option){
			params[i].name, required_argument, NULL, OPT_PARAM + i
		};
	optind = 1;
	optopt = 0;
	while ((found = getopt_long(argc, argv, "+:h", known, NULL)) != -1) {
		if (found == 'h')
			found = OPT_HELP;
		if (found == '?' || found == ':') {
			complain(argv[optind - 1], optopt, found == ':', known);
			return false;
		}
		if (!apply(found, optarg, &options))
			return false;
		optopt = 0;
	}
	if (optind < argc && !options.help) {
		bench_say("unexpected argument \"%s\"; options begin with --",
			  argv[optind]);
		return false;
	}
	if (!options.workloads_count && !options.help) {
		bench_say(
			"nothing to run; use --workload W, or --workload all (`lend-bench list` has them)");
		return false;
	}
	*ret_options = options;
	return options.help || params_check(&options);
}
