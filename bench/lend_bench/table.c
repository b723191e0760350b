/*
 * Medians over repeats: see table.h.
 */
#include "lend_bench/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend_bench/output.h"
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

struct row {
	double *values[COLUMNS_COUNT]; /* a value for each repeat */
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
	free(table->rows);
	free(table->values);
	free(table);
	return NULL;
}
