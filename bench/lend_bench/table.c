/*
 * Medians over repeats: see table.h.
 */
#include "lend_bench/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend_bench/summary.h"
#include "lend_bench/workload.h"

enum column {
	COLUMN_RATE,
	COLUMN_CPU,
	COLUMN_ENTERS,
	COLUMN_P50,
	COLUMN_P99,
	COLUMN_P99_9,
	COLUMN_GRANTED,
	COLUMN_SEIZED,
	COLUMN_WAITS,
	COLUMNS_COUNT,
};

/* What only some workloads have. */
struct extra_row {
	char name[sizeof(((struct extra *)0)->name)];
	double *values; /* as many as runs that are right */
	unsigned count;
};

struct row {
	double *values[COLUMNS_COUNT]; /* a value for each repeat */
	struct extra_row extras[EXTRAS_MAX];
	unsigned extras_count;
	unsigned count;
	unsigned failed;
};

struct table {
	const struct plan *plan;
	unsigned repeats;
	struct row *rows;
	double *values; /* all rows' */
};

struct table *table_new(const struct plan *plan, unsigned repeats)
{
	struct table *table = calloc(1, sizeof(*table));
	size_t cells = (size_t)plan->count * COLUMNS_COUNT;

	if (!table)
		return NULL;
	table->plan = plan;
	table->repeats = repeats;
	table->rows = calloc(plan->count, sizeof(*table->rows));
	table->values = calloc(cells, repeats * sizeof(double));
	if (!table->rows || !table->values)
		return table_free(table);
	for (size_t i = 0; i < cells; i++)
		table->rows[i / COLUMNS_COUNT].values[i % COLUMNS_COUNT] =
			table->values + i * repeats;
	return table;
}

/* NULL if there is no memory. */
static struct extra_row *extra_row(struct table *table, struct row *row,
				   const char *name)
{
	struct extra_row *extra = row->extras;

	while (extra < row->extras + row->extras_count &&
	       strcmp(extra->name, name) != 0)
		extra++;
	if (extra < row->extras + row->extras_count)
		return extra;
	if (row->extras_count == EXTRAS_MAX)
		return NULL;
	extra->values = calloc(table->repeats, sizeof(*extra->values));
	if (!extra->values)
		return NULL;
	snprintf(extra->name, sizeof(extra->name), "%s", name);
	row->extras_count++;
	return extra;
}

static void add_extra(struct table *table, struct row *row, const char *name,
		      double value)
{
	struct extra_row *extra = extra_row(table, row, name);

	if (extra)
		extra->values[extra->count++] = value;
}

void table_add(struct table *table, unsigned index, const struct run *run)
{
	struct row *row = &table->rows[index];
	const struct histogram *latency = run->latency;
	unsigned n = row->count;

	/* A run that went wrong has no figures that mean anything. */
	if (!run->verified) {
		row->failed++;
		return;
	}
	row->count++;
	row->values[COLUMN_RATE][n] = run_rate(run);
	row->values[COLUMN_CPU][n] = run_cpu_ns(run);
	row->values[COLUMN_ENTERS][n] = run_enters(run);
	row->values[COLUMN_P50][n] = (double)histogram_ns(latency, 0.5);
	row->values[COLUMN_P99][n] = (double)histogram_ns(latency, 0.99);
	row->values[COLUMN_P99_9][n] = (double)histogram_ns(latency, 0.999);
	row->values[COLUMN_GRANTED][n] = (double)run->stats.total.granted;
	row->values[COLUMN_SEIZED][n] = (double)run->stats.total.seized;
	row->values[COLUMN_WAITS][n] = (double)run->stats.waits;
	if (run->stats.kicks || run->stats.stalls) {
		add_extra(table, row, "stalls", (double)run->stats.stalls);
		add_extra(table, row, "kicks", (double)run->stats.kicks);
	}
	for (unsigned i = 0; i < run->extras.count; i++)
		add_extra(table, row, run->extras.list[i].name,
			  run->extras.list[i].value);
}

static struct summary cell(const struct row *row, enum column column)
{
	struct summary summary;

	summary_of(row->values[column], row->count, &summary);
	return summary;
}

/* As short as three digits and a letter for thousands allow. */
static void count_print(double value)
{
	static const char letters[] = " kMG";
	unsigned i = 0;

	if (isnan(value)) {
		printf(" %8s", "-");
		return;
	}
	for (; value >= 9999.5 && letters[i + 1]; i++)
		value /= 1000;
	printf(" %7.*f%c", i ? 1 : 0, value, letters[i]);
}

static void span_print(double ns)
{
	if (isnan(ns) || ns <= 0)
		printf(" %9s", "-");
	else if (ns < 1e5)
		printf(" %7.1fus", ns / 1e3);
	else if (ns < 1e8)
		printf(" %7.2fms", ns / 1e6);
	else
		printf(" %7.0fms", ns / 1e6);
}

static void row_print(const struct config *config, const struct row *row)
{
	struct summary cpu = cell(row, COLUMN_CPU);
	double spread = 100 * summary_spread(&cpu);

	printf("  %-8s", lend_ring_mode_name(config->mode));
	count_print(cell(row, COLUMN_RATE).median);
	if (isnan(cpu.median))
		printf(" %9s %5s %7s", "-", "-", "-");
	else
		printf(" %9.0f %4.0f%% %7.3f", cpu.median,
		       isnan(spread) ? 0 : spread,
		       cell(row, COLUMN_ENTERS).median);
	span_print(cell(row, COLUMN_P50).median);
	span_print(cell(row, COLUMN_P99).median);
	span_print(cell(row, COLUMN_P99_9).median);
	count_print(cell(row, COLUMN_GRANTED).median);
	count_print(cell(row, COLUMN_SEIZED).median);
	count_print(cell(row, COLUMN_WAITS).median);
	if (row->failed)
		printf("  %u FAILED", row->failed);
	putchar('\n');
}

static void group_print(const struct config *config, bool rings_differ)
{
	printf("\n%s: %u worker%s, ", workload_at(config->workload)->name,
	       config->workers, config->workers == 1 ? "" : "s");
	if (rings_differ)
		printf("%u ring%s (private: %u)", config->rings,
		       config->rings == 1 ? "" : "s", config->workers);
	else
		printf("%u ring%s", config->rings,
		       config->rings == 1 ? "" : "s");
	printf(" of %u%s%s\n", config->depth, config->variant[0] ? ", " : "",
	       config->variant);
	printf("  %-8s %8s %9s %5s %7s %9s %9s %9s %8s %8s %8s\n", "", "ops/s",
	       "CPU ns/op", "+-", "enters", "p50", "p99", "p99.9", "granted",
	       "seized", "waits");
}

/* Of what each run of one repeat used, borrowed against another mode. Before
 * anything is summed up, as that sorts the values, and pairs would be lost. */
static bool ratio_of(const struct table *table, unsigned borrowed,
		     unsigned other, struct summary *ret_summary)
{
	const struct row *a = &table->rows[borrowed];
	const struct row *b = &table->rows[other];
	double *scratch;

	/* A repeat that failed in one of them would shift the pairs. */
	if (borrowed == other || a->count != table->repeats ||
	    b->count != table->repeats)
		return false;
	scratch = calloc(table->repeats, sizeof(*scratch));
	if (!scratch)
		return false;
	summary_of_ratios(a->values[COLUMN_CPU], b->values[COLUMN_CPU],
			  table->repeats, scratch, ret_summary);
	free(scratch);
	return true;
}

static void ratio_print(enum lend_ring_mode mode, const struct summary *ratio)
{
	printf("  CPU/op of borrowed is %.3f of that of %s", ratio->median,
	       lend_ring_mode_name(mode));
	if (ratio->coverage >= SUMMARY_COVERAGE)
		printf(" [%.3f .. %.3f]", ratio->low, ratio->high);
	putchar('\n');
}

/* What is known of a group as a whole: private mode has rings of its own
 * number. */
static const struct config *group_shown(const struct config *configs,
					unsigned modes, bool *ret_differ)
{
	const struct config *shown = configs;

	*ret_differ = false;
	for (unsigned m = 1; m < modes; m++) {
		if (configs[m].rings == shown->rings)
			continue;
		*ret_differ = true;
		if (configs[m].mode != LEND_RING_PRIVATE)
			shown = &configs[m];
	}
	return shown;
}

static double extra_median(const struct row *row, const char *name)
{
	struct summary summary;

	for (unsigned i = 0; i < row->extras_count; i++) {
		const struct extra_row *extra = &row->extras[i];

		if (strcmp(extra->name, name) != 0)
			continue;
		summary_of(extra->values, extra->count, &summary);
		return summary.median;
	}
	return NAN;
}

/* A line for each that any of the modes has. */
static void extras_print(const struct table *table, unsigned first,
			 unsigned modes)
{
	const struct row *rows = &table->rows[first];
	const struct row *longest = rows;

	for (unsigned m = 1; m < modes; m++)
		if (rows[m].extras_count > longest->extras_count)
			longest = &rows[m];
	for (unsigned i = 0; i < longest->extras_count; i++) {
		const char *name = longest->extras[i].name;

		printf("  %s:", name);
		for (unsigned m = 0; m < modes; m++) {
			enum lend_ring_mode mode =
				table->plan->configs[first + m].mode;
			double median = extra_median(&rows[m], name);

			printf("%s %s ", m ? "," : "",
			       lend_ring_mode_name(mode));
			if (isnan(median))
				putchar('-');
			else
				printf("%.4g", median);
		}
		putchar('\n');
	}
}

static void group_write(struct table *table, unsigned first, unsigned modes)
{
	const struct config *configs = &table->plan->configs[first];
	struct summary ratios[MODES_MAX];
	bool known[MODES_MAX] = { false };
	bool rings_differ;
	const struct config *shown = group_shown(configs, modes, &rings_differ);

	for (unsigned b = 0; b < modes; b++)
		for (unsigned m = 0; m < modes; m++)
			if (configs[b].mode == LEND_RING_BORROWED)
				known[m] = ratio_of(table, first + b, first + m,
						    &ratios[m]);
	group_print(shown, rings_differ);
	for (unsigned m = 0; m < modes; m++)
		row_print(&configs[m], &table->rows[first + m]);
	for (unsigned m = 0; m < modes; m++)
		if (known[m])
			ratio_print(configs[m].mode, &ratios[m]);
	extras_print(table, first, modes);
}

void table_print(struct table *table)
{
	const struct plan *plan = table->plan;
	unsigned modes = plan->count / plan->groups_count;

	printf("medians of %u; +- is the middle half's spread of CPU/op; loan events are those of a window\n",
	       table->repeats);
	for (unsigned first = 0; first < plan->count; first += modes)
		group_write(table, first, modes);
}

struct table *table_free(struct table *table)
{
	if (!table)
		return NULL;
	for (unsigned i = 0; table->rows && i < table->plan->count; i++)
		for (unsigned k = 0; k < table->rows[i].extras_count; k++)
			free(table->rows[i].extras[k].values);
	free(table->rows);
	free(table->values);
	free(table);
	return NULL;
}
