/*
 * What one reads first: how to read the rest, what failed, and what was worst.
 * Called by page.c.
 */
#include "lend_bench/page.h"

#include <math.h>
#include <string.h>

#include "lend_bench/quantity.h"

/* A middle half this wide is noise that the reader has to know of. */
#define SPREAD_LARGE 0.1

/* The worst of a host; NULL and NAN: there was none. */
struct worst {
	struct {
		const struct model_section *section;
		const struct model_panel *panel;
		const struct model_group *group;
	} tail, spread;
	struct {
		const struct model_section *section;
		const struct model_panel *panel;
		const struct model_ratio *ratio;
	} loss[MODEL_METRICS];
	size_t compared[MODEL_METRICS], losses[MODEL_METRICS],
		gains[MODEL_METRICS];
	size_t unsure, lost; /* ratios without an interval; with lost pairs */
};

void page_how_to_read(FILE *out)
{
	fputs("<section class=\"reading\">\n<h2>How to read it</h2>\n<ul>\n"
	      "<li>A <strong>ratio</strong> compares two modes within the same "
	      "repeat, made one shortly after the other; shown are the median "
	      "of these ratios and the interval that holds the true one with "
	      "a probability of at least 95 %, whatever the distribution. "
	      "Below 1 the first mode needs less. An interval that contains 1 "
	      "shows no difference. Fewer than 6 repeats have no such "
	      "interval: then all there is, from the least to the most, is a "
	      "dashed line.</li>\n"
	      "<li><strong>Tables</strong> have medians of the repeats, with "
	      "the quartiles between which the middle half lies. Absolute "
	      "figures move with the machine and its neighbours: trust the "
	      "ratios.</li>\n"
	      "<li><strong>Latency</strong> percentiles are of all repeats "
	      "together. What is <span class=\"weak\">pale</span>, or thin in "
	      "a plot, has fewer than ten operations beyond it and is an "
	      "anecdote.</li>\n"
	      "<li>In <strong>dot plots</strong> each dot is one repeat, the "
	      "first on top, the last at the bottom of its row; the line is "
	      "the median. Axes do not begin at 0.</li>\n"
	      "<li>Runs with an error, or whose results were not verified, "
	      "are listed and in no figure.</li>\n"
	      "</ul>\n</section>\n",
	      out);
}

void page_bad_runs(FILE *out, struct arena *arena, const struct model *model,
		   const struct model_host *host)
{
	if (host->bad_count == 0) {
		fprintf(out,
			"<p class=\"good\">All %zu runs were verified, without "
			"an error.</p>\n",
			host->run_count);
		return;
	}
	fprintf(out,
		"<div class=\"warning bad-runs\">\n<p><strong>%zu of %zu runs "
		"failed.</strong> They are in no median, ratio or plot:</p>\n"
		"<div class=\"scroll\"><table>\n<thead><tr><th>run</th>"
		"<th>repeat</th><th class=\"words\">what</th>"
		"<th class=\"words\">from</th></tr></thead>\n"
		"<tbody>\n",
		host->bad_count, host->run_count);
	for (size_t i = 0; i < host->bad_count; i++) {
		const struct result_run *run = host->bad[i];

		fputs("<tr>", out);
		page_element(out, "th", "words",
			     arena_printf(arena,
					  "%s, %s, %u workers, %u rings, "
					  "depth %u%s%s",
					  run->workload, run->mode,
					  run->workers, run->rings, run->depth,
					  run->variant[0] ? ", " : "",
					  run->variant));
		page_element(out, "td", NULL,
			     arena_printf(arena, "%u", run->repeat));
		page_element(out, "td", "words", result_run_fault(arena, run));
		page_element(out, "td", "words",
			     arena_printf(arena, "%s, runs[%zu]",
					  model->files[run->file].path,
					  run->index));
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div></div>\n", out);
}

static void look_at_group(struct worst *worst,
			  const struct model_section *section,
			  const struct model_panel *panel,
			  const struct model_group *group)
{
	double tail = group->percentiles[MODEL_P99_9];
	double spread = summary_spread(&group->cpu_ns_per_op);

	if (group->latency.count > 0 &&
	    (!worst->tail.group ||
	     tail > worst->tail.group->percentiles[MODEL_P99_9])) {
		worst->tail.section = section;
		worst->tail.panel = panel;
		worst->tail.group = group;
	}
	if (isfinite(spread) &&
	    (!worst->spread.group ||
	     spread > summary_spread(&worst->spread.group->cpu_ns_per_op))) {
		worst->spread.section = section;
		worst->spread.panel = panel;
		worst->spread.group = group;
	}
}

static bool sure(const struct model_ratio *ratio)
{
	return ratio->summary.coverage >= SUMMARY_COVERAGE;
}

/* A loss that is shown is worse than what may be one; of losses that are shown,
 * the one that is largest at least. */
static bool worse(const struct model_ratio *a, const struct model_ratio *b)
{
	bool a_shown = sure(a) && a->summary.low > 1;
	bool b_shown = sure(b) && b->summary.low > 1;

	if (a_shown != b_shown)
		return a_shown;
	if (a_shown)
		return a->summary.low > b->summary.low;
	if (sure(a) != sure(b))
		return sure(a);
	return a->summary.median > b->summary.median;
}

/* Borrowed is what the rest is measured for: what matters is where it loses,
 * against either of the others. */
static void look_at_ratio(struct worst *worst,
			  const struct model_section *section,
			  const struct model_panel *panel,
			  const struct model_ratio *ratio)
{
	enum model_metric metric = ratio->metric;
	const struct model_ratio *other = worst->loss[metric].ratio;

	worst->unsure += !sure(ratio);
	worst->lost += ratio->lost > 0;
	if (strcmp(ratio->above->first->mode, "borrowed") != 0)
		return;
	worst->compared[metric]++;
	worst->losses[metric] += sure(ratio) && ratio->summary.low > 1;
	worst->gains[metric] += sure(ratio) && ratio->summary.high < 1;
	if (other && !worse(ratio, other))
		return;
	worst->loss[metric].section = section;
	worst->loss[metric].panel = panel;
	worst->loss[metric].ratio = ratio;
}

static void find_worst(const struct model_host *host, struct worst *worst)
{
	for (size_t i = 0; i < host->section_count; i++) {
		const struct model_section *section = &host->sections[i];

		for (size_t j = 0; j < section->panel_count; j++) {
			const struct model_panel *panel = &section->panels[j];

			for (size_t k = 0; k < panel->group_count; k++)
				look_at_group(worst, section, panel,
					      &panel->groups[k]);
			for (size_t k = 0; k < panel->ratio_count; k++)
				look_at_ratio(worst, section, panel,
					      &panel->ratios[k]);
		}
	}
}

static void where(FILE *out, struct arena *arena,
		  const struct model_section *section,
		  const struct model_panel *panel)
{
	fputs(" in ", out);
	page_element(out, "strong", NULL, section->workload);
	fputs(" (", out);
	page_text(out, model_panel_name(arena, panel));
	fputs(")", out);
}

static void loss(FILE *out, struct arena *arena, const struct worst *worst,
		 enum model_metric metric)
{
	const struct model_ratio *ratio = worst->loss[metric].ratio;
	const char *what = metric == MODEL_CPU ? "CPU time per operation" :
						 "p99.9 of latency";
	const struct summary *summary;

	if (!ratio)
		return;
	summary = &ratio->summary;
	fprintf(out, "<li>%s of borrowed against ", what);
	page_text(out, ratio->below->first->mode);
	fprintf(out, " was worst");
	where(out, arena, worst->loss[metric].section,
	      worst->loss[metric].panel);
	fprintf(out, ": <strong>%s</strong>, %s %s to %s, %zu pair%s",
		quantity_ratio(summary->median).text,
		sure(ratio) ? "interval" : "all from",
		quantity_ratio(summary->low).text,
		quantity_ratio(summary->high).text, summary->count,
		summary->count == 1 ? "" : "s");
	if (!sure(ratio))
		fputs("; too few to tell", out);
	else if (summary->low > 1)
		fputs("; that is a loss", out);
	else if (summary->high < 1)
		fputs("; still a gain", out);
	else
		fputs("; no difference is shown", out);
	fprintf(out,
		". Of %zu comparison%s, %zu show%s a loss and %zu a gain.</li>\n",
		worst->compared[metric],
		worst->compared[metric] == 1 ? "" : "s", worst->losses[metric],
		worst->losses[metric] == 1 ? "s" : "", worst->gains[metric]);
}

static void group_worst(FILE *out, struct arena *arena,
			const struct worst *worst)
{
	const struct model_group *tail = worst->tail.group;
	const struct model_group *spread = worst->spread.group;

	if (tail) {
		fputs("<li>The longest tail: p99.9 of <strong>", out);
		fputs(quantity_time(tail->percentiles[MODEL_P99_9]).text, out);
		fputs("</strong> for ", out);
		page_text(out, tail->first->mode);
		where(out, arena, worst->tail.section, worst->tail.panel);
		fprintf(out, "; the slowest operation took %s.</li>\n",
			quantity_time(tail->latency.max).text);
	}
	if (spread) {
		double width = summary_spread(&spread->cpu_ns_per_op);

		fputs("<li>The least steady: CPU time of ", out);
		page_text(out, spread->first->mode);
		where(out, arena, worst->spread.section, worst->spread.panel);
		fprintf(out,
			"; its quartiles are <strong>%s</strong> of the "
			"median apart%s.</li>\n",
			quantity_percent(width).text,
			width > SPREAD_LARGE ? ": something else was going on" :
					       "");
	}
}

void page_worst(FILE *out, struct arena *arena, const struct model_host *host)
{
	struct worst worst = { .compared = { 0 } };

	find_worst(host, &worst);
	fputs("<section class=\"worst\">\n<h3>What was worst</h3>\n<ul>\n",
	      out);
	for (unsigned metric = 0; metric < MODEL_METRICS; metric++)
		loss(out, arena, &worst, metric);
	if (worst.compared[MODEL_CPU] == 0)
		fputs("<li>Borrowed was compared with nothing: there is no "
		      "repeat of it and of another mode.</li>\n",
		      out);
	group_worst(out, arena, &worst);
	if (worst.unsure > 0)
		fprintf(out,
			"<li>%zu ratio%s of fewer than 6 pairs, too few for a "
			"95 %% interval.</li>\n",
			worst.unsure, worst.unsure == 1 ? " is" : "s are");
	if (worst.lost > 0)
		fprintf(out,
			"<li>In %zu ratio%s some repeats have no partner to "
			"be compared with.</li>\n",
			worst.lost, worst.lost == 1 ? "" : "s");
	fputs("</ul>\n</section>\n", out);
}
