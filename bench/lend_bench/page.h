/*
 * The report as one HTML page that needs nothing else: no script, no network.
 * It is well-formed XML, too.
 */
#ifndef LEND_BENCH_PAGE_H
#define LEND_BENCH_PAGE_H

#include <stdio.h>

#include "lend_bench/model.h"

/* Write the page; errors of the stream are the caller's to look for. */
void page_write(FILE *out, const struct model *model);

/* page_tables.c: the figures of one workload. */
void page_table_costs(FILE *out, struct arena *arena,
		      const struct model_section *section);
void page_table_latencies(FILE *out, struct arena *arena,
			  const struct model_section *section);
void page_table_loans(FILE *out, struct arena *arena,
		      const struct model_section *section);

/* page_extras.c: those that only this workload has. */
void page_table_extras(FILE *out, struct arena *arena,
		       const struct model_section *section);

/* A table's beginning, the name of a panel in it, @columns besides the first,
 * which begins a <tbody> that the caller ends, and its end. @heads end with
 * NULL. */
void page_table_begin(FILE *out, const char *caption, const char *first,
		      const char *const *heads);
void page_table_panel(FILE *out, struct arena *arena,
		      const struct model_panel *panel, size_t columns);
void page_table_end(FILE *out);

/* page_top.c: what one reads first. */
void page_worst(FILE *out, struct arena *arena, const struct model_host *host);
void page_bad_runs(FILE *out, struct arena *arena, const struct model *model,
		   const struct model_host *host);
void page_how_to_read(FILE *out);

/* page_element.c: printf() with each %s made safe by svg_escape(), or in a
 * class or an id, is what these are for: text, and text in an element. */
void page_text(FILE *out, const char *text);
void page_element(FILE *out, const char *name, const char *class,
		  const char *text);

#endif
