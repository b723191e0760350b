/*
 * Called by compare.c.
 */
#include "lend_bench/compare_options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend_bench/say.h"

#define LIMIT_DEFAULT 0.05

const char *const compare_metric_names[COMPARE_METRICS] = { "cpu", "time",
							    "p50", "p99",
							    "p99.9" };

void compare_options_help(void)
{
	fputs("usage: lend-bench compare BEFORE AFTER [OPTION...]\n"
	      "\n"
	      "Compare two results of `lend-bench run --json`, configuration\n"
	      "by configuration: the factor from before to after, and the\n"
	      "interval that holds it with a probability of 95 %.\n"
	      "\n"
	      "  --limit PERCENT   what is no regression yet (5)\n"
	      "  --metric M[,M]    cpu, time (both of an operation), p50, p99,\n"
	      "                    p99.9 (cpu)\n"
	      "  --against MODE    compare the ratios to that mode in the same\n"
	      "                    repeat: they do not care that one file was\n"
	      "                    measured at a worse hour\n"
	      "\n"
	      "Exit status: 1 if a whole interval is above the limit, or runs\n"
	      "fail that did not; 2 if there is nothing to compare.\n",
	      stdout);
}

static bool read_limit(const char *text, double *ret_limit)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || *end || !isfinite(percent) || percent < 0) {
		bench_say("compare: --limit is a number of percent from 0, "
			  "not \"%s\"",
			  text);
		return false;
	}
	*ret_limit = percent / 100;
	return true;
}

static bool read_metrics(const char *text, bool *ret_metrics)
{
	memset(ret_metrics, 0, COMPARE_METRICS * sizeof(*ret_metrics));
	for (;;) {
		size_t length = strcspn(text, ",");
		unsigned i = 0;

		while (i < COMPARE_METRICS &&
		       (strlen(compare_metric_names[i]) != length ||
			strncmp(compare_metric_names[i], text, length) != 0))
			i++;
		if (i == COMPARE_METRICS) {
			bench_say("compare: unknown metric \"%.*s\"; see "
				  "--help",
				  (int)length, text);
			return false;
		}
		ret_metrics[i] = true;
		if (!text[length])
			return true;
		text += length + 1;
	}
}

static bool read_paths(int argc, char **argv, struct compare_options *options)
{
	if (argc - optind != 2) {
		bench_say("compare: two files are wanted, before and after, "
			  "not %d",
			  argc - optind);
		return false;
	}
	options->paths[0] = argv[optind];
	options->paths[1] = argv[optind + 1];
	return true;
}

bool compare_options_read(int argc, char **argv,
			  struct compare_options *ret_options)
{
	static const struct option known[] = {
		{ "limit", required_argument, NULL, 'l' },
		{ "metric", required_argument, NULL, 'm' },
		{ "against", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int found;

	*ret_options = (struct compare_options){
		.limit = LIMIT_DEFAULT,
		.metrics = { [COMPARE_CPU] = true },
	};
	optind = 0;
	while (good &&
	       (found = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		switch (found) {
		case 'l':
			good = read_limit(optarg, &ret_options->limit);
			break;
		case 'm':
			good = read_metrics(optarg, ret_options->metrics);
			break;
		case 'a':
			ret_options->against = optarg;
			break;
		case 'h':
			ret_options->help = true;
			return true;
		case ':':
			bench_say("compare: %s needs a value; see --help",
				  argv[optind - 1]);
			return false;
		default:
			bench_say("compare: unknown option \"%s\"; see --help",
				  argv[optind - 1]);
			return false;
		}
	}
	return good && read_paths(argc, argv, ret_options);
}
