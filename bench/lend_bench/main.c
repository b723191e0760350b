/*
 * lend-bench: what Lend does under load, mode against mode. The command run is
 * options.c's and series.c's.
 */
#include <errno.h>
#include <lend/base.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lend_bench/compare.h"
#include "lend_bench/options.h"
#include "lend_bench/report.h"
#include "lend_bench/say.h"
#include "lend_bench/series.h"
#include "lend_bench/subject.h"
#include "lend_bench/workload.h"

static const char help[] =
	"usage: lend-bench COMMAND [OPTION...]\n"
	"\n"
	"  lend-bench list               the workloads and their parameters\n"
	"  lend-bench run OPTION...      measure\n"
	"  lend-bench report FILE... --out DIR\n"
	"                                a page with plots, of what run wrote\n"
	"  lend-bench compare BEFORE AFTER\n"
	"                                has it become slower?\n"
	"  lend-bench COMMAND --help     the options of a command\n"
	"  lend-bench --version\n";

static const char list_help[] =
	"usage: lend-bench list\n"
	"\n"
	"Lists the workloads, a line each, and below it its parameters, if it\n"
	"has any, with the values they have if nothing else is said.\n";

static void list_one(const struct workload *workload)
{
	bool has_any = workload->depth;

	printf("%-15s  %s\n", workload->name, workload->summary);
	for (unsigned p = 0; p < PARAM_COUNT; p++)
		has_any |= workload->defaults[p] != NULL;
	if (!has_any)
		return;
	printf("%-15s ", "");
	for (unsigned p = 0; p < PARAM_COUNT; p++)
		if (workload->defaults[p])
			printf(" --%s %s", params[p].name,
			       workload->defaults[p]);
	if (workload->depth)
		printf(" --depth %u", workload->depth);
	putchar('\n');
}

static int list_run(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		fputs(list_help, stdout);
		return BENCH_DONE;
	}
	if (argc > 1) {
		bench_say(
			"unexpected argument \"%s\"; `lend-bench list` takes none",
			argv[1]);
		return BENCH_USAGE;
	}
	for (unsigned i = 0; workload_at(i); i++)
		list_one(workload_at(i));
	return BENCH_DONE;
}

static int run_run(int argc, char **argv, char **command)
{
	struct options options;

	if (!options_read(argc, argv, &options))
		return BENCH_USAGE;
	if (options.help) {
		options_help();
		return BENCH_DONE;
	}
	return series_run(&options, command);
}

/* The commands that read results. */
static int reader_run(int argc, char **argv)
{
#ifdef LEND_BENCH_REPORT
	if (strcmp(argv[0], "compare") == 0)
		return lend_bench_compare(argc, argv);
	return lend_bench_report(argc, argv);
#else
	(void)argc;
	bench_say("%s: this program was built without jansson", argv[0]);
	return BENCH_USAGE;
#endif
}

/* False after a line on standard error: figures were lost. */
static bool output_done(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return true;
	bench_say("standard output could not be written%s%s", errno ? ": " : "",
		  errno ? strerror(errno) : "");
	return false;
}

static int command_run(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "run") == 0)
		return run_run(argc - 1, argv + 1, argv);
	if (strcmp(command, "report") == 0 || strcmp(command, "compare") == 0)
		return reader_run(argc - 1, argv + 1);
	if (strcmp(command, "list") == 0)
		return list_run(argc - 1, argv + 1);
	if (strcmp(command, "subject") == 0)
		return subject_main(argc - 1, argv + 1);
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 ||
	    strcmp(command, "help") == 0) {
		fputs(help, stdout);
		return BENCH_DONE;
	}
	if (strcmp(command, "--version") == 0) {
		printf("lend-bench %s\n", lend_version());
		return BENCH_DONE;
	}
	if (!command[0])
		bench_say("no command; `lend-bench --help` lists them");
	else
		bench_say(
			"unknown command \"%s\"; `lend-bench --help` lists them",
			command);
	return BENCH_USAGE;
}

int main(int argc, char **argv)
{
	int status;

	/* Writing to a reader that has gone is an error, not the end. */
	signal(SIGPIPE, SIG_IGN);
	status = command_run(argc, argv);
	if (!output_done() && status == BENCH_DONE)
		status = BENCH_BROKEN;
	return status;
}
