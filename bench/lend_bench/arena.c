/*
 * A list of blocks. Called by everything that lend-bench does with results;
 * not for what has to be fast.
 */
#include "lend_bench/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	alignas(max_align_t) char bytes[];
};

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	struct arena_block *block = NULL;
	size_t bytes;

	if (!__builtin_mul_overflow(count, size, &bytes) &&
	    !__builtin_add_overflow(bytes, sizeof(*block), &bytes))
		block = calloc(1, bytes);
	if (!block) {
		fprintf(stderr, "lend-bench: out of memory\n");
		exit(1);
	}
	block->next = arena->blocks;
	arena->blocks = block;
	return block->bytes;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments, again;
	char *text;
	int length;

	va_start(arguments, format);
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	text = arena_alloc(arena, (size_t)length + 1, 1);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t size)
{
	void *larger;

	if (count > 0 && (count & (count - 1)) != 0)
		return array;
	larger = arena_alloc(arena, count ? 2 * count : 1, size);
	if (count > 0)
		memcpy(larger, array, count * size);
	return larger;
}

void arena_free(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}
