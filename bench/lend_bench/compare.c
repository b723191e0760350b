/*
 * Two results of the same workloads, before and after a change. Called by
 * main.c.
 *
 * The repeats of two files are no pairs, so the factor between them comes from
 * all quotients of one value of each: summary_of_factor().
 */
#include "lend_bench/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lend_bench/compare_options.h"
#include "lend_bench/model.h"
#include "lend_bench/quantity.h"
#include "lend_bench/say.h"

/* What is found of one configuration and metric. */
enum verdict {
	VERDICT_WORSE,	   /* by more than the limit: a regression */
	VERDICT_BROKEN,	   /* runs failed after, and none before */
	VERDICT_UNDECIDED, /* perhaps worse: more repeats will tell */
	VERDICT_BETTER,
	VERDICT_SAME, /* not worse by more than the limit */
	VERDICTS
};

static const char *const verdict_names[VERDICTS] = {
	[VERDICT_WORSE] = "WORSE",	     [VERDICT_BROKEN] = "BROKEN",
	[VERDICT_UNDECIDED] = "undecided",   [VERDICT_BETTER] = "better",
	[VERDICT_SAME] = "within the limit",
};

struct comparison {
	const struct compare_options *options;
	struct arena arena;
	struct model before, after;
	unsigned counts[VERDICTS];
	unsigned missing; /* configurations that only one file has */
};

/* One configuration of a model, where it is in it. */
struct place {
	const struct model_panel *panel;
	const struct model_group *group;
};

typedef void (*visit_fn)(struct comparison *comparison,
			 const struct place *place);

/* One file has one host. */
static void visit(struct comparison *comparison, const struct model *model,
		  visit_fn fn)
{
	const struct model_host *host = &model->hosts[0];

	for (size_t i = 0; i < host->section_count; i++) {
		const struct model_section *section = &host->sections[i];

		for (size_t j = 0; j < section->panel_count; j++) {
			struct place place = { .panel = &section->panels[j] };

			for (size_t k = 0; k < place.panel->group_count; k++) {
				place.group = &place.panel->groups[k];
				fn(comparison, &place);
			}
		}
	}
}

/* The place of the same configuration; its group is NULL if there is none. */
static struct place find(const struct model *model,
			 const struct result_run *like)
{
	const struct model_host *host = &model->hosts[0];
	struct place place = { NULL, NULL };

	for (size_t i = 0; i < host->section_count; i++) {
		const struct model_section *section = &host->sections[i];

		for (size_t j = 0; j < section->panel_count; j++) {
			place.panel = &section->panels[j];
			for (size_t k = 0; k < place.panel->group_count; k++) {
				place.group = &place.panel->groups[k];
				if (model_compare_configs(place.group->first,
							  like) == 0)
					return place;
			}
		}
	}
	place.group = NULL;
	return place;
}

/* Of all metrics less is better. */
static double measure(const struct result_run *run, enum compare_metric metric)
{
	switch (metric) {
	case COMPARE_CPU:
		return run->cpu_ns_per_op;
	case COMPARE_TIME:
		return 1e9 / run->ops_per_s;
	case COMPARE_P50:
		return model_percentile(&run->latency, 0.5);
	case COMPARE_P99:
		return model_percentile(&run->latency, 0.99);
	default:
		return model_percentile(&run->latency, 0.999);
	}
}

/*
 * The values of a configuration's good runs, in units of its partner's if it
 * is to be compared against another mode. Those that are none are left out.
 */
static size_t values(struct comparison *comparison, const struct place *place,
		     enum compare_metric metric, double **ret_values)
{
	const struct model_group *group = place->group;
	const char *against = comparison->options->against;
	const struct model_group *unit =
		against ? model_panel_find(place->panel, against) : NULL;
	double *found = arena_alloc(&comparison->arena, group->good_count,
				    sizeof(*found));
	size_t count = 0;

	*ret_values = found;
	if (against && (!unit || unit == group))
		return 0;
	for (size_t i = 0; i < group->good_count; i++) {
		double value = measure(group->good[i], metric);
		const struct result_run *partner;

		if (unit) {
			partner = model_partner(unit, group->good[i]);
			value /= partner ? measure(partner, metric) : NAN;
		}
		if (isfinite(value) && value > 0)
			found[count++] = value;
	}
	return count;
}

static enum verdict judge(const struct summary *factor, double limit)
{
	if (factor->coverage < SUMMARY_COVERAGE)
		return VERDICT_UNDECIDED;
	if (factor->low > 1 + limit)
		return VERDICT_WORSE;
	if (factor->high < 1)
		return VERDICT_BETTER;
	if (factor->high > 1 + limit)
		return VERDICT_UNDECIDED;
	return VERDICT_SAME;
}

static void line(struct comparison *comparison, enum compare_metric metric,
		 double *before, size_t before_count, double *after,
		 size_t after_count)
{
	double *scratch = arena_alloc(&comparison->arena,
				      before_count * after_count + 1,
				      sizeof(*scratch));
	struct summary old, new, factor;
	enum verdict verdict;

	summary_of(before, before_count, &old);
	summary_of(after, after_count, &new);
	summary_of_factor(after, after_count, before, before_count, scratch,
			  &factor);
	verdict = judge(&factor, comparison->options->limit);
	comparison->counts[verdict]++;
	printf("  %-6s %10s -> %-10s %7s [%s .. %s]%s  n=%zu,%zu  %s\n",
	       compare_metric_names[metric],
	       comparison->options->against ? quantity_ratio(old.median).text :
					      quantity_number(old.median).text,
	       comparison->options->against ? quantity_ratio(new.median).text :
					      quantity_number(new.median).text,
	       quantity_ratio(factor.median).text,
	       quantity_ratio(factor.low).text,
	       quantity_ratio(factor.high).text,
	       factor.coverage < SUMMARY_COVERAGE ? " min..max" : "",
	       before_count, after_count, verdict_names[verdict]);
}

static void name(struct comparison *comparison, const struct place *place)
{
	printf("%s, %s: %s\n", place->group->first->workload,
	       place->group->first->mode,
	       model_panel_name(&comparison->arena, place->panel));
}

/* What failed has no figures, and is worse than slow. */
static void failures(struct comparison *comparison, const struct place *before,
		     const struct place *after)
{
	size_t old = before->group->count - before->group->good_count;
	size_t new = after->group->count - after->group->good_count;

	if (old == 0 && new == 0)
		return;
	printf("  failed %zu of %zu -> %zu of %zu", old, before->group->count,
	       new, after->group->count);
	if (old == 0) {
		comparison->counts[VERDICT_BROKEN]++;
		printf("  %s", verdict_names[VERDICT_BROKEN]);
	}
	putchar('\n');
}

static void compare(struct comparison *comparison, const struct place *before)
{
	struct place after = find(&comparison->after, before->group->first);
	const char *against = comparison->options->against;

	/* The unit is no news, unless it fails. */
	if (against && strcmp(before->group->first->mode, against) == 0 &&
	    (!after.group || after.group->count == after.group->good_count))
		return;
	if (!after.group) {
		name(comparison, before);
		printf("  is in %s only\n", comparison->options->paths[0]);
		comparison->missing++;
		return;
	}
	name(comparison, before);
	failures(comparison, before, &after);
	for (unsigned metric = 0; metric < COMPARE_METRICS; metric++) {
		double *old, *new;
		size_t old_count, new_count;

		if (!comparison->options->metrics[metric])
			continue;
		old_count = values(comparison, before, metric, &old);
		new_count = values(comparison, &after, metric, &new);
		if (old_count > 0 && new_count > 0)
			line(comparison, metric, old, old_count, new,
			     new_count);
		else
			printf("  %-6s there is no figure %s\n",
			       compare_metric_names[metric],
			       old_count > 0 ? "after" :
			       new_count > 0 ? "before" :
					       "in either");
	}
}

static void look_for_new(struct comparison *comparison,
			 const struct place *after)
{
	if (find(&comparison->before, after->group->first).group)
		return;
	name(comparison, after);
	printf("  is in %s only\n", comparison->options->paths[1]);
	comparison->missing++;
}

static const char *read_one(struct comparison *comparison, unsigned number,
			    struct model *ret_model)
{
	struct result_file *file = arena_alloc(&comparison->arena, 1,
					       sizeof(*file));
	const char *wrong = result_file_read(&comparison->arena,
					     comparison->options->paths[number],
					     0, file);

	if (!wrong)
		wrong = model_build(&comparison->arena, file, 1, ret_model);
	return wrong;
}

/* Another kernel or compiler may be what is to be compared; on another machine
 * there is nothing to compare. */
static const char *hosts(struct comparison *comparison)
{
	const struct result_host *old = comparison->before.hosts[0].host;
	const struct result_host *new = comparison->after.hosts[0].host;
	const struct {
		const char *what, *old, *new;
	} parts[] = { { "kernel", old->kernel, new->kernel },
		      { "compiler", old->compiler, new->compiler },
		      { "lend", old->lend, new->lend } };

	if (strcmp(old->cpu, new->cpu) != 0 || old->cpus != new->cpus)
		return arena_printf(&comparison->arena,
				    "not the same machine: %s, %u CPUs, and "
				    "%s, %u CPUs",
				    old->cpu, old->cpus, new->cpu, new->cpus);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (strcmp(parts[i].old, parts[i].new) != 0)
			printf("%s: %s -> %s\n", parts[i].what, parts[i].old,
			       parts[i].new);
	}
	return NULL;
}

static int conclude(const struct comparison *comparison)
{
	const unsigned *counts = comparison->counts;
	unsigned total = 0;

	for (unsigned i = 0; i < VERDICTS; i++)
		total += counts[i];
	printf("%u compared: %u worse by more than %g %%, %u broken, "
	       "%u undecided, %u better, %u within the limit",
	       total, counts[VERDICT_WORSE], comparison->options->limit * 100,
	       counts[VERDICT_BROKEN], counts[VERDICT_UNDECIDED],
	       counts[VERDICT_BETTER], counts[VERDICT_SAME]);
	if (comparison->missing > 0)
		printf("; %u in one file only", comparison->missing);
	putchar('\n');
	if (fflush(stdout) != 0)
		return BENCH_BROKEN;
	if (total == 0) {
		bench_say("compare: nothing to compare");
		return BENCH_USAGE;
	}
	return counts[VERDICT_WORSE] + counts[VERDICT_BROKEN] > 0 ?
		       BENCH_BROKEN :
		       BENCH_DONE;
}

int lend_bench_compare(int argc, char **argv)
{
	struct compare_options options;
	struct comparison comparison = { .options = &options };
	const char *wrong;
	int status = BENCH_USAGE;

	if (!compare_options_read(argc, argv, &options))
		return BENCH_USAGE;
	if (options.help) {
		compare_options_help();
		return BENCH_DONE;
	}
	wrong = read_one(&comparison, 0, &comparison.before);
	if (!wrong)
		wrong = read_one(&comparison, 1, &comparison.after);
	if (!wrong)
		wrong = hosts(&comparison);
	if (wrong) {
		bench_say("%s", wrong);
	} else {
		visit(&comparison, &comparison.before, compare);
		visit(&comparison, &comparison.after, look_for_new);
		status = conclude(&comparison);
	}
	arena_free(&comparison.arena);
	return status;
}
