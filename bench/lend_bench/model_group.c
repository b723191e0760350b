/*
 * What the repeats of one configuration say together. Called by model.c.
 */
#include "lend_bench/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double model_fractions[MODEL_PERCENTILES] = { 0.5, 0.9, 0.99, 0.999,
						    0.9999 };
const char *const model_percentile_names[MODEL_PERCENTILES] = { "p50", "p90",
								"p99", "p99.9",
								"p99.99" };

static int compare_orders(const void *left, const void *right)
{
	const struct result_run *a = *(const struct result_run *const *)left;
	const struct result_run *b = *(const struct result_run *const *)right;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->order > b->order) - (a->order < b->order);
}

/* @offset is that of a double in a run; those that are unknown are left out. */
static void sum(struct arena *arena, const struct model_group *group,
		size_t offset, struct summary *ret_summary)
{
	double *values = arena_alloc(arena, group->good_count, sizeof(*values));
	size_t count = 0;

	for (size_t i = 0; i < group->good_count; i++) {
		const char *run = (const char *)group->good[i];
		double value;

		memcpy(&value, run + offset, sizeof(value));
		if (isfinite(value))
			values[count++] = value;
	}
	summary_of(values, count, ret_summary);
}

static int compare_buckets(const void *left, const void *right)
{
	const struct summary_bucket *a = left;
	const struct summary_bucket *b = right;

	return (a->upper > b->upper) - (a->upper < b->upper);
}

/* One histogram of all good runs. */
static void merge_latencies(struct arena *arena, struct model_group *group)
{
	struct result_latency *all = &group->latency;
	size_t size = 0, kept = 0;
	double total = 0;

	all->min = INFINITY;
	for (size_t i = 0; i < group->good_count; i++)
		size += group->good[i]->latency.bucket_count;
	all->buckets = arena_alloc(arena, size, sizeof(*all->buckets));
	for (size_t i = 0; i < group->good_count; i++) {
		const struct result_latency *one = &group->good[i]->latency;

		if (!(one->count > 0))
			continue;
		memcpy(&all->buckets[all->bucket_count], one->buckets,
		       one->bucket_count * sizeof(*one->buckets));
		all->bucket_count += one->bucket_count;
		all->count += one->count;
		all->min = fmin(all->min, one->min);
		all->max = fmax(all->max, one->max);
		total += one->mean * one->count;
	}
	if (all->bucket_count == 0)
		return;
	all->mean = total / all->count;
	qsort(all->buckets, all->bucket_count, sizeof(*all->buckets),
	      compare_buckets);
	for (size_t i = 1; i < all->bucket_count; i++) {
		if (all->buckets[i].upper == all->buckets[kept].upper)
			all->buckets[kept].count += all->buckets[i].count;
		else
			all->buckets[++kept] = all->buckets[i];
	}
	all->bucket_count = kept + 1;
}

/* A bucket's upper end may be above all that is in it. */
double model_percentile(const struct result_latency *latency, double fraction)
{
	if (!(latency->count > 0))
		return NAN;
	return fmin(latency->max,
		    summary_percentile(latency->buckets, latency->bucket_count,
				       fraction));
}

static void sum_loans(struct model_group *group)
{
	double seconds = 0;

	for (size_t i = 0; i < RESULT_LOANS; i++)
		group->loans_per_s[i] = 0;
	for (size_t i = 0; i < group->good_count; i++) {
		const struct result_run *run = group->good[i];

		if (!run->has_loans)
			continue;
		seconds += run->seconds;
		for (size_t j = 0; j < RESULT_LOANS; j++)
			group->loans_per_s[j] += run->loans[j];
	}
	for (size_t i = 0; i < RESULT_LOANS; i++) /* 0 / 0 is NAN */
		group->loans_per_s[i] /= seconds;
}

static int compare_extras(const void *left, const void *right)
{
	const struct model_extra *a = left;
	const struct model_extra *b = right;

	return strcmp(a->name, b->name);
}

static struct model_extra *find_extra(struct model_group *group,
				      const char *name)
{
	for (size_t i = 0; i < group->extra_count; i++) {
		if (strcmp(group->extras[i].name, name) == 0)
			return &group->extras[i];
	}
	return NULL;
}

static void sum_extra(struct arena *arena, const struct model_group *group,
		      struct model_extra *extra)
{
	double *values = arena_alloc(arena, group->good_count, sizeof(*values));
	size_t count = 0;

	for (size_t i = 0; i < group->good_count; i++) {
		const struct result_run *run = group->good[i];

		for (size_t j = 0; j < run->extra_count; j++) {
			if (strcmp(run->extras[j].name, extra->name) == 0)
				values[count++] = run->extras[j].value;
		}
	}
	summary_of(values, count, &extra->summary);
}

static void sum_extras(struct arena *arena, struct model_group *group)
{
	for (size_t i = 0; i < group->good_count; i++) {
		const struct result_run *run = group->good[i];

		for (size_t j = 0; j < run->extra_count; j++) {
			const char *name = run->extras[j].name;

			if (find_extra(group, name))
				continue;
			group->extras = arena_grow(arena, group->extras,
						   group->extra_count,
						   sizeof(*group->extras));
			group->extras[group->extra_count++].name = name;
		}
	}
	for (size_t i = 0; i < group->extra_count; i++)
		sum_extra(arena, group, &group->extras[i]);
	if (group->extra_count > 0)
		qsort(group->extras, group->extra_count, sizeof(*group->extras),
		      compare_extras);
}

void model_group_sum(struct arena *arena, struct model_group *group)
{
	qsort(group->runs, group->count, sizeof(*group->runs), compare_orders);
	group->good = arena_alloc(arena, group->count, sizeof(*group->good));
	for (size_t i = 0; i < group->count; i++) {
		if (result_run_good(group->runs[i]))
			group->good[group->good_count++] = group->runs[i];
	}
	sum(arena, group, offsetof(struct result_run, ops_per_s),
	    &group->ops_per_s);
	sum(arena, group, offsetof(struct result_run, cpu_ns_per_op),
	    &group->cpu_ns_per_op);
	sum(arena, group, offsetof(struct result_run, enters_per_op),
	    &group->enters_per_op);
	merge_latencies(arena, group);
	for (size_t i = 0; i < MODEL_PERCENTILES; i++)
		group->percentiles[i] = model_percentile(&group->latency,
							 model_fractions[i]);
	sum_loans(group);
	sum_extras(arena, group);
}

bool model_percentile_solid(const struct model_group *group,
			    enum model_percentile which)
{
	/* A hair more: 1 - 0.999 is below 0.001 in binary. */
	return group->latency.count * (1 - model_fractions[which]) >=
	       MODEL_TAIL_MIN * (1 - 1e-9);
}

double model_metric(const struct result_run *run, enum model_metric metric)
{
	if (metric == MODEL_CPU)
		return run->cpu_ns_per_op;
	return model_percentile(&run->latency, model_fractions[MODEL_P99_9]);
}
