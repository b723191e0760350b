/*
 * Goal:   runs are summed up with those they belong to and no others, pairs
 *         are of the same repeat, and what failed is in no sum.
 * Method: files made here, run by run.
 */
#include "lend_bench/model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define RUNS_MAX 64

static struct arena arena;
static struct result_run runs[2][RUNS_MAX];
static struct result_file files[2];
static struct model model;

static void setup(void)
{
	for (size_t i = 0; i < 2; i++) {
		files[i] = (struct result_file){
			.path = i ? "b.json" : "a.json",
			.started = i ? "2026-01-02T00:00:00Z" :
				       "2026-01-01T00:00:00Z",
			.host = { .cpu = "cpu",
				  .kernel = "6.1",
				  .compiler = "gcc",
				  .lend = "0.1",
				  .cpus = 2 },
			.command = "lend-bench run",
			.runs = runs[i],
		};
	}
}

static void teardown(void)
{
	arena_free(&arena);
}

TestSuite(model, .init = setup, .fini = teardown);

/* One good run of 1 s, with 2 workers, 2 rings, depth 8, no variant. */
static struct result_run *add(size_t file, const char *workload,
			      const char *mode, unsigned repeat, double cpu_ns)
{
	size_t index = files[file].run_count++;
	struct result_run *run = &runs[file][index];

	cr_assert_lt(index, RUNS_MAX);
	*run = (struct result_run){
		.workload = workload,
		.mode = mode,
		.variant = "",
		.workers = 2,
		.rings = 2,
		.depth = 8,
		.repeat = repeat,
		.order = (unsigned)index,
		.seconds = 1,
		.operations = 1000,
		.verified = true,
		.cpu_seconds = cpu_ns * 1e-6,
		.ops_per_s = 1000,
		.cpu_ns_per_op = cpu_ns,
		.enters_per_op = NAN,
		.file = file,
		.index = index,
	};
	return run;
}

static void build(size_t file_count)
{
	const char *wrong = model_build(&arena, files, file_count, &model);

	cr_assert_null(wrong, "%s", wrong);
}

static const struct model_ratio *ratio(const struct model_panel *panel,
				       const char *above, const char *below,
				       enum model_metric metric)
{
	for (size_t i = 0; i < panel->ratio_count; i++) {
		const struct model_ratio *found = &panel->ratios[i];

		if (found->metric == metric &&
		    strcmp(found->above->first->mode, above) == 0 &&
		    strcmp(found->below->first->mode, below) == 0)
			return found;
	}
	return NULL;
}

Test(model, configurations_are_kept_apart)
{
	const struct model_section *section;

	add(0, "nop", "shared", 0, 1)->variant = "batch=16";
	add(0, "nop", "shared", 0, 2)->variant = "batch=8";
	add(0, "nop", "private", 0, 3)->variant = "batch=8";
	add(0, "nop", "borrowed", 0, 4)->variant = "batch=8";
	add(0, "nop", "odd", 0, 5)->variant = "batch=8";
	add(0, "echo", "shared", 0, 6);
	add(0, "echo", "shared", 0, 7)->workers = 1;
	add(0, "echo", "shared", 0, 8)->depth = 4;
	build(1);
	cr_assert_eq(model.host_count, 1);
	cr_assert_eq(model.hosts[0].section_count, 2);
	cr_expect_eq(model.hosts[0].run_count, 8);

	section = &model.hosts[0].sections[0];
	cr_expect_str_eq(section->workload, "echo");
	cr_assert_eq(section->panel_count, 3);
	cr_expect_eq(section->panels[0].groups[0].cpu_ns_per_op.median, 7);
	cr_expect_eq(section->panels[1].groups[0].cpu_ns_per_op.median, 8);
	cr_expect_eq(section->panels[2].groups[0].cpu_ns_per_op.median, 6);

	/* 8 before 16, and the modes in their order. */
	section = &model.hosts[0].sections[1];
	cr_assert_eq(section->panel_count, 2);
	cr_assert_eq(section->panels[0].group_count, 4);
	cr_expect_str_eq(section->panels[0].groups[0].first->mode, "borrowed");
	cr_expect_str_eq(section->panels[0].groups[1].first->mode, "private");
	cr_expect_str_eq(section->panels[0].groups[2].first->mode, "shared");
	cr_expect_str_eq(section->panels[0].groups[3].first->mode, "odd");
	cr_expect_str_eq(model_panel_name(&arena, &section->panels[1]),
			 "2 workers, 2 rings, depth 8, batch=16");
}

Test(model, pairs_are_of_the_same_repeat)
{
	const struct model_panel *panel;
	const struct model_ratio *found;

	/* The machine slows down by the half each time; the order within a
	 * repeat changes. */
	for (unsigned i = 0; i < 7; i++) {
		double slow = pow(1.5, i);

		add(0, "nop", i % 2 ? "private" : "borrowed", i,
		    (i % 2 ? 100 : 102) * slow);
		add(0, "nop", i % 2 ? "borrowed" : "private", i,
		    (i % 2 ? 102 : 100) * slow);
	}
	build(1);
	panel = &model.hosts[0].sections[0].panels[0];
	cr_assert_eq(panel->ratio_count, 1);
	found = ratio(panel, "borrowed", "private", MODEL_CPU);
	cr_assert_not_null(found);
	cr_expect_eq(found->summary.count, 7);
	cr_expect_eq(found->lost, 0);
	cr_expect_float_eq(found->summary.low, 1.02, 1e-12);
	cr_expect_float_eq(found->summary.high, 1.02, 1e-12);
}

Test(model, files_are_summed_up_together_but_paired_apart)
{
	const struct model_panel *panel;

	add(0, "nop", "borrowed", 0, 20);
	add(0, "nop", "private", 0, 10);
	add(1, "nop", "borrowed", 0, 300);
	add(1, "nop", "private", 0, 100);
	build(2);
	cr_assert_eq(model.host_count, 1);
	cr_expect_eq(model.hosts[0].file_count, 2);
	panel = &model.hosts[0].sections[0].panels[0];
	cr_expect_eq(panel->groups[0].count, 2);
	cr_expect_eq(panel->groups[0].cpu_ns_per_op.median, 160);
	cr_expect_eq(panel->ratios[0].summary.count, 2);
	cr_expect_float_eq(panel->ratios[0].summary.min, 2, 1e-12);
	cr_expect_float_eq(panel->ratios[0].summary.max, 3, 1e-12);
}

Test(model, hosts_are_kept_apart)
{
	add(0, "nop", "borrowed", 0, 20);
	add(1, "nop", "private", 0, 10);
	files[1].host.kernel = "6.2";
	build(2);
	cr_assert_eq(model.host_count, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct model_section *section =
			&model.hosts[i].sections[0];

		cr_expect_eq(model.hosts[i].run_count, 1);
		cr_expect_eq(section->panels[0].group_count, 1);
		cr_expect_eq(section->panels[0].ratio_count, 0);
	}
}

Test(model, what_failed_is_in_no_sum)
{
	const struct model_panel *panel;
	const struct model_group *borrowed;

	for (unsigned i = 0; i < 3; i++) {
		add(0, "nop", "borrowed", i, 20);
		add(0, "nop", "private", i, 10);
	}
	add(0, "nop", "borrowed", 3, 999)->errors = 1;
	add(0, "nop", "borrowed", 4, 999)->verified = false;
	add(0, "nop", "borrowed", 5, 999)->operations = 0;
	add(0, "nop", "borrowed", 6, 999)->failure = "it hung";
	add(0, "nop", "private", 3, 10);
	build(1);
	cr_expect_eq(model.hosts[0].bad_count, 4);
	panel = &model.hosts[0].sections[0].panels[0];
	borrowed = &panel->groups[0];
	cr_expect_eq(borrowed->count, 7);
	cr_expect_eq(borrowed->good_count, 3);
	cr_expect_eq(borrowed->cpu_ns_per_op.count, 3);
	cr_expect_eq(borrowed->cpu_ns_per_op.max, 20);
	cr_expect_eq(panel->ratios[0].summary.count, 3);
	cr_expect_eq(panel->ratios[0].lost, 5);
}

Test(model, latencies_are_merged)
{
	struct summary_bucket one[] = { { 10, 90 }, { 20, 10 } };
	struct summary_bucket two[] = { { 15, 50 }, { 20, 40 }, { 1000, 10 } };
	const struct result_latency first = { 100, 5, 11, 18, one, 2 };
	const struct result_latency second = { 100, 12, 100, 950, two, 3 };
	const struct model_group *group;

	add(0, "echo", "borrowed", 0, 1)->latency = first;
	add(0, "echo", "borrowed", 1, 1)->latency = second;
	add(0, "echo", "borrowed", 2, 1);
	build(1);
	group = &model.hosts[0].sections[0].panels[0].groups[0];
	cr_expect_eq(group->latency.count, 200);
	cr_expect_eq(group->latency.min, 5);
	cr_expect_eq(group->latency.max, 950);
	cr_expect_float_eq(group->latency.mean, 55.5, 1e-9);
	cr_assert_eq(group->latency.bucket_count, 4);
	cr_expect_eq(group->latency.buckets[2].upper, 20);
	cr_expect_eq(group->latency.buckets[2].count, 50);
	cr_expect_eq(group->percentiles[MODEL_P50], 15);
	cr_expect_eq(group->percentiles[MODEL_P90], 20);
	/* The bucket ends at 1000, but nothing took as long as that. */
	cr_expect_eq(group->percentiles[MODEL_P99], 950);
	cr_expect(model_percentile_solid(group, MODEL_P90));
	cr_expect_not(model_percentile_solid(group, MODEL_P99));
}

Test(model, percentile_is_solid_with_ten_beyond)
{
	struct model_group group = { .latency = { .count = 10000 } };

	cr_expect(model_percentile_solid(&group, MODEL_P99_9));
	cr_expect_not(model_percentile_solid(&group, MODEL_P99_99));
	group.latency.count = 9999;
	cr_expect_not(model_percentile_solid(&group, MODEL_P99_9));
}

/* Private can not have fewer rings than workers: it is compared all the same.
 */
Test(model, private_with_other_rings_is_the_reference)
{
	const struct model_section *section;

	for (unsigned i = 0; i < 2; i++) {
		add(0, "few-rings", "borrowed", i, 30)->rings = 1;
		add(0, "few-rings", "shared", i, 40)->rings = 1;
		add(0, "few-rings", "private", i, 20);
	}
	build(1);
	section = &model.hosts[0].sections[0];
	cr_assert_eq(section->panel_count, 2);
	cr_assert_not_null(section->panels[0].reference);
	cr_expect(section->panels[1].shown_elsewhere);
	cr_assert_eq(section->panels[0].ratio_count, 3);
	cr_expect_float_eq(ratio(&section->panels[0], "borrowed", "private",
				 MODEL_CPU)
				   ->summary.median,
			   1.5, 1e-12);
	cr_expect_float_eq(ratio(&section->panels[0], "borrowed", "shared",
				 MODEL_CPU)
				   ->summary.median,
			   0.75, 1e-12);
	cr_expect_str_eq(model_group_name(&arena, &section->panels[0],
					  section->panels[0].reference),
			 "private, 2 rings");
}

Test(model, loans_and_extras)
{
	struct result_extra extras[] = { { "z", 1 }, { "a", 5 } };
	struct result_extra fewer[] = { { "z", 3 } };
	struct result_run *run;
	const struct model_group *group;

	run = add(0, "stall", "borrowed", 0, 1);
	run->has_loans = true;
	run->loans[0] = 30;
	run->loans[6] = NAN;
	run->extras = extras;
	run->extra_count = 2;
	run = add(0, "stall", "borrowed", 1, 1);
	run->has_loans = true;
	run->seconds = 2;
	run->extras = fewer;
	run->extra_count = 1;
	build(1);
	group = &model.hosts[0].sections[0].panels[0].groups[0];
	cr_expect_float_eq(group->loans_per_s[0], 10, 1e-12);
	cr_expect_eq(group->loans_per_s[1], 0);
	cr_expect(isnan(group->loans_per_s[6]));
	cr_assert_eq(group->extra_count, 2);
	cr_expect_str_eq(group->extras[0].name, "a");
	cr_expect_eq(group->extras[0].summary.count, 1);
	cr_expect_eq(group->extras[1].summary.median, 2);
}

Test(model, twins_are_refused)
{
	const char *wrong;

	add(0, "nop", "borrowed", 0, 20);
	add(0, "nop", "private", 0, 20);
	add(0, "nop", "borrowed", 0, 30);
	wrong = model_build(&arena, files, 1, &model);
	cr_assert_not_null(wrong);
	cr_expect_not_null(strstr(wrong, "a.json: runs[0] and runs[2]"), "%s",
			   wrong);
}

Test(model, the_same_results_twice_are_refused)
{
	const char *wrong;

	add(0, "nop", "borrowed", 0, 20);
	add(1, "nop", "borrowed", 0, 20);
	files[1].started = files[0].started;
	wrong = model_build(&arena, files, 2, &model);
	cr_assert_not_null(wrong);
	cr_expect_str_eq(wrong, "b.json: the same results as in a.json");
}
