/*
 * Goal:   B13: messages and vectors of plain code in an actor arrive whole and
 *         in order, descriptors that go with them once, and time limits of
 *         sockets end them with what was done so far.
 * Method: one worker. What is written is a pattern, which the other side, by
 *         the library's own calls, checks byte by byte. This file calls the
 *         functions by their plain names; liblend-posix is linked before the C
 *         library.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "posix/traffic.h"

#define MUCH ((size_t)3 << 20)

static char pattern_at(size_t i)
{
	return (char)(i * 131 + (i >> 8) * 7 + (i >> 16));
}

static char *make_pattern(size_t size)
{
	char *data = malloc(size);

	for (size_t i = 0; i < size; i++)
		data[i] = pattern_at(i);
	return data;
}

/* Takes so much, and looks at each byte. */
static int compare_later(void *arg)
{
	const struct feed *feed = arg;
	static char data[65536];
	size_t at = 0, wrong = 0;

	wait_some_turns();
	while (at < feed->size) {
		ssize_t got = lend_read(feed->fd, data, sizeof(data), -1,
					LEND_FOREVER);

		if (!CHECK(got > 0))
			return -1;
		for (size_t i = 0; i < (size_t)got; i++)
			wrong += data[i] != pattern_at(at + i);
		at += (size_t)got;
	}
	CHECK_EQ(at, feed->size);
	CHECK_EQ(wrong, 0);
	return 0;
}

/* More parts than are kept on the stack, of all sizes, empty ones among them.
 */
#define PARTS 40

static void divide(struct iovec parts[PARTS], char *data, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < PARTS; i++) {
		size_t part = i % 7 == 3 ? 0 : size / (PARTS + i);

		if (i == PARTS - 1)
			part = size - at;
		parts[i] = (struct iovec){ data + at, part };
		at += part;
	}
}

static int vectors_arrive_in_order(void *arg)
{
	char *data = make_pattern(MUCH);
	struct iovec parts[PARTS];
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = PARTS };
	static const struct iovec too_many[IOV_MAX + 1];
	int pair[2], pipes[2];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(pipe(pipes), 0);
	divide(parts, data, MUCH);
	for (int way = 0; way < 3; way++) {
		struct feed to = { way ? pair[1] : pipes[0], MUCH };
		lend_ref other = test_spawn(compare_later, &to);

		CHECK_EQ(way == 0 ? writev(pipes[1], parts, PARTS) :
			 way == 1 ? writev(pair[0], parts, PARTS) :
				    sendmsg(pair[0], &message, 0),
			 MUCH);
		CHECK_EQ(test_join(other), 0);
	}
	CHECK_EQ(writev(pair[0], too_many, IOV_MAX + 1), -1);
	CHECK_EQ(errno, EINVAL);
	close_both(pair);
	close_both(pipes);
	free(data);
	return 0;
}

/* ---- all that was asked for ---- */

static int feed_in_two(void *arg)
{
	const struct feed *feed = arg;
	char data[64] = { 'x' };

	for (int i = 0; i < 2; i++) {
		wait_some_turns();
		CHECK_EQ(lend_write(feed->fd, data, feed->size / 2, -1,
				    LEND_FOREVER),
			 (ssize_t)feed->size / 2);
	}
	return 0;
}

static int waitall_waits_for_all(void *arg)
{
	char data[10];
	struct iovec parts[2] = { { data, 3 }, { data + 3, 7 } };
	struct sockaddr_storage address;
	int fds[2];

	(void)arg;
	test_pair(fds);
	for (int way = 0; way < 3; way++) {
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
		struct feed feed = { fds[1], sizeof(data) };
		lend_ref other = test_spawn(feed_in_two, &feed);
		socklen_t size = sizeof(address);

		CHECK_EQ(way == 0 ? recv(fds[0], data, 10, MSG_WAITALL) :
			 way == 1 ? recvfrom(fds[0], data, 10, MSG_WAITALL,
					     (struct sockaddr *)&address,
					     &size) :
				    recvmsg(fds[0], &message, MSG_WAITALL),
			 10);
		CHECK_EQ(test_join(other), 0);
	}
	close_both(fds);
	return 0;
}

/* Nobody reads: what has fitted counts, then nothing does. */
static int time_limits_tell_what_was_done(void *arg)
{
	const struct timeval brief = { 0, 20000 };
	char *data = make_pattern(MUCH);
	struct iovec parts[PARTS];
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = PARTS };

	(void)arg;
	divide(parts, data, MUCH);
	for (int way = 0; way < 3; way++) {
		struct feed to = { .size = 0 };
		ssize_t sent = 0;
		lend_ref other;
		int fds[2];

		test_pair(fds);
		setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &brief,
			   sizeof(brief));
		for (int i = 0; i < 2; i++) {
			ssize_t res = way == 0 ? write(fds[0], data, MUCH) :
				      way == 1 ? writev(fds[0], parts, PARTS) :
						 sendmsg(fds[0], &message, 0);

			if (i) {
				CHECK_EQ(res, -1);
				CHECK_EQ(errno, EAGAIN);
			} else {
				CHECK_IN(res, 1, MUCH - 1);
				sent = res;
			}
		}
		/* It is there, all of it and nothing else. */
		to = (struct feed){ fds[1], (size_t)sent };
		other = test_spawn(compare_later, &to);
		CHECK_EQ(test_join(other), 0);
		close_both(fds);
	}
	free(data);
	return 0;
}

/* ---- descriptors ---- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(4 * sizeof(int))];
};

/* Receives all, and says how many descriptors came with it. */
static int count_descriptors(void *arg)
{
	const struct feed *feed = arg;
	static char data[65536];
	unsigned all = 0;
	size_t left = feed->size;

	wait_some_turns();
	while (left) {
		struct iovec part = { data, sizeof(data) };
		union control control;
		struct msghdr message = { .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = &control,
					  .msg_controllen = sizeof(control) };
		ssize_t got = recvmsg(feed->fd, &message, MSG_CMSG_CLOEXEC);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);

		if (!CHECK(got > 0))
			return -1;
		left -= (size_t)got;
		if (!head)
			continue;
		CHECK_EQ(head->cmsg_type, SCM_RIGHTS);
		for (size_t at = CMSG_LEN(0); at < head->cmsg_len;
		     at += sizeof(int), all++) {
			int fd;

			memcpy(&fd, (char *)head + at, sizeof(fd));
			CHECK_EQ(close(fd), 0);
		}
	}
	return (int)all;
}

/* Also if what they go with needs several turns. */
static int descriptors_are_passed_once(void *arg)
{
	char *data = make_pattern(MUCH);
	union control control = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
					     .cmsg_level = SOL_SOCKET,
					     .cmsg_type = SCM_RIGHTS } };
	struct iovec parts[PARTS];
	struct msghdr message = { .msg_iov = parts,
				  .msg_iovlen = PARTS,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(sizeof(int)) };
	struct feed to = { .size = MUCH };
	lend_ref other;
	int fds[2];

	(void)arg;
	divide(parts, data, MUCH);
	test_pair(fds);
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fds[0], sizeof(int));
	to.fd = fds[1];
	other = test_spawn(count_descriptors, &to);
	CHECK_EQ(sendmsg(fds[0], &message, 0), MUCH);
	CHECK_EQ(test_join(other), 1);
	CHECK_EQ(message.msg_iovlen, PARTS);
	CHECK_EQ(message.msg_controllen, CMSG_SPACE(sizeof(int)));
	close_both(fds);
	free(data);
	return 0;
}

/* ---- datagrams ---- */

static int make_datagrams(struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*ret_address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	CHECK_EQ(bind(fd, (struct sockaddr *)ret_address, size), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)ret_address, &size), 0);
	return fd;
}

struct letter {
	int fd;
	struct sockaddr_in to;
};

static int send_later(void *arg)
{
	struct letter *letter = arg;

	wait_some_turns();
	CHECK_EQ(sendto(letter->fd, "hello", 5, 0,
			(struct sockaddr *)&letter->to, sizeof(letter->to)),
		 5);
	return 0;
}

static int datagrams_know_their_sender(void *arg)
{
	struct sockaddr_in here, there, sender;
	socklen_t size = sizeof(sender);
	struct letter letter = { .fd = make_datagrams(&here) };
	int fd = make_datagrams(&there);
	char data[16];
	lend_ref other;

	(void)arg;
	letter.to = there;
	other = test_spawn(send_later, &letter);
	CHECK_EQ(recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&sender,
			  &size),
		 5);
	CHECK_EQ(test_join(other), 0);
	CHECK(!memcmp(data, "hello", 5));
	CHECK_EQ(size, sizeof(sender));
	CHECK_EQ(sender.sin_port, here.sin_port);
	/* Too long an address is refused, and not read. */
	CHECK_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&here, 1 << 20), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(sendto(fd, NULL, 0, 0, (struct sockaddr *)&here, sizeof(here)),
		 0);
	close(fd);
	close(letter.fd);
	return 0;
}

/* ---- to the disk ---- */

/* By operations of the rings: the pool is for what has none. */
static int syncing_needs_no_thread(void *arg)
{
	char name[] = "/tmp/lend-test-XXXXXX";
	struct lend_stats before, after;
	int fd = mkstemp(name);

	(void)arg;
	unlink(name);
	lend_stats_read(NULL, &before);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	lend_stats_read(NULL, &after);
	CHECK_EQ(after.blocking.run, before.blocking.run);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(fdatasync(fd), -1);
	CHECK_EQ(errno, EBADF);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("vectors arrive in order", vectors_arrive_in_order);
	test_actor("MSG_WAITALL waits for all", waitall_waits_for_all);
	test_actor("time limits tell what was done",
		   time_limits_tell_what_was_done);
	test_actor("descriptors are passed once", descriptors_are_passed_once);
	test_actor("datagrams know their sender", datagrams_know_their_sender);
	test_actor("syncing needs no thread", syncing_needs_no_thread);
	return test_finish();
}
