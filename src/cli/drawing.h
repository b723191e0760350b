/*
 * The parts of the picture of a trace, and where they are: one lane for each
 * worker, one for each ring, one for those who wait.
 */
#ifndef LEND_CLI_DRAWING_H
#define LEND_CLI_DRAWING_H

#include "trace_print.h"

/* Pixels. */
#define WIDTH	  1200
#define LEFT	  96
#define RIGHT	  24
#define COLUMNS	  (WIDTH - LEFT - RIGHT)
#define TOP	  100.0
#define LANE	  52.0
#define LANE_GAP  10.0
#define BAR	  26.0 /* height of a bar in its lane */
#define WAIT_LANE 40.0

struct drawing {
	struct text *text;
	const struct timeline *timeline;
	const struct trace *trace;
	struct trace_window window;
	double rings_top;
	double waits_top;
	double bottom; /* of the lanes */
	bool has_waits;
};

/* ---- drawing.c ---- */

double x_of(const struct drawing *drawing, uint64_t time_ns);
bool is_seen(const struct drawing *drawing, const struct span *span);
double worker_top(unsigned worker);
double ring_top(const struct drawing *drawing, unsigned ring);
const char *colour_of(unsigned worker);

/* ---- drawing_lanes.c ---- */

void draw_worker(struct drawing *drawing, unsigned worker);
void draw_stall_bands(struct drawing *drawing);
void draw_stalls(struct drawing *drawing);
void draw_loans(struct drawing *drawing);
void draw_waits(struct drawing *drawing);

/* ---- drawing_marks.c ---- */

void draw_mark_shapes(struct drawing *drawing);
void draw_marks(struct drawing *drawing);
/* Return: the height of the legend that was drawn at @top. */
double draw_legend(struct drawing *drawing, double top);

#endif
