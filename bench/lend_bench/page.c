/*
 * The order of things on the page. Called by report.c.
 */
#include "lend_bench/page.h"

#include "lend_bench/plot.h"

extern const char report_css[];
extern const size_t report_css_size;

static void term(FILE *out, const char *name, const char *text)
{
	page_element(out, "dt", NULL, name);
	page_element(out, "dd", NULL, text);
	fputc('\n', out);
}

static void host(FILE *out, struct arena *arena, const struct model_host *host)
{
	const struct result_host *machine = host->host;

	fputs("<dl class=\"facts\">\n", out);
	term(out, "Processor",
	     arena_printf(arena, "%s, %u CPU%s", machine->cpu, machine->cpus,
			  machine->cpus == 1 ? "" : "s"));
	term(out, "Kernel", machine->kernel);
	term(out, "Compiler", machine->compiler);
	term(out, "Lend", machine->lend);
	for (size_t i = 0; i < host->file_count; i++) {
		const struct result_file *file = host->files[i];

		page_element(out, "dt", NULL,
			     host->file_count == 1 ?
				     "Measured" :
				     arena_printf(arena, "Measured, %zu",
						  i + 1));
		fputs("<dd>", out);
		page_text(out, arena_printf(arena, "%s, %zu run%s, from ",
					    file->started, file->run_count,
					    file->run_count == 1 ? "" : "s"));
		page_element(out, "span", "path", file->path);
		fputs("<br/>", out);
		page_element(out, "code", NULL, file->command);
		fputs("</dd>\n", out);
	}
	fputs("</dl>\n", out);
}

static void figure_begin(FILE *out, const char *caption)
{
	fputs("<figure>\n", out);
	page_element(out, "figcaption", NULL, caption);
	fputc('\n', out);
}

static void figure_end(FILE *out)
{
	fputs("</figure>\n", out);
}

static void ratios(FILE *out, struct arena *arena,
		   const struct model_section *section)
{
	static const char *const captions[MODEL_METRICS] = {
		[MODEL_CPU] = "CPU time per operation, mode against mode",
		[MODEL_TAIL] = "p99.9 of latency, mode against mode",
	};

	fputs("<div class=\"plots\">\n", out);
	for (unsigned metric = 0; metric < MODEL_METRICS; metric++) {
		if (!plot_ratios_any(section, metric))
			continue;
		figure_begin(out, captions[metric]);
		plot_ratios(out, arena, section, metric);
		figure_end(out);
	}
	fputs("</div>\n", out);
}

static void panel(FILE *out, struct arena *arena,
		  const struct model_panel *panel)
{
	bool dots = plot_dots_any(panel);
	bool curves = plot_curves_any(panel);

	if (panel->shown_elsewhere || (!dots && !curves))
		return;
	fputs("<section class=\"panel\">\n", out);
	page_element(out, "h4", NULL, model_panel_name(arena, panel));
	fputs("\n<div class=\"plots\">\n", out);
	if (dots) {
		figure_begin(out, "CPU time per operation, every repeat");
		plot_dots(out, arena, panel);
		figure_end(out);
	}
	if (curves) {
		figure_begin(out, "Latency, all repeats together");
		plot_curves(out, arena, panel);
		figure_end(out);
	}
	fputs("</div>\n</section>\n", out);
}

/* @number tells the hosts apart; the workload's name may be anything. */
static void section(FILE *out, struct arena *arena, size_t number, size_t place,
		    const struct model_section *section)
{
	bool curves = false;

	for (size_t i = 0; i < section->panel_count; i++)
		curves |= plot_curves_any(&section->panels[i]);
	fprintf(out, "<section class=\"workload\" id=\"w%zu-%zu\">\n",
		number + 1, place + 1);
	page_element(out, "h3", NULL, section->workload);
	fputc('\n', out);
	page_table_costs(out, arena, section);
	page_table_latencies(out, arena, section);
	ratios(out, arena, section);
	/* Where there is one plot for each, they stand beside each other. */
	fputs(curves ? "<div>\n" : "<div class=\"side-by-side\">\n", out);
	for (size_t i = 0; i < section->panel_count; i++)
		panel(out, arena, &section->panels[i]);
	fputs("</div>\n", out);
	page_table_loans(out, arena, section);
	page_table_extras(out, arena, section);
	fputs("</section>\n", out);
}

static void contents(FILE *out, const struct model *model)
{
	fputs("<nav aria-label=\"Workloads\">\n", out);
	for (size_t i = 0; i < model->host_count; i++) {
		if (model->host_count > 1)
			fprintf(out,
				"<a class=\"machine\" href=\"#machine%zu\">"
				"Machine %zu</a>\n",
				i + 1, i + 1);
		for (size_t j = 0; j < model->hosts[i].section_count; j++) {
			fprintf(out, "<a href=\"#w%zu-%zu\">", i + 1, j + 1);
			page_text(out, model->hosts[i].sections[j].workload);
			fputs("</a>\n", out);
		}
	}
	fputs("</nav>\n", out);
}

static void machine(FILE *out, const struct model *model, size_t number)
{
	const struct model_host *machine = &model->hosts[number];
	struct arena *arena = model->arena;

	fprintf(out, "<section class=\"machine\" id=\"machine%zu\">\n",
		number + 1);
	if (model->host_count > 1)
		fprintf(out, "<h2>Machine %zu of %zu</h2>\n", number + 1,
			model->host_count);
	else
		fputs("<h2>What was measured</h2>\n", out);
	host(out, arena, machine);
	page_bad_runs(out, arena, model, machine);
	page_worst(out, arena, machine);
	for (size_t i = 0; i < machine->section_count; i++)
		section(out, arena, number, i, &machine->sections[i]);
	fputs("</section>\n", out);
}

void page_write(FILE *out, const struct model *model)
{
	fputs("<!DOCTYPE html>\n"
	      "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n"
	      "<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta name=\"viewport\" "
	      "content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
	      "<title>lend-bench report</title>\n<style>\n",
	      out);
	fwrite(report_css, 1, report_css_size, out);
	fputs("</style>\n</head>\n<body>\n<header>\n"
	      "<h1>lend-bench report</h1>\n",
	      out);
	contents(out, model);
	fputs("</header>\n<main>\n", out);
	if (model->host_count > 1)
		fprintf(out,
			"<p class=\"warning\"><strong>%zu machines.</strong> "
			"These results are from different processors, "
			"kernels, compilers or versions of Lend. Each has a "
			"part of its own below; nothing is averaged or "
			"compared across them.</p>\n",
			model->host_count);
	page_how_to_read(out);
	for (size_t i = 0; i < model->host_count; i++)
		machine(out, model, i);
	fputs("</main>\n</body>\n</html>\n", out);
}
