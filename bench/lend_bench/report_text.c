/*
 * Called by report.c for --format text. The same figures as on the page, no
 * plots.
 */
#include "lend_bench/report_text.h"

#include <math.h>
#include <string.h>

#include "lend_bench/quantity.h"

/* printf() counts bytes, and a dash or a micro has several. */
static void column(FILE *out, int width, const char *text)
{
	int shown = 0;

	for (const char *at = text; *at; at++)
		shown += (*at & 0xc0) != 0x80;
	fprintf(out, "%*s%s", shown < width ? width - shown : 0, "", text);
}

static void ratio(FILE *out, const struct model_panel *panel,
		  const struct model_ratio *ratio, struct arena *arena)
{
	const struct summary *summary = &ratio->summary;

	fprintf(out, "    %s / %s, %s: %s [%s .. %s]%s, %zu pair%s\n",
		model_group_name(arena, panel, ratio->above),
		model_group_name(arena, panel, ratio->below),
		ratio->metric == MODEL_CPU ? "CPU" : "p99.9",
		quantity_ratio(summary->median).text,
		quantity_ratio(summary->low).text,
		quantity_ratio(summary->high).text,
		summary->coverage < SUMMARY_COVERAGE ? " min..max" : "",
		summary->count, summary->count == 1 ? "" : "s");
}

static void group(FILE *out, const struct model_group *group)
{
	const struct summary *cpu = &group->cpu_ns_per_op;

	fprintf(out, "  %-10.16s%3zu/%-3zu", group->first->mode,
		group->good_count, group->count);
	column(out, 12, quantity_number(group->ops_per_s.median).text);
	column(out, 10, quantity_number(cpu->median).text);
	column(out, 8, quantity_percent(summary_spread(cpu)).text);
	column(out, 8, quantity_number(group->enters_per_op.median).text);
	for (unsigned i = 0; i < MODEL_PERCENTILES; i++) {
		bool solid = model_percentile_solid(group, i);

		if (i == MODEL_P90)
			continue;
		column(out, 10,
		       quantity_number(group->percentiles[i] / 1000).text);
		fputc(solid || !(group->latency.count > 0) ? ' ' : '?', out);
	}
	fputc('\n', out);
}

static void section(FILE *out, struct arena *arena,
		    const struct model_section *section)
{
	fprintf(out, "\n%s\n", section->workload);
	for (size_t i = 0; i < section->panel_count; i++) {
		const struct model_panel *panel = &section->panels[i];

		fprintf(out, "\n  %s\n  %-10s%7s%12s%10s%8s%8s",
			model_panel_name(arena, panel), "mode", "good", "ops/s",
			"CPU ns/op", "spread", "enters");
		column(out, 10, "p50 µs");
		column(out, 11, "p99");
		column(out, 11, "p99.9");
		column(out, 11, "p99.99");
		fputc('\n', out);
		for (size_t j = 0; j < panel->group_count; j++)
			group(out, &panel->groups[j]);
		for (size_t j = 0; j < panel->ratio_count; j++)
			ratio(out, panel, &panel->ratios[j], arena);
	}
}

void report_text_write(FILE *out, const struct model *model)
{
	struct arena *arena = model->arena;

	for (size_t i = 0; i < model->host_count; i++) {
		const struct model_host *host = &model->hosts[i];
		const struct result_host *machine = host->host;

		fprintf(out, "%s%s, %u CPUs, Linux %s, %s, Lend %s\n",
			i ? "\n" : "", machine->cpu, machine->cpus,
			machine->kernel, machine->compiler, machine->lend);
		for (size_t j = 0; j < host->file_count; j++)
			fprintf(out, "%s: %s: %s\n", host->files[j]->started,
				host->files[j]->path, host->files[j]->command);
		for (size_t j = 0; j < host->bad_count; j++) {
			const struct result_run *run = host->bad[j];

			fprintf(out,
				"FAILED, in no figure: %s runs[%zu]: %s, %s, "
				"repeat %u: %s\n",
				model->files[run->file].path, run->index,
				run->workload, run->mode, run->repeat,
				result_run_fault(arena, run));
		}
		for (size_t j = 0; j < host->section_count; j++)
			section(out, arena, &host->sections[j]);
	}
	fputs("\nspread: (q3 - q1) / median. Ratios: median of pairs [95 % "
	      "interval]. ?: fewer than\nten operations beyond it.\n",
	      out);
}
