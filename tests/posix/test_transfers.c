/*
 * Goal:   B13: plain code that reads and writes in an actor suspends the actor
 *         and not its worker, reads and writes as much as POSIX says, and
 *         keeps to non-blocking descriptors and time limits of sockets.
 * Method: one worker. Each call waits for what another actor of the same worker
 *         does later: a call that blocked the thread would wait for ever.
 *         This file calls the functions by their plain names; liblend-posix is
 *         linked before the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "posix/traffic.h"

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

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("reads suspend", reads_suspend);
	test_actor("receives suspend", receives_suspend);
	test_actor("writes suspend, and write all",
		   writes_suspend_and_write_all);
	test_actor("files work", files_work);
	test_actor("what must not wait does not", what_must_not_wait_does_not);
	return test_finish();
}
