/*
 * What a runtime's log says, line after line in one text, for tests that look
 * for words in it.
 */
#ifndef LEND_TESTS_SAID_H
#define LEND_TESTS_SAID_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static inline void said_append(char *said, size_t room, const char *line)
{
	size_t size = strlen(said);

	snprintf(said + size, room - size, "%s\n", line);
}

/* How often it has @what. */
static inline unsigned said_count(const char *said, const char *what)
{
	unsigned count = 0;

	for (const char *at = said; (at = strstr(at, what)); at++)
		count++;
	return count;
}

#endif
