/*
 * Latency over the percentile, on a scale that gives the tail its room: each
 * step to the right is ten times rarer. Called by page.c.
 */
#include "lend_bench/plot.h"

#include <math.h>

#include "lend_bench/svg.h"

#define TOP	  12.0
#define BOTTOM	  250.0
#define LEFT	  62.0
#define RIGHT	  (PLOT_WIDTH - 88.0)
#define TAIL	  4.0 /* powers of ten: 99.99 % */
#define LABEL_GAP 15.0

struct label {
	double y;
	const struct model_group *group;
};

bool plot_curves_any(const struct model_panel *panel)
{
	for (size_t i = 0; i < panel->group_count; i++) {
		if (panel->groups[i].latency.count > 0)
			return true;
	}
	return false;
}

static double place_x(double rarity)
{
	return LEFT + (RIGHT - LEFT) * log10(rarity) / TAIL;
}

static void axis_x(FILE *out)
{
	static const struct {
		double rarity; /* one of so many is beyond */
		const char *label;
	} ticks[] = { { 1, "0" },    { 2, "50" },      { 10, "90" },
		      { 100, "99" }, { 1000, "99.9" }, { 10000, "99.99" } };

	for (size_t i = 0; i < sizeof(ticks) / sizeof(*ticks); i++) {
		double x = place_x(ticks[i].rarity);

		svg_line(out, x, TOP, x, BOTTOM, "grid");
		svg_text(out, x, BOTTOM + 14, "tick", "middle", ticks[i].label);
	}
	svg_line(out, LEFT, BOTTOM, RIGHT, BOTTOM, "axis");
	svg_text(out, (LEFT + RIGHT) / 2, BOTTOM + 31, "title", "middle",
		 "percentile, % of all operations");
}

/*
 * From the rarity @from to the rarity @to. A histogram has far more buckets
 * than a curve has pixels; what moves it by less than half of one is left out.
 */
static double path(FILE *out, const struct model_group *group,
		   const struct svg_scale *scale, double from, double to,
		   const char *class)
{
	const struct result_latency *latency = &group->latency;
	double seen = 0, x_last = -1, y_last = -1, y = 0;
	bool begun = false;

	fprintf(out, "<path class=\"curve %s %s\" d=\"",
		svg_mode_class(group->first->mode), class);
	for (size_t i = 0; i < latency->bucket_count; i++) {
		double x0 = place_x(fmin(
			to,
			fmax(from, latency->count / (latency->count - seen))));
		double x, beyond;

		seen += latency->buckets[i].count;
		beyond = fmax(latency->count - seen, 1e-9);
		x = place_x(fmin(to, fmax(from, latency->count / beyond)));
		if (latency->count / beyond < from)
			continue;
		y = svg_scale_place(scale, fmin(latency->max,
						latency->buckets[i].upper));
		if (!begun)
			fprintf(out, "M%.1f %.1f", x0, y);
		begun = true;
		if (fabs(x - x_last) + fabs(y - y_last) >= 0.5) {
			fprintf(out, "L%.1f %.1f", x, y);
			x_last = x;
			y_last = y;
		}
		if (latency->count / beyond >= to)
			break;
	}
	fputs("\"/>\n", out);
	return y;
}

/* The curve; thin where too few values lie beyond it. Returns where it ends. */
static double curve(FILE *out, const struct model_group *group,
		    const struct svg_scale *scale)
{
	double most = pow(10, TAIL);
	double solid = fmin(most,
			    fmax(1, group->latency.count / MODEL_TAIL_MIN));
	double y = path(out, group, scale, 1, solid, "");

	if (solid < most)
		y = path(out, group, scale, solid,
			 fmin(most, fmax(1, group->latency.count)), "thin");
	return y;
}

/* The names beside the curves' ends, moved apart where they would overlap. */
static void labels(FILE *out, struct arena *arena,
		   const struct model_panel *panel, struct label *all,
		   size_t count)
{
	for (size_t i = 1; i < count; i++) {
		for (size_t j = i; j > 0 && all[j].y < all[j - 1].y; j--) {
			struct label swap = all[j];

			all[j] = all[j - 1];
			all[j - 1] = swap;
		}
	}
	for (size_t i = 1; i < count; i++)
		all[i].y = fmax(all[i].y, all[i - 1].y + LABEL_GAP);
	if (count > 0)
		all[count - 1].y = fmin(all[count - 1].y, BOTTOM);
	for (size_t i = count; i-- > 1;)
		all[i - 1].y = fmin(all[i - 1].y, all[i].y - LABEL_GAP);
	for (size_t i = 0; i < count; i++) {
		const struct result_run *run = all[i].group->first;
		const char *class = svg_mode_class(run->mode);

		svg_mark(out, run->mode, RIGHT + 11, all[i].y, 3.2, "");
		svg_text(out, RIGHT + 19, all[i].y + 4,
			 arena_printf(arena, "name %s", class), "start",
			 run->rings == panel->groups[0].first->rings ?
				 run->mode :
				 arena_printf(arena, "%s, %u r.", run->mode,
					      run->rings));
	}
}

void plot_curves(FILE *out, struct arena *arena,
		 const struct model_panel *panel)
{
	const struct model_group **groups = arena_alloc(
		arena, panel->group_count + 1, sizeof(*groups));
	size_t count = plot_groups(panel, groups), named = 0;
	struct label *ends = arena_alloc(arena, count, sizeof(*ends));
	double low = INFINITY, high = 0;
	struct svg_scale scale;

	for (size_t i = 0; i < count; i++) {
		const struct result_latency *latency = &groups[i]->latency;

		if (!(latency->count > 0))
			continue;
		low = fmin(low, latency->buckets[0].upper);
		high = fmax(high, groups[i]->percentiles[MODEL_P99_99]);
	}
	low = fmax(low, 1); /* a logarithm is wanted */
	scale = svg_scale_fit(low, fmax(high, low * 1.1), 1, BOTTOM, TOP);
	svg_open(out, PLOT_WIDTH, BOTTOM + 36,
		 arena_printf(arena, "Latency over percentile, %s",
			      model_panel_name(arena, panel)));
	axis_x(out);
	svg_axis_y(out, &scale, LEFT, RIGHT, 6, quantity_time_tick);
	for (size_t i = 0; i < count; i++) {
		if (!(groups[i]->latency.count > 0))
			continue;
		ends[named].y = curve(out, groups[i], &scale);
		ends[named++].group = groups[i];
	}
	labels(out, arena, panel, ends, named);
	svg_close(out);
}
