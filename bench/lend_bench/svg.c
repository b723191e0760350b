/*
 * Called by the plots (plot_*.c). Writes SVG that is well-formed XML, to stand
 * in a page.
 */
#include "lend_bench/svg.h"

#include <math.h>
#include <string.h>

struct svg_scale svg_scale_fit(double low, double high, double factor,
			       double from, double to)
{
	struct svg_scale scale = { .from = from, .to = to };
	double air = (fmax(fabs(low), fabs(high)) * 0.01 - (high - low)) / 2;

	if (air > 0) { /* no lens for less than one percent */
		low -= air;
		high += air;
	}
	scale.logarithmic = low > 0 && high / low > factor;
	if (scale.logarithmic) {
		air = pow(high / low, 0.04);
		scale.low = low / air;
		scale.high = high * air;
		return scale;
	}
	air = (high - low) * 0.06;
	if (!(air > 0))
		air = high != 0 ? fabs(high) * 0.05 : 1;
	/* Nothing here is below 0, so no axis is. */
	scale.low = low >= 0 ? fmax(0, low - air) : low - air;
	scale.high = high + air;
	return scale;
}

double svg_scale_place(const struct svg_scale *scale, double value)
{
	double part;

	if (scale->logarithmic)
		part = log(value / scale->low) / log(scale->high / scale->low);
	else
		part = (value - scale->low) / (scale->high - scale->low);
	return scale->from + part * (scale->to - scale->from);
}

/* 1, 2 or 5 times a power of ten, not below @least. */
static double round_step(double least)
{
	double power = pow(10, floor(log10(least)));

	for (unsigned i = 0; i < 3; i++) {
		static const double steps[] = { 1, 2, 5 };

		if (steps[i] * power >= least * (1 - 1e-9))
			return steps[i] * power;
	}
	return 10 * power;
}

static unsigned ticks_linear(const struct svg_scale *scale, unsigned wanted,
			     double *ret_ticks)
{
	double step = round_step((scale->high - scale->low) / wanted);
	double first = ceil(scale->low / step - 1e-9);
	unsigned count = 0;

	for (double i = first; i * step <= scale->high + step * 1e-9; i++) {
		if (count == SVG_TICKS_MAX)
			break;
		ret_ticks[count++] = i * step;
	}
	return count;
}

static unsigned ticks_logarithmic(const struct svg_scale *scale,
				  unsigned wanted, double *ret_ticks)
{
	static const double steps[] = { 1, 2, 5 };
	double decades = log10(scale->high / scale->low);
	int first = (int)floor(log10(scale->low));
	/* All of 1, 2, 5; of few decades only; every second decade of many. */
	bool between = decades * 3 <= wanted * 1.3;
	int stride = decades > wanted * 1.3 ? (int)ceil(decades / wanted) : 1;
	unsigned count = 0;

	for (int power = first; power <= first + (int)decades + 2;
	     power += stride) {
		for (unsigned i = 0; i < (between ? 3U : 1U); i++) {
			double tick = steps[i] * pow(10, power);

			if (tick < scale->low || tick > scale->high ||
			    count == SVG_TICKS_MAX)
				continue;
			ret_ticks[count++] = tick;
		}
	}
	return count;
}

unsigned svg_scale_ticks(const struct svg_scale *scale, unsigned wanted,
			 double *ret_ticks)
{
	if (scale->logarithmic)
		return ticks_logarithmic(scale, wanted, ret_ticks);
	return ticks_linear(scale, wanted, ret_ticks);
}

static void escape(FILE *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '&')
			fputs("&amp;", out);
		else if (byte == '<')
			fputs("&lt;", out);
		else if (byte == '>')
			fputs("&gt;", out);
		else if (byte == '"')
			fputs("&quot;", out);
		else if (byte < ' ' || byte == 0x7f) /* not allowed in XML */
			fputs("\xef\xbf\xbd", out);
		else
			fputc(byte, out);
	}
}

void svg_escape(FILE *out, const char *text)
{
	escape(out, text, strlen(text));
}

void svg_open(FILE *out, double width, double height, const char *label)
{
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" "
		"viewBox=\"0 0 %g %g\" role=\"img\" aria-label=\"",
		width, height);
	svg_escape(out, label);
	fputs("\">\n", out);
}

void svg_close(FILE *out)
{
	fputs("</svg>\n", out);
}

static void text_begin(FILE *out, double x, double y, const char *class,
		       const char *anchor)
{
	fprintf(out,
		"<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" "
		"text-anchor=\"%s\">",
		x, y, class, anchor);
}

void svg_text(FILE *out, double x, double y, const char *class,
	      const char *anchor, const char *text)
{
	text_begin(out, x, y, class, anchor);
	svg_escape(out, text);
	fputs("</text>\n", out);
}

/* How many bytes of @text make a line: up to a space if that can be. */
static size_t line_length(const char *text, size_t columns)
{
	size_t column = 0, space = 0, at = 0;

	for (; text[at] && column <= columns; at++) {
		if (text[at] == ' ')
			space = at;
		column += (text[at] & 0xc0) != 0x80; /* UTF-8 */
	}
	if (!text[at] && column <= columns)
		return at;
	if (space > 0)
		return space;
	do
		at--; /* back to where a character begins */
	while (at > 1 && (text[at] & 0xc0) == 0x80);
	return at;
}

unsigned svg_text_lines(FILE *out, double x, double y, const char *class,
			const char *text, size_t columns)
{
	unsigned lines = 0;

	while (*text) {
		size_t length = line_length(text, columns);

		if (out) {
			text_begin(out, x, y + lines * SVG_LINE, class,
				   "start");
			escape(out, text, length);
			fputs("</text>\n", out);
		}
		lines++;
		text += length;
		text += *text == ' ';
	}
	return lines;
}

void svg_line(FILE *out, double x1, double y1, double x2, double y2,
	      const char *class)
{
	fprintf(out,
		"<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
		"class=\"%s\"/>\n",
		x1, y1, x2, y2, class);
}

void svg_axis_x(FILE *out, const struct svg_scale *scale, double top,
		double bottom, unsigned wanted, svg_label_fn label)
{
	double ticks[SVG_TICKS_MAX];
	unsigned count = svg_scale_ticks(scale, wanted, ticks);

	for (unsigned i = 0; i < count; i++) {
		double x = svg_scale_place(scale, ticks[i]);

		svg_line(out, x, top, x, bottom, "grid");
		svg_text(out, x, bottom + 14, "tick", "middle",
			 label(ticks[i]).text);
	}
}

void svg_axis_y(FILE *out, const struct svg_scale *scale, double left,
		double right, unsigned wanted, svg_label_fn label)
{
	double ticks[SVG_TICKS_MAX];
	unsigned count = svg_scale_ticks(scale, wanted, ticks);

	for (unsigned i = 0; i < count; i++) {
		double y = svg_scale_place(scale, ticks[i]);

		svg_line(out, left, y, right, y, "grid");
		svg_text(out, left - 6, y + 4, "tick", "end",
			 label(ticks[i]).text);
	}
}

const char *svg_mode_class(const char *mode)
{
	if (strcmp(mode, "borrowed") == 0)
		return "m-borrowed";
	if (strcmp(mode, "private") == 0)
		return "m-private";
	if (strcmp(mode, "shared") == 0)
		return "m-shared";
	return "m-other";
}

void svg_mark(FILE *out, const char *mode, double x, double y, double radius,
	      const char *more_classes)
{
	const char *class = svg_mode_class(mode);
	double r = radius;

	if (strcmp(class, "m-borrowed") == 0)
		fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", x, y,
			r);
	else if (strcmp(class, "m-private") == 0)
		fprintf(out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
			"height=\"%.1f\"",
			x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
	else if (strcmp(class, "m-shared") == 0)
		fprintf(out, "<path d=\"M%.1f %.1fl%.1f %.1fh%.1fz\"", x,
			y - 1.15 * r, 1.15 * r, 2 * r, -2.3 * r);
	else
		fprintf(out,
			"<path d=\"M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f "
			"%.1fz\"",
			x, y - 1.2 * r, 1.2 * r, 1.2 * r, -1.2 * r, 1.2 * r,
			-1.2 * r, -1.2 * r);
	fprintf(out, " class=\"%s %s\"/>\n", class, more_classes);
}
