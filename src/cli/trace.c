/*
 * `lend trace`: what the command line asks for, the file, and which form it
 * gets. What is wrong is one line and EXIT_USAGE.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "help.h"
#include "say.h"
#include "timeline.h"
#include "trace_print.h"

/* What a picture shows if nobody says. */
#define PICTURE_NS  UINT64_C(100000000)
#define PICTURE_MAX (2 * PICTURE_NS)
#define PICTURE_MIN (PICTURE_NS / 10)

/* More than all the memory that recorders of a runtime can have. */
#define FILE_MAX ((off_t)32 << 30)

enum format { FORMAT_UNKNOWN, FORMAT_TEXT, FORMAT_CHROME, FORMAT_SVG };

struct request {
	const char *input;
	const char *output; /* NULL: standard output */
	enum format format;
	double from_ms; /* below 0: not given */
	double to_ms;
};

/* ---- the command line ---- */

static bool format_read(const char *text, struct request *request)
{
	static const char *const names[] = { [FORMAT_TEXT] = "text",
					     [FORMAT_CHROME] = "chrome",
					     [FORMAT_SVG] = "svg" };

	for (int i = FORMAT_TEXT; i <= FORMAT_SVG; i++) {
		if (strcmp(text, names[i]) == 0) {
			request->format = (enum format)i;
			return true;
		}
	}
	say("--format: \"%s\" is not a format; use chrome, svg or text", text);
	return false;
}

static bool ms_read(const char *option, const char *text, double *ret_ms)
{
	char *end;
	double value = strtod(text, &end);

	if (text[0] < '0' || text[0] > '9' || *end || value > 1e12) {
		say("--%s: \"%s\" is not a number of milliseconds since the start",
		    option, text);
		return false;
	}
	*ret_ms = value;
	return true;
}

static enum format format_by_name(const char *output)
{
	const char *dot = output ? strrchr(output, '.') : NULL;

	if (dot && strcmp(dot, ".svg") == 0)
		return FORMAT_SVG;
	if (dot && strcmp(dot, ".json") == 0)
		return FORMAT_CHROME;
	return FORMAT_TEXT;
}

static bool request_complete(struct request *request, int argc, char **argv)
{
	if (optind == argc) {
		say("no file; give one that `lend serve --trace FILE` wrote");
		return false;
	}
	if (argc - optind > 1) {
		say("unexpected argument \"%s\"; one file at a time",
		    argv[optind + 1]);
		return false;
	}
	request->input = argv[optind];
	if (request->from_ms >= 0 && request->to_ms >= 0 &&
	    request->from_ms >= request->to_ms) {
		say("--from %g is not before --to %g", request->from_ms,
		    request->to_ms);
		return false;
	}
	if (request->format == FORMAT_UNKNOWN)
		request->format = format_by_name(request->output);
	return true;
}

/* Return: EXIT_DONE to go on, with @ret_help if help was asked for. */
static int request_read(int argc, char **argv, struct request *request,
			bool *ret_help)
{
	static const struct option known[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "from", required_argument, NULL, 'a' },
		{ "to", required_argument, NULL, 'z' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool ok = true;
	int found;

	*request = (struct request){ .from_ms = -1, .to_ms = -1 };
	optind = 1;
	while (ok &&
	       (found = getopt_long(argc, argv, ":ho:", known, NULL)) != -1) {
		if (found == 'h') {
			*ret_help = true;
			return EXIT_DONE;
		}
		if (found == 'f')
			ok = format_read(optarg, request);
		else if (found == 'a')
			ok = ms_read("from", optarg, &request->from_ms);
		else if (found == 'z')
			ok = ms_read("to", optarg, &request->to_ms);
		else if (found == 'o')
			request->output = optarg;
		else {
			say(found == ':' ?
				    "%s: the value is missing; `lend help trace` tells" :
				    "unknown option \"%s\"; `lend help trace` lists the known ones",
			    argv[optind - 1]);
			return EXIT_USAGE;
		}
	}
	if (!ok || !request_complete(request, argc, argv))
		return EXIT_USAGE;
	return EXIT_DONE;
}

/* ---- files ---- */

static bool file_read(int fd, char *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t res = read(fd, data + done, size - done);

		if (res < 0 && errno == EINTR)
			continue;
		if (res < 0)
			return false;
		/* It was cut while we read: what is missing is seen later. */
		if (res == 0)
			memset(data + done, 0, size - done);
		done = res ? done + (size_t)res : size;
	}
	return true;
}

static bool input_load(const char *path, char **ret_data, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	char *data = NULL;

	if (fd >= 0 && !fstat(fd, &stat)) {
		if (!S_ISREG(stat.st_mode) || stat.st_size > FILE_MAX) {
			say("\"%s\" is not a file that `lend serve --trace FILE` wrote",
			    path);
			close(fd);
			return false;
		}
		data = malloc((size_t)stat.st_size + 1);
		if (data && file_read(fd, data, (size_t)stat.st_size)) {
			*ret_data = data;
			*ret_size = (size_t)stat.st_size;
			close(fd);
			return true;
		}
	}
	say("cannot read \"%s\": %s", path, strerror(errno));
	free(data);
	if (fd >= 0)
		close(fd);
	return false;
}

static int output_write(const struct request *request, const struct text *text)
{
	FILE *file = stdout;
	int status = EXIT_DONE;

	if (text->failed) {
		say("not enough memory for the output; show less of it with --from and --to");
		return EXIT_BROKEN;
	}
	if (request->output)
		file = fopen(request->output, "we");
	if (!file) {
		say("cannot write \"%s\": %s", request->output,
		    strerror(errno));
		return EXIT_USAGE;
	}
	if (fwrite(text->data, 1, text->size, file) != text->size ||
	    fflush(file)) {
		say("cannot write \"%s\": %s",
		    request->output ? request->output : "standard output",
		    strerror(errno));
		status = EXIT_BROKEN;
	}
	if (request->output && fclose(file) && !status) {
		say("cannot write \"%s\": %s", request->output,
		    strerror(errno));
		status = EXIT_BROKEN;
	}
	return status;
}

/* ---- what part of it ---- */

/* The longest stall, with a little before and after, or else the end. */
static struct trace_window picture_window(const struct timeline *timeline)
{
	const struct trace *trace = timeline->trace;
	const struct span *longest = NULL;
	struct trace_window window = { trace->from_ns, trace->to_ns };
	uint64_t size, margin;

	if (window.to_ns - window.from_ns <= PICTURE_MAX)
		return window;
	for (size_t i = 0; i < timeline->count; i++) {
		const struct span *span = &timeline->spans[i];

		if (span->kind == SPAN_STALL &&
		    (!longest || span->to_ns - span->from_ns >
					 longest->to_ns - longest->from_ns))
			longest = span;
	}
	if (!longest) {
		window.from_ns = window.to_ns - PICTURE_NS;
		return window;
	}
	size = longest->to_ns - longest->from_ns;
	size = size < PICTURE_MIN ? PICTURE_MIN : size;
	size = size > PICTURE_MAX ? PICTURE_MAX : size;
	margin = size / 5;
	if (longest->from_ns > trace->from_ns + margin)
		window.from_ns = longest->from_ns - margin;
	if (window.from_ns + size + 2 * margin < trace->to_ns)
		window.to_ns = window.from_ns + size + 2 * margin;
	return window;
}

static uint64_t time_of(const struct trace *trace, double ms)
{
	return trace->header.started_ns + (uint64_t)(ms * 1e6);
}

static bool window_find(const struct request *request,
			const struct timeline *timeline,
			struct trace_window *ret_window)
{
	const struct trace *trace = timeline->trace;
	struct trace_window window = { trace->from_ns, trace->to_ns };

	if (request->format == FORMAT_SVG && request->from_ms < 0 &&
	    request->to_ms < 0)
		window = picture_window(timeline);
	if (request->from_ms >= 0)
		window.from_ns = time_of(trace, request->from_ms);
	if (request->to_ms >= 0)
		window.to_ns = time_of(trace, request->to_ms);
	if (window.from_ns >= window.to_ns) {
		say("there is nothing between --from and --to: \"%s\" is about %.3f to %.3f ms after the start",
		    request->input, trace_ms(trace, trace->from_ns),
		    trace_ms(trace, trace->to_ns));
		return false;
	}
	*ret_window = window;
	return true;
}

static int show(const struct request *request, const struct trace *trace)
{
	struct trace_window window;
	struct timeline timeline;
	struct text text = { 0 };
	int status = EXIT_USAGE;

	if (!timeline_make(trace, &timeline)) {
		say("not enough memory for \"%s\"", request->input);
		status = EXIT_BROKEN;
	} else if (window_find(request, &timeline, &window)) {
		if (request->format == FORMAT_SVG)
			trace_print_svg(&text, &timeline, &window);
		else if (request->format == FORMAT_CHROME)
			trace_print_chrome(&text, &timeline, &window);
		else
			trace_print_text(&text, trace, &window);
		status = output_write(request, &text);
	}
	text_free(&text);
	timeline_free(&timeline);
	return status;
}

int trace_command(int argc, char **argv)
{
	char fault[TRACE_FAULT_SIZE];
	struct request request;
	struct trace trace;
	bool help = false;
	size_t size = 0;
	char *data;
	int status = request_read(argc, argv, &request, &help);

	if (status)
		return status;
	if (help) {
		if (fputs(help_trace, stdout) == EOF || fflush(stdout) == EOF)
			return EXIT_BROKEN;
		return EXIT_DONE;
	}
	if (!input_load(request.input, &data, &size))
		return EXIT_USAGE;
	if (trace_read(data, size, &trace, fault)) {
		status = show(&request, &trace);
	} else {
		say("cannot use \"%s\": %s; give a file that `lend serve --trace FILE` wrote",
		    request.input, fault);
		status = EXIT_USAGE;
	}
	trace_free(&trace);
	free(data);
	return status;
}
