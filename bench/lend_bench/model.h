/*
 * Runs put in order: hosts, workloads, panels, groups, ratios.
 *
 * A *group* is all repeats of one configuration, a *panel* the groups that
 * differ in their mode only, a *section* all panels of a workload on one host.
 * Runs that were not good are in their group and in the list of bad runs, and
 * no summary counts them.
 *
 * Everything lives as long as the arena and the files it was built from.
 */
#ifndef LEND_BENCH_MODEL_H
#define LEND_BENCH_MODEL_H

#include "lend_bench/arena.h"
#include "lend_bench/result_file.h"
#include "lend_bench/summary.h"

enum model_percentile {
	MODEL_P50,
	MODEL_P90,
	MODEL_P99,
	MODEL_P99_9,
	MODEL_P99_99,
	MODEL_PERCENTILES
};
extern const double model_fractions[MODEL_PERCENTILES];
extern const char *const model_percentile_names[MODEL_PERCENTILES];

/* A percentile beyond which fewer values than this lie is an anecdote. */
#define MODEL_TAIL_MIN 10

struct model_extra {
	const char *name;
	struct summary summary;
};

/* The repeats of one configuration. */
struct model_group {
	const struct result_run *first; /* names the configuration */
	const struct result_run **runs; /* in the order they were made in */
	size_t count;
	const struct result_run **good; /* those of them that are summed up */
	size_t good_count;
	struct summary ops_per_s, cpu_ns_per_op, enters_per_op;

	/* Of all good runs together; no latency: count is 0. */
	struct result_latency latency;
	double percentiles[MODEL_PERCENTILES]; /* ns */

	double loans_per_s[RESULT_LOANS]; /* mean; NAN: unknown */
	struct model_extra *extras;	  /* in the order of their names */
	size_t extra_count;
};

enum model_metric {
	MODEL_CPU,
	MODEL_TAIL, /* p99.9 of latency */
	MODEL_METRICS
};

/* The upper end of what @fraction of a run's operations took, in ns; NAN if
 * latency was not measured. */
double model_percentile(const struct result_latency *latency, double fraction);

/* What one mode costs, divided by what another costs in the same repeat. */
struct model_ratio {
	const struct model_group *above, *below;
	enum model_metric metric;
	struct summary summary; /* count: pairs */
	size_t lost;		/* repeats of one that have no partner */
};

struct model_panel {
	struct model_group *groups; /* borrowed, private, shared, others */
	size_t group_count;
	/* What private has to be compared with where it can not have so many
	 * rings: its group of another panel. NULL: none is needed, or is. */
	const struct model_group *reference;
	/* Private alone, and shown as another panel's reference. */
	bool shown_elsewhere;
	struct model_ratio *ratios;
	size_t ratio_count;
};

struct model_section {
	const char *workload;
	struct model_panel *panels;
	size_t panel_count;
};

struct model_host {
	const struct result_host *host;
	const struct result_file **files;
	size_t file_count;
	struct model_section *sections;
	size_t section_count;
	const struct result_run **bad; /* runs that are not summed up */
	size_t bad_count;
	size_t run_count;
};

struct model {
	struct arena *arena;
	const struct result_file *files;
	size_t file_count;
	struct model_host *hosts;
	size_t host_count;
};

/**
 * Put the runs of @files in order.
 *
 * Return: NULL, or one line that says which runs contradict each other
 */
const char *model_build(struct arena *arena, const struct result_file *files,
			size_t file_count, struct model *ret_model);

/* "2 workers, 1 ring, depth 8, connections=64" */
const char *model_panel_name(struct arena *arena,
			     const struct model_panel *panel);

/* The mode, and the rings if they are not those of @panel (NULL: never). */
const char *model_group_name(struct arena *arena,
			     const struct model_panel *panel,
			     const struct model_group *group);

/* Is this percentile of a group more than an anecdote? */
bool model_percentile_solid(const struct model_group *group,
			    enum model_percentile percentile);

/* The figure that @metric compares; NAN if the run has none. */
double model_metric(const struct result_run *run, enum model_metric metric);

/* The good run of @group that @run is compared with: the same repeat in the
 * same file; NULL if there is none. */
const struct result_run *model_partner(const struct model_group *group,
				       const struct result_run *run);

/* The group of a mode that those of @panel are compared with, its reference
 * included; NULL if there is none. */
const struct model_group *model_panel_find(const struct model_panel *panel,
					   const char *mode);

/* Are the two of the same workload, variant, workers, rings, depth, mode? */
int model_compare_configs(const struct result_run *a,
			  const struct result_run *b);

/* model_group.c: fill in the sums of @group, whose runs are there. */
void model_group_sum(struct arena *arena, struct model_group *group);

/* model_ratio.c: fill in the ratios of @panel, whose groups are there. */
void model_panel_compare(struct arena *arena, struct model_panel *panel);

#endif
