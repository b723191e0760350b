/*
 * Figures that only one workload has: a row for each, a column for each mode.
 * Called by page.c.
 */
#include "lend_bench/page.h"

#include <math.h>
#include <string.h>

#include "lend_bench/quantity.h"

/* The modes of a section, in the order of its groups, and a NULL. */
static const char **find_modes(struct arena *arena,
			       const struct model_section *section,
			       size_t *ret_count)
{
	const char **modes = NULL;
	size_t count = 0;

	for (size_t i = 0; i < section->panel_count; i++) {
		const struct model_panel *panel = &section->panels[i];

		for (size_t j = 0; j < panel->group_count; j++) {
			const char *mode = panel->groups[j].first->mode;
			size_t k = 0;

			while (k < count && strcmp(modes[k], mode) != 0)
				k++;
			if (k < count)
				continue;
			modes = arena_grow(arena, modes, count, sizeof(*modes));
			modes[count++] = mode;
		}
	}
	modes = arena_grow(arena, modes, count, sizeof(*modes));
	modes[count] = NULL;
	*ret_count = count;
	return modes;
}

static const struct model_extra *find(const struct model_panel *panel,
				      const char *mode, const char *name)
{
	for (size_t i = 0; i < panel->group_count; i++) {
		const struct model_group *group = &panel->groups[i];

		if (strcmp(group->first->mode, mode) != 0)
			continue;
		for (size_t j = 0; j < group->extra_count; j++) {
			if (strcmp(group->extras[j].name, name) == 0)
				return &group->extras[j];
		}
	}
	return NULL;
}

/* All names in a panel, in the order of the alphabet. */
static const char **find_names(struct arena *arena,
			       const struct model_panel *panel,
			       size_t *ret_count)
{
	const char **names = NULL;
	size_t count = 0;

	for (size_t i = 0; i < panel->group_count; i++) {
		const struct model_group *group = &panel->groups[i];

		for (size_t j = 0; j < group->extra_count; j++) {
			const char *name = group->extras[j].name;
			size_t at = 0;

			while (at < count && strcmp(names[at], name) < 0)
				at++;
			if (at < count && strcmp(names[at], name) == 0)
				continue;
			names = arena_grow(arena, names, count, sizeof(*names));
			memmove(&names[at + 1], &names[at],
				(count - at) * sizeof(*names));
			names[at] = name;
			count++;
		}
	}
	*ret_count = count;
	return names;
}

static bool all_zero(const struct model_panel *panel, const char *name)
{
	for (size_t i = 0; i < panel->group_count; i++) {
		const struct model_extra *extra = find(
			panel, panel->groups[i].first->mode, name);

		if (extra &&
		    (extra->summary.min != 0 || extra->summary.max != 0))
			return false;
	}
	return true;
}

/* Most of them are counts. */
static struct quantity figure(double value)
{
	return value == floor(value) ? quantity_number_tick(value) :
				       quantity_number(value);
}

static void row(FILE *out, struct arena *arena, const struct model_panel *panel,
		const char *name, const char *const *modes)
{
	fputs("<tr>", out);
	page_element(out, "th", NULL, name);
	for (; *modes; modes++) {
		const struct model_extra *extra = find(panel, *modes, name);
		const struct summary *summary;

		if (!extra) {
			page_element(out, "td", NULL, "–");
			continue;
		}
		summary = &extra->summary;
		fputs("<td>", out);
		page_element(out, "b", NULL, figure(summary->median).text);
		page_element(out, "small", NULL,
			     arena_printf(arena, " (%s .. %s)",
					  figure(summary->q1).text,
					  figure(summary->q3).text));
		fputs("</td>", out);
	}
	fputs("</tr>\n", out);
}

static void body(FILE *out, struct arena *arena,
		 const struct model_panel *panel, const char *const *modes,
		 size_t mode_count)
{
	size_t count;
	const char **names = find_names(arena, panel, &count);
	const char *zeros = "";

	page_table_panel(out, arena, panel, mode_count);
	for (size_t i = 0; i < count; i++) {
		if (all_zero(panel, names[i]))
			zeros = arena_printf(arena, "%s%s%s", zeros,
					     *zeros ? ", " : "", names[i]);
		else
			row(out, arena, panel, names[i], modes);
	}
	if (*zeros) {
		fprintf(out, "<tr><td class=\"words\" colspan=\"%zu\">",
			mode_count + 1);
		page_text(out, arena_printf(arena, "always 0: %s", zeros));
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody>\n", out);
}

static bool any(const struct model_panel *panel)
{
	for (size_t i = 0; i < panel->group_count; i++) {
		if (panel->groups[i].extra_count > 0)
			return true;
	}
	return false;
}

void page_table_extras(FILE *out, struct arena *arena,
		       const struct model_section *section)
{
	size_t mode_count;
	const char **modes = find_modes(arena, section, &mode_count);
	bool begun = false;

	for (size_t i = 0; i < section->panel_count; i++) {
		if (!any(&section->panels[i]))
			continue;
		if (!begun)
			page_table_begin(out,
					 "Further figures of each run: medians "
					 "(and quartiles) of the repeats",
					 "figure", modes);
		begun = true;
		body(out, arena, &section->panels[i], modes, mode_count);
	}
	if (begun)
		page_table_end(out);
}
