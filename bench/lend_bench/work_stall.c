/*
 * Some requests take long to compute, and their handlers do not yield: what
 * does that cost all the others?
 *
 * Of the workers one gets, on a connection of its own, a request that burns
 * processor time; all others are short, on connections that were there before,
 * and due at fixed times. Only those are in the figures.
 */
#include <string.h>

#include "lend_bench/burning.h"
#include "lend_bench/generator.h"
#include "lend_bench/server.h"
#include "lend_bench/workload.h"

static int start(struct subject *subject)
{
	return burning_start(subject, PLACE_SPREAD);
}

static void aim(const struct config *config, struct generator_options *options)
{
	options->burn_us = config->params[PARAM_BURN] * 1000;
	options->every_ns = config->params[PARAM_EVERY] * LEND_MS;
}

const struct workload workload_stall = {
	.name = "stall",
	.summary = "a few requests burn CPU: the latency of all the others",
	.defaults = {
		[PARAM_CONNECTIONS] = "32",
		[PARAM_SIZE] = "64",
		[PARAM_RATE] = "1000",
		[PARAM_BURN] = "100",
		[PARAM_EVERY] = "200",
		[PARAM_LOAD] = "0",
	},
	.start = start,
	.aim = aim,
};
