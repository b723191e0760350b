/*
 * Goal:   P8, P2: deadlines and cancellation end the waiting for a thread; a
 *         function that runs is waited for, or left with what it was given, and
 *         nothing is used after it was freed. A runtime's end waits for them.
 * Method: functions that wait for a gate, which the test opens when it has seen
 *         what it wants; the pool's numbers are read, not guessed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/gate.h"

/* ---- giving up ---- */

static int who_gives_up_in_the_queue_has_not_run(void *arg)
{
	lend_ref callers[THREADS], waiter;
	int ret = 77;

	(void)arg;
	fill_pool(callers);
	CHECK_EQ(lend_blocking(pass_gate, NULL, lend_after(LEND_MS), &ret),
		 -ETIMEDOUT);
	CHECK_EQ(lend_blocking(pass_gate, NULL, LEND_NOW, &ret), -ETIMEDOUT);
	CHECK_EQ(pool().queued, 0);
	waiter = test_spawn(call, NULL);
	wait_for_queued(1);
	CHECK_EQ(lend_cancel(waiter), 0);
	CHECK_EQ(test_join(waiter), -ECANCELED);
	CHECK_EQ(pool().queued, 0);
	empty_pool(callers);
	CHECK_EQ(atomic_load(&begun), THREADS);
	CHECK_EQ(ret, 77);
	return 0;
}

/* Cancelled, it gets the function's result, and can do nothing more. */
static int call_and_then(void *arg)
{
	int ret = -1, err;

	/* The deadline is to pass while it runs, not before. */
	for (uint64_t wait_ns = LEND_MS;; wait_ns *= 2) {
		err = lend_blocking(pass_gate, arg, lend_after(wait_ns), &ret);
		if (err != -ETIMEDOUT)
			break;
	}
	CHECK_EQ(err, 0);
	CHECK_EQ(lend_blocking(pass_gate, arg, LEND_FOREVER, NULL), -ECANCELED);
	return ret;
}

static int one_that_runs_is_waited_for(void *arg)
{
	lend_ref caller;
	int value;

	(void)arg;
	reset();
	caller = test_spawn(call_and_then, (void *)5);
	wait_for_running(1);
	lend_cancel(caller);
	CHECK_EQ(lend_join(caller, lend_after(20 * LEND_MS), &value),
		 -ETIMEDOUT);
	set_gate(true);
	CHECK_EQ(test_join(caller), 5);
	CHECK_EQ(atomic_load(&begun), 1);
	return 0;
}

/* ---- functions that own their argument ---- */

static int call_owned(void *arg)
{
	(void)arg;
	return lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				   LEND_FOREVER, NULL);
}

static int one_that_owns_its_argument_is_left(void *arg)
{
	lend_ref caller;

	(void)arg;
	reset();
	CHECK_EQ(lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				     lend_after(20 * LEND_MS), NULL),
		 -ETIMEDOUT);
	caller = test_spawn(call_owned, NULL);
	/* It may be late: then the first one has not begun. */
	while (pool().queued || pool().running + atomic_load(&freed) != 2)
		lend_sleep(lend_after(LEND_MS / 10));
	lend_cancel(caller);
	CHECK_EQ(test_join(caller), -ECANCELED);
	CHECK_EQ(atomic_load(&freed) + pool().running, 2);
	CHECK_IN(pool().running, 1, 2);
	set_gate(true);
	while (atomic_load(&freed) != 2)
		lend_sleep(lend_after(LEND_MS / 10));
	return 0;
}

static int what_comes_back_is_the_callers(void *arg)
{
	lend_ref callers[THREADS];
	unsigned *owned = new_owned();
	int ret = -1;

	(void)arg;
	reset();
	set_gate(true);
	CHECK_EQ(lend_blocking_owned(pass_gate_owned, owned, free_owned,
				     LEND_FOREVER, &ret),
		 0);
	CHECK_EQ(ret, 1);
	CHECK_EQ(*owned, 1);
	free(owned);
	CHECK_EQ(atomic_load(&freed), 0);

	/* What has not begun is freed at once. */
	fill_pool(callers);
	CHECK_EQ(lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				     lend_after(LEND_MS), NULL),
		 -ETIMEDOUT);
	CHECK_EQ(atomic_load(&freed), 1);
	CHECK_EQ(lend_blocking_owned(NULL, new_owned(), free_owned,
				     LEND_FOREVER, NULL),
		 -EINVAL);
	CHECK_EQ(atomic_load(&freed), 2);
	empty_pool(callers);
	return 0;
}

/* ---- the end of a runtime ---- */

static char lines[8192];

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	size_t size;

	(void)level;
	(void)arg;
	pthread_mutex_lock(&lock);
	size = strlen(lines);
	snprintf(lines + size, sizeof(lines) - size, "%s\n", line);
	pthread_mutex_unlock(&lock);
}

static bool was_said(const char *text)
{
	bool said;

	pthread_mutex_lock(&lock);
	said = strstr(lines, text) != NULL;
	pthread_mutex_unlock(&lock);
	return said;
}

static int leave_one_behind(void *arg)
{
	(void)arg;
	return lend_blocking_owned(pass_gate_owned, new_owned(), free_owned,
				   lend_after(20 * LEND_MS), NULL);
}

static void *open_later(void *arg)
{
	usleep(20000);
	set_gate(true);
	return arg;
}

static int the_end_waits_and_names_them(void)
{
	static const struct lend_spawn_options waits = { .name = "waits" };
	static const struct lend_spawn_options leaves = { .name = "leaves",
							  .joinable = true };
	struct lend_options options = test_options;
	struct lend_runtime *runtime;
	pthread_t helper;
	lend_ref leaver;
	int value;

	reset();
	lines[0] = '\0';
	options.log = remember;
	if (!CHECK_EQ(lend_runtime_new(&options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, call, NULL, &waits, NULL), 0);
	CHECK_EQ(lend_runtime_spawn(runtime, leave_one_behind, NULL, &leaves,
				    &leaver),
		 0);
	CHECK_EQ(lend_runtime_join(runtime, leaver, &value), 0);
	CHECK_EQ(value, -ETIMEDOUT);
	while (atomic_load(&begun) + atomic_load(&freed) < 2)
		usleep(1000);
	CHECK_EQ(lend_runtime_drain(runtime, lend_after(20 * LEND_MS)),
		 -ETIMEDOUT);
	CHECK(was_said("waits for a blocking function"));
	CHECK(was_said("has run a function for"));
	CHECK(was_said("\"waits\""));
	if (!atomic_load(&freed))
		CHECK(was_said("which does not wait for it"));
	CHECK_EQ(pthread_create(&helper, NULL, open_later, NULL), 0);
	lend_runtime_free(runtime);
	CHECK_EQ(atomic_load(&freed), 1);
	pthread_mutex_lock(&lock);
	CHECK_EQ(inside, 0);
	pthread_mutex_unlock(&lock);
	pthread_join(helper, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_options.blocking_threads_max = THREADS;
	test_actor("who gives up in the queue has not run",
		   who_gives_up_in_the_queue_has_not_run);
	test_actor("one that runs is waited for", one_that_runs_is_waited_for);
	test_actor("one that owns its argument is left",
		   one_that_owns_its_argument_is_left);
	test_actor("what comes back is the caller's",
		   what_comes_back_is_the_callers);
	test_plain("the end waits, and names them",
		   the_end_waits_and_names_them);
	return test_finish();
}
