/*
 * Goal:   a masked feature is not in use, what is in use is told, and the
 *         fallbacks do what they say; why a start fails is told.
 * Method: a runtime for each feature; what it tells of itself, its log lines,
 *         and for the accept the number of SQEs it takes.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

static unsigned seen;

static int look(void *arg)
{
	(void)arg;
	seen = lend_runtime_features(lend_runtime_current());
	return 0;
}

static unsigned features_without(unsigned without)
{
	struct lend_options options = test_options;

	options.without = without;
	seen = LEND_FEATURES_ALL;
	CHECK_EQ(lend_run(&options, look, NULL), 0);
	return seen;
}

static int masks_take_away(void)
{
	unsigned all = features_without(0) & ~(unsigned)LEND_FEATURE_SQPOLL;
	struct lend_options plain = test_options;

	for (unsigned bit = 1; bit & LEND_FEATURES_ALL; bit <<= 1) {
		unsigned expected = all & ~bit, set;

		/* It is asked for, so that it can only be refused: test_sqpoll
		 * looks at that. */
		if (bit == LEND_FEATURE_SQPOLL)
			continue;
		set = features_without(bit) & ~(unsigned)LEND_FEATURE_SQPOLL;

		/* What takes the place of the deferred work, if it is there. */
		if (bit == LEND_FEATURE_DEFER_TASKRUN && all & bit)
			set &= ~(unsigned)LEND_FEATURE_COOP_TASKRUN;
		/* What can not be without it goes with it. */
		if (bit & (LEND_FEATURE_BUFFER_RINGS | LEND_FEATURE_MULTISHOT |
			   LEND_FEATURE_RECV_CREDIT))
			expected &= ~(unsigned)LEND_FEATURE_RECV_BUNDLE;
		CHECK_EQ(set, expected);
	}
	plain.sqpoll_idle_ms = 0;
	plain.without = LEND_FEATURES_ALL;
	seen = LEND_FEATURES_ALL;
	CHECK_EQ(lend_run(&plain, look, NULL), 0);
	CHECK_EQ(seen, 0);
	return 0;
}

static int environment_masks(void)
{
	const char *list = getenv("LEND_DISABLE");
	unsigned disabled = 0;

	if (list)
		CHECK_EQ(lend_features_parse(list, &disabled), 0);
	CHECK_EQ(features_without(0) & disabled, 0);
	/* Both together. */
	CHECK_EQ(features_without(LEND_FEATURE_SUBMIT_ALL) &
			 (disabled | LEND_FEATURE_SUBMIT_ALL),
		 0);
	return 0;
}

/* ---- what is said ---- */

static char said[4096];

static void note(enum lend_log_level level, const char *line, void *arg)
{
	size_t used = strlen(said);

	(void)level;
	(void)arg;
	snprintf(said + used, sizeof(said) - used, "%s\n", line);
}

static int start_tells_what_is_in_use(void)
{
	struct lend_options options = test_options;
	char text[LEND_FEATURES_TEXT_MAX], line[2 * sizeof(text)];

	options.log = note;
	options.log_level = LEND_LOG_INFO;
	options.without = LEND_FEATURE_MULTISHOT;
	said[0] = '\0';
	CHECK_EQ(lend_run(&options, look, NULL), 0);
	lend_features_format(seen, text, sizeof(text));
	snprintf(line, sizeof(line), "features in use: %s\n", text);
	CHECK(strstr(said, line));
	CHECK(strstr(said, "not in this kernel, or masked: "));
	CHECK(strstr(strstr(said, "masked: "), "multishot"));
	return 0;
}

static int unknown_names_are_refused(void)
{
	const char *before = getenv("LEND_DISABLE");
	struct lend_options options = test_options;
	char *copy = before ? strdup(before) : NULL;

	options.log = note;
	said[0] = '\0';
	setenv("LEND_DISABLE", "membarrier,multishots", 1);
	CHECK_EQ(lend_run(&options, look, NULL), -EINVAL);
	CHECK(strstr(said, "membarrier,multishots"));
	CHECK(strstr(said, "buffer_rings, multishot"));
	if (copy)
		setenv("LEND_DISABLE", copy, 1);
	else
		unsetenv("LEND_DISABLE");
	free(copy);
	return 0;
}

/* ---- the accept ---- */

#define CONNECTIONS 60

/* Connections that come one by one, each after the one before was taken. */
static int accept_some(void *arg)
{
	struct lend_listener *listener;
	char name[LEND_ADDRESS_TEXT_MAX];
	const struct lend_runtime *runtime = lend_runtime_current();
	unsigned features = lend_runtime_features(runtime);
	struct lend_stats before, after;
	uint64_t used, polls;
	int clients[CONNECTIONS];
	uint16_t port;

	(void)arg;
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 64, &listener), 0))
		return -1;
	lend_address_format(lend_listener_address(listener), name);
	port = (uint16_t)atoi(strrchr(name, ':') + 1);
	lend_stats_read(NULL, &before);
	for (int i = 0; i < CONNECTIONS; i++) {
		int fd;

		clients[i] = test_connect(port);
		fd = lend_listener_accept(listener, LEND_FOREVER);
		CHECK(fd >= 0);
		CHECK_EQ(lend_close(fd), 0);
	}
	lend_stats_read(NULL, &after);
	used = after.total.submissions - before.total.submissions;
	/* A parked worker looks at its event descriptor: once in each ring,
	 * and once more after each wake. */
	polls = after.wakes - before.wakes +
		(uint64_t)lend_runtime_workers(runtime) *
			lend_runtime_rings(runtime);
	if (features & LEND_FEATURE_MULTISHOT)
		CHECK_IN(used, 0, 1 + polls); /* armed once */
	else
		CHECK_IN(used, CONNECTIONS, INT32_MAX);
	for (int i = 0; i < CONNECTIONS; i++)
		close(clients[i]);
	lend_listener_close(listener);
	return 0;
}

/* ---- what a start that failed is due to ---- */

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void ignore(int signal)
{
	(void)signal;
}

static void is_explained(int error, const char *words)
{
	char text[256];

	lend_explain(error, text, sizeof(text));
	if (!CHECK(strstr(text, words) && !strchr(text, '\n')))
		fprintf(stderr, "%s: %s\n", lend_error_name(error), text);
	/* That is not to blame for them. */
	CHECK(!strstr(text, "io_uring_setup"));
}

/* Few addresses are enough for a process, not for all actors there may be. */
static int run_with_few_addresses(void)
{
	const struct rlimit limit = { (rlim_t)1 << 30, RLIM_INFINITY };
	struct lend_options options = test_options;
	pid_t child = fork();
	int status = 0;

	if (!child) {
		options.log_level = LEND_LOG_ERROR;
		options.actors_max = 1048576;
		setrlimit(RLIMIT_AS, &limit);
		_exit(-lend_run(&options, nothing, NULL));
	}
	if (!CHECK(child > 0 && waitpid(child, &status, 0) == child))
		return 0;
	return CHECK(WIFEXITED(status)) ? -WEXITSTATUS(status) : 0;
}

static int failures_are_explained(void)
{
	struct lend_options options = test_options;

	options.log_level = LEND_LOG_ERROR;
	options.kick_signal = SIGUSR2;
	signal(SIGUSR2, ignore);
	CHECK_EQ(lend_run(&options, nothing, NULL), -EBUSY);
	signal(SIGUSR2, SIG_DFL);
	is_explained(-EBUSY, "kick_signal");
	options.kick_signal = 0;
	options.depth = 32769;
	CHECK_EQ(lend_run(&options, nothing, NULL), -EINVAL);
	is_explained(-EINVAL, "log");
	/* A sanitizer needs terabytes. */
	if (!test_is_slow())
		CHECK_EQ(run_with_few_addresses(), -E2BIG);
	is_explained(-E2BIG, "actors_max");
	is_explained(-EAGAIN, "thread");
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 30);
	test_plain("masks_take_away", masks_take_away);
	test_plain("environment_masks", environment_masks);
	test_plain("start_tells_what_is_in_use", start_tells_what_is_in_use);
	test_plain("unknown_names_are_refused", unknown_names_are_refused);
	test_plain("failures_are_explained", failures_are_explained);
	test_actor("accept_some", accept_some);
	return test_finish();
}
