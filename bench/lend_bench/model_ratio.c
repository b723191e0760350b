/*
 * Modes against each other. Called by model.c.
 *
 * Repeats are made in turn, so what disturbs one disturbs its neighbours, too:
 * a ratio is formed between the same repeat of both, in one file, and nowhere
 * else.
 */
#include "lend_bench/model.h"

#include <math.h>
#include <string.h>

const struct result_run *model_partner(const struct model_group *group,
				       const struct result_run *run)
{
	for (size_t i = 0; i < group->good_count; i++) {
		if (group->good[i]->file == run->file &&
		    group->good[i]->repeat == run->repeat)
			return group->good[i];
	}
	return NULL;
}

static void compare_groups(struct arena *arena, struct model_panel *panel,
			   const struct model_group *above,
			   const struct model_group *below,
			   enum model_metric metric)
{
	size_t size = above->good_count;
	double *a = arena_alloc(arena, size, sizeof(*a));
	double *b = arena_alloc(arena, size, sizeof(*b));
	struct model_ratio *ratio;
	size_t count = 0;

	for (size_t i = 0; i < size; i++) {
		const struct result_run *other = model_partner(below,
							       above->good[i]);

		if (!other)
			continue;
		a[count] = model_metric(above->good[i], metric);
		b[count++] = model_metric(other, metric);
	}
	count = summary_ratios(a, b, count, a);
	if (count == 0)
		return;
	panel->ratios = arena_grow(arena, panel->ratios, panel->ratio_count,
				   sizeof(*panel->ratios));
	ratio = &panel->ratios[panel->ratio_count++];
	*ratio = (struct model_ratio){
		.above = above,
		.below = below,
		.metric = metric,
		.lost = above->count + below->count - 2 * count,
	};
	summary_of(a, count, &ratio->summary);
}

const struct model_group *model_panel_find(const struct model_panel *panel,
					   const char *mode)
{
	for (size_t i = 0; i < panel->group_count; i++) {
		if (strcmp(panel->groups[i].first->mode, mode) == 0)
			return &panel->groups[i];
	}
	if (panel->reference &&
	    strcmp(panel->reference->first->mode, mode) == 0)
		return panel->reference;
	return NULL;
}

void model_panel_compare(struct arena *arena, struct model_panel *panel)
{
	const struct model_group *own = model_panel_find(panel, "private");
	const struct model_group *borrowed = model_panel_find(panel,
							      "borrowed");
	const struct model_group *shared = model_panel_find(panel, "shared");

	for (unsigned metric = 0; metric < MODEL_METRICS; metric++) {
		for (size_t i = 0; own && i < panel->group_count; i++) {
			if (&panel->groups[i] != own)
				compare_groups(arena, panel, &panel->groups[i],
					       own, metric);
		}
		if (borrowed && shared)
			compare_groups(arena, panel, borrowed, shared, metric);
	}
}
