/*
 * Echo with fewer rings than workers, and shallow ones: rings have to be shared
 * or to change hands all the time. Private mode, which can not do that, has a
 * ring for each worker, to compare with.
 */
#include "lend_bench/generator.h"
#include "lend_bench/server.h"
#include "lend_bench/workload.h"

static int start(struct subject *subject)
{
	return server_start(subject, PLACE_SPREAD, server_echo);
}

static void aim(const struct config *config, struct generator_options *options)
{
	/* Everything is as the parameters say. */
	(void)config;
	(void)options;
}

const struct workload workload_few_rings = {
	.name = "few-rings",
	.summary = "echo with half as many rings as workers, of depth 8",
	.defaults = {
		[PARAM_CONNECTIONS] = "64",
		[PARAM_PIPELINE] = "1",
		[PARAM_SIZE] = "64",
		[PARAM_RATE] = "0",
	},
	.depth = 8,
	.few_rings = true,
	.start = start,
	.aim = aim,
};
