/*
 * Configurations and their order: see plan.h.
 */
#include "lend_bench/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend_bench/say.h"
#include "lend_bench/workload.h"

#define CONFIGS_MAX 10000

static unsigned power_of_two(unsigned value)
{
	unsigned power = 1;

	while (power < value)
		power *= 2;
	return power;
}

static void variant_write(struct config *config)
{
	size_t used = 0;

	config->variant[0] = '\0';
	for (unsigned p = 0; p < PARAM_COUNT && used < VARIANT_SIZE; p++)
		if (config_has(config, p))
			used += (size_t)snprintf(config->variant + used,
						 VARIANT_SIZE - used, "%s%s=%u",
						 used ? "," : "",
						 params[p].name,
						 config->params[p]);
}

/* A claim is on one ring. */
static bool fits(const struct config *config, enum param param)
{
	if (config->params[param] <= config->depth)
		return true;
	bench_say(
		"--%s: \"%u\" does not fit into rings of depth %u, as a claim is on one ring; use less, or --depth %u",
		params[param].name, config->params[param], config->depth,
		power_of_two(config->params[param]));
	return false;
}

/* Of several numbers those are taken that make sense. */
static bool has_workers(const struct options *options,
			const struct config *config)
{
	const struct workload *workload = workload_at(config->workload);
	unsigned least = workload->workers_min;

	if (config->workers >= least)
		return true;
	if (!options->quiet)
		bench_say(
			"%s needs %u workers: it is left out where there %s %u",
			workload->name, least,
			config->workers == 1 ? "is" : "are", config->workers);
	return false;
}

static bool check(const struct config *config)
{
	if (!fits(config, PARAM_BATCH) || !fits(config, PARAM_LENGTH))
		return false;
	if (config->params[PARAM_LENGTH] % 2 == 0)
		return true;
	bench_say(
		"--length: \"%u\" is odd, but chains consist of pairs; use %u",
		config->params[PARAM_LENGTH], config->params[PARAM_LENGTH] + 1);
	return false;
}

/* ---- the product of all lists ---- */

struct expansion {
	const struct options *options;
	struct plan *plan;
	unsigned room;
	bool failed;
};

static void add_config(struct expansion *expansion, const struct config *config)
{
	struct plan *plan = expansion->plan;

	if (plan->count == CONFIGS_MAX) {
		bench_say(
			"these are more than %d configurations; use shorter lists",
			CONFIGS_MAX);
		expansion->failed = true;
		return;
	}
	if (plan->count == expansion->room) {
		expansion->room = expansion->room ? 2 * expansion->room : 64;
		plan->configs = realloc(plan->configs,
					expansion->room *
						sizeof(*plan->configs));
		if (!plan->configs)
			abort();
	}
	plan->configs[plan->count++] = *config;
}

/* One group: the modes. Private mode has as many rings as workers, whatever
 * was said: it is there to compare with. */
static void add_modes(struct expansion *expansion, struct config *config)
{
	const struct options *options = expansion->options;
	unsigned rings = config->rings;

	variant_write(config);
	if (!check(config)) {
		expansion->failed = true;
		return;
	}
	for (unsigned m = 0; m < options->modes_count; m++) {
		config->mode = options->modes[m];
		config->rings = config->mode == LEND_RING_PRIVATE ?
					config->workers :
					rings;
		add_config(expansion, config);
	}
	config->rings = rings;
	expansion->plan->groups_count++;
}

static void add_params(struct expansion *expansion, struct config *config,
		       unsigned param)
{
	const struct list *given;
	struct list list;
	const char *text, *bad;
	int size;

	if (param == PARAM_COUNT) {
		add_modes(expansion, config);
		return;
	}
	text = workload_at(config->workload)->defaults[param];
	given = &expansion->options->params[param];
	if (!text && !(params[param].is_common && given->count)) {
		add_params(expansion, config, param + 1);
		return;
	}
	if (given->count)
		list = *given;
	else if (!list_read(text, params[param].min, params[param].max, &list,
			    &bad, &size))
		abort();
	config->params_used |= 1u << param;
	for (unsigned i = 0; i < list.count && !expansion->failed; i++) {
		config->params[param] = list.values[i];
		add_params(expansion, config, param + 1);
	}
}

static void add_rings(struct expansion *expansion, struct config *config)
{
	const struct options *options = expansion->options;
	const struct workload *workload = workload_at(config->workload);
	struct list depths = { { workload->depth ? workload->depth : 256 }, 1 };
	struct list rings = { { config->workers }, 1 };

	if (workload->few_rings && config->workers > 1)
		rings.values[0] = config->workers / 2;
	if (options->rings.count)
		rings = options->rings;
	if (options->depths.count)
		depths = options->depths;
	for (unsigned r = 0; r < rings.count; r++) {
		for (unsigned d = 0; d < depths.count; d++) {
			config->rings = rings.values[r];
			config->depth = power_of_two(depths.values[d]);
			if (!expansion->failed)
				add_params(expansion, config, 0);
		}
	}
}

bool plan_make(const struct options *options, struct plan *ret_plan)
{
	struct plan plan = { 0 };
	struct expansion expansion = { .options = options, .plan = &plan };

	for (unsigned i = 0; i < options->workloads_count; i++) {
		for (unsigned w = 0; w < options->workers.count; w++) {
			struct config config = {
				.workload = options->workloads[i],
				.workers = options->workers.values[w],
				.tamper = options->tamper,
				.pin = options->pin,
			};

			if (has_workers(options, &config))
				add_rings(&expansion, &config);
		}
	}
	if (!expansion.failed && !plan.count) {
		bench_say("nothing is left to run; use --workers with more");
		expansion.failed = true;
	}
	if (expansion.failed) {
		plan_free(&plan);
		return false;
	}
	*ret_plan = plan;
	return true;
}

void plan_free(struct plan *plan)
{
	free(plan->configs);
	*plan = (struct plan){ 0 };
}

/* ---- the order ---- */

static uint64_t random_next(uint64_t *state)
{
	/* xorshift64*: never 0. */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1du;
}

void plan_shuffle(const struct plan *plan, uint64_t seed, unsigned repeat,
		  unsigned *order)
{
	uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15u + repeat + 1;
	unsigned modes = plan->count / plan->groups_count;

	/* Groups, by Fisher and Yates; all have as many modes. */
	for (unsigned g = 0; g < plan->groups_count; g++) {
		unsigned other = (unsigned)(random_next(&state) % (g + 1));

		order[g] = order[other];
		order[other] = g;
	}
	/* From behind, as a group becomes several configurations. */
	for (unsigned g = plan->groups_count; g-- > 0;) {
		unsigned first = order[g] * modes;

		for (unsigned m = 0; m < modes; m++)
			order[g * modes + m] = first + (m + repeat) % modes;
	}
}
