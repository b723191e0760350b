/*
 * Lines on standard error: see say.h.
 */
#include "lend_bench/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void bench_say(const char *format, ...)
{
	char line[1024];
	int start = snprintf(line, sizeof(line), "lend-bench: ");
	va_list args;
	int size;

	va_start(args, format);
	size = start + vsnprintf(line + start, sizeof(line) - (size_t)start,
				 format, args);
	va_end(args);
	/* A line that does not fit is cut: it has to remain one. */
	if (size >= (int)sizeof(line))
		size = sizeof(line) - 1;
	line[size] = '\n';
	if (write(STDERR_FILENO, line, (size_t)size + 1) < 0) {
		/* Standard error is closed: nowhere to say it. */
	}
}
