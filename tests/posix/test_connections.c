/*
 * Goal:   B13: plain code that accepts and connects in an actor suspends the
 *         actor and not its worker; a close, or a cancellation, ends what
 *         waits, with errno where the caller looks for it.
 * Method: one worker. Each call waits for what another actor of the same worker
 *         does later: a call that blocked the thread would wait for ever.
 *         This file calls the functions by their plain names; liblend-posix is
 *         linked before the C library.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "posix/traffic.h"

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

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("accepts suspend", accepts_suspend);
	test_actor("connects suspend", connects_suspend);
	if (TEST_UNDER_TSAN)
		test_skip("a close ends what waits",
			  "to ThreadSanitizer that is a race by itself");
	else
		test_actor("a close ends what waits", a_close_ends_what_waits);
	test_actor("cancelled calls fail", cancelled_calls_fail);
	return test_finish();
}
