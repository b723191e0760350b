/*
 * Goal:   no runtime starts with an option that is out of its range, and the
 *         log says which option, what it was, and what it may be.
 * Method: options of which one is just outside, each given to
 *         lend_runtime_new() with a log that keeps its lines.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

static char said[512];

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	(void)arg;
	if (level == LEND_LOG_ERROR)
		snprintf(said, sizeof(said), "%s", line);
}

/* The line that there has to be. */
struct case_of {
	const char *says;
	struct lend_options options;
};

#define OUTSIDE(name, value, text)                                             \
	{                                                                      \
		.says = "option " #name " is " text, .options.name = (value),  \
	}

static const struct case_of cases[] = {
	OUTSIDE(mode, (enum lend_ring_mode)99,
		"99: borrowed, private or shared"),
	OUTSIDE(workers, 257, "257: 1 to 256"),
	OUTSIDE(rings, 257, "257: 1 to 256"),
	OUTSIDE(depth, 32769, "32769: 1 to 32768"),
	OUTSIDE(actors_max, 1048577, "1048577: at most 1048576"),
	OUTSIDE(stack_size, 8192, "8192: a power of two from 16384 to 8388608"),
	OUTSIDE(stack_size, 65537,
		"65537: a power of two from 16384 to 8388608"),
	OUTSIDE(stack_size, 16 << 20,
		"16777216: a power of two from 16384 to 8388608"),
	OUTSIDE(heap_max, (4 << 20) + 1, "4194305: at most 4194304"),
	OUTSIDE(flush_actors, 32769, "32769: 0 to 32768"),
	OUTSIDE(flush_sqes, 32769, "32769: 0 to 32768"),
	OUTSIDE(kick_signal, SIGKILL, "9: not a signal that can be handled"),
	OUTSIDE(kick_signal, -1, "-1: not a signal that can be handled"),
	OUTSIDE(log_level, (enum lend_log_level)(LEND_LOG_DEBUG + 1),
		"5: one of enum lend_log_level"),
	OUTSIDE(sqpoll_idle_ms, 60001, "60001: at most 60000"),
	OUTSIDE(without, 1u << 31,
		"2147483648: not a set of enum lend_feature"),
	OUTSIDE(trace_events, 1048577, "1048577: at most 1048576"),
	OUTSIDE(workers_max, 257, "257: at least as many as workers"),
	OUTSIDE(buffers, 32769, "32769: 1 to 32768"),
	OUTSIDE(buffer_size, 63, "63: 64 to 1048576"),
	OUTSIDE(buffer_size, 1048577, "1048577: 64 to 1048576"),
	OUTSIDE(rings_max, 257, "257: at least as many as rings"),
	OUTSIDE(blocking_threads_max, 1025, "1025: 1 to 1024"),
	OUTSIDE(blocking_queue_max, 1048577, "1048577: 1 to 1048576"),
	OUTSIDE(watchdog_signal, 12345,
		"12345: not a signal that can be handled"),
	OUTSIDE(watchdog_signal, -2,
		"-2: a signal that can be handled, 0, or -1 for none"),
	OUTSIDE(spare_workers, 257, "257: at most 256"),
};

/* One that there is all the same must not stay. */
static void refuse(struct lend_options options, const char *says)
{
	struct lend_runtime *runtime = NULL;
	int err;

	options.log = remember;
	said[0] = '\0';
	err = lend_runtime_new(&options, &runtime);
	if (!err) {
		lend_runtime_stop(runtime);
		lend_runtime_free(runtime);
	}
	if (!CHECK_EQ(err, -EINVAL) || !CHECK(strstr(said, says)))
		printf("wanted \"%s\", the log said \"%s\"\n", says, said);
}

static int each_outside_its_range(void)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuse(cases[i].options, cases[i].says);
	return 0;
}

static int those_that_disagree(void)
{
	refuse((struct lend_options){ .workers = 4, .workers_max = 3 },
	       "option workers_max is 3: at least as many as workers");
	refuse((struct lend_options){ .rings = 4, .rings_max = 3 },
	       "option rings_max is 3: at least as many as rings");
	refuse((struct lend_options){ .mode = LEND_RING_PRIVATE,
				      .workers = 2,
				      .rings = 3 },
	       "option rings is 3: private mode has one ring for each worker");
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("each outside its range", each_outside_its_range);
	test_plain("those that disagree", those_that_disagree);
	return test_finish();
}
