/*
 * TCP echo over loopback: the friendliest load there is, a receive and a send
 * for each message, connections spread over the workers.
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

const struct workload workload_echo = {
	.name = "echo",
	.summary = "TCP echo over loopback, connections spread over the workers",
	.defaults = {
		[PARAM_CONNECTIONS] = "64",
		[PARAM_PIPELINE] = "1",
		[PARAM_SIZE] = "64",
		[PARAM_RATE] = "0",
	},
	.start = start,
	.aim = aim,
};
