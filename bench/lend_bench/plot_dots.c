/*
 * Every repeat is seen, none is hidden in a bar: a dot plot. Called by
 * page.c.
 */
#include "lend_bench/plot.h"

#include <math.h>

#include "lend_bench/quantity.h"
#include "lend_bench/svg.h"

#define TOP    10.0
#define ROW    50.0
#define LEFT   98.0
#define RIGHT  (PLOT_WIDTH - 16.0)
#define SPREAD 26.0 /* of the dots of a row, from the first to the last */

size_t plot_groups(const struct model_panel *panel,
		   const struct model_group **ret_groups)
{
	size_t count = 0;

	for (size_t i = 0; i < panel->group_count; i++)
		ret_groups[count++] = &panel->groups[i];
	if (panel->reference)
		ret_groups[count++] = panel->reference;
	return count;
}

bool plot_dots_any(const struct model_panel *panel)
{
	for (size_t i = 0; i < panel->group_count; i++) {
		if (panel->groups[i].cpu_ns_per_op.count > 0)
			return true;
	}
	return false;
}

static void row(FILE *out, struct arena *arena, const struct svg_scale *scale,
		const struct model_panel *panel,
		const struct model_group *group, double middle)
{
	const struct summary *cpu = &group->cpu_ns_per_op;
	const char *mode = group->first->mode;
	const char *class = svg_mode_class(mode);
	double median;

	svg_text(out, 4, middle, arena_printf(arena, "name %s", class), "start",
		 mode);
	svg_text(out, 4, middle + 14, "tick", "start",
		 group->first->rings == panel->groups[0].first->rings ?
			 arena_printf(arena, "n = %zu", cpu->count) :
			 arena_printf(arena, "n = %zu, %u rings", cpu->count,
				      group->first->rings));
	if (cpu->count == 0) {
		svg_text(out, LEFT, middle + 4, "tick", "start",
			 "no good repeat");
		return;
	}
	for (size_t i = 0; i < group->good_count; i++) {
		double part = group->good_count > 1 ?
				      (double)i /
					      (double)(group->good_count - 1) :
				      0.5;

		if (!isfinite(group->good[i]->cpu_ns_per_op))
			continue;
		svg_mark(out, mode,
			 svg_scale_place(scale, group->good[i]->cpu_ns_per_op),
			 middle + (part - 0.5) * SPREAD, 2.6, "dot");
	}
	median = svg_scale_place(scale, cpu->median);
	svg_line(out, median, middle - 17, median, middle + 17,
		 arena_printf(arena, "median %s", class));
	svg_text(out, median, middle - 20,
		 arena_printf(arena, "value %s", class),
		 median > RIGHT - 20 ? "end" : "middle",
		 quantity_number(cpu->median).text);
}

void plot_dots(FILE *out, struct arena *arena, const struct model_panel *panel)
{
	const struct model_group **groups = arena_alloc(
		arena, panel->group_count + 1, sizeof(*groups));
	size_t count = plot_groups(panel, groups);
	double low = INFINITY, high = -INFINITY;
	double bottom = TOP + ROW * (double)count;
	struct svg_scale scale;

	for (size_t i = 0; i < count; i++) {
		if (groups[i]->cpu_ns_per_op.count == 0)
			continue;
		low = fmin(low, groups[i]->cpu_ns_per_op.min);
		high = fmax(high, groups[i]->cpu_ns_per_op.max);
	}
	scale = svg_scale_fit(low, high, 8, LEFT, RIGHT);
	svg_open(out, PLOT_WIDTH, bottom + 36,
		 arena_printf(arena, "CPU time per operation, %s",
			      model_panel_name(arena, panel)));
	svg_axis_x(out, &scale, TOP, bottom, 5, quantity_number_tick);
	svg_line(out, LEFT, bottom, RIGHT, bottom, "axis");
	for (size_t i = 0; i < count; i++)
		row(out, arena, &scale, panel, groups[i],
		    TOP + ROW * ((double)i + 0.58));
	svg_text(out, (LEFT + RIGHT) / 2, bottom + 31, "title", "middle",
		 scale.logarithmic ?
			 "CPU time per operation, ns (logarithmic)" :
			 "CPU time per operation, ns");
	svg_close(out);
}
