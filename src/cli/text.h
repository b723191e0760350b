/*
 * Text that grows.
 */
#ifndef LEND_CLI_TEXT_H
#define LEND_CLI_TEXT_H

#include <lend/base.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed is empty. Once memory ran out it stays @failed, so only the end of a
 * chain of additions has to be checked. */
struct text {
	char *data; /* terminated; NULL while empty */
	size_t size;
	size_t room;
	bool failed;
};

void text_add(struct text *text, const char *data, size_t size);
void text_print(struct text *text, const char *format, ...) LEND_PRINTF(2, 3);
void text_free(struct text *text);

#endif
