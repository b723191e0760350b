/*
 * Lines on standard error: see say.h. Standard output is left to the access
 * log and to what --help and --version print.
 */
#include "say.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static enum lend_log_level level_max = LEND_LOG_WARNING;

/* How long to wait for room, if nobody reads: actors say something, too. */
#define PATIENCE_MS 100

static bool has_room(void)
{
	struct pollfd room = { .fd = STDERR_FILENO, .events = POLLOUT };
	int ready;

	do
		ready = poll(&room, 1, PATIENCE_MS);
	while (ready < 0 && errno == EINTR);
	return ready;
}

static void say_line(const char *prefix, const char *format, va_list args)
{
	char line[1024];
	int start = snprintf(line, sizeof(line), "lend: %s", prefix);
	int size = vsnprintf(line + start, sizeof(line) - (size_t)start, format,
			     args);

	size += start;
	/* A line that does not fit is cut: it has to remain one. */
	if (size >= (int)sizeof(line))
		size = sizeof(line) - 1;
	line[size] = '\n';
	/* One write, so that lines of several threads do not mix. */
	if (has_room() && write(STDERR_FILENO, line, (size_t)size + 1) < 0) {
		/* Standard error is closed: nowhere to say it. */
	}
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_line("", format, args);
	va_end(args);
}

void say_at(enum lend_log_level level, const char *format, ...)
{
	static const char *const prefixes[] = {
		[LEND_LOG_DEFAULT] = "",	  [LEND_LOG_ERROR] = "error: ",
		[LEND_LOG_WARNING] = "warning: ", [LEND_LOG_INFO] = "info: ",
		[LEND_LOG_DEBUG] = "debug: ",
	};
	va_list args;

	if (level > level_max)
		return;
	va_start(args, format);
	say_line(prefixes[level], format, args);
	va_end(args);
}

void say_level_set(enum lend_log_level level)
{
	level_max = level;
}
