/*
 * Marks in the lanes of the picture, for what happens at one moment, and the
 * legend: see drawing.h.
 */
#include <stdio.h>

#include "drawing.h"

/* Marks of a kind in a lane that are nearer to each other are one. */
#define MARK_GAP 3.0

#define LEGEND_ENTRY  142
#define LEGEND_ROW    22
#define LEGEND_IN_ROW (COLUMNS / LEGEND_ENTRY)

/* How an event is drawn: @y from the top of its lane. */
struct mark {
	uint8_t event;
	bool is_of_ring; /* in the ring's lane, else the worker's who did it */
	double y;
	const char *shape; /* around 0, 0 */
	const char *label;
};

static const struct mark marks[] = {
	{ LEND_TRACE_RECALL, true, 7,
	  "<path d=\"M-4.5 -5h9l-4.5 9z\" fill=\"#fff\" stroke=\"#b8322e\" stroke-width=\"1.5\"/>",
	  "recall" },
	{ LEND_TRACE_SEIZE, true, 25,
	  "<path d=\"M0 -8l6 8l-6 8l-6 -8z\" fill=\"#d6231f\" stroke=\"#fff\" stroke-width=\"1.5\"/>",
	  "seizure" },
	{ LEND_TRACE_RETURN, true, 36,
	  "<circle r=\"3\" fill=\"#1c2530\" stroke=\"#fff\"/>", "return" },
	{ LEND_TRACE_KICK, true, 7,
	  "<path d=\"M1 -6l-5 7h3l-1 6l6 -8h-4z\" fill=\"#e0560c\"/>", "kick" },
	{ LEND_TRACE_OVERFLOW, true, 7,
	  "<path d=\"M-3 -3l6 6m0 -6l-6 6\" stroke=\"#b8322e\" stroke-width=\"2\"/>",
	  "overflow" },
	{ LEND_TRACE_REFUSED, true, 7,
	  "<path d=\"M-3.5 0h7\" stroke=\"#b8322e\" stroke-width=\"3\"/>",
	  "enter refused" },
	{ LEND_TRACE_BIND, true, 7,
	  "<rect x=\"-3.5\" y=\"-3.5\" width=\"7\" height=\"7\" fill=\"#1c2530\"/>",
	  "claim bound anew" },
	{ LEND_TRACE_STEAL, false, 43,
	  "<path d=\"M-4.5 4h9l-4.5 -9z\" fill=\"#4b2e83\"/>",
	  "actors stolen" },
	{ LEND_TRACE_STALL, false, 43,
	  "<circle r=\"3.5\" fill=\"#fff\" stroke=\"#b8322e\" stroke-width=\"1.5\"/>",
	  "stall noticed" },
};
#define MARKS_COUNT (sizeof(marks) / sizeof(marks[0]))

void draw_mark_shapes(struct drawing *drawing)
{
	text_print(drawing->text, "<defs>");
	for (size_t i = 0; i < MARKS_COUNT; i++)
		text_print(drawing->text, "<g id=\"m%zu\">%s</g>", i,
			   marks[i].shape);
	text_print(drawing->text, "</defs>\n");
}

static bool is_inside(const struct drawing *drawing, uint64_t time_ns)
{
	return time_ns >= drawing->window.from_ns &&
	       time_ns <= drawing->window.to_ns;
}

/* A moment of one lane; false: there is a mark already. */
static bool draw_mark(struct drawing *drawing, size_t kind,
		      const struct lend_trace_record *record, double top,
		      double last)
{
	double x = x_of(drawing, record->time_ns);
	char words[TRACE_WORDS_SIZE], quoted[TRACE_WORDS_SIZE * 6];

	if (x < last + MARK_GAP)
		return false;
	trace_words(record, words);
	text_print(drawing->text,
		   "<use href=\"#m%zu\" x=\"%.1f\" y=\"%.1f\"><title>%.3f ms: ",
		   kind, x, top + marks[kind].y,
		   ((double)record->time_ns - (double)drawing->window.from_ns) /
			   1e6);
	text_print(drawing->text, "%s ", lend_trace_event_name(record->event));
	trace_name_xml(words, quoted);
	text_print(drawing->text, "%s</title></use>\n", quoted);
	return true;
}

static void draw_marks_of(struct drawing *drawing, size_t kind, unsigned lane)
{
	const struct mark *mark = &marks[kind];
	const struct trace *trace = drawing->trace;
	double top = mark->is_of_ring ? ring_top(drawing, lane) :
					worker_top(lane);
	double last = -MARK_GAP;

	for (size_t i = 0; i < trace->count; i++) {
		const struct lend_trace_record *record =
			&trace->events[i].record;
		unsigned its_lane = mark->is_of_ring ? record->ring :
						       record->by;

		if (record->event == mark->event && its_lane == lane &&
		    is_inside(drawing, record->time_ns) &&
		    draw_mark(drawing, kind, record, top, last))
			last = x_of(drawing, record->time_ns);
	}
}

/* Small lines under a ring's bar: who entered it, and who polled it for
 * another. */
static void draw_ticks(struct drawing *drawing, uint8_t event, unsigned ring,
		       unsigned worker, double y, double height)
{
	const struct trace *trace = drawing->trace;
	double last = -1;

	for (size_t i = 0; i < trace->count; i++) {
		const struct lend_trace_record *record =
			&trace->events[i].record;
		double x = x_of(drawing, record->time_ns);

		if (record->event != event || record->ring != ring ||
		    record->by != worker ||
		    !is_inside(drawing, record->time_ns) || x < last + 1)
			continue;
		if (last < 0)
			text_print(drawing->text, "<path stroke=\"%s\" d=\"",
				   colour_of(worker));
		text_print(drawing->text, "M%.1f %.1fv%.0f", x, y, height);
		last = x;
	}
	if (last >= 0)
		text_print(drawing->text, "\"/>\n");
}

void draw_marks(struct drawing *drawing)
{
	const struct lend_trace_header *header = &drawing->trace->header;

	for (unsigned ring = 0; ring < header->rings; ring++) {
		double y = ring_top(drawing, ring) + 12 + BAR + 2;

		for (unsigned i = 0; i < header->workers; i++) {
			draw_ticks(drawing, LEND_TRACE_FLUSH, ring, i, y, 4);
			draw_ticks(drawing, LEND_TRACE_HELP, ring, i, y + 5, 4);
		}
	}
	for (size_t kind = 0; kind < MARKS_COUNT; kind++) {
		unsigned lanes = marks[kind].is_of_ring ? header->rings :
							  header->workers;

		for (unsigned lane = 0; lane < lanes; lane++)
			draw_marks_of(drawing, kind, lane);
	}
}

/* ---- legend ---- */

struct legend {
	struct drawing *drawing;
	double top;
	unsigned entries;
};

/* Make room for the next entry, and write its label. */
static void label(struct legend *legend, const char *text, double *ret_x,
		  double *ret_y)
{
	unsigned row = legend->entries / LEGEND_IN_ROW;
	unsigned column = legend->entries % LEGEND_IN_ROW;

	*ret_x = LEFT + column * LEGEND_ENTRY + 8;
	*ret_y = legend->top + row * LEGEND_ROW + 10;
	legend->entries++;
	text_print(legend->drawing->text,
		   "<text class=\"s\" x=\"%.1f\" y=\"%.1f\">%s</text>",
		   *ret_x + 16, *ret_y + 4, text);
}

static void add_box(struct legend *legend, const char *fill, const char *text,
		    double height)
{
	double x, y;

	label(legend, text, &x, &y);
	text_print(
		legend->drawing->text,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"%.1f\" fill=\"%s\"/>\n",
		x - 6, y - height / 2, height, fill);
}

static bool is_drawn(const struct drawing *drawing, uint8_t event)
{
	const struct trace *trace = drawing->trace;

	for (size_t i = 0; i < trace->count; i++)
		if (trace->events[i].record.event == event &&
		    is_inside(drawing, trace->events[i].record.time_ns))
			return true;
	return false;
}

double draw_legend(struct drawing *drawing, double top)
{
	const struct lend_trace_header *header = &drawing->trace->header;
	struct legend legend = { drawing, top, 0 };
	unsigned rows;
	double x, y;

	for (unsigned i = 0; i < header->workers && i < 8; i++) {
		char text[32];

		snprintf(text, sizeof(text), "worker %u", i);
		add_box(&legend, colour_of(i), text, 12);
	}
	add_box(&legend, "url(#stall)", "stall", 12);
	for (size_t i = 0; i < MARKS_COUNT; i++) {
		if (!is_drawn(drawing, marks[i].event))
			continue;
		label(&legend, marks[i].label, &x, &y);
		text_print(drawing->text,
			   "<use href=\"#m%zu\" x=\"%.1f\" y=\"%.1f\"/>\n", i,
			   x, y);
	}
	label(&legend, "upper: flush", &x, &y);
	text_print(
		drawing->text,
		"<path stroke=\"#3b6fd4\" d=\"M%.1f %.1fv4m3 -4v4m5 -4v4\"/>\n",
		x - 4, y - 4);
	label(&legend, "lower: help", &x, &y);
	text_print(drawing->text,
		   "<path stroke=\"#e39a12\" d=\"M%.1f %.1fv4m6 -4v4\"/>\n",
		   x - 4, y);
	if (drawing->has_waits)
		add_box(&legend, "#9aa5b1", "claims that wait", 12);
	rows = (legend.entries + LEGEND_IN_ROW - 1) / LEGEND_IN_ROW;
	return LEGEND_ROW * rows;
}
