/*
 * Where things are in the picture of a trace, and in which colour: see
 * drawing.h.
 */
#include "drawing.h"

#define COLOURS 8

double x_of(const struct drawing *drawing, uint64_t time_ns)
{
	double from = (double)drawing->window.from_ns;
	double span = (double)drawing->window.to_ns - from;
	double share = ((double)time_ns - from) / span;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	return LEFT + share * COLUMNS;
}

bool is_seen(const struct drawing *drawing, const struct span *span)
{
	return span->from_ns <= drawing->window.to_ns &&
	       span->to_ns >= drawing->window.from_ns;
}

const char *colour_of(unsigned worker)
{
	/* Red is left to stalls and seizures. */
	static const char *const colours[COLOURS] = { "#3b6fd4", "#e39a12",
						      "#1f9e8f", "#8a5bc9",
						      "#5c9e2e", "#d4609a",
						      "#8f6b42", "#5b7489" };

	return colours[worker % COLOURS];
}

double worker_top(unsigned worker)
{
	return TOP + worker * (LANE + LANE_GAP);
}

double ring_top(const struct drawing *drawing, unsigned ring)
{
	return drawing->rings_top + ring * (LANE + LANE_GAP);
}
