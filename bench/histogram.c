/*
 * A histogram of durations: see histogram.h.
 */
#include "histogram.h"

#define STEPS (1u << HISTOGRAM_STEP_BITS)

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
	return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

uint64_t histogram_slot_end_ns(unsigned slot)
{
	unsigned row = slot >> HISTOGRAM_STEP_BITS;
	uint64_t step = slot & (STEPS - 1);

	if (row == 0)
		return step;
	return ((STEPS + step + 1) << (row - 1)) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t span_ns)
{
	if (!histogram->total || span_ns < histogram->min_ns)
		histogram->min_ns = span_ns;
	if (span_ns > histogram->max_ns)
		histogram->max_ns = span_ns;
	histogram->counts[slot_of(span_ns)]++;
	histogram->total++;
	histogram->sum_ns += span_ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (!from->total)
		return;
	if (!into->total || from->min_ns < into->min_ns)
		into->min_ns = from->min_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	into->sum_ns += from->sum_ns;
}

uint64_t histogram_ns(const struct histogram *histogram, double fraction)
{
	double wanted = fraction * (double)histogram->total;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
		uint64_t end = histogram_slot_end_ns(i);

		seen += histogram->counts[i];
		if (seen > 0 && (double)seen >= wanted)
			return end < histogram->max_ns ? end :
							 histogram->max_ns;
	}
	return histogram->max_ns;
}
