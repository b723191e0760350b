/*
 * Goal:   B13: plain code that sleeps, or asks for a name, in an actor suspends
 *         the actor and not its worker. Outside of actors nothing changes.
 * Method: one worker. What blocks it blocks all.
 *         This file calls the functions by their plain names; liblend-posix is
 *         linked before the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "posix/traffic.h"

/* ---- sleeping ---- */

static int sleeps_last_their_time(void *arg)
{
	struct timespec time = { 0, 20000000 }, at;
	uint64_t begun = lend_now();

	(void)arg;
	CHECK_EQ(nanosleep(&time, NULL), 0);
	CHECK_EQ(usleep(20000), 0);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL), 0);
	for (int i = 0; i < 2; i++) {
		clockid_t clock = i ? CLOCK_REALTIME : CLOCK_MONOTONIC;

		clock_gettime(clock, &at);
		at.tv_nsec += 20000000;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		CHECK_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &at, NULL), 0);
	}
	CHECK(lend_now() - begun >= 95 * LEND_MS);
	CHECK_EQ(sleep(0), 0);
	at = (struct timespec){ 1, 0 };
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
	time.tv_nsec = 1000000000;
	CHECK_EQ(nanosleep(&time, NULL), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL), EINVAL);
	return 0;
}

#define SLEEPERS 300

static int sleep_a_while(void *arg)
{
	(void)arg;
	return usleep(200000);
}

/* One after the other they would take a minute. */
static int many_sleep_at_once(void *arg)
{
	static lend_ref refs[SLEEPERS];
	uint64_t begun = lend_now();

	(void)arg;
	for (int i = 0; i < SLEEPERS; i++)
		refs[i] = test_spawn(sleep_a_while, NULL);
	for (int i = 0; i < SLEEPERS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	CHECK(lend_now() - begun < 20 * LEND_S);
	return 0;
}

/* ---- names ---- */

static int names_are_found_on_the_pool(void *arg)
{
	struct addrinfo hints = { .ai_family = AF_INET,
				  .ai_flags = AI_NUMERICHOST };
	struct addrinfo *list;
	struct lend_stats before, after;

	(void)arg;
	lend_stats_read(NULL, &before);
	if (CHECK_EQ(getaddrinfo("127.0.0.1", "80", &hints, &list), 0))
		freeaddrinfo(list);
	CHECK_EQ(getaddrinfo("no.number", "80", &hints, &list), EAI_NONAME);
	lend_stats_read(NULL, &after);
	CHECK_EQ(after.blocking.run - before.blocking.run, 2);
	return 0;
}

/* ---- elsewhere ---- */

static void *use_plainly(void *arg)
{
	struct timespec time = { 0, 1000000 };
	struct pollfd polled = { .events = POLLIN };
	char data[8];
	int fds[2];

	CHECK(!lend_may_suspend());
	CHECK_EQ(pipe(fds), 0);
	polled.fd = fds[0];
	CHECK_EQ(poll(&polled, 1, 1), 0);
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	CHECK_EQ(poll(&polled, 1, -1), 1);
	CHECK_EQ(read(fds[0], data, sizeof(data)), 3);
	CHECK_EQ(nanosleep(&time, NULL), 0);
	CHECK_EQ(usleep(10), 0);
	close_both(fds);
	CHECK_EQ(read(-1, data, 1), -1);
	CHECK_EQ(errno, EBADF);
	return arg;
}

static int other_threads_are_as_before(void)
{
	pthread_t thread;

	use_plainly(NULL);
	CHECK_EQ(pthread_create(&thread, NULL, use_plainly, NULL), 0);
	pthread_join(thread, NULL);
	return 0;
}

/* Inside of a log function an actor does not suspend. */
static _Atomic unsigned lines;
static int quiet_fd;

static void log_by_write(enum lend_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	CHECK(!lend_may_suspend());
	CHECK_EQ(write(quiet_fd, line, strlen(line)), (ssize_t)strlen(line));
	atomic_fetch_add(&lines, 1);
}

static int make_a_line(void *arg)
{
	(void)arg;
	CHECK(lend_may_suspend());
	/* It is refused, with a line that says why. */
	CHECK(lend_runtime_set_workers(lend_runtime_current(), 100000,
				       LEND_NOW) < 0);
	CHECK(atomic_load(&lines) > 0);
	CHECK(lend_may_suspend());
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options logging;

	test_init(argc, argv, 100);
	test_plain("other threads are as before", other_threads_are_as_before);
	test_actor("sleeps last their time", sleeps_last_their_time);
	test_actor("many sleep at once", many_sleep_at_once);
	test_actor("names are found on the pool", names_are_found_on_the_pool);
	quiet_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	logging = test_options;
	logging.log = log_by_write;
	test_actor_with("log functions do not suspend", make_a_line, &logging);
	return test_finish();
}
