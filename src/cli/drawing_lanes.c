/*
 * What is in the lanes of the picture: see drawing.h. Workers show the share of
 * time that they were awake, rings who held them. What is narrower than a pixel
 * is added up, or drawn once.
 */
#include <stdio.h>
#include <string.h>

#include "drawing.h"

/* ---- workers ---- */

/* The share of each column that the worker was not parked. */
static void add_up_awake(const struct drawing *drawing, unsigned worker,
			 double *awake)
{
	double known = x_of(drawing, trace_known_from(drawing->trace, worker));

	for (unsigned i = 0; i < COLUMNS; i++)
		awake[i] = LEFT + (double)i + 1 <= known ? 0 : 1;
	for (size_t i = 0; i < drawing->timeline->count; i++) {
		const struct span *span = &drawing->timeline->spans[i];
		double from, to;

		if (span->kind != SPAN_PARK || span->worker != worker ||
		    !is_seen(drawing, span))
			continue;
		from = x_of(drawing, span->from_ns) - LEFT;
		to = x_of(drawing, span->to_ns) - LEFT;
		for (unsigned at = (unsigned)from; at < COLUMNS && at < to;
		     at++) {
			double left = from > at ? from : at;
			double right = to < at + 1 ? to : at + 1;

			awake[at] -= right - left;
		}
	}
}

void draw_worker(struct drawing *drawing, unsigned worker)
{
	double top = worker_top(worker) + 8, base = top + BAR, now = base;
	double awake[COLUMNS];

	add_up_awake(drawing, worker, awake);
	text_print(drawing->text, "<path fill=\"%s\" d=\"M%d %.1f",
		   colour_of(worker), LEFT, base);
	for (unsigned i = 0; i < COLUMNS; i++) {
		double share = awake[i] < 0 ? 0 : awake[i];
		/* Half pixels. */
		double y = base - (int)(share * BAR * 2 + 0.5) / 2.0;

		/* A moment awake is to be seen. */
		if (share > 0.002 && y > base - 2)
			y = base - 2;
		if (y == now)
			continue;
		text_print(drawing->text, "H%uV%.1f", LEFT + i, y);
		now = y;
	}
	text_print(drawing->text,
		   "H%dV%.1fz\"><title>worker %u, awake</title></path>\n",
		   LEFT + COLUMNS, base, worker);
}

static void draw_stall(struct drawing *drawing, const struct span *span)
{
	double from = x_of(drawing, span->from_ns);
	double to = x_of(drawing, span->to_ns);
	double top = worker_top(span->worker) + 8;
	double ms = (double)(span->to_ns - span->from_ns) / 1e6;
	char name[TRACE_NAME_SIZE];

	trace_name_xml(span->name[0] ? span->name : "unknown", name);
	text_print(
		drawing->text,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"url(#stall)\" stroke=\"#b8322e\"><title>worker %u, stuck for %.3f ms in actor %s</title></rect>\n",
		from, top, to - from > 0.5 ? to - from : 0.5, BAR, span->worker,
		ms, name);
	if (to - from < 150)
		return;
	text_print(
		drawing->text,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"18\" rx=\"3\" fill=\"#fff\" fill-opacity=\".92\"/>",
		from + 6, top + 4,
		7.6 * (double)strlen(span->name) +
			(span->is_cut_after ? 122 : 74));
	text_print(
		drawing->text,
		"<text class=\"r\" x=\"%.1f\" y=\"%.1f\">%s: %.1f ms%s</text>\n",
		from + 11, top + 17.5, name, ms,
		span->is_cut_after ? " so far" : "");
}

/* Across all lanes, faintly: what happened meanwhile. */
void draw_stall_bands(struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->timeline->count; i++) {
		const struct span *span = &drawing->timeline->spans[i];
		double from = x_of(drawing, span->from_ns);
		double to = x_of(drawing, span->to_ns);

		if (span->kind == SPAN_STALL && is_seen(drawing, span))
			text_print(
				drawing->text,
				"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#d64541\" fill-opacity=\".06\"/>\n",
				from, TOP - 10, to - from,
				drawing->bottom - TOP + 10);
	}
}

void draw_stalls(struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->timeline->count; i++) {
		const struct span *span = &drawing->timeline->spans[i];

		if (span->kind == SPAN_STALL && is_seen(drawing, span))
			draw_stall(drawing, span);
	}
}

/* ---- rings ---- */

static void draw_loan_title(struct drawing *drawing, const struct span *span)
{
	text_print(drawing->text,
		   "<title>ring %u, worker %u, %.3f ms: granted %s%s, %s%s%s",
		   span->ring, span->worker,
		   (double)(span->to_ns - span->from_ns) / 1e6,
		   span->why ? "for: " : "",
		   span->is_cut_before ? "before what is recorded" :
					 lend_trace_why_name(span->why),
		   span->is_cut_after ? "held at the end" :
					lend_trace_event_name(span->end),
		   span->end_why ? ": " : "",
		   lend_trace_why_name(span->end_why));
	if (span->end == LEND_TRACE_SEIZE && span->by != LEND_TRACE_NOBODY)
		text_print(drawing->text, ", by worker %u", span->by);
	text_print(drawing->text, "</title>");
}

static void draw_loan(struct drawing *drawing, const struct span *span)
{
	double from = x_of(drawing, span->from_ns);
	double to = x_of(drawing, span->to_ns);
	double top = ring_top(drawing, span->ring) + 12;

	text_print(
		drawing->text,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%d\" fill=\"%s\">",
		from, top, to - from, BAR, to - from > 6 ? 3 : 0,
		colour_of(span->worker));
	draw_loan_title(drawing, span);
	text_print(drawing->text, "</rect>\n");
	if (to - from > 76)
		text_print(
			drawing->text,
			"<text class=\"w\" x=\"%.1f\" y=\"%.1f\">worker %u</text>\n",
			from + 10, top + 17.5, span->worker);
}

/* Loans of less than a pixel: one path for each worker's. */
static void draw_short_loans(struct drawing *drawing, unsigned ring,
			     unsigned worker)
{
	double top = ring_top(drawing, ring) + 12, last = -1;

	for (size_t i = 0; i < drawing->timeline->count; i++) {
		const struct span *span = &drawing->timeline->spans[i];
		double from = x_of(drawing, span->from_ns);
		double to = x_of(drawing, span->to_ns);

		if (span->kind != SPAN_LOAN || span->ring != ring ||
		    span->worker != worker || !is_seen(drawing, span) ||
		    to - from >= 1 || from < last + 0.5)
			continue;
		if (last < 0)
			text_print(
				drawing->text,
				"<path stroke=\"%s\" stroke-width=\".6\" d=\"",
				colour_of(worker));
		text_print(drawing->text, "M%.1f %.1fv%.1f", from, top, BAR);
		last = from;
	}
	if (last >= 0)
		text_print(drawing->text, "\"/>\n");
}

void draw_loans(struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->timeline->count; i++) {
		const struct span *span = &drawing->timeline->spans[i];

		if (span->kind == SPAN_LOAN && is_seen(drawing, span) &&
		    x_of(drawing, span->to_ns) - x_of(drawing, span->from_ns) >=
			    1)
			draw_loan(drawing, span);
	}
	for (unsigned ring = 0; ring < drawing->trace->header.rings; ring++)
		for (unsigned i = 0; i < drawing->trace->header.workers; i++)
			draw_short_loans(drawing, ring, i);
}

/* ---- waits ---- */

/* How many claims waited, over time: the most in each column. */
static unsigned count_waits(const struct drawing *drawing, unsigned *counts)
{
	unsigned most = 0;

	memset(counts, 0, COLUMNS * sizeof(*counts));
	for (size_t i = 0; i < drawing->timeline->count; i++) {
		const struct span *span = &drawing->timeline->spans[i];
		unsigned at, last;

		if (span->kind != SPAN_WAIT || !is_seen(drawing, span))
			continue;
		at = (unsigned)(x_of(drawing, span->from_ns) - LEFT);
		last = (unsigned)(x_of(drawing, span->to_ns) - LEFT);
		for (; at < COLUMNS && at <= last; at++)
			if (++counts[at] > most)
				most = counts[at];
	}
	return most;
}

void draw_waits(struct drawing *drawing)
{
	unsigned counts[COLUMNS], most = count_waits(drawing, counts);
	double base = drawing->waits_top + WAIT_LANE - 5, now = base;

	text_print(drawing->text, "<path fill=\"#9aa5b1\" d=\"M%d %.1f", LEFT,
		   base);
	for (unsigned i = 0; i < COLUMNS; i++) {
		double y = base -
			   (WAIT_LANE - 18) * counts[i] / (most ? most : 1);

		if (y != now)
			text_print(drawing->text, "H%uV%.1f", LEFT + i, y);
		now = y;
	}
	text_print(
		drawing->text,
		"H%dV%.1fz\"><title>claims that waited for slots: %u at most</title></path>\n",
		LEFT + COLUMNS, base, most);
	text_print(drawing->text,
		   "<text class=\"a\" x=\"%d\" y=\"%.1f\">up to %u</text>\n",
		   LEFT + 6, drawing->waits_top + 12, most);
}
