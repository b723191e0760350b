/*
 * Goal:   K11, B12, H8: messages on sockets, descriptors over unix sockets, and
 *         zero-copy sends with their second completion do what their system
 *         calls do, errors included, in each of the three interfaces; what an
 *         operation reads is copied.
 * Method: as in test_operations_sockets.c.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "forms.h"
#include "loopback.h"

/* ---- messages ---- */

struct parts {
	struct msghdr header;
	struct iovec vector[2];
	struct sockaddr_in address;
	char bytes[2][16];
};

static void fill(struct parts *parts, const struct sockaddr_in *to,
		 const char *a, const char *b)
{
	memset(parts, 0, sizeof(*parts));
	strcpy(parts->bytes[0], a);
	strcpy(parts->bytes[1], b);
	for (unsigned i = 0; i < 2; i++)
		parts->vector[i] = (struct iovec){ parts->bytes[i],
						   strlen(parts->bytes[i]) };
	parts->header.msg_iov = parts->vector;
	parts->header.msg_iovlen = 2;
	if (to) {
		parts->address = *to;
		parts->header.msg_name = &parts->address;
		parts->header.msg_namelen = sizeof(parts->address);
	}
}

static void make_room(struct parts *parts)
{
	memset(parts, 0, sizeof(*parts));
	for (unsigned i = 0; i < 2; i++)
		parts->vector[i] = (struct iovec){ parts->bytes[i], 3 };
	parts->header.msg_iov = parts->vector;
	parts->header.msg_iovlen = 2;
	parts->header.msg_name = &parts->address;
	parts->header.msg_namelen = sizeof(parts->address);
}

static void check_parts(const struct parts *parts,
			const struct sockaddr_in *from, const char *a,
			const char *b)
{
	CHECK_EQ(parts->header.msg_namelen, sizeof(*from));
	CHECK(!memcmp(&parts->address, from, sizeof(*from)));
	CHECK(!strcmp(parts->bytes[0], a));
	CHECK(!strcmp(parts->bytes[1], b));
}

static int messages(void *arg)
{
	struct sockaddr_in mine, yours;
	struct parts parts;
	int fds[2];

	(void)arg;
	fds[0] = udp_socket(&mine);
	fds[1] = udp_socket(&yours);
	fill(&parts, &yours, "ab", "cdef");
	CHECK_EQ(SYNC(sendmsg, fds[0], &parts.header, 0), 6);
	make_room(&parts);
	CHECK_EQ(SYNC(recvmsg, fds[1], &parts.header, 0), 6);
	check_parts(&parts, &mine, "abc", "def");

	fill(&parts, &yours, "gh", "ij");
	STARTED(sendmsg, fds[0], &parts.header, 0);
	scribble(&parts, sizeof(parts));
	CHECK_EQ(FINISHED(), 4);
	make_room(&parts);
	CHECK_EQ(ASYNC(recvmsg, fds[1], &parts.header, 0), 4);
	check_parts(&parts, &mine, "ghi", "j");

	fill(&parts, &yours, "k", "l");
	CHECK_EQ(DIRECT(io_uring_prep_sendmsg(direct_sqe, fds[0], &parts.header,
					      0)),
		 2);
	make_room(&parts);
	CHECK_EQ(DIRECT(io_uring_prep_recvmsg(direct_sqe, fds[1], &parts.header,
					      0)),
		 2);
	check_parts(&parts, &mine, "kl", "");

	parts.header.msg_iovlen = 1025;
	CHECK_EQ(SYNC(sendmsg, fds[0], &parts.header, 0), -EMSGSIZE);
	CHECK_EQ(ASYNC(sendmsg, fds[0], &parts.header, 0), -EMSGSIZE);
	make_room(&parts);
	CHECK_EQ(ASYNC(recvmsg, fds[1], &parts.header, MSG_DONTWAIT), -EAGAIN);
	close_all(fds, 2);
	return 0;
}

/* ---- zero copy ---- */

/* Over with the second completion; the result is that of the first. */
static int zero_copy(void *arg)
{
	static char big[20000];
	char in[sizeof(big)];
	struct parts parts;
	uint16_t port;
	int listener, client, server, unix_pair[2], res;

	(void)arg;
	listener = test_listen(1, &port);
	client = test_connect(port);
	server = SYNC(accept, listener, NULL, NULL);
	memset(big, 'z', sizeof(big));
	CHECK_EQ(SYNC(send_zc, client, big, sizeof(big), MSG_WAITALL),
		 sizeof(big));
	/* It is ours again. */
	memset(big, 'y', sizeof(big));
	CHECK_EQ(SYNC(recv, server, in, sizeof(in), MSG_WAITALL), sizeof(in));
	CHECK_EQ(in[sizeof(in) - 1], 'z');
	STARTED(send_zc, client, big, 1000, 0);
	CHECK_EQ(SYNC(recv, server, in, 1000, MSG_WAITALL), 1000);
	CHECK_EQ(FINISHED(), 1000);
	CHECK_EQ(in[999], 'y');
	CHECK_EQ(DIRECT(io_uring_prep_send_zc(direct_sqe, client, big, 500, 0,
					      0)),
		 500);
	CHECK_EQ(SYNC(recv, server, in, 500, MSG_WAITALL), 500);

	fill(&parts, NULL, "zero", "copy");
	CHECK_EQ(SYNC(sendmsg_zc, client, &parts.header, 0), 8);
	STARTED(sendmsg_zc, client, &parts.header, 0);
	scribble(&parts.header, sizeof(parts.header));
	scribble(parts.vector, sizeof(parts.vector));
	CHECK_EQ(FINISHED(), 8);
	CHECK_EQ(SYNC(recv, server, in, 16, MSG_WAITALL), 16);
	CHECK(!memcmp(in, "zerocopyzerocopy", 16));

	/* It is refused with one completion, or fails with two. */
	CHECK_EQ(SYNC(send_zc, STDERR_FILENO, big, 1, 0), -ENOTSOCK);
	CHECK_EQ(ASYNC(send_zc, STDERR_FILENO, big, 1, 0), -ENOTSOCK);
	test_pair(unix_pair);
	res = SYNC(send_zc, unix_pair[0], big, 1, 0);
	CHECK(res == 1 || res == -EOPNOTSUPP);
	CHECK_EQ(lend_close(server), 0);
	res = 1;
	for (unsigned i = 0; i < 1000 && res > 0; i++) {
		res = SYNC(send_zc, client, big, 1, 0);
		lend_sleep(lend_after(LEND_MS));
	}
	CHECK(res == -EPIPE || res == -ECONNRESET);
	close_all(unix_pair, 2);
	CHECK_EQ(lend_close(client), 0);
	CHECK_EQ(lend_close(listener), 0);
	return 0;
}

/* ---- descriptors over unix sockets ---- */

static bool same_file(int a, int b)
{
	struct stat first, second;

	return !fstat(a, &first) && !fstat(b, &second) &&
	       first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static int descriptors_are_passed(void *arg)
{
	int pair[2], ends[2], got[3];
	unsigned count = 3;
	char in[8];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(SYNC(send_fds, pair[0], "two", 3, ends, 2), 3);
	CHECK_EQ(SYNC(recv_fds, pair[1], in, 8, got, &count), 3);
	CHECK(!memcmp(in, "two", 3));
	if (CHECK_EQ(count, 2)) {
		for (unsigned i = 0; i < 2; i++) {
			CHECK(got[i] != ends[i] && same_file(got[i], ends[i]));
			CHECK(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		}
		close_all(got, 2);
	}
	/* No room for the second: it is not left open anywhere. */
	CHECK_EQ(SYNC(send_fds, pair[0], "2", 1, ends, 2), 1);
	count = 1;
	CHECK_EQ(SYNC(recv_fds, pair[1], in, 8, got, &count), 1);
	if (CHECK_EQ(count, 1))
		CHECK_EQ(lend_close(got[0]), 0);
	/* None with it. */
	CHECK_EQ(SYNC(send, pair[0], "no", 2, 0), 2);
	count = 3;
	CHECK_EQ(SYNC(recv_fds, pair[1], in, 8, got, &count), 2);
	CHECK_EQ(count, 0);

	CHECK_EQ(SYNC(send_fds, pair[0], "", 0, ends, 2), -EINVAL);
	CHECK_EQ(SYNC(send_fds, pair[0], "x", 1, ends, 0), -EINVAL);
	CHECK_EQ(SYNC(send_fds, pair[0], "x", 1, ends, LEND_SEND_FDS_MAX + 1),
		 -EINVAL);
	count = 0;
	CHECK_EQ(SYNC(recv_fds, pair[1], in, 8, got, &count), -EINVAL);
	got[0] = 999999;
	CHECK_EQ(SYNC(send_fds, pair[0], "x", 1, got, 1), -EBADF);
	close_all(ends, 2);
	close_all(pair, 2);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("messages", messages);
	test_actor("zero copy", zero_copy);
	test_actor("descriptors are passed", descriptors_are_passed);
	return test_finish();
}
