/*
 * Log lines: see log.h.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "base/line.h"

static const char *level_name(enum lend_log_level level)
{
	switch (level) {
	case LEND_LOG_ERROR:
		return "error";
	case LEND_LOG_INFO:
		return "info";
	case LEND_LOG_DEBUG:
		return "debug";
	case LEND_LOG_DEFAULT:
	case LEND_LOG_WARNING:
		break;
	}
	return "warning";
}

/* [atomic: counter] Lines that standard error has not taken, and that nobody
 * has been told of. The process has one, whichever runtime they are of. */
static _Atomic unsigned long lost;

/* Return: its length, 0 if there are none. */
static size_t print_lost(unsigned long count, char *text, size_t size)
{
	if (!count)
		return 0;
	return (size_t)snprintf(
		text, size, "lend: warning: %lu line%s of the log %s lost\n",
		count, count == 1 ? "" : "s", count == 1 ? "was" : "were");
}

/* What was lost is told in the same write: it gets through, or is lost, too. */
static void write_stderr(enum lend_log_level level, const char *line, void *arg)
{
	unsigned long before = atomic_exchange_explicit(&lost, 0,
							memory_order_relaxed);
	char text[1200];
	size_t size = print_lost(before, text, sizeof(text));

	(void)arg;
	size += (size_t)snprintf(text + size, sizeof(text) - size,
				 "lend: %s: %s\n", level_name(level), line);
	if (size >= sizeof(text))
		size = sizeof(text) - 1;
	if (!lend__line_write(STDERR_FILENO, text, size, LEND_LINE_PATIENCE_NS))
		atomic_fetch_add_explicit(&lost, before + 1,
					  memory_order_relaxed);
}

void lend__log_init(struct lend_log *log, enum lend_log_level level,
		    lend_log_fn write, void *arg)
{
	log->level = level == LEND_LOG_DEFAULT ? LEND_LOG_WARNING : level;
	log->write = write ? write : write_stderr;
	log->arg = arg;
}

void lend__log(const struct lend_log *log, enum lend_log_level level,
	       const char *format, ...)
{
	char line[1024];
	va_list args;

	if (level > log->level)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log->write(level, line, log->arg);
}
