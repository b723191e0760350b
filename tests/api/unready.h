/*
 * Things on which an operation waits, and what makes them ready: for tests of
 * how operations end. One at a time; close_things() is its end.
 */
#ifndef LEND_TESTS_UNREADY_H
#define LEND_TESTS_UNREADY_H

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

/* ---- things that are not ready ---- */

/* Operations are about fds[0]; fds[1] is its other end. */
static int fds[2], others[2];
static _Atomic uint32_t word;
static pid_t child;
static char directory[] = "/tmp/lend-test-XXXXXX";
static char path[64];
static struct sockaddr_storage crowded;
static unsigned crowded_size;

static char byte[2];
static struct iovec vector = { byte, 1 };
static struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
static int passed_fd;
static unsigned passed_count;
static siginfo_t info;

static void make_nonblocking(int fd, bool on)
{
	fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0);
}

/* Until there is no room. */
static void fill(int fd)
{
	static const char data[4096];

	make_nonblocking(fd, true);
	for (size_t size = sizeof(data); size; size /= 2)
		while (write(fd, data, size) > 0)
			;
	make_nonblocking(fd, false);
}

static void drain(int fd)
{
	char data[4096];

	make_nonblocking(fd, true);
	while (read(fd, data, sizeof(data)) > 0)
		;
	make_nonblocking(fd, false);
}

static void swap_ends(void)
{
	int end = fds[0];

	fds[0] = fds[1];
	fds[1] = end;
}

static void empty_pipe(void)
{
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
}

static void full_pipe(void)
{
	empty_pipe();
	swap_ends();
	fill(fds[0]);
}

static void silent_socket(void)
{
	test_pair(fds);
}

static void full_socket(void)
{
	test_pair(fds);
	fill(fds[0]);
}

/* An empty one, to be moved to one with room: that is what is closed. */
static void two_pipes(void)
{
	CHECK_EQ(pipe2(others, O_CLOEXEC), 0);
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	swap_ends();
}

/* Connected, with buffers that do not grow. Some segments have to fit, or who
 * makes room would not tell of it before the sender's timer asks. */
static void connection(int room)
{
	const int most = 200 << 10;
	uint16_t port;
	int listener = test_listen(1, &port);

	/* Said before it connects, so that none of the two grows. */
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &most, sizeof(most));
	fds[0] = test_connect(port);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fds[1] >= 0);
	close(listener);
}

/* Nothing is on its way to the peer, which would make room later. */
static bool is_still(int fd)
{
	int unsent = 0, unheard = 0;

	CHECK_EQ(ioctl(fd, SIOCOUTQNSD, &unsent), 0);
	CHECK_EQ(ioctl(fd, SIOCOUTQ, &unheard), 0);
	return unsent == unheard;
}

/* To poll(2) it is full while there is room for a byte. */
static void fill_connection(void)
{
	do {
		fill(fds[0]);
		while (!is_still(fds[0]))
			lend_sleep(lend_after(LEND_MS));
	} while (send(fds[0], "x", 1, MSG_DONTWAIT) > 0);
}

static void full_connection(void)
{
	connection(200 << 10);
	fill_connection();
}

static void listening(void)
{
	uint16_t port;

	fds[0] = test_listen(1, &port);
	fds[1] = -1;
	crowded_size = sizeof(crowded);
	getsockname(fds[0], (struct sockaddr *)&crowded, &crowded_size);
}

/* A socket whose listener takes no more. */
static void crowded_listener(void)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&crowded;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&crowded, 0, sizeof(crowded));
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "%s/socket",
		 directory);
	unlink(address->sun_path);
	crowded_size = sizeof(*address);
	CHECK_EQ(bind(fd, (struct sockaddr *)address, crowded_size), 0);
	CHECK_EQ(listen(fd, 0), 0);
	others[0] = fd;
	others[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(others[1], (struct sockaddr *)address, crowded_size),
		 0);
	fds[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[1] = -1;
}

static void lonely_fifo(void)
{
	snprintf(path, sizeof(path), "%s/fifo", directory);
	unlink(path);
	CHECK_EQ(mkfifo(path, 0600), 0);
	fds[0] = fds[1] = -1;
}

static void still_word(void)
{
	atomic_store(&word, 5);
	fds[0] = fds[1] = -1;
}

/* Ends when its pipe does. */
static void living_child(void)
{
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		while (read(ends[0], byte, 1) > 0)
			;
		_exit(3);
	}
	close(ends[0]);
	fds[0] = -1;
	fds[1] = ends[1];
}

/* ---- and are made ready ---- */

static void send_byte(void)
{
	CHECK_EQ(write(fds[1], "x", 1), 1);
}

static void send_descriptor(void)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr out = { .msg_iov = &vector,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *part = CMSG_FIRSTHDR(&out);
	int fd = STDERR_FILENO;

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &fd, sizeof(fd));
	CHECK_EQ(sendmsg(fds[1], &out, 0), 1);
	passed_count = 1;
}

static void make_room(void)
{
	drain(fds[1]);
}

static void fill_first(void)
{
	CHECK_EQ(write(others[1], "x", 1), 1);
}

static void connect_to_it(void)
{
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(fds[1], (struct sockaddr *)&crowded, crowded_size), 0);
}

static void take_connection(void)
{
	int fd = accept4(others[0], NULL, NULL, SOCK_CLOEXEC);

	CHECK(fd >= 0);
	close(fd);
}

static void open_other_end(void)
{
	fds[1] = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fds[1] >= 0);
}

static void change_word(void)
{
	atomic_store(&word, 6);
}

static void end_child(void)
{
	close(fds[1]);
	fds[1] = -1;
}

/* ---- and go ---- */

static void close_things(void)
{
	const int all[] = { fds[0], fds[1], others[0], others[1] };

	for (unsigned i = 0; i < 4; i++)
		if (all[i] >= 0)
			CHECK_EQ(lend_close(all[i]), 0);
	if (child) {
		/* Somebody may have it already who was abandoned. */
		pid_t res = waitpid(child, NULL, 0);

		CHECK(res == child || (res < 0 && errno == ECHILD));
	}
}

#endif
