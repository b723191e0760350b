/*
 * Text that grows: see text.h. For pages and counters, not for fast paths.
 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(struct text *text, size_t size)
{
	size_t room = text->room ? text->room : 1024;
	char *data;

	if (text->failed)
		return false;
	while (room - text->size <= size)
		room *= 2;
	if (room == text->room)
		return true;
	data = realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void text_add(struct text *text, const char *data, size_t size)
{
	if (!text_reserve(text, size))
		return;
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
}

void text_print(struct text *text, const char *format, ...)
{
	char piece[512];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	if (size < 0 || size >= (int)sizeof(piece))
		text->failed = true;
	else
		text_add(text, piece, (size_t)size);
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}
