/*
 * Goal:   a deadlock is told, once, whatever its actors and workers did while
 *         the watchdog looked for it; what is none is not told: one whose actor
 *         has just run, waits for a function of a thread's, or is on its way to
 *         its worker; a watchdog that finds nothing to look for any more
 *         sleeps.
 * Method: its look, or a part of that, is wrapped, so that it is held up until
 *         they have done it; and so is the way of a new actor.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "actor/registry.h"
#include "harness/harness.h"
#include "rt/circle.h"
#include "rt/deadlock.h"
#include "rt/runtime.h"
#include "rt/worker.h"

#define NEVER (30 * LEND_S)

bool __real_lend__deadlock_look(struct lend_runtime *runtime);
bool __wrap_lend__deadlock_look(struct lend_runtime *runtime);
bool __real_lend__circle_find(struct lend_runtime *runtime,
			      const struct lend_circles *but,
			      struct lend_waiting *ret_first,
			      char text[LEND_CIRCLE_TEXT_MAX]);
bool __wrap_lend__circle_find(struct lend_runtime *runtime,
			      const struct lend_circles *but,
			      struct lend_waiting *ret_first,
			      char text[LEND_CIRCLE_TEXT_MAX]);
void __real_lend__registry_publish(struct lend_registry *registry,
				   struct lend_actor *actor);
void __wrap_lend__registry_publish(struct lend_registry *registry,
				   struct lend_actor *actor);
void __real_lend__monitor_safe_point(struct lend_worker *worker);
void __wrap_lend__monitor_safe_point(struct lend_worker *worker);

enum plan {
	AS_USUAL,
	AFTER_THE_LOOK,	 /* the deadlock comes about */
	DURING_THE_LOOK, /* its workers have not parked yet */
	WITHIN_THE_LOOK, /* who seemed to wait has run, and waits again */
	ON_ITS_WAY,	 /* an actor has not come to its worker yet */
	DONE,
};

static _Atomic enum plan plan;
static _Atomic unsigned held;
static _Atomic bool told;	    /* of a circle */
static _Atomic unsigned told_times; /* of any */
static _Atomic unsigned warned_times;
static _Atomic unsigned looks;
static int gate[2];

static bool is_circle(struct lend_runtime *runtime)
{
	char text[LEND_CIRCLE_TEXT_MAX];
	struct lend_waiting first;

	return __real_lend__circle_find(runtime, NULL, &first, text);
}

static bool is_parked(struct lend_runtime *runtime)
{
	return lend__runtime_all_parked(runtime);
}

static void wait_until(bool (*holds)(struct lend_runtime *),
		       struct lend_runtime *runtime)
{
	uint64_t end_ns = lend_after(NEVER);
	bool held_once;

	while (!(held_once = holds(runtime)) && lend_now() < end_ns)
		usleep(100);
	CHECK(held_once);
}

static void wait_until_parked(struct lend_runtime *runtime)
{
	wait_until(is_circle, runtime);
	/* From now on nobody runs any more. */
	wait_until(is_parked, runtime);
}

bool __wrap_lend__deadlock_look(struct lend_runtime *runtime)
{
	bool was_within = atomic_load(&plan) == WITHIN_THE_LOOK;
	bool is_known = __real_lend__deadlock_look(runtime);

	atomic_fetch_add(&looks, 1);
	if (was_within && atomic_load(&plan) == DONE)
		CHECK_EQ(atomic_load(&told_times), 0);
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
	(void)arg;
	if (strstr(line, "nothing can run any more")) {
		if (level == LEND_LOG_WARNING)
			atomic_fetch_add(&warned_times, 1);
		atomic_fetch_add(&told_times, 1);
	}
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

static bool is_circle_told(struct lend_runtime *runtime)
{
	(void)runtime;
	return atomic_load(&told);
}

/* Only a thread may wait for it, as no worker is to have anything to do. */
static void *end_when_told(void *arg)
{
	(void)arg;
	wait_until(is_circle_told, NULL);
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

/* ---- one that is told ---- */

static lend_ref waiter;
static _Atomic unsigned wakes; /* of it */
static _Atomic bool ready;

static int park_for_ever(void *arg)
{
	(void)arg;
	waiter = lend_self();
	atomic_store(&runtime_now, lend_runtime_current());
	while (!lend_park(LEND_FOREVER))
		atomic_fetch_add(&wakes, 1);
	return 0;
}

static unsigned wakes_before, looks_before;

static bool is_suspended(struct lend_runtime *runtime)
{
	struct lend_waiting waiting;

	return lend__waiting_read(runtime, waiter.index, &waiting) &&
	       waiting.suspended && lend__runtime_all_parked(runtime);
}

static bool has_run(struct lend_runtime *runtime)
{
	return atomic_load(&wakes) != wakes_before && is_suspended(runtime);
}

static bool is_told(struct lend_runtime *runtime)
{
	(void)runtime;
	return atomic_load(&told_times);
}

static bool has_looked(struct lend_runtime *runtime)
{
	(void)runtime;
	return atomic_load(&looks) != looks_before;
}

/* All has been looked at but for this, and seemed to wait. */
bool __wrap_lend__circle_find(struct lend_runtime *runtime,
			      const struct lend_circles *but,
			      struct lend_waiting *ret_first,
			      char text[LEND_CIRCLE_TEXT_MAX])
{
	if (atomic_load(&plan) == WITHIN_THE_LOOK) {
		wakes_before = atomic_load(&wakes);
		CHECK_EQ(lend_runtime_unpark(runtime, waiter), 0);
		wait_until(has_run, runtime);
		atomic_store(&plan, DONE);
	}
	return __real_lend__circle_find(runtime, but, ret_first, text);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Told, it stays so: others come and go, and the watchdog looks again. */
static void *come_and_go_when_told(void *arg)
{
	struct lend_runtime *runtime;
	lend_ref ref;

	(void)arg;
	wait_until(is_told, NULL);
	CHECK_EQ(atomic_load(&told_times), 1);
	/* There is only its own program that could bring something. */
	CHECK_EQ(atomic_load(&warned_times), 1);
	runtime = atomic_load(&runtime_now);
	for (unsigned i = 0; i < 3; i++) {
		looks_before = atomic_load(&looks);
		CHECK_EQ(lend_runtime_spawn(runtime, nothing, NULL, NULL, &ref),
			 0);
		wait_until(has_looked, runtime);
	}
	CHECK_EQ(atomic_load(&told_times), 1);
	CHECK_EQ(lend_runtime_cancel(runtime, waiter), 0);
	return NULL;
}

static int run_with(enum plan which, lend_actor_fn fn, void *(*outside)(void *))
{
	struct lend_options options = test_options;
	pthread_t thread;
	int value;

	atomic_store(&runtime_now, NULL);
	atomic_store(&told_times, 0);
	atomic_store(&warned_times, 0);
	atomic_store(&looks, 0);
	atomic_store(&wakes, 0);
	atomic_store(&ready, false);
	atomic_store(&plan, which);
	if (outside)
		pthread_create(&thread, NULL, outside, NULL);
	value = lend_run(&options, fn, NULL);
	if (outside)
		pthread_join(thread, NULL);
	atomic_store(&plan, AS_USUAL);
	return value;
}

static int it_is_told_once(void)
{
	return run_with(AS_USUAL, park_for_ever, come_and_go_when_told);
}

static int who_has_just_run_is_in_none(void)
{
	return run_with(WITHIN_THE_LOOK, park_for_ever, come_and_go_when_told);
}

/* ---- what is none ---- */

static bool is_watchdog_asleep(struct lend_runtime *runtime)
{
	return atomic_load(&runtime->watchdog.state) == LEND_WATCHDOG_ASLEEP;
}

static bool is_all_asleep(struct lend_runtime *runtime)
{
	return is_watchdog_asleep(runtime) && is_suspended(runtime);
}

static void wait_until_asleep(struct lend_runtime *runtime)
{
	wait_until(is_all_asleep, runtime);
	CHECK(atomic_load(&looks) > 0);
	CHECK_EQ(atomic_load(&told_times), 0);
}

static int outlast_the_look(void *arg)
{
	(void)arg;
	wait_until_asleep(atomic_load(&runtime_now));
	return 0;
}

static int wait_for_a_function(void *arg)
{
	int value = -1;

	(void)arg;
	waiter = lend_self();
	atomic_store(&runtime_now, lend_runtime_current());
	CHECK_EQ(lend_blocking(outlast_the_look, NULL, LEND_FOREVER, &value),
		 0);
	return value;
}

static int who_waits_for_a_function_is_in_none(void)
{
	return run_with(AS_USUAL, wait_for_a_function, NULL);
}

/* It lives, and nobody can see what it waits for. */
void __wrap_lend__registry_publish(struct lend_registry *registry,
				   struct lend_actor *actor)
{
	struct lend_runtime *runtime = atomic_load(&runtime_now);

	if (atomic_load(&plan) == ON_ITS_WAY && runtime) {
		atomic_store(&plan, DONE);
		atomic_store(&ready, true);
		wait_until_asleep(runtime);
	}
	__real_lend__registry_publish(registry, actor);
}

static int unpark_the_waiter(void *arg)
{
	(void)arg;
	return lend_unpark(waiter);
}

static void *spawn_from_outside(void *arg)
{
	lend_ref ref;

	(void)arg;
	while (!atomic_load(&runtime_now))
		usleep(1000);
	CHECK_EQ(lend_runtime_spawn(atomic_load(&runtime_now),
				    unpark_the_waiter, NULL, NULL, &ref),
		 0);
	return NULL;
}

static int wait_for_one_on_its_way(void *arg)
{
	(void)arg;
	waiter = lend_self();
	atomic_store(&runtime_now, lend_runtime_current());
	while (!atomic_load(&ready))
		lend_yield();
	return lend_park(LEND_FOREVER);
}

static int who_is_on_its_way_can_run(void)
{
	return run_with(ON_ITS_WAY, wait_for_one_on_its_way,
			spawn_from_outside);
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
	struct lend_runtime *runtime;

	(void)arg;
	while (!(runtime = atomic_load(&runtime_now)))
		usleep(1000);
	wait_until(is_watchdog_asleep, runtime);
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
	test_plain("it is told once", it_is_told_once);
	test_plain("who has just run is in none", who_has_just_run_is_in_none);
	test_plain("who waits for a function is in none",
		   who_waits_for_a_function_is_in_none);
	test_plain("who is on its way can run", who_is_on_its_way_can_run);
	test_plain("a watchdog with nothing to look for sleeps", it_sleeps);
	return test_finish();
}
