/*
 * Which runs belong together. Called by `report` and `compare`. What is
 * computed of them is in model_group.c and model_ratio.c.
 */
#include "lend_bench/model.h"

#include <stdlib.h>
#include <string.h>

/* The order in which modes are shown; the rest comes after, by name. */
static const char *const mode_order[] = { "borrowed", "private", "shared" };

#define MODES (sizeof(mode_order) / sizeof(*mode_order))

static int compare_numbers(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

static int compare_modes(const char *a, const char *b)
{
	size_t place_a = 0, place_b = 0;

	while (place_a < MODES && strcmp(mode_order[place_a], a) != 0)
		place_a++;
	while (place_b < MODES && strcmp(mode_order[place_b], b) != 0)
		place_b++;
	if (place_a != place_b)
		return place_a < place_b ? -1 : 1;
	return strcmp(a, b);
}

static int compare_panels(const struct result_run *a,
			  const struct result_run *b)
{
	/* As versions: "batch=8" before "batch=16". */
	int order = strverscmp(a->variant, b->variant);

	if (order == 0)
		order = compare_numbers(a->workers, b->workers);
	if (order == 0)
		order = compare_numbers(a->depth, b->depth);
	if (order == 0)
		order = compare_numbers(a->rings, b->rings);
	return order;
}

int model_compare_configs(const struct result_run *a,
			  const struct result_run *b)
{
	int order = strcmp(a->workload, b->workload);

	if (order == 0)
		order = compare_panels(a, b);
	if (order == 0)
		order = compare_modes(a->mode, b->mode);
	return order;
}

/* Panels side by side, groups within, and repeats in the order of time. */
static int compare_runs(const void *left, const void *right)
{
	const struct result_run *a = *(const struct result_run *const *)left;
	const struct result_run *b = *(const struct result_run *const *)right;
	int order = model_compare_configs(a, b);

	if (order == 0 && a->file != b->file)
		order = a->file < b->file ? -1 : 1;
	if (order == 0)
		order = compare_numbers(a->repeat, b->repeat);
	return order;
}

static bool same_host(const struct result_host *a, const struct result_host *b)
{
	return a->cpus == b->cpus && strcmp(a->cpu, b->cpu) == 0 &&
	       strcmp(a->kernel, b->kernel) == 0 &&
	       strcmp(a->compiler, b->compiler) == 0 &&
	       strcmp(a->lend, b->lend) == 0;
}

static struct model_host *host_of(struct model *model,
				  const struct result_file *file)
{
	for (size_t i = 0; i < model->host_count; i++) {
		if (same_host(model->hosts[i].host, &file->host))
			return &model->hosts[i];
	}
	model->hosts = arena_grow(model->arena, model->hosts, model->host_count,
				  sizeof(*model->hosts));
	model->hosts[model->host_count].host = &file->host;
	return &model->hosts[model->host_count++];
}

/* @runs are sorted. Returns how many of them, from the first, are alike. */
static size_t alike(const struct result_run **runs, size_t count,
		    int (*compare)(const struct result_run *,
				   const struct result_run *))
{
	size_t same = 1;

	while (same < count && compare(runs[0], runs[same]) == 0)
		same++;
	return same;
}

static void panel_build(struct arena *arena, const struct result_run **runs,
			size_t count, struct model_panel *panel)
{
	for (size_t at = 0; at < count;) {
		size_t same = alike(runs + at, count - at,
				    model_compare_configs);
		struct model_group *group;

		panel->groups = arena_grow(arena, panel->groups,
					   panel->group_count,
					   sizeof(*panel->groups));
		group = &panel->groups[panel->group_count++];
		*group = (struct model_group){
			.first = runs[at],
			.runs = runs + at,
			.count = same,
		};
		model_group_sum(arena, group);
		at += same;
	}
}

static bool is_private(const struct model_group *group)
{
	return strcmp(group->first->mode, "private") == 0;
}

/*
 * Private mode has as many rings as workers. Where the others were measured
 * with more or fewer, it is still what they are compared with.
 */
static void find_reference(struct model_section *section,
			   struct model_panel *panel)
{
	const struct result_run *self = panel->groups[0].first;

	for (size_t i = 0; i < panel->group_count; i++) {
		if (is_private(&panel->groups[i]))
			return;
	}
	for (size_t i = 0; i < section->panel_count; i++) {
		struct model_panel *other = &section->panels[i];
		const struct result_run *first = other->groups[0].first;

		if (strcmp(first->variant, self->variant) != 0 ||
		    first->workers != self->workers ||
		    first->depth != self->depth)
			continue;
		for (size_t j = 0; j < other->group_count; j++) {
			if (!is_private(&other->groups[j]))
				continue;
			panel->reference = &other->groups[j];
			other->shown_elsewhere = other->group_count == 1;
			return;
		}
	}
}

static void section_build(struct arena *arena, const struct result_run **runs,
			  size_t count, struct model_section *section)
{
	section->workload = runs[0]->workload;
	for (size_t at = 0; at < count;) {
		size_t same = alike(runs + at, count - at, compare_panels);

		section->panels = arena_grow(arena, section->panels,
					     section->panel_count,
					     sizeof(*section->panels));
		panel_build(arena, runs + at, same,
			    &section->panels[section->panel_count++]);
		at += same;
	}
	for (size_t i = 0; i < section->panel_count; i++)
		find_reference(section, &section->panels[i]);
	for (size_t i = 0; i < section->panel_count; i++)
		model_panel_compare(arena, &section->panels[i]);
}

static int compare_workloads(const struct result_run *a,
			     const struct result_run *b)
{
	return strcmp(a->workload, b->workload);
}

/* The same repeat twice would make pairs ambiguous. */
static const char *find_twin(struct model *model,
			     const struct result_run **runs, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const struct result_run *run = runs[i];

		if (compare_runs(&runs[i - 1], &runs[i]) != 0)
			continue;
		return arena_printf(
			model->arena,
			"%s: runs[%zu] and runs[%zu] are both repeat %u of %s, "
			"%s, %u workers, %u rings, depth %u, \"%s\"",
			model->files[run->file].path, runs[i - 1]->index,
			run->index, run->repeat, run->workload, run->mode,
			run->workers, run->rings, run->depth, run->variant);
	}
	return NULL;
}

static const char *host_build(struct model *model, struct model_host *host)
{
	const struct result_run **runs;
	const char *wrong;
	size_t count = 0;

	runs = arena_alloc(model->arena, host->run_count, sizeof(*runs));
	host->bad = arena_alloc(model->arena, host->run_count, sizeof(*runs));
	for (size_t i = 0; i < host->file_count; i++) {
		const struct result_file *file = host->files[i];

		for (size_t j = 0; j < file->run_count; j++) {
			runs[count++] = &file->runs[j];
			if (!result_run_good(&file->runs[j]))
				host->bad[host->bad_count++] = &file->runs[j];
		}
	}
	qsort(runs, count, sizeof(*runs), compare_runs);
	wrong = find_twin(model, runs, count);
	if (wrong)
		return wrong;
	for (size_t at = 0; at < count;) {
		size_t same = alike(runs + at, count - at, compare_workloads);

		host->sections = arena_grow(model->arena, host->sections,
					    host->section_count,
					    sizeof(*host->sections));
		section_build(model->arena, runs + at, same,
			      &host->sections[host->section_count++]);
		at += same;
	}
	return NULL;
}

const char *model_build(struct arena *arena, const struct result_file *files,
			size_t file_count, struct model *ret_model)
{
	struct model model = {
		.arena = arena,
		.files = files,
		.file_count = file_count,
	};

	for (size_t i = 0; i < file_count; i++) {
		struct model_host *host = host_of(&model, &files[i]);

		for (size_t j = 0; j < host->file_count; j++) {
			const struct result_file *other = host->files[j];

			if (strcmp(other->started, files[i].started) == 0 &&
			    strcmp(other->command, files[i].command) == 0)
				return arena_printf(arena,
						    "%s: the same results as "
						    "in %s",
						    files[i].path, other->path);
		}
		host->files = arena_grow(arena, host->files, host->file_count,
					 sizeof(const struct result_file *));
		host->files[host->file_count++] = &files[i];
		host->run_count += files[i].run_count;
	}
	for (size_t i = 0; i < model.host_count; i++) {
		const char *wrong = host_build(&model, &model.hosts[i]);

		if (wrong)
			return wrong;
	}
	*ret_model = model;
	return NULL;
}

static const char *counted(struct arena *arena, unsigned count,
			   const char *noun)
{
	return arena_printf(arena, "%u %s%s", count, noun,
			    count == 1 ? "" : "s");
}

/* "a=1,b=2" with spaces, so that it can be broken into lines. */
static const char *spaced(struct arena *arena, const char *variant)
{
	char *text = arena_alloc(arena, 2 * strlen(variant) + 1, 1);
	char *end = text;

	for (; *variant; variant++) {
		*end++ = *variant;
		if (*variant == ',' && variant[1] != ' ')
			*end++ = ' ';
	}
	return text;
}

const char *model_panel_name(struct arena *arena,
			     const struct model_panel *panel)
{
	const struct result_run *run = panel->groups[0].first;

	return arena_printf(arena, "%s, %s, depth %u%s%s",
			    counted(arena, run->workers, "worker"),
			    counted(arena, run->rings, "ring"), run->depth,
			    run->variant[0] ? ", " : "",
			    spaced(arena, run->variant));
}

const char *model_group_name(struct arena *arena,
			     const struct model_panel *panel,
			     const struct model_group *group)
{
	if (!panel || group->first->rings == panel->groups[0].first->rings)
		return group->first->mode;
	return arena_printf(arena, "%s, %s", group->first->mode,
			    counted(arena, group->first->rings, "ring"));
}
