/*
 * Tables: one body for each panel, one row for each group. Called by page.c.
 *
 * Each table scrolls on its own where the page is narrower.
 */
#include "lend_bench/page.h"

#include <math.h>
#include <string.h>

#include "lend_bench/quantity.h"
#include "lend_bench/svg.h"

static void column_head(FILE *out, const char *text)
{
	fputs("<th scope=\"col\">", out);
	page_text(out, text);
	fputs("</th>", out);
}

void page_table_begin(FILE *out, const char *caption, const char *first,
		      const char *const *heads)
{
	fputs("<div class=\"scroll\"><table>\n", out);
	page_element(out, "caption", NULL, caption);
	fputs("\n<thead><tr>", out);
	column_head(out, first);
	for (; *heads; heads++)
		column_head(out, *heads);
	fputs("</tr></thead>\n", out);
}

void page_table_end(FILE *out)
{
	fputs("</table></div>\n", out);
}

void page_table_panel(FILE *out, struct arena *arena,
		      const struct model_panel *panel, size_t columns)
{
	fprintf(out,
		"<tbody>\n<tr class=\"panel\"><th colspan=\"%zu\" "
		"scope=\"rowgroup\"><span>",
		columns + 1);
	page_text(out, model_panel_name(arena, panel));
	fputs("</span></th></tr>\n", out);
}

static void row_begin(FILE *out, const struct model_group *group)
{
	const char *mode = group->first->mode;

	fprintf(out, "<tr><th scope=\"row\" class=\"%s\">",
		svg_mode_class(mode));
	page_text(out, mode);
	fputs("</th>", out);
}

static void cell(FILE *out, const char *class, const char *text)
{
	page_element(out, "td", class, text);
}

/* The ratio of @group to private, as text. */
static const char *against_private(struct arena *arena,
				   const struct model_panel *panel,
				   const struct model_group *group)
{
	for (size_t i = 0; i < panel->ratio_count; i++) {
		const struct model_ratio *ratio = &panel->ratios[i];
		const struct summary *summary = &ratio->summary;

		if (ratio->metric != MODEL_CPU || ratio->above != group ||
		    strcmp(ratio->below->first->mode, "private") != 0)
			continue;
		return arena_printf(
			arena, "%s [%s .. %s]%s n=%zu",
			quantity_ratio(summary->median).text,
			quantity_ratio(summary->low).text,
			quantity_ratio(summary->high).text,
			summary->coverage < SUMMARY_COVERAGE ? " min..max" : "",
			summary->count);
	}
	return "–";
}

void page_table_costs(FILE *out, struct arena *arena,
		      const struct model_section *section)
{
	static const char *const heads[] = {
		"good runs", "ops/s",	  "CPU, ns/op",		 "quartiles",
		"spread",    "enters/op", "CPU against private", NULL
	};

	page_table_begin(out, "Cost: medians of the repeats", "mode", heads);
	for (size_t i = 0; i < section->panel_count; i++) {
		const struct model_panel *panel = &section->panels[i];

		page_table_panel(out, arena, panel, 7);
		for (size_t j = 0; j < panel->group_count; j++) {
			const struct model_group *group = &panel->groups[j];
			const struct summary *cpu = &group->cpu_ns_per_op;

			row_begin(out, group);
			cell(out,
			     group->good_count < group->count ? "failed" : NULL,
			     arena_printf(arena, "%zu of %zu",
					  group->good_count, group->count));
			cell(out, NULL,
			     quantity_number(group->ops_per_s.median).text);
			cell(out, "main", quantity_number(cpu->median).text);
			cell(out, NULL,
			     arena_printf(arena, "%s .. %s",
					  quantity_number(cpu->q1).text,
					  quantity_number(cpu->q3).text));
			cell(out, NULL,
			     quantity_percent(summary_spread(cpu)).text);
			cell(out, NULL,
			     quantity_number(group->enters_per_op.median).text);
			cell(out, NULL, against_private(arena, panel, group));
			fputs("</tr>\n", out);
		}
		fputs("</tbody>\n", out);
	}
	page_table_end(out);
}

static bool any_latency(const struct model_panel *panel)
{
	for (size_t i = 0; i < panel->group_count; i++) {
		if (panel->groups[i].latency.count > 0)
			return true;
	}
	return false;
}

static void latency_row(FILE *out, const struct model_group *group)
{
	row_begin(out, group);
	cell(out, NULL, quantity_number(group->latency.count).text);
	for (unsigned i = 0; i < MODEL_PERCENTILES; i++)
		cell(out, model_percentile_solid(group, i) ? NULL : "weak",
		     quantity_number(group->percentiles[i] / 1000).text);
	cell(out, NULL, quantity_number(group->latency.max / 1000).text);
	fputs("</tr>\n", out);
}

void page_table_latencies(FILE *out, struct arena *arena,
			  const struct model_section *section)
{
	static const char *const heads[] = {
		"measured", "p50", "p90", "p99", "p99.9", "p99.99", "max", NULL
	};
	bool any = false;

	for (size_t i = 0; i < section->panel_count; i++) {
		const struct model_panel *panel = &section->panels[i];

		if (!any_latency(panel))
			continue;
		if (!any)
			page_table_begin(out,
					 "Latency in µs: all repeats together",
					 "mode", heads);
		any = true;
		page_table_panel(out, arena, panel, 7);
		for (size_t j = 0; j < panel->group_count; j++) {
			if (panel->groups[j].latency.count > 0)
				latency_row(out, &panel->groups[j]);
		}
		fputs("</tbody>\n", out);
	}
	if (any)
		page_table_end(out);
}

void page_table_loans(FILE *out, struct arena *arena,
		      const struct model_section *section)
{
	static const char *const heads[] = { "granted",	       "recalled",
					     "seized",	       "returned",
					     "waits",	       "helped",
					     "revoked claims", NULL };

	page_table_begin(out, "Loan events per second: means of the repeats",
			 "mode", heads);
	for (size_t i = 0; i < section->panel_count; i++) {
		const struct model_panel *panel = &section->panels[i];

		page_table_panel(out, arena, panel, RESULT_LOANS);
		for (size_t j = 0; j < panel->group_count; j++) {
			const struct model_group *group = &panel->groups[j];

			row_begin(out, group);
			for (size_t k = 0; k < RESULT_LOANS; k++)
				cell(out, NULL,
				     quantity_number(group->loans_per_s[k])
					     .text);
			fputs("</tr>\n", out);
		}
		fputs("</tbody>\n", out);
	}
	page_table_end(out);
}
