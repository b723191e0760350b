/*
 * The other side, for tests of the shim: actors that write, read or wait later
 * than whoever is tested has begun to wait; by the library's own calls, which
 * the shim has no part in.
 */
#ifndef LEND_TESTS_POSIX_TRAFFIC_H
#define LEND_TESTS_POSIX_TRAFFIC_H

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "harness/harness.h"

struct feed {
	int fd;
	size_t size;
};

/* Later: when whoever waits has had several turns. */
static inline void wait_some_turns(void)
{
	for (int i = 0; i < 5; i++)
		lend_yield();
}

static inline int feed_later(void *arg)
{
	struct feed *feed = arg;
	char data[64] = { 'x' };

	wait_some_turns();
	CHECK_EQ(lend_write(feed->fd, data, feed->size, -1, LEND_FOREVER),
		 (ssize_t)feed->size);
	return 0;
}

static inline int drain_later(void *arg)
{
	struct feed *feed = arg;
	static char data[65536];
	size_t left = feed->size;

	wait_some_turns();
	while (left) {
		ssize_t got = lend_read(feed->fd, data, sizeof(data), -1,
					LEND_FOREVER);

		if (!CHECK(got > 0))
			return -1;
		left -= (size_t)got;
	}
	return 0;
}

static struct feed plan;

static inline lend_ref feed(int fd, size_t size)
{
	plan = (struct feed){ fd, size };
	return test_spawn(feed_later, &plan);
}

static inline lend_ref drain(int fd, size_t size)
{
	plan = (struct feed){ fd, size };
	return test_spawn(drain_later, &plan);
}

static inline void close_both(int fds[2])
{
	CHECK_EQ(close(fds[0]), 0);
	CHECK_EQ(close(fds[1]), 0);
}

#endif
