/*
 * A histogram of durations: see histogram.h.
 */
#include "histogram.h"

#define STEPS (1u << HISTOGRAM_STEP_BITS)
#define SLOTS (HISTOGRAM_EXPONENTS << HISTOGRAM_STEP_BITS)

/* Exact below STEPS; above, the leading bit chooses the row and the next
 * HISTOGRAM_STEP_BITS bits the slot in it. */
static unsigned slot_of(uint64_t span_ns)
{
	unsigned shift;
	unsigned slot;

	if (span_ns < STEPS)
		return (unsigned)span_ns;
	shift = 63u - (unsigned)__builtin_clzll(span_ns) - HISTOGRAM_STEP_BITS;
	slot = (shift + 1) * STEPS + (unsigned)((span_ns >> shift) - STEPS);
	return slot < SLOTS ? slot : SLOTS - 1;
}

/* The middle of a slot. */
static double slot_ns(unsigned slot)
{
	unsigned row = slot >> HISTOGRAM_STEP_BITS;
	unsigned step = slot & (STEPS - 1);

	if (row == 0)
		return step;
	return (double)((uint64_t)(STEPS + step) << (row - 1)) +
	       (double)(1ULL << (row - 1)) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t span_ns)
{
	histogram->counts[slot_of(span_ns)]++;
	histogram->total++;
	if (span_ns > histogram->max_ns)
		histogram->max_ns = span_ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < SLOTS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

double histogram_us(const struct histogram *histogram, double fraction)
{
	double wanted = fraction * (double)histogram->total;
	uint64_t seen = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		seen += histogram->counts[i];
		if (seen > 0 && (double)seen >= wanted)
			return slot_ns(i) / 1000;
	}
	return 0;
}
