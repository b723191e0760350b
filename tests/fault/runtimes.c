/*
 * Scenarios of whole runtimes: start and stop, workers and rings that come and
 * go, the flight recorder, a thread that is no worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "fault/inject.h"
#include "fault/scenario.h"
#include "harness/harness.h"

/* More than a burst of faults is long. */
#define ATTEMPTS 20

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int start_and_stop(void *arg)
{
	(void)arg;
	return 0;
}

/* Everything from outside. */
static int from_a_thread(void *arg)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	const struct lend_options *options = arg;
	struct lend_runtime *runtime;
	int err = lend_runtime_new(options, &runtime);

	if (err)
		return err;
	for (int i = 0; i < 4; i++) {
		lend_ref ref;

		if (FINE(lend_runtime_spawn(runtime, nothing, NULL, &joinable,
					    &ref))) {
			err = lend_runtime_tell(runtime, ref, 1, "x", 1);
			if (err != -ESRCH)
				(void)FINE(err);
			lend_runtime_cancel(runtime, ref);
			CHECK_EQ(lend_runtime_join(runtime, ref, NULL), 0);
		}
	}
	lend_runtime_stop(runtime);
	lend_runtime_free(runtime);
	return 0;
}

/* ---- sizes ---- */

static _Atomic bool stop;

static int traffic(void *arg)
{
	const int *pair = arg;
	char byte;

	while (!atomic_load(&stop)) {
		long res = lend_send(pair[0], "x", 1, 0, LEND_FOREVER);

		if (FINE(res)) {
			res = lend_recv(pair[1], &byte, 1, 0,
					lend_after(LEND_S));
			(void)FINE(res);
		}
		(void)FINE(lend_sleep(lend_after(500 * LEND_US)));
	}
	return 0;
}

static void set_workers(unsigned workers)
{
	struct lend_runtime *runtime = lend_runtime_current();
	int attempts = 0;

	/* What was refused is not refused for ever. */
	while (!FINE(lend_runtime_set_workers(runtime, workers,
					      LEND_FOREVER)) &&
	       CHECK(attempts < ATTEMPTS))
		attempts++;
	CHECK_EQ(lend_runtime_workers(runtime), workers);
}

static void set_rings(unsigned rings)
{
	struct lend_runtime *runtime = lend_runtime_current();
	int attempts = 0;

	while (!FINE(lend_runtime_set_rings(runtime, rings, LEND_FOREVER)) &&
	       CHECK(attempts < ATTEMPTS))
		attempts++;
	CHECK_EQ(lend_runtime_rings(runtime), rings);
}

static int sizes(void *arg)
{
	unsigned workers = test_options.workers;
	lend_ref refs[4];
	int pairs[4][2];

	(void)arg;
	atomic_store(&stop, false);
	for (int i = 0; i < 4; i++) {
		test_pair(pairs[i]);
		refs[i] = scenario_spawn(traffic, pairs[i]);
	}
	set_workers(workers + 1);
	if (lend_runtime_mode(lend_runtime_current()) != LEND_RING_PRIVATE) {
		set_rings(lend_runtime_rings(lend_runtime_current()) + 1);
		set_rings(1);
	}
	set_workers(1);
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++) {
		scenario_join(refs[i]);
		CLOSE(pairs[i][0]);
		CLOSE(pairs[i][1]);
	}
	return 0;
}

/* ---- the flight recorder ---- */

static int record_and_write(void *arg)
{
	int pair[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char byte;

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 3; i++) {
		long res = lend_recv(pair[0], &byte, 1, 0,
				     lend_after(200 * LEND_US));

		if (res != -ETIMEDOUT)
			(void)FINE(res);
		(void)FINE(
			lend_runtime_trace_write(lend_runtime_current(), null));
	}
	CLOSE(null);
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

static void with_recorder(struct lend_options *options)
{
	options->trace_events = 64;
}

const struct scenario scenarios_of_runtimes[] = {
	{ .name = "start", .fn = start_and_stop },
	{ .name = "thread", .fn = from_a_thread, .is_plain = true },
	{ .name = "sizes", .fn = sizes },
	{ .name = "trace", .fn = record_and_write, .adjust = with_recorder },
	{ 0 },
};
