/*
 * Goal:   a deadlock is told whatever its actors and workers did while the
 *         watchdog looked for it; a watchdog that finds nothing to look for any
 *         more sleeps.
 * Method: its look is wrapped, so that it is held up until they have done it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "rt/deadlock.h"
#include "rt/runtime.h"
#include "rt/waiting.h"
#include "rt/worker.h"

#define NEVER (30 * LEND_S)

bool __real_lend__deadlock_look(struct lend_runtime *runtime);
bool __wrap_lend__deadlock_look(struct lend_runtime *runtime);
void __real_lend__monitor_safe_point(struct lend_worker *worker);
void __wrap_lend__monitor_safe_point(struct lend_worker *worker);

enum plan {
	AS_USUAL,
	AFTER_THE_LOOK,	 /* the deadlock comes about */
	DURING_THE_LOOK, /* its workers have not parked yet */
	DONE,
};

static _Atomic enum plan plan;
static _Atomic unsigned held;
static _Atomic bool told;
static int gate[2];

static bool is_circle(struct lend_runtime *runtime)
{
	char text[256];

	return lend__waiting_find_circle(runtime, text, sizeof(text));
}

static void wait_until_parked(struct lend_runtime *runtime)
{
	uint64_t end_ns = lend_after(NEVER);

	while (!is_circle(runtime) && lend_now() < end_ns)
		usleep(100);
	/* From now on nobody runs any more. */
	while (atomic_load(&runtime->parked) != lend__runtime_count(runtime) &&
	       lend_now() < end_ns)
		;
	CHECK(lend_now() < end_ns);
}

bool __wrap_lend__deadlock_look(struct lend_runtime *runtime)
{
	bool is_known = __real_lend__deadlock_look(runtime);

	if (atomic_load(&plan) == AFTER_THE_LOOK) {
		/* Of two that wait for an operation. */
		CHECK(!atomic_load(&told));
		atomic_store(&plan, DONE);
		CHECK_EQ(write(gate[1], "gg", 2), 2);
		wait_until_parked(runtime);
	} else if (atomic_load(&plan) == DURING_THE_LOOK &&
		   atomic_load(&held)) {
		CHECK(!atomic_load(&told));
		atomic_store(&plan, DONE);
		wait_until_parked(runtime);
	}
	return is_known;
}

/* Where workers come by before they park. */
void __wrap_lend__monitor_safe_point(struct lend_worker *worker)
{
	__real_lend__monitor_safe_point(worker);
	if (atomic_load(&plan) != DURING_THE_LOOK ||
	    !is_circle(worker->runtime))
		return;
	atomic_fetch_add(&held, 1);
	while (atomic_load(&plan) == DURING_THE_LOOK)
		usleep(100);
}

static void listen_to_log(enum lend_log_level level, const char *line,
			  void *arg)
{
	(void)level;
	(void)arg;
	if (strstr(line, "they wait for each other: "))
		atomic_store(&told, true);
}

/* ---- two that wait for each other ---- */

static lend_ref circle[2];
static _Atomic bool is_complete; /* both are there */
static struct lend_runtime *_Atomic runtime_now;

static int join_other(void *arg)
{
	const lend_ref *other = arg;
	char byte;

	while (!atomic_load(&is_complete))
		lend_yield();
	if (atomic_load(&plan) != DURING_THE_LOOK)
		CHECK_EQ(lend_recv(gate[0], &byte, 1, 0, LEND_FOREVER), 1);
	return lend_join(*other, LEND_FOREVER, NULL) == -ECANCELED ? 0 : -1;
}

/* Only a thread may wait for it, as no worker is to have anything to do. */
static void *end_when_told(void *arg)
{
	uint64_t end_ns = lend_after(NEVER);

	(void)arg;
	while (!atomic_load(&told) && lend_now() < end_ns)
		usleep(1000);
	CHECK(atomic_load(&told));
	CHECK_EQ(lend_runtime_cancel(atomic_load(&runtime_now), circle[0]), 0);
	return NULL;
}

static int join_each_other(void *arg)
{
	const struct lend_spawn_options options = { .joinable = true };
	pthread_t thread;

	(void)arg;
	atomic_store(&runtime_now, lend_runtime_current());
	CHECK_EQ(lend_spawn(join_other, &circle[1], &options, &circle[0]), 0);
	CHECK_EQ(lend_spawn(join_other, &circle[0], &options, &circle[1]), 0);
	atomic_store(&is_complete, true);
	pthread_create(&thread, NULL, end_when_told, NULL);
	CHECK_EQ(lend_join(circle[0], LEND_FOREVER, NULL), 0);
	(void)!lend_join(circle[1], LEND_FOREVER, NULL);
	pthread_join(thread, NULL);
	return 0;
}

static int run_plan(enum plan which)
{
	struct lend_options options = test_options;
	int value;

	atomic_store(&plan, which);
	atomic_store(&held, 0);
	atomic_store(&told, false);
	atomic_store(&is_complete, false);
	test_pair(gate);
	value = lend_run(&options, join_each_other, NULL);
	CHECK_EQ(atomic_load(&plan), DONE);
	close(gate[0]);
	close(gate[1]);
	return value;
}

static int it_came_about_after_the_look(void)
{
	return run_plan(AFTER_THE_LOOK);
}

static int workers_were_on_their_way(void)
{
	return run_plan(DURING_THE_LOOK);
}

/* ---- nothing to look for ---- */

static int wait_for_a_byte(void *arg)
{
	char byte;

	(void)arg;
	atomic_store(&runtime_now, lend_runtime_current());
	CHECK_EQ(lend_recv(gate[0], &byte, 1, 0, LEND_FOREVER), 1);
	return 0;
}

static void *let_go_when_asleep(void *arg)
{
	const struct lend_watchdog *watchdog;
	struct lend_runtime *runtime;
	uint64_t end_ns = lend_after(NEVER);

	(void)arg;
	while (!(runtime = atomic_load(&runtime_now)))
		usleep(1000);
	watchdog = &runtime->watchdog;
	while (atomic_load(&watchdog->state) != LEND_WATCHDOG_ASLEEP &&
	       lend_now() < end_ns)
		usleep(1000);
	CHECK_EQ(atomic_load(&watchdog->state), LEND_WATCHDOG_ASLEEP);
	CHECK_EQ(write(gate[1], "g", 1), 1);
	return NULL;
}

static int it_sleeps(void)
{
	struct lend_options options = test_options;
	pthread_t thread;
	int value;

	atomic_store(&plan, AS_USUAL);
	atomic_store(&runtime_now, NULL);
	test_pair(gate);
	pthread_create(&thread, NULL, let_go_when_asleep, NULL);
	value = lend_run(&options, wait_for_a_byte, NULL);
	pthread_join(thread, NULL);
	close(gate[0]);
	close(gate[1]);
	return value;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 120);
	test_options.watchdog_ns = 20 * LEND_MS;
	test_options.log = listen_to_log;
	test_options.log_level = LEND_LOG_INFO;
	test_plain("a deadlock that comes about after the look is told",
		   it_came_about_after_the_look);
	test_plain("one whose workers were on their way is told",
		   workers_were_on_their_way);
	test_plain("a watchdog with nothing to look for sleeps", it_sleeps);
	return test_finish();
}
