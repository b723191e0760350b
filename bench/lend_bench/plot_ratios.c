/*
 * A forest plot: one line for each ratio, from the low to the high end of its
 * interval, the median a mark, 1 a line that one must cross or not. Called by
 * page.c.
 */
#include "lend_bench/plot.h"

#include <math.h>

#include "lend_bench/quantity.h"
#include "lend_bench/svg.h"

#define TOP	6.0
#define HEAD	5.0 /* above and below a panel's name, which has lines */
#define COLUMNS 58
#define ROW	30.0
#define LEFT	128.0
#define RIGHT	(PLOT_WIDTH - 100.0)

/* The name of a panel. Returns how high it is. */
static double head(FILE *out, struct arena *arena,
		   const struct model_panel *panel, double y)
{
	return HEAD + SVG_LINE * svg_text_lines(out, 4, y + 13, "head",
						model_panel_name(arena, panel),
						COLUMNS);
}

/* Does this panel have ratios of @metric? */
static bool panel_any(const struct model_panel *panel, enum model_metric metric)
{
	for (size_t i = 0; i < panel->ratio_count; i++) {
		if (panel->ratios[i].metric == metric)
			return true;
	}
	return false;
}

bool plot_ratios_any(const struct model_section *section,
		     enum model_metric metric)
{
	for (size_t i = 0; i < section->panel_count; i++) {
		if (panel_any(&section->panels[i], metric))
			return true;
	}
	return false;
}

/* The scale that all of them fit on, and 1; and how high they stand. */
static struct svg_scale measure(struct arena *arena,
				const struct model_section *section,
				enum model_metric metric, double *ret_height)
{
	double low = 1, high = 1, height = 0;

	for (size_t i = 0; i < section->panel_count; i++) {
		const struct model_panel *panel = &section->panels[i];

		if (panel_any(panel, metric))
			height += head(NULL, arena, panel, 0);
		for (size_t j = 0; j < panel->ratio_count; j++) {
			if (panel->ratios[j].metric != metric)
				continue;
			height += ROW;
			low = fmin(low, panel->ratios[j].summary.low);
			high = fmax(high, panel->ratios[j].summary.high);
		}
	}
	*ret_height = height;
	if (high - low < 0.1) { /* do not make a drama of one percent */
		low = fmin(low, 0.95);
		high = fmax(high, 1.05);
	}
	return svg_scale_fit(low, high, 3, LEFT, RIGHT);
}

static void row(FILE *out, struct arena *arena, const struct svg_scale *scale,
		const struct model_ratio *ratio, double y)
{
	const struct summary *summary = &ratio->summary;
	const char *mode = ratio->above->first->mode;
	bool sure = summary->coverage >= SUMMARY_COVERAGE;

	svg_text(out, 4, y + 4,
		 arena_printf(arena, "name %s", svg_mode_class(mode)), "start",
		 mode);
	svg_text(out, LEFT - 8, y + 4, "tick", "end",
		 arena_printf(arena, "/ %s", ratio->below->first->mode));
	if (ratio->below->first->rings != ratio->above->first->rings)
		svg_text(out, LEFT - 8, y + 15, "tick", "end",
			 arena_printf(arena, "with %u rings",
				      ratio->below->first->rings));
	svg_line(out, svg_scale_place(scale, summary->low), y,
		 svg_scale_place(scale, summary->high), y,
		 arena_printf(arena, "interval %s%s", svg_mode_class(mode),
			      sure ? "" : " unsure"));
	svg_mark(out, mode, svg_scale_place(scale, summary->median), y, 4, "");
	svg_text(out, RIGHT + 10, y, "value", "start",
		 quantity_ratio(summary->median).text);
	svg_text(out, PLOT_WIDTH - 2, y, "tick", "end",
		 arena_printf(arena, "n = %zu", summary->count));
	svg_text(out, RIGHT + 10, y + 12, "tick", "start",
		 arena_printf(arena, sure ? "%s .. %s" : "all: %s .. %s",
			      quantity_ratio(summary->low).text,
			      quantity_ratio(summary->high).text));
}

void plot_ratios(FILE *out, struct arena *arena,
		 const struct model_section *section, enum model_metric metric)
{
	double height, y = TOP, bottom, one;
	struct svg_scale scale = measure(arena, section, metric, &height);

	bottom = TOP + height;
	one = svg_scale_place(&scale, 1);
	svg_open(out, PLOT_WIDTH, bottom + 36,
		 arena_printf(arena, "Ratios of %s, %s",
			      metric == MODEL_CPU ? "CPU time per operation" :
						    "p99.9 latency",
			      section->workload));
	svg_axis_x(out, &scale, TOP + SVG_LINE, bottom, 5,
		   quantity_number_tick);
	svg_line(out, LEFT, bottom, RIGHT, bottom, "axis");
	svg_line(out, one, TOP + SVG_LINE, one, bottom, "one");
	for (size_t i = 0; i < section->panel_count; i++) {
		const struct model_panel *panel = &section->panels[i];

		if (!panel_any(panel, metric))
			continue;
		y += head(out, arena, panel, y);
		for (size_t j = 0; j < panel->ratio_count; j++) {
			if (panel->ratios[j].metric != metric)
				continue;
			row(out, arena, &scale, &panel->ratios[j], y + ROW / 2);
			y += ROW;
		}
	}
	svg_text(out, (LEFT + RIGHT) / 2, bottom + 31, "title", "middle",
		 scale.logarithmic ? "ratio (logarithmic); below 1: less" :
				     "ratio; below 1: the first needs less");
	svg_close(out);
}
