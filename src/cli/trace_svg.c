/*
 * A trace as a picture: see trace_print.h. Nothing outside the file is needed
 * to look at it, and however much is in the window, it stays small.
 */
#include <lend/ring.h>
#include <stdio.h>

#include "drawing.h"

static void draw_head(struct drawing *drawing, double height)
{
	static const char style[] =
		"<style>.h{font-size:17px;font-weight:bold;fill:#1c2530}"
		".s{font-size:12px;fill:#5a6778}.l{font-size:13px;fill:#1c2530}"
		".a{font-size:11px;fill:#5a6778}"
		".w{font-size:12px;fill:#fff}.r{font-size:12px;fill:#8f1d1d;"
		"font-weight:bold}.lane{fill:#f4f6f9}.grid{stroke:#dfe4ea;"
		"stroke-width:1}</style>\n";
	const struct lend_trace_header *header = &drawing->trace->header;
	const char *mode = lend_ring_mode_name(
		(enum lend_ring_mode)header->mode);

	text_print(
		drawing->text,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n"
		"<title>Who held which ring</title>\n",
		WIDTH, height, WIDTH, height);
	text_add(drawing->text, style, sizeof(style) - 1);
	text_print(
		drawing->text,
		"<defs><pattern id=\"stall\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"8\" height=\"8\" fill=\"#fbe3e1\"/><rect width=\"3\" height=\"8\" fill=\"#d64541\"/></pattern>\n");
	text_print(
		drawing->text,
		"<pattern id=\"unknown\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><circle cx=\"2\" cy=\"2\" r=\"1\" fill=\"#c3cad3\"/></pattern></defs>\n");
	text_print(drawing->text,
		   "<rect width=\"%d\" height=\"%.0f\" fill=\"#fff\"/>\n",
		   WIDTH, height);
	text_print(
		drawing->text,
		"<text x=\"20\" y=\"32\" class=\"h\">Who held which ring: %u worker%s, %u ring%s of %u, mode %s</text>\n",
		header->workers, header->workers == 1 ? "" : "s", header->rings,
		header->rings == 1 ? "" : "s", header->depth,
		mode ? mode : "unknown");
	text_print(
		drawing->text,
		"<text x=\"20\" y=\"52\" class=\"s\">A worker is drawn as high as it was awake, %s. 0 is %.3f ms after the start of the runtime; %.3f ms are shown.</text>\n",
		header->mode == LEND_RING_SHARED ?
			"under a ring is who entered it" :
			"a ring in the colour of its holder",
		trace_ms(drawing->trace, drawing->window.from_ns),
		(double)(drawing->window.to_ns - drawing->window.from_ns) /
			1e6);
}

static void draw_axis(struct drawing *drawing)
{
	double span = (double)(drawing->window.to_ns - drawing->window.from_ns);
	const char *unit = span >= 5e9 ? "s" : span >= 2e6 ? "ms" : "µs";
	double scale = span >= 5e9 ? 1e9 : span >= 2e6 ? 1e6 : 1e3;
	static const double factors[] = { 2, 2.5, 2 };
	double step = 1;

	/* 1, 2 or 5 times a power of ten: up to 12 lines. */
	for (unsigned i = 0; span / step > 12; i++)
		step *= factors[i % 3];
	for (unsigned i = 0; i * step <= span * 1.0001; i++) {
		double at = i * step;
		double x = LEFT + at / span * COLUMNS;

		text_print(
			drawing->text,
			"<path class=\"grid\" d=\"M%.1f %.0fV%.0f\"/><text class=\"a\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%g %s</text>\n",
			x, TOP - 10, drawing->bottom, x, TOP - 16, at / scale,
			unit);
	}
}

static void draw_lane(struct drawing *drawing, double top, double height,
		      const char *what, unsigned index, uint32_t track)
{
	double known = x_of(drawing, trace_known_from(drawing->trace, track));

	text_print(
		drawing->text,
		"<rect class=\"lane\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"4\"/>",
		LEFT, top, COLUMNS, height);
	if (known > LEFT)
		text_print(
			drawing->text,
			"<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"url(#unknown)\"><title>not recorded any more</title></rect>",
			LEFT, top, known - LEFT, height);
	text_print(drawing->text,
		   "<text class=\"l\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
		   LEFT - 12, top + height / 2 + 4);
	if (index == LEND_TRACE_NOBODY)
		text_print(drawing->text, "%s</text>\n", what);
	else
		text_print(drawing->text, "%s %u</text>\n", what, index);
}

static void lay_out(struct drawing *drawing)
{
	const struct lend_trace_header *header = &drawing->trace->header;

	drawing->rings_top = worker_top(header->workers) + 12;
	drawing->waits_top = ring_top(drawing, header->rings) + 12;
	for (size_t i = 0; i < drawing->timeline->count; i++)
		drawing->has_waits |=
			drawing->timeline->spans[i].kind == SPAN_WAIT &&
			is_seen(drawing, &drawing->timeline->spans[i]);
	drawing->bottom = drawing->waits_top - 12 - LANE_GAP;
	if (drawing->has_waits)
		drawing->bottom = drawing->waits_top + WAIT_LANE;
}

static void draw_lanes(struct drawing *drawing)
{
	const struct lend_trace_header *header = &drawing->trace->header;

	for (unsigned i = 0; i < header->workers; i++)
		draw_lane(drawing, worker_top(i), LANE, "worker", i, i);
	for (unsigned i = 0; i < header->rings; i++)
		draw_lane(drawing, ring_top(drawing, i), LANE, "ring", i,
			  LEND_TRACE_ARBITER);
	if (drawing->has_waits)
		draw_lane(drawing, drawing->waits_top, WAIT_LANE, "waiting",
			  LEND_TRACE_NOBODY, LEND_TRACE_ARBITER);
}

void trace_print_svg(struct text *text, const struct timeline *timeline,
		     const struct trace_window *window)
{
	struct drawing drawing = {
		.text = text,
		.timeline = timeline,
		.trace = timeline->trace,
		.window = *window,
	};
	/* The legend is drawn last, but the picture's size comes first. */
	struct text nowhere = { 0 };

	lay_out(&drawing);
	drawing.text = &nowhere;
	double height = drawing.bottom + 24 + draw_legend(&drawing, 0);
	text_free(&nowhere);
	drawing.text = text;
	draw_head(&drawing, height);
	draw_mark_shapes(&drawing);
	draw_lanes(&drawing);
	draw_stall_bands(&drawing);
	draw_axis(&drawing);
	for (unsigned i = 0; i < timeline->trace->header.workers; i++)
		draw_worker(&drawing, i);
	draw_loans(&drawing);
	draw_stalls(&drawing);
	if (drawing.has_waits)
		draw_waits(&drawing);
	draw_marks(&drawing);
	draw_legend(&drawing, drawing.bottom + 16);
	text_print(text, "</svg>\n");
}
