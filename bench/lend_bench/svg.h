/*
 * Scales, axes and marks: what the plots have in common. Colours are classes,
 * which the page's style sheet knows ("m-borrowed" and so on).
 */
#ifndef LEND_BENCH_SVG_H
#define LEND_BENCH_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "lend_bench/quantity.h"

#define SVG_TICKS_MAX 24

/* From a value to a place; @from may be above @to. */
struct svg_scale {
	double low, high; /* values; above 0 if logarithmic */
	double from, to;  /* places */
	bool logarithmic;
};

typedef struct quantity (*svg_label_fn)(double value);

/* A scale from @low to @high with some air at both ends, logarithmic if the
 * one is more than @factor times the other and both are above 0. */
struct svg_scale svg_scale_fit(double low, double high, double factor,
			       double from, double to);
double svg_scale_place(const struct svg_scale *scale, double value);

/* Round values along a scale, about @wanted of them. Returns how many. */
unsigned svg_scale_ticks(const struct svg_scale *scale, unsigned wanted,
			 double *ret_ticks);

/* Text that is safe in HTML, XML and their attributes. */
void svg_escape(FILE *out, const char *text);

/* @label: what it shows, for those who can not see it. */
void svg_open(FILE *out, double width, double height, const char *label);
void svg_close(FILE *out);

/* @anchor: "start", "middle" or "end". */
void svg_text(FILE *out, double x, double y, const char *class,
	      const char *anchor, const char *text);
/*
 * The same, broken into lines of at most @columns characters where there are
 * spaces, SVG_LINE apart; the first is at @y. With @out NULL nothing is
 * written. Returns how many lines.
 */
#define SVG_LINE 15.0
unsigned svg_text_lines(FILE *out, double x, double y, const char *class,
			const char *text, size_t columns);
void svg_line(FILE *out, double x1, double y1, double x2, double y2,
	      const char *class);

/* The grid and the numbers of a horizontal axis at @bottom. */
void svg_axis_x(FILE *out, const struct svg_scale *scale, double top,
		double bottom, unsigned wanted, svg_label_fn label);

/* The same for a vertical one; the numbers are left of @left. */
void svg_axis_y(FILE *out, const struct svg_scale *scale, double left,
		double right, unsigned wanted, svg_label_fn label);

/* "m-" and the mode, or "m-other". */
const char *svg_mode_class(const char *mode);

/* The mode's mark: not by its colour alone is it told from others. */
void svg_mark(FILE *out, const char *mode, double x, double y, double radius,
	      const char *more_classes);

#endif
