/*
 * All connections land on one worker, and each request takes some computing:
 * the others have nothing of their own to do. Do they take a share of it?
 */
#include "lend_bench/burning.h"
#include "lend_bench/generator.h"
#include "lend_bench/workload.h"

static int start(struct subject *subject)
{
	return burning_start(subject, PLACE_ON_ONE);
}

static void aim(const struct config *config, struct generator_options *options)
{
	options->work_us = config->params[PARAM_WORK];
}

const struct workload workload_uneven = {
	.name = "uneven",
	.summary = "all connections are accepted on one worker, then load",
	.defaults = {
		[PARAM_CONNECTIONS] = "64",
		[PARAM_PIPELINE] = "1",
		[PARAM_SIZE] = "64",
		[PARAM_RATE] = "0",
		[PARAM_WORK] = "20",
	},
	.start = start,
	.aim = aim,
};
