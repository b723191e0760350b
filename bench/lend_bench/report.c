/*
 * The command: options, files in, a page out. Called by main.c.
 */
#include "lend_bench/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lend_bench/model.h"
#include "lend_bench/page.h"
#include "lend_bench/report_text.h"
#include "lend_bench/say.h"

#define FILES_MAX 256

static const char usage[] =
	"usage: lend-bench report FILE... --out DIR\n"
	"       lend-bench report FILE... --format text\n"
	"\n"
	"Write DIR/index.html, one page that needs nothing else, from what\n"
	"`lend-bench run --json FILE` has written. Files of different machines\n"
	"are kept apart.\n"
	"\n"
	"  --out DIR      where to; made if it is not there\n"
	"  --format text  a table on standard output instead\n";

struct report_options {
	const char *out;
	bool text;
	bool help;
};

/* getopt_long() moves the files behind the options. */
static bool options_read(int argc, char **argv, struct report_options *options)
{
	static const struct option known[] = {
		{ "out", required_argument, NULL, 'o' },
		{ "format", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int found;

	*options = (struct report_options){ NULL, false, false };
	optind = 0;
	while ((found = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
		switch (found) {
		case 'o':
			options->out = optarg;
			break;
		case 'f':
			options->text = strcmp(optarg, "text") == 0;
			if (!options->text && strcmp(optarg, "html") != 0) {
				bench_say("--format is \"html\" or "
					  "\"text\", not \"%s\"",
					  optarg);
				return false;
			}
			break;
		case 'h':
			options->help = true;
			return true;
		case ':':
			bench_say("report: %s needs a value; see --help",
				  argv[optind - 1]);
			return false;
		default:
			bench_say("report: unknown option \"%s\"; see --help",
				  argv[optind - 1]);
			return false;
		}
	}
	if (optind == argc)
		bench_say("report: which file? see --help");
	else if (argc - optind > FILES_MAX)
		bench_say("report: more than %d files", FILES_MAX);
	else if (!options->out && !options->text)
		bench_say("report: where to? --out DIR");
	else
		return true;
	return false;
}

/* A reader never finds half a page: it is moved to its place when it is
 * complete. */
static int write_page(struct arena *arena, const struct model *model,
		      const char *folder)
{
	const char *path = arena_printf(arena, "%s/index.html", folder);
	const char *draft = arena_printf(arena, "%s.part", path);
	FILE *out;
	bool failed;

	if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
		bench_say("%s: %s", folder, strerror(errno));
		return BENCH_BROKEN;
	}
	out = fopen(draft, "we");
	if (!out) {
		bench_say("%s: %s", draft, strerror(errno));
		return BENCH_BROKEN;
	}
	page_write(out, model);
	failed = ferror(out) != 0;
	failed |= fclose(out) != 0;
	if (failed || rename(draft, path) != 0) {
		bench_say("%s: %s", path, strerror(errno));
		unlink(draft);
		return BENCH_BROKEN;
	}
	printf("%s\n", path);
	return BENCH_DONE;
}

static int run(struct arena *arena, const struct report_options *options,
	       char **paths, size_t count)
{
	struct result_file *files = arena_alloc(arena, count, sizeof(*files));
	const char *wrong = NULL;
	struct model model;

	for (size_t i = 0; i < count && !wrong; i++)
		wrong = result_file_read(arena, paths[i], i, &files[i]);
	if (!wrong)
		wrong = model_build(arena, files, count, &model);
	if (wrong) {
		bench_say("%s", wrong);
		return BENCH_USAGE;
	}
	if (options->text)
		report_text_write(stdout, &model);
	if (options->out)
		return write_page(arena, &model, options->out);
	return fflush(stdout) == 0 ? BENCH_DONE : BENCH_BROKEN;
}

int lend_bench_report(int argc, char **argv)
{
	struct arena arena = { NULL };
	struct report_options options;
	int status;

	if (!options_read(argc, argv, &options))
		return BENCH_USAGE;
	if (options.help) {
		fputs(usage, stdout);
		return BENCH_DONE;
	}
	status = run(&arena, &options, argv + optind, (size_t)(argc - optind));
	arena_free(&arena);
	return status;
}
