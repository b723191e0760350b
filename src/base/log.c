/*
 * Log lines: see log.h.
 */
#include "base/log.h"

#include <stdarg.h>
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

static void write_stderr(enum lend_log_level level, const char *line, void *arg)
{
	char text[1100];
	int size;

	(void)arg;
	size = snprintf(text, sizeof(text), "lend: %s: %s\n", level_name(level),
			line);
	if (size >= (int)sizeof(text))
		size = sizeof(text) - 1;
	/* If it is closed, or nobody reads it, there is nowhere to say it. */
	(void)lend__line_write(STDERR_FILENO, text, (size_t)size,
			       LEND_LINE_PATIENCE_NS);
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
