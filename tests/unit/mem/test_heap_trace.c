/*
 * Goal:   over long random lives of a heap, each span is exactly where the
 *         rules put it, each refusal is due, no two spans overlap, and live
 *         data survives whatever is taken, freed and trimmed around it.
 * Method: a model with one byte per granule that looks for the lowest feasible
 *         place by trying every place. Address, error and counters must be
 *         equal at each step; spans carry stamps that are verified on free.
 *
 * LEND_TEST_SEED repeats a trace; the seed of each is printed.
 */
#include "mem/heap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lend/clock.h>

#include "mem/heap_record.h"

#define SPANS_MAX 4096

static _Alignas(64) char home[LEND_HEAP_HOME_SIZE_MAX];

struct span {
	char *address;
	size_t size;
	uint64_t stamp;
};

static struct trace {
	struct lend_heap_range range;
	struct lend_heap heap;
	char *slice;
	unsigned home_granules, slice_granules;
	size_t limit, used;
	uint8_t home_used[64];
	uint8_t slice_used[LEND_HEAP_SLICE_MAX / LEND_HEAP_GRANULE];
	struct span spans[SPANS_MAX];
	unsigned live;
	uint64_t random;
} t;

/* splitmix64 */
static uint64_t random_next(void)
{
	uint64_t z = t.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t random_below(uint64_t end)
{
	return random_next() % end;
}

/* The lowest of @granules places, a multiple of @step, with @count free ones;
 * -1 if none. */
static int model_find(const uint8_t *used, unsigned granules, unsigned first,
		      unsigned step, unsigned count)
{
	for (unsigned i = first; i + count <= granules; i += step) {
		unsigned n = 0;

		while (n < count && !used[i + n])
			n++;
		if (n == count)
			return (int)i;
	}
	return -1;
}

/* Where the rules put @size: NULL if it must be refused. */
static char *model_alloc(size_t size, size_t *ret_class)
{
	size_t class = 64;
	int at;

	while (class < size)
		class *= 2;
	if (class <= 512) {
		at = model_find(t.home_used, t.home_granules, 0, 1,
				(unsigned)class / 64);
		if (at >= 0) {
			if (t.used + class > t.limit)
				return NULL;
			memset(t.home_used + at, 1, class / 64);
			*ret_class = class;
			return home + 64 * at;
		}
	}
	if (class < 2048)
		class = 2048;
	at = model_find(t.slice_used, t.slice_granules, class > 2048 ? 2 : 1,
			class > 2048 ? 2 : 1, (unsigned)class / 2048);
	if (at < 0 || t.used + class > t.limit)
		return NULL;
	memset(t.slice_used + at, 1, class / 2048);
	*ret_class = class;
	return t.slice + 2048 * at;
}

static void model_free(const struct span *span)
{
	if (span->address >= home && span->address < home + sizeof(home))
		memset(t.home_used + (span->address - home) / 64, 0,
		       span->size / 64);
	else
		memset(t.slice_used + (span->address - t.slice) / 2048, 0,
		       span->size / 2048);
}

/* A stamp at both ends of every granule: any overlap destroys one. */
static void span_stamp(const struct span *span)
{
	size_t step = span->size < 2048 ? 64 : 2048;

	for (size_t i = 0; i < span->size; i += step) {
		uint64_t stamp = span->stamp + i;

		memcpy(span->address + i, &stamp, 8);
		memcpy(span->address + i + step - 8, &stamp, 8);
	}
}

static void span_verify(const struct span *span)
{
	size_t step = span->size < 2048 ? 64 : 2048;

	for (size_t i = 0; i < span->size; i += step) {
		uint64_t stamp = span->stamp + i;

		cr_assert_arr_eq(span->address + i, &stamp, 8);
		cr_assert_arr_eq(span->address + i + step - 8, &stamp, 8);
	}
}

/* Small ones are frequent, large ones rare, as in life; the classes' edges
 * are frequent too. */
static size_t size_choose(unsigned bits_max)
{
	unsigned bits = (unsigned)random_below(bits_max + 1);
	size_t size = (size_t)1 << bits;

	switch (random_below(4)) {
	case 0:
		return size;
	case 1:
		return size < LEND_HEAP_SPAN_MAX ? size + 1 : size;
	default:
		return 1 + random_below(size);
	}
}

static void trace_alloc(unsigned bits_max)
{
	size_t size = size_choose(bits_max);
	struct span *span = &t.spans[t.live];
	size_t class = 0;
	void *got = NULL;
	char *expected;
	int error;

	if (t.live == SPANS_MAX)
		return;
	expected = model_alloc(size, &class);
	/* What the one takes the other frees, too. */
	error = size && size <= 64 && random_below(2) ?
			lend__heap_alloc_record(&t.heap, &got) :
			lend__heap_alloc(&t.heap, size, &got);
	cr_assert_eq(error, expected ? 0 : -ENOMEM, "%zu: %d", size, error);
	cr_assert_eq(got, expected, "%zu", size);
	if (error)
		return;
	t.used += class;
	t.live++;
	*span = (struct span){ got, class, random_next() };
	cr_assert_eq(lend__heap_span_size(&t.heap, got), class);
	span_stamp(span);
}

static void trace_free(void)
{
	struct span *span;

	if (t.live == 0)
		return;
	span = &t.spans[random_below(t.live)];
	span_verify(span);
	if (random_below(2))
		lend__heap_free_record(&t.heap, span->address);
	else
		lend__heap_free(&t.heap, span->address);
	model_free(span);
	t.used -= span->size;
	*span = t.spans[--t.live];
}

/* One life: @steps steps that drift between filling up and emptying out. */
static void trace_run(unsigned steps, unsigned bits_max)
{
	unsigned fill = 50;

	for (unsigned i = 0; i < steps; i++) {
		if (i % 512 == 0)
			fill = 20 + (unsigned)random_below(70);
		if (random_below(100) < fill)
			trace_alloc(bits_max);
		else
			trace_free();
		cr_assert_eq(lend__heap_used(&t.heap), t.used);
		cr_assert_eq(lend__heap_empty(&t.heap), t.used == 0);
		if (random_below(1000) == 0)
			lend__heap_trim(&t.heap);
		if (i % 64 == 0)
			lend__heap_check(&t.heap);
	}
	while (t.live)
		trace_free();
	lend__heap_check(&t.heap);
	cr_assert(lend__heap_empty(&t.heap));
}

static void trace_start(uint64_t seed)
{
	size_t slice_size = (size_t)LEND_HEAP_SLICE_MIN;

	memset(&t, 0, sizeof(t));
	t.random = seed;
	slice_size <<= random_below(6);
	t.home_granules = (unsigned)random_below(65);
	t.slice_granules = (unsigned)(slice_size / LEND_HEAP_GRANULE);
	t.slice_used[0] = 1;
	t.limit = SIZE_MAX;
	if (random_below(3) == 0)
		t.limit = 64 + random_below(slice_size);
	cr_assert_eq(lend__heap_range_init(&t.range, 2, slice_size, 0), 0);
	t.slice = t.range.base + t.range.stride;
	lend__heap_init(&t.heap, &t.range, 1, home, 64 * t.home_granules,
			t.limit == SIZE_MAX ? 0 : t.limit);
}

Test(heap_trace, random_lives_agree_with_a_model, .timeout = 100)
{
	const char *text = getenv("LEND_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : lend_now();
	/* Up to 2 KiB: thousands of spans, every word full. Up to 2 MiB: long
	 * runs over many words. */
	static const unsigned bits_max[] = { 9, 11, 12, 14, 17, 19, 21 };

	for (unsigned round = 0; round < 40; round++) {
		fprintf(stderr, "LEND_TEST_SEED=%llu\n",
			(unsigned long long)seed);
		trace_start(seed);
		trace_run(30000, bits_max[random_below(7)]);
		/* A second life on what the first one left. */
		lend__heap_fini(&t.heap);
		lend__heap_init(&t.heap, &t.range, 1, home,
				64 * t.home_granules,
				t.limit == SIZE_MAX ? 0 : t.limit);
		trace_run(5000, 21);
		lend__heap_trim(&t.heap);
		lend__heap_fini(&t.heap);
		lend__heap_range_fini(&t.range);
		seed = seed + 1;
	}
}
