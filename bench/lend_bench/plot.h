/*
 * The plots of the report. Each writes one <svg>, made to be as wide as a
 * phone and to stand beside another one on anything wider.
 */
#ifndef LEND_BENCH_PLOT_H
#define LEND_BENCH_PLOT_H

#include <stdio.h>

#include "lend_bench/model.h"

#define PLOT_WIDTH 400

/* Is there anything to plot? */
bool plot_dots_any(const struct model_panel *panel);
bool plot_curves_any(const struct model_panel *panel);
bool plot_ratios_any(const struct model_section *section,
		     enum model_metric metric);

/* CPU time of each operation: every repeat a dot, the median a line. */
void plot_dots(FILE *out, struct arena *arena, const struct model_panel *panel);

/* Latency over the percentile, 0 to 99.99 %. */
void plot_curves(FILE *out, struct arena *arena,
		 const struct model_panel *panel);

/* All ratios of a workload, with their intervals. */
void plot_ratios(FILE *out, struct arena *arena,
		 const struct model_section *section, enum model_metric metric);

/* The groups a plot of @panel shows: its own and its reference. Returns how
 * many; @ret_groups has room for one more than the panel has. */
size_t plot_groups(const struct model_panel *panel,
		   const struct model_group **ret_groups);

#endif
