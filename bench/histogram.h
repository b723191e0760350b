/*
 * A histogram of durations: log-linear, 1024 steps to each power of two, so a
 * percentile is right to three digits. Fixed memory, no allocation.
 *
 * Thread: one owner; histogram_merge() needs both.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 10
#define HISTOGRAM_EXPONENTS 32 /* up to 2^41 ns, half an hour */
#define HISTOGRAM_SLOTS	    (HISTOGRAM_EXPONENTS << HISTOGRAM_STEP_BITS)

/* Valid when zeroed. */
struct histogram {
	uint64_t total;
	uint64_t sum_ns;
	uint64_t min_ns; /* of those counted; 0 if there are none */
	uint64_t max_ns;
	uint64_t counts[HISTOGRAM_SLOTS];
};

void histogram_add(struct histogram *histogram, uint64_t span_ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The duration that @fraction of all do not exceed: the upper end of its slot,
 * but no more than the longest. 0 if there is none. */
uint64_t histogram_ns(const struct histogram *histogram, double fraction);

/* The longest duration that is counted in a slot. */
uint64_t histogram_slot_end_ns(unsigned slot);

#endif
