/*
 * Thousands of connections that have been used once and then do nothing, and a
 * few busy ones: what does the herd cost while nobody is busy (the extra figure
 * idle_cpu_percent, over a window of its own), and how long do the few wait?
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

const struct workload workload_idle_herd = {
	.name = "idle-herd",
	.summary = "thousands of idle connections and a few busy ones",
	.defaults = {
		[PARAM_CONNECTIONS] = "16",
		[PARAM_SIZE] = "64",
		[PARAM_RATE] = "2000",
		[PARAM_IDLE] = "4000",
	},
	.start = start,
	.aim = aim,
};
