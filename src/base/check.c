/*
 * The end of a process whose invariants are broken: one line, then abort().
 * Called through the macros of check.h only.
 */
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void lend__panic(const char *file, int line, const char *condition,
		 const char *format, ...)
{
	char text[512];
	size_t used;
	va_list args;

	/* What is the program's mistake is at no place here. */
	if (file)
		used = (size_t)snprintf(text, sizeof(text),
					"lend: panic at %s:%d%s%s", file, line,
					condition ? ": " : "",
					condition ? condition : "");
	else
		used = (size_t)snprintf(text, sizeof(text), "lend: panic");
	if (format && used < sizeof(text)) {
		va_start(args, format);
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 ": ");
		if (used < sizeof(text))
			used += (size_t)vsnprintf(
				text + used, sizeof(text) - used, format, args);
		va_end(args);
	}
	if (used >= sizeof(text))
		used = sizeof(text) - 1;
	text[used++] = '\n';
	/* Not stdio: the state is not to be trusted, its locks least of all. */
	if (write(STDERR_FILENO, text, used) < 0) {
		/* Nothing is left to tell anyone with. */
	}
	abort();
}
