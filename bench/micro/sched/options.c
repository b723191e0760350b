/*
 * The command line: see options.h. Called by main.c.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: lend-bench-micro [OPTION...] [WORKLOAD...]\n"
	"\n"
	"What scheduling costs: nanoseconds of processor time and of the clock\n"
	"for an operation. All workloads, if none is named.\n"
	"\n"
	"  --workers N[,N...]  worker threads (1,2)\n"
	"  --slices N          looks at each workload, 1 to 1000 (9)\n"
	"  --ms N              time between two of them, 1 to 10000 (50)\n"
	"  --warmup-ms N       time before the first one, 0 to 10000 (50)\n"
	"  --mode MODE         private, shared or borrowed (borrowed)\n"
	"  --format FORMAT     table, csv or json (table)\n"
	"  --list              the workloads and what an operation of them is\n"
	"  --help              this text\n";

static int complain(const char *what, const char *text)
{
	fprintf(stderr, "lend-bench-micro: \"%s\" is not %s; see --help\n",
		text, what);
	return -1;
}

static int number_read(const char *text, char end, unsigned low, unsigned high,
		       const char **ret_rest, unsigned *ret_value)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 10);

	if (text[0] < '0' || text[0] > '9' ||
	    (*rest && (*rest != end || !rest[1])) || value < low ||
	    value > high)
		return -1;
	*ret_value = (unsigned)value;
	if (ret_rest)
		*ret_rest = *rest ? rest + 1 : rest;
	return 0;
}

static int workers_read(const char *text, struct options *options)
{
	const char *rest = text;

	options->workers_count = 0;
	do {
		if (options->workers_count == OPTIONS_WORKERS_MAX ||
		    number_read(rest, ',', 1, LEND_WORKERS_MAX, &rest,
				&options->workers[options->workers_count]))
			return complain("a list of numbers of workers", text);
		options->workers_count++;
	} while (*rest);
	return 0;
}

static int format_read(const char *text, enum options_format *ret_format)
{
	static const char *const names[] = { "table", "csv", "json" };

	for (unsigned i = 0; i < 3; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_format = (enum options_format)i;
			return 0;
		}
	return complain("a format", text);
}

static int list(void)
{
	for (unsigned i = 0; crowd_works[i]; i++)
		printf("%-15s %s\n", crowd_works[i]->name,
		       crowd_works[i]->help);
	return 1;
}

static int option_read(int option, const char *text, struct options *options)
{
	struct crowd_plan *plan = &options->plan;
	int err = 0;

	switch (option) {
	case 'w':
		return workers_read(text, options);
	case 's':
		err = number_read(text, 0, 1, 1000, NULL, &plan->slices);
		break;
	case 't':
		err = number_read(text, 0, 1, 10000, NULL, &plan->slice_ms);
		break;
	case 'u':
		err = number_read(text, 0, 0, 10000, NULL, &plan->warmup_ms);
		break;
	case 'm':
		return lend_ring_mode_parse(text, &plan->mode) ?
			       complain("a ring mode", text) :
			       0;
	case 'f':
		return format_read(text, &options->format);
	case 'l':
		return list();
	case 'h':
		fputs(help, stdout);
		return 1;
	default:
		return -1; /* getopt_long() has said why */
	}
	return err ? complain("a number in range", text) : 0;
}

static int works_read(char **names, unsigned count, struct options *options)
{
	for (unsigned i = 0; i < count; i++) {
		const struct crowd_work *work = crowd_work_find(names[i]);

		if (!work || i == OPTIONS_WORKS_MAX)
			return complain("a workload", names[i]);
		options->works[options->work_count++] = work;
	}
	for (unsigned i = 0; !count && crowd_works[i]; i++)
		options->works[options->work_count++] = crowd_works[i];
	return 0;
}

int options_read(int argc, char **argv, struct options *ret_options)
{
	static const struct option known[] = {
		{ "workers", required_argument, NULL, 'w' },
		{ "slices", required_argument, NULL, 's' },
		{ "ms", required_argument, NULL, 't' },
		{ "warmup-ms", required_argument, NULL, 'u' },
		{ "mode", required_argument, NULL, 'm' },
		{ "format", required_argument, NULL, 'f' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, err;

	*ret_options = (struct options){
		.workers = { 1, 2 },
		.workers_count = 2,
		.plan = { .slices = 9, .slice_ms = 50, .warmup_ms = 50 },
	};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		err = option_read(option, optarg, ret_options);
		if (err)
			return err;
	}
	return works_read(argv + optind, (unsigned)(argc - optind),
			  ret_options);
}
