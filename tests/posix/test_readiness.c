/*
 * Goal:   B13: plain code that waits for descriptors in an actor suspends the
 *         actor and not its worker, and what asks without waiting lets others
 *         run.
 * Method: one worker. Each call waits for what another actor of the same worker
 *         does later: a call that blocked the thread would wait for ever.
 *         This file calls the functions by their plain names; liblend-posix is
 *         linked before the C library.
 */
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "posix/traffic.h"

/* ---- readiness ---- */

static bool wait_for_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 7 };
	int epoll_fd = epoll_create1(0), res;

	CHECK_EQ(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
	event.data.u32 = 0;
	res = epoll_wait(epoll_fd, &event, 1, -1);
	close(epoll_fd);
	return res == 1 && event.data.u32 == 7;
}

static bool wait_somehow(int fd, int silent, int way)
{
	struct pollfd polled[4] = { { .fd = silent, .events = POLLIN },
				    { .fd = -1 },
				    { .fd = fd, .events = POLLIN },
				    { .fd = fd, .events = POLLPRI } };
	struct timespec time = { 20, 0 };
	struct timeval brief = { 20, 0 };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	FD_SET(silent, &in);
	switch (way) {
	case 0:
		return poll(&polled[2], 1, -1) == 1 &&
		       polled[2].revents == POLLIN;
	case 1:
		return poll(polled, 4, 20000) == 1 &&
		       polled[2].revents == POLLIN && !polled[0].revents &&
		       !polled[1].revents && !polled[3].revents;
	case 2:
		return ppoll(polled, 3, &time, NULL) == 1;
	case 3:
		return select(FD_SETSIZE - 1, &in, NULL, NULL, &brief) == 1 &&
		       FD_ISSET(fd, &in) && !FD_ISSET(silent, &in) &&
		       brief.tv_sec < 20;
	case 4:
		return pselect(fd + 1, &in, NULL, NULL, NULL, NULL) == 1;
	default:
		return wait_for_epoll(fd);
	}
}

static int readiness_suspends(void *arg)
{
	int fds[2], silent[2];
	char data[16];

	(void)arg;
	test_pair(fds);
	test_pair(silent);
	for (int way = 0; way < 6; way++) {
		lend_ref other = feed(fds[1], 3);

		if (!CHECK(wait_somehow(fds[0], silent[0], way)))
			fprintf(stderr, "way %d\n", way);
		CHECK_EQ(test_join(other), 0);
		CHECK_EQ(read(fds[0], data, sizeof(data)), 3);
	}
	close_both(fds);
	close_both(silent);
	return 0;
}

/* Nothing comes: all of them end when the time is over, and not before. */
static int readiness_ends_in_time(void *arg)
{
	struct timespec time = { 0, 20000000 };
	struct timeval brief = { 0, 20000 };
	struct epoll_event event;
	struct pollfd polled[2];
	uint64_t begun = lend_now();
	int fds[2], epoll_fd = epoll_create1(0);
	fd_set in;

	(void)arg;
	test_pair(fds);
	for (int i = 0; i < 2; i++)
		polled[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	FD_ZERO(&in);
	FD_SET(fds[0], &in);
	CHECK_EQ(poll(polled, 1, 20), 0);
	CHECK_EQ(poll(polled, 2, 20), 0);
	CHECK_EQ(poll(NULL, 0, 20), 0);
	CHECK_EQ(ppoll(polled, 2, &time, NULL), 0);
	CHECK_EQ(select(fds[0] + 1, &in, NULL, NULL, &brief), 0);
	CHECK(!FD_ISSET(fds[0], &in));
	CHECK_EQ(brief.tv_sec, 0);
	CHECK_EQ(brief.tv_usec, 0);
	CHECK_EQ(epoll_wait(epoll_fd, &event, 1, 20), 0);
	CHECK(lend_now() - begun >= 120 * LEND_MS);
	CHECK_EQ(poll(polled, 2, 0), 0);
	polled[0].fd = 1000000;
	CHECK_EQ(poll(polled, 2, -1), 1);
	CHECK_EQ(polled[0].revents, POLLNVAL);
	polled[0] = (struct pollfd){ .fd = fds[0], .events = POLLOUT };
	CHECK_EQ(poll(polled, 1, -1), 1);
	CHECK_EQ(polled[0].revents, POLLOUT);
	close(epoll_fd);
	close_both(fds);
	return 0;
}

static _Atomic bool looked;

static int look(void *arg)
{
	(void)arg;
	atomic_store(&looked, true);
	return 0;
}

/* Who asks again and again without waiting lets others run. */
static int loops_let_others_run(void *arg)
{
	struct pollfd none = { .fd = -1 };
	struct timeval now = { 0, 0 };

	(void)arg;
	for (int way = 0; way < 3; way++) {
		lend_ref other;

		atomic_store(&looked, false);
		other = test_spawn(look, NULL);
		while (!atomic_load(&looked)) {
			if (way == 0)
				CHECK_EQ(poll(&none, 1, 0), 0);
			else if (way == 1)
				CHECK_EQ(select(0, NULL, NULL, NULL, &now), 0);
			else
				CHECK_EQ(sched_yield(), 0);
		}
		test_join(other);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("readiness suspends", readiness_suspends);
	test_actor("readiness ends in time", readiness_ends_in_time);
	test_actor("loops let others run", loops_let_others_run);
	return test_finish();
}
