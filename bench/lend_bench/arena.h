/*
 * Memory that is freed all at once, when the program that reads, groups and
 * writes is done with everything.
 */
#ifndef LEND_BENCH_ARENA_H
#define LEND_BENCH_ARENA_H

#include <stddef.h>

struct arena_block;

/* Empty when zeroed. Thread: one owner. */
struct arena {
	struct arena_block *blocks;
};

/* @count times @size bytes, all 0. Never NULL: without memory, the program
 * says so and ends, as it can not do anything else. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);

/* The same, for what ends with a NUL. */
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Room for one more than @count: a new array of twice the size whenever
 * @count is a power of two. The old one stays until the end.
 */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t size);

void arena_free(struct arena *arena);

#endif
