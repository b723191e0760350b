/*
 * Goal:   a runtime can be emptied in bounded time; what hinders that is named,
 *         with the operation that it waits for.
 * Method: actors that wait for everything there is are drained; then one that
 *         computes until it is told keeps the only worker, so that a reader can
 *         not end, and the log is read.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

#define READERS 200

static _Atomic bool stop;
static _Atomic unsigned waiting;

static pthread_mutex_t lines_lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[8192];

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	size_t size;

	(void)level;
	(void)arg;
	pthread_mutex_lock(&lines_lock);
	size = strlen(lines);
	snprintf(lines + size, sizeof(lines) - size, "%s\n", line);
	pthread_mutex_unlock(&lines_lock);
}

static bool was_said(const char *text)
{
	bool said;

	pthread_mutex_lock(&lines_lock);
	said = strstr(lines, text) != NULL;
	pthread_mutex_unlock(&lines_lock);
	return said;
}

static int wait_somehow(void *arg)
{
	struct lend_listener *listener;
	struct lend_msg *msg;
	int pair[2], res = 0;
	char byte;

	test_pair(pair);
	atomic_fetch_add(&waiting, 1);
	switch ((uintptr_t)arg % 4) {
	case 0:
		res = (int)lend_recv(pair[0], &byte, 1, 0, LEND_FOREVER);
		break;
	case 1:
		res = lend_sleep(LEND_FOREVER);
		break;
	case 2:
		res = lend_receive(LEND_FOREVER, &msg);
		break;
	default:
		res = lend_listener_open("127.0.0.1:0", 0, &listener);
		if (!res) {
			res = lend_listener_accept(listener, LEND_FOREVER);
			lend_listener_close(listener);
		}
		break;
	}
	CHECK_EQ(res, -ECANCELED);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

static void wait_for(unsigned count)
{
	while (atomic_load(&waiting) < count)
		usleep(100);
}

static int all_end_in_time(void)
{
	struct lend_runtime *runtime;

	atomic_store(&waiting, 0);
	if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
		return -1;
	for (uintptr_t i = 0; i < READERS; i++)
		CHECK_EQ(lend_runtime_spawn(runtime, wait_somehow, (void *)i,
					    NULL, NULL),
			 0);
	wait_for(READERS);
	CHECK_EQ(lend_runtime_drain(runtime, lend_after(20 * LEND_S)), 0);
	CHECK_EQ(lend_runtime_spawn(runtime, wait_somehow, NULL, NULL, NULL),
		 -ESHUTDOWN);
	CHECK_EQ(lend_runtime_drain(runtime, LEND_NOW), 0);
	lend_runtime_free(runtime);
	return 0;
}

static int read_for_ever(void *arg)
{
	char byte;

	atomic_fetch_add(&waiting, 1);
	return (int)lend_recv((int)(intptr_t)arg, &byte, 1, 0, LEND_FOREVER);
}

static int compute(void *arg)
{
	(void)arg;
	/* Once the reader waits. */
	lend_sleep(lend_after(20 * LEND_MS));
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&stop))
		;
	return 0;
}

static int who_hinders_is_named(void)
{
	struct lend_spawn_options reader = { .name = "the reader" };
	struct lend_spawn_options computer = { .name = "the computer" };
	struct lend_options options = test_options;
	struct lend_runtime *runtime;
	uint64_t before_ns;
	char wanted[64];
	int pair[2];

	atomic_store(&waiting, 0);
	atomic_store(&stop, false);
	options.workers = 1;
	options.rings = 1;
	options.log = remember;
	test_pair(pair);
	if (!CHECK_EQ(lend_runtime_new(&options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, read_for_ever,
				    (void *)(intptr_t)pair[0], &reader, NULL),
		 0);
	CHECK_EQ(lend_runtime_spawn(runtime, compute, NULL, &computer, NULL),
		 0);
	wait_for(2);
	before_ns = lend_now();
	CHECK_EQ(lend_runtime_drain(runtime, lend_after(30 * LEND_MS)),
		 -ETIMEDOUT);
	CHECK_IN(lend_now() - before_ns, 30 * LEND_MS, 20 * LEND_S);
	CHECK(was_said("actors that were cancelled have not ended yet"));
	CHECK(was_said("worker 0 came to its last safe point"));
	CHECK(was_said("actor the computer #"));
	snprintf(wanted, sizeof(wanted),
		 "waits for recv on descriptor %d, ring 0", pair[0]);
	CHECK(was_said("actor the reader #"));
	CHECK(was_said(wanted));
	atomic_store(&stop, true);
	CHECK_EQ(lend_runtime_drain(runtime, lend_after(20 * LEND_S)), 0);
	lend_runtime_free(runtime);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("all end in time", all_end_in_time);
	test_plain("who hinders is named", who_hinders_is_named);
	return test_finish();
}
