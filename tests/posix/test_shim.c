/*
 * Goal:   B13: plain blocking code that runs in an actor suspends the actor and
 *         not its worker, and finds what POSIX says: non-blocking descriptors,
 *         time limits of sockets, errno. Outside of actors nothing changes.
 * Method: one worker. Each call waits for what another actor of the same worker
 *         does later: a call that blocked the thread would wait for ever. This
 *         file calls the functions by their plain names; liblend-posix is
 * linked before the C library.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "harness/harness.h"

/* ---- the other side ---- */

struct feed {
	int fd;
	size_t size;
};

/* Later: when whoever waits has had several turns. */
static void wait_some_turns(void)
{
	for (int i = 0; i < 5; i++)
		lend_yield();
}

static int feed_later(void *arg)
{
	struct feed *feed = arg;
	char data[64] = { 'x' };

	wait_some_turns();
	CHECK_EQ(lend_write(feed->fd, data, feed->size, -1, LEND_FOREVER),
		 (ssize_t)feed->size);
	return 0;
}

static int drain_later(void *arg)
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

static lend_ref feed(int fd, size_t size)
{
	plan = (struct feed){ fd, size };
	return test_spawn(feed_later, &plan);
}

static lend_ref drain(int fd, size_t size)
{
	plan = (struct feed){ fd, size };
	return test_spawn(drain_later, &plan);
}

static void close_both(int fds[2])
{
	CHECK_EQ(close(fds[0]), 0);
	CHECK_EQ(close(fds[1]), 0);
}

/* ---- reading ---- */

static int reads_suspend(void *arg)
{
	char data[64], more[64];
	struct iovec parts[2] = { { data, 4 }, { more, sizeof(more) } };
	int fds[2];
	lend_ref other;

	(void)arg;
	CHECK_EQ(pipe(fds), 0);
	other = feed(fds[1], 10);
	CHECK_EQ(read(fds[0], data, sizeof(data)), 10);
	CHECK_EQ(test_join(other), 0);
	other = feed(fds[1], 10);
	CHECK_EQ(readv(fds[0], parts, 2), 10);
	CHECK_EQ(test_join(other), 0);
	close(fds[1]);
	CHECK_EQ(read(fds[0], data, sizeof(data)), 0);
	close(fds[0]);
	CHECK_EQ(read(fds[0], data, sizeof(data)), -1);
	CHECK_EQ(errno, EBADF);
	return 0;
}

static ssize_t receive_somehow(int fd, int way)
{
	char data[64];
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	switch (way) {
	case 0:
		return recv(fd, data, sizeof(data), 0);
	case 1:
		return recvfrom(fd, data, sizeof(data), 0, NULL, NULL);
	case 2:
		return recvfrom(fd, data, sizeof(data), 0,
				(struct sockaddr *)&address, &size);
	case 3:
		return recvmsg(fd, &message, 0);
	case 4:
		return readv(fd, &part, 1);
	case 5:
		return read(fd, data, sizeof(data));
	default:
		CHECK_EQ(recv(fd, data, 10, MSG_PEEK), 10);
		return recv(fd, data, 10, MSG_WAITALL);
	}
}

static int receives_suspend(void *arg)
{
	int fds[2];

	(void)arg;
	test_pair(fds);
	for (int way = 0; way < 7; way++) {
		lend_ref other = feed(fds[1], 10);

		if (!CHECK_EQ(receive_somehow(fds[0], way), 10))
			fprintf(stderr, "way %d, errno %d\n", way, errno);
		CHECK_EQ(test_join(other), 0);
	}
	close_both(fds);
	return 0;
}

/* ---- writing ---- */

#define MUCH ((size_t)3 << 20)

static ssize_t write_somehow(int fd, char *data, int way)
{
	struct iovec parts[3] = { { data, 1 },
				  { data + 1, MUCH / 2 },
				  { data + 1 + MUCH / 2, MUCH / 2 - 1 } };
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };

	switch (way) {
	case 0:
		return write(fd, data, MUCH);
	case 1:
		return writev(fd, parts, 3);
	case 2:
		return send(fd, data, MUCH, MSG_NOSIGNAL);
	case 3:
		return sendto(fd, data, MUCH, MSG_NOSIGNAL, NULL, 0);
	default:
		return sendmsg(fd, &message, MSG_NOSIGNAL);
	}
}

static int writes_suspend_and_write_all(void *arg)
{
	char *data = calloc(1, MUCH);
	int pair[2], pipes[2];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(pipe(pipes), 0);
	for (int way = 0; way < 5; way++) {
		lend_ref other = drain(pair[1], MUCH);

		CHECK_EQ(write_somehow(pair[0], data, way), MUCH);
		CHECK_EQ(test_join(other), 0);
		if (way > 1)
			continue;
		other = drain(pipes[0], MUCH);
		CHECK_EQ(write_somehow(pipes[1], data, way), MUCH);
		CHECK_EQ(test_join(other), 0);
	}
	/* Nobody reads: an error, and no signal. */
	close(pipes[0]);
	CHECK_EQ(write(pipes[1], data, 1), -1);
	CHECK_EQ(errno, EPIPE);
	close(pipes[1]);
	close_both(pair);
	free(data);
	return 0;
}

static int files_work(void *arg)
{
	char name[] = "/tmp/lend-test-XXXXXX", data[16];
	struct iovec parts[2] = { { data, 3 }, { data + 3, 3 } };
	int fd = mkstemp(name);

	(void)arg;
	CHECK_EQ(write(fd, "abcdef", 6), 6);
	CHECK_EQ(pwrite(fd, "XY", 2, 1), 2);
	CHECK_EQ(pread(fd, data, sizeof(data), 0), 6);
	CHECK(!memcmp(data, "aXYdef", 6));
	CHECK_EQ(pread(fd, data, 1, -1), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	memset(data, 0, sizeof(data));
	CHECK_EQ(readv(fd, parts, 2), 6);
	CHECK(!memcmp(data, "aXYdef", 6));
	CHECK_EQ(writev(fd, parts, 2), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 12);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(fsync(fd), -1);
	CHECK_EQ(errno, EBADF);
	unlink(name);
	return 0;
}

/* ---- connections ---- */

static int connect_later(void *arg)
{
	wait_some_turns();
	return test_connect((uint16_t)(uintptr_t)arg);
}

static int accepts_suspend(void *arg)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	uint16_t port;
	int listener = test_listen(8, &port);
	int fds[4];
	lend_ref other;

	(void)arg;
	other = test_spawn(connect_later, (void *)(uintptr_t)port);
	fds[0] = accept(listener, (struct sockaddr *)&address, &size);
	CHECK(fds[0] >= 0);
	CHECK_EQ(size, sizeof(address));
	CHECK_EQ(ntohl(address.sin_addr.s_addr), INADDR_LOOPBACK);
	CHECK_EQ(fcntl(fds[0], F_GETFD) & FD_CLOEXEC, 0);
	CHECK_EQ(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	fds[1] = test_join(other);
	other = test_spawn(connect_later, (void *)(uintptr_t)port);
	fds[2] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(fcntl(fds[2], F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(fds[2], F_GETFL) & O_NONBLOCK);
	fds[3] = test_join(other);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(listener);
	return 0;
}

static int accept_later(void *arg)
{
	wait_some_turns();
	return lend_accept((int)(intptr_t)arg, NULL, NULL, LEND_FOREVER);
}

/* A unix socket's connect() blocks while its queue is full. */
static int connects_suspend(void *arg)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(address);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), clients[2], accepted[2];
	lend_ref other;

	(void)arg;
	/* Without a file; the kernel chooses the name. */
	CHECK_EQ(bind(listener, (struct sockaddr *)&address,
		      sizeof(sa_family_t)),
		 0);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	CHECK_EQ(listen(listener, 0), 0);
	for (int i = 0; i < 2; i++)
		clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(connect(clients[0], (struct sockaddr *)&address, size), 0);
	other = test_spawn(accept_later, (void *)(intptr_t)listener);
	CHECK_EQ(connect(clients[1], (struct sockaddr *)&address, size), 0);
	accepted[0] = test_join(other);
	accepted[1] = accept(listener, NULL, NULL);
	CHECK(accepted[0] >= 0 && accepted[1] >= 0);
	close_both(clients);
	close_both(accepted);
	close(listener);
	CHECK_EQ(connect(listener, (struct sockaddr *)&address, size), -1);
	CHECK_EQ(errno, EBADF);
	return 0;
}

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

/* ---- what does not wait ---- */

static void check_again(int fd, int listener)
{
	char data[16];
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	for (int way = 0; way < 5; way++) {
		errno = 0;
		CHECK_EQ(way == 0 ? read(fd, data, 1) :
			 way == 1 ? readv(fd, &part, 1) :
			 way == 2 ? recv(fd, data, 1, 0) :
			 way == 3 ? recvmsg(fd, &message, 0) :
				    accept(listener, NULL, NULL),
			 -1);
		CHECK_EQ(errno, EAGAIN);
	}
}

static int what_must_not_wait_does_not(void *arg)
{
	const struct timeval brief = { 0, 20000 };
	char byte, *much = calloc(1, MUCH);
	uint64_t begun;
	uint16_t port;
	int fds[2], listener = test_listen(1, &port);

	(void)arg;
	test_pair(fds);
	CHECK_EQ(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
	CHECK_EQ(errno, EAGAIN);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	check_again(fds[0], listener);

	fcntl(fds[0], F_SETFL, 0);
	fcntl(listener, F_SETFL, 0);
	setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
	setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
	begun = lend_now();
	check_again(fds[0], listener);
	CHECK(lend_now() - begun >= 100 * LEND_MS);

	setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief));
	CHECK_IN(send(fds[0], much, MUCH, 0), 1, MUCH - 1);
	CHECK_EQ(send(fds[0], much, MUCH, 0), -1);
	CHECK_EQ(errno, EAGAIN);
	close_both(fds);
	close(listener);
	free(much);
	return 0;
}

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

/* ---- errors, and where errno is ---- */

static int close_later(void *arg)
{
	wait_some_turns();
	return close((int)(intptr_t)arg);
}

static int a_close_ends_what_waits(void *arg)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	char byte;
	int fds[2];

	(void)arg;
	for (int way = 0; way < 4; way++) {
		struct pollfd polled = { .events = POLLIN };
		lend_ref other;

		test_pair(fds);
		polled.fd = fds[0];
		other = test_spawn(close_later, (void *)(intptr_t)fds[0]);
		errno = 0;
		CHECK_EQ(way == 0 ? read(fds[0], &byte, 1) :
			 way == 1 ? recv(fds[0], &byte, 1, 0) :
			 way == 2 ? recvfrom(fds[0], &byte, 1, 0,
					     (struct sockaddr *)&address,
					     &size) :
				    poll(&polled, 1, -1),
			 -1);
		CHECK_EQ(errno, EBADF);
		CHECK_EQ(test_join(other), 0);
		close(fds[1]);
	}
	return 0;
}

/* With the address of errno from before, as a compiler may keep it. */
static int wait_until_cancelled(void *arg)
{
	int *kept = &errno, fd = (int)(intptr_t)arg;
	struct timespec time = { 3600, 0 }, left = { 0, 0 };
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	char byte;

	for (int i = 0; i < 5; i++) {
		*kept = 0;
		CHECK_EQ(i == 0 ? read(fd, &byte, 1) :
			 i == 1 ? nanosleep(&time, &left) :
			 i == 2 ? poll(&polled, 1, -1) :
			 i == 3 ? usleep(1000000) :
				  recv(fd, &byte, 1, 0),
			 -1);
		CHECK_EQ(*kept, ECANCELED);
		CHECK(kept == &errno);
	}
	CHECK_IN(left.tv_sec, 3590, 3600);
	CHECK_IN(sleep(100), 99, 100);
	/* What releases works. */
	CHECK_EQ(close(fd), 0);
	return 0;
}

static int cancelled_calls_fail(void *arg)
{
	lend_ref others[8];
	int fds[8][2];

	(void)arg;
	for (int i = 0; i < 8; i++) {
		test_pair(fds[i]);
		others[i] = test_spawn(wait_until_cancelled,
				       (void *)(intptr_t)fds[i][0]);
	}
	CHECK_EQ(usleep(2000), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(lend_cancel(others[i]), 0);
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(test_join(others[i]), 0);
		close(fds[i][1]);
	}
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
	test_actor("reads suspend", reads_suspend);
	test_actor("receives suspend", receives_suspend);
	test_actor("writes suspend, and write all",
		   writes_suspend_and_write_all);
	test_actor("files work", files_work);
	test_actor("accepts suspend", accepts_suspend);
	test_actor("connects suspend", connects_suspend);
	test_actor("readiness suspends", readiness_suspends);
	test_actor("readiness ends in time", readiness_ends_in_time);
	test_actor("loops let others run", loops_let_others_run);
	test_actor("what must not wait does not", what_must_not_wait_does_not);
	test_actor("sleeps last their time", sleeps_last_their_time);
	test_actor("many sleep at once", many_sleep_at_once);
	test_actor("names are found on the pool", names_are_found_on_the_pool);
	test_actor("a close ends what waits", a_close_ends_what_waits);
	test_actor("cancelled calls fail", cancelled_calls_fail);
	quiet_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	logging = test_options;
	logging.log = log_by_write;
	test_actor_with("log functions do not suspend", make_a_line, &logging);
	return test_finish();
}
