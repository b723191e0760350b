/*
 * A histogram of durations: log-linear, 64 steps to each power of two, so a
 * percentile is right to within 1.6 %. Fixed memory, no allocation.
 *
 * Thread: one owner; histogram_merge() needs both.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_EXPONENTS 36 /* up to 2^41 ns, half an hour */

struct histogram {
	uint64_t total;
	uint64_t max_ns;
	uint64_t counts[HISTOGRAM_EXPONENTS << HISTOGRAM_STEP_BITS];
};

void histogram_add(struct histogram *histogram, uint64_t span_ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The duration that @fraction of all do not exceed, in microseconds. */
double histogram_us(const struct histogram *histogram, double fraction);

#endif
