/*
 * Figures, printed: see output.h. Called by main.c.
 */
#include "output.h"

#include <stdio.h>
#include <stdlib.h>

#include "lend_bench/summary.h"

/* The first line of a CSV file; the Go programs print the same. */
static const char columns[] =
	"program,workload,workers,slice,operations,wall_ns,cpu_ns,extras\n";

static bool any_json; /* a line was printed: the next needs a comma */

void output_begin(enum options_format format)
{
	if (format == FORMAT_CSV)
		fputs(columns, stdout);
	else if (format == FORMAT_JSON)
		fputs("[", stdout);
	else
		printf("%-15s %7s  %-26s  %-10s  %s\n", "workload", "workers",
		       "CPU ns/op (quartiles)", "wall ns/op",
		       "medians of the rest");
}

void output_end(enum options_format format)
{
	if (format == FORMAT_JSON)
		fputs("\n]\n", stdout);
}

static void print_csv(const struct crowd_work *work,
		      const struct crowd_plan *plan,
		      const struct crowd_slice *slice, unsigned number)
{
	printf("lend,%s,%u,%u,%llu,%llu,%llu,", work->name, plan->workers,
	       number, (unsigned long long)slice->operations,
	       (unsigned long long)slice->wall_ns,
	       (unsigned long long)slice->cpu_ns);
	for (unsigned i = 0; i < slice->extra_count; i++)
		printf("%s%s=%.0f", i ? ";" : "", slice->extras[i].name,
		       slice->extras[i].value);
	putchar('\n');
}

static void print_json(const struct crowd_work *work,
		       const struct crowd_plan *plan,
		       const struct crowd_slice *slice, unsigned number)
{
	printf("%s\n  {\"program\": \"lend\", \"workload\": \"%s\", \"workers\": %u, "
	       "\"slice\": %u, \"operations\": %llu, \"wall_ns\": %llu, \"cpu_ns\": %llu",
	       any_json ? "," : "", work->name, plan->workers, number,
	       (unsigned long long)slice->operations,
	       (unsigned long long)slice->wall_ns,
	       (unsigned long long)slice->cpu_ns);
	any_json = true;
	for (unsigned i = 0; i < slice->extra_count; i++)
		printf(", \"%s\": %.0f", slice->extras[i].name,
		       slice->extras[i].value);
	putchar('}');
}

static void print_table(const struct crowd_work *work,
			const struct crowd_plan *plan,
			const struct crowd_slice *slices)
{
	unsigned count = plan->slices;
	double *values = calloc(count, sizeof(*values));
	struct summary cpu, wall;
	char text[64];

	if (!values)
		return;
	for (unsigned i = 0; i < count; i++)
		values[i] = (double)slices[i].cpu_ns /
			    (double)slices[i].operations;
	summary_of(values, count, &cpu);
	for (unsigned i = 0; i < count; i++)
		values[i] = (double)slices[i].wall_ns /
			    (double)slices[i].operations;
	summary_of(values, count, &wall);
	snprintf(text, sizeof(text), "%.1f (%.1f..%.1f)", cpu.median, cpu.q1,
		 cpu.q3);
	printf("%-15s %7u  %-26s  %-10.1f ", work->name, plan->workers, text,
	       wall.median);
	for (unsigned x = 0; x < slices[0].extra_count; x++) {
		struct summary extra;

		for (unsigned i = 0; i < count; i++)
			values[i] = slices[i].extras[x].value;
		summary_of(values, count, &extra);
		printf(" %s %.0f", slices[0].extras[x].name, extra.median);
	}
	putchar('\n');
	free(values);
}

void output_work(enum options_format format, const struct crowd_work *work,
		 const struct crowd_plan *plan,
		 const struct crowd_slice *slices)
{
	for (unsigned i = 0; i < plan->slices; i++) {
		if (format == FORMAT_CSV)
			print_csv(work, plan, &slices[i], i);
		else if (format == FORMAT_JSON)
			print_json(work, plan, &slices[i], i);
	}
	if (format == FORMAT_TABLE)
		print_table(work, plan, slices);
	fflush(stdout);
}
