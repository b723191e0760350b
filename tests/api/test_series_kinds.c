/*
 * Goal:   K11, H10: series of datagrams, events and connections give every
 *         result once and in order, with all that belongs to it; mistakes are
 *         told.
 * Method: datagrams from many senders that each wait for an answer; events that
 *         nobody looks at for a while; more connections than may wait. Nothing
 *         is measured by the clock.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/stream.h"
#include "harness/harness.h"

/* ---- datagrams ---- */

#define SENDERS 20
#define ROUNDS	25

static uint16_t udp_port;

struct datagram {
	unsigned sender;
	unsigned round;
	char filling[100];
};

static int udp_socket(uint16_t *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void udp_address(struct sockaddr_in *address, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons(port);
}

static int send_datagrams(void *arg)
{
	struct datagram out = { .sender = (unsigned)(uintptr_t)arg };
	struct sockaddr_in address;
	uint16_t own_port;
	int fd = udp_socket(&own_port);

	udp_address(&address, udp_port);
	CHECK_EQ(lend_connect(fd, (struct sockaddr *)&address, sizeof(address),
			      LEND_FOREVER),
		 0);
	for (out.round = 0; out.round < ROUNDS; out.round++) {
		struct datagram in;

		memset(out.filling, (int)out.round, sizeof(out.filling));
		CHECK_EQ(lend_send(fd, &out, sizeof(out), 0, LEND_FOREVER),
			 sizeof(out));
		CHECK_EQ(lend_recv(fd, &in, sizeof(in), 0,
				   lend_after(20 * LEND_S)),
			 sizeof(in));
		if (!CHECK(!memcmp(&in, &out, sizeof(in))))
			break;
	}
	lend_close(fd);
	return own_port;
}

static void answer_datagrams(struct lend_series *series, int fd,
			     uint16_t ports[SENDERS])
{
	unsigned next[SENDERS] = { 0 };

	for (unsigned i = 0; i < SENDERS * ROUNDS; i++) {
		struct lend_series_result result;
		struct datagram datagram;

		if (!CHECK_EQ(lend_series_next(series, lend_after(20 * LEND_S),
					       &result),
			      sizeof(datagram)))
			return;
		memcpy(&datagram, result.buffer.data, sizeof(datagram));
		CHECK_EQ(result.address_size, sizeof(struct sockaddr_in));
		if (!CHECK(datagram.sender < SENDERS))
			return;
		CHECK_EQ(datagram.round, next[datagram.sender]++);
		ports[datagram.sender] = ntohs(
			((const struct sockaddr_in *)result.address)->sin_port);
		CHECK_EQ(sendto(fd, &datagram, sizeof(datagram), 0,
				result.address, result.address_size),
			 sizeof(datagram));
		lend_buffer_release(&result.buffer);
	}
}

static int datagrams_of_many_senders(void *arg)
{
	uint16_t ports[SENDERS] = { 0 };
	struct lend_series *series;
	lend_ref refs[SENDERS];
	int fd = udp_socket(&udp_port);

	(void)arg;
	CHECK_EQ(lend_series_open(fd, LEND_SERIES_RECVMSG, NULL, &series), 0);
	for (unsigned i = 0; i < SENDERS; i++)
		refs[i] = test_spawn(send_datagrams, (void *)(uintptr_t)i);
	answer_datagrams(series, fd, ports);
	for (unsigned i = 0; i < SENDERS; i++)
		CHECK_EQ(test_join(refs[i]), ports[i]);
	lend_series_close(series);
	CHECK_EQ(lend_close(fd), 0);
	check_buffers_are_back();
	return 0;
}

/* Empty ones, ones that are too large, and control messages. */
static int odd_datagrams(void *arg)
{
	static char data[9000];
	const struct lend_series_options options = { .control_max = 64 };
	struct lend_series_result result;
	struct lend_series *series;
	struct sockaddr_in address;
	uint16_t own_port;
	int fd = udp_socket(&udp_port), from = udp_socket(&own_port), one = 1;

	(void)arg;
	udp_address(&address, udp_port);
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one)),
		 0);
	CHECK_EQ(lend_series_open(fd, LEND_SERIES_RECVMSG, &options, &series),
		 0);
	for (unsigned i = 0; i < 6; i++) {
		const size_t sizes[] = { 0, 100, sizeof(data) };
		size_t size = sizes[i % 3];
		const struct cmsghdr *control;
		ssize_t res;

		memset(data, (int)i + 1, sizeof(data));
		CHECK_EQ(sendto(from, data, size, 0,
				(struct sockaddr *)&address, sizeof(address)),
			 size);
		res = lend_series_next(series, lend_after(20 * LEND_S),
				       &result);
		CHECK_EQ(result.address_size, sizeof(address));
		if (size == sizeof(data)) {
			CHECK_IN(res, 3000, 4095);
			CHECK(result.flags & MSG_TRUNC);
		} else {
			CHECK_EQ(res, size);
			CHECK(!(result.flags & MSG_TRUNC));
		}
		if (!CHECK(result.control_size >= sizeof(*control)))
			return -1;
		control = result.control;
		CHECK_EQ(control->cmsg_type, SO_TIMESTAMP);
		CHECK(res >= 0 &&
		      !memcmp(result.buffer.data, data, (size_t)res));
		lend_buffer_release(&result.buffer);
	}
	lend_series_close(series);
	CHECK_EQ(lend_close(from), 0);
	CHECK_EQ(lend_close(fd), 0);
	check_buffers_are_back();
	return 0;
}

/* ---- events, connections ---- */

static int events_come_each_time(void *arg)
{
	struct lend_series *series;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	eventfd_t count;

	(void)arg;
	CHECK_EQ(lend_series_open(fd, LEND_SERIES_POLL, NULL, &series), 0);
	CHECK_EQ(lend_series_next(series, lend_after(LEND_MS), NULL),
		 -ETIMEDOUT);
	for (unsigned i = 0; i < 100; i++) {
		/* A storm that nobody looks at, now and then. */
		for (unsigned j = 0; j <= (i % 10 == 0) * 50u; j++) {
			CHECK_EQ(eventfd_write(fd, 1), 0);
			if (j % 8 == 7)
				lend_yield();
		}
		CHECK_EQ(lend_series_next(series, LEND_FOREVER, NULL), POLLIN);
		CHECK_EQ(eventfd_read(fd, &count), 0);
		/* What was told of more than once. */
		while (lend_series_next(series, LEND_NOW, NULL) > 0)
			;
	}
	lend_series_close(series);
	return lend_close(fd);
}

static int connections_come(void *arg)
{
	const struct lend_series_options options = { .results_max = 3 };
	struct lend_series *series;
	uint16_t port;
	int fds[30], fd = test_listen(64, &port);

	(void)arg;
	CHECK_EQ(lend_series_open(fd, LEND_SERIES_ACCEPT, &options, &series),
		 0);
	CHECK_EQ(lend_series_next(series, LEND_NOW, NULL), -ETIMEDOUT);
	for (unsigned i = 0; i < 30; i++) {
		fds[i] = test_connect(port);
		lend_yield();
	}
	for (unsigned i = 0; i < 25; i++) {
		struct sockaddr_in mine, peer;
		socklen_t size = sizeof(mine);
		int res = (int)lend_series_next(series, LEND_FOREVER, NULL);

		if (!CHECK(res >= 0))
			break;
		/* In the order in which they came. */
		CHECK_EQ(getsockname(fds[i], (struct sockaddr *)&mine, &size),
			 0);
		CHECK_EQ(getpeername(res, (struct sockaddr *)&peer, &size), 0);
		CHECK_EQ(mine.sin_port, peer.sin_port);
		close(res);
	}
	/* Some are left; the descriptors are counted at the end. */
	lend_series_close(series);
	for (unsigned i = 0; i < 30; i++)
		close(fds[i]);
	return lend_close(fd);
}

/* ---- mistakes ---- */

static int mistakes_are_told(void *arg)
{
	struct lend_series *series;

	(void)arg;
	CHECK_EQ(lend_series_open(0, (enum lend_series_kind)77, NULL, &series),
		 -EINVAL);
	CHECK_EQ(lend_series_open(
			 0, LEND_SERIES_RECV,
			 &(struct lend_series_options){ .results_max = 4097 },
			 &series),
		 -EINVAL);
	CHECK_EQ(lend_series_open(
			 0, LEND_SERIES_RECVMSG,
			 &(struct lend_series_options){ .control_max = 1025 },
			 &series),
		 -EINVAL);
	CHECK_EQ(lend_series_open(-1, LEND_SERIES_RECV, NULL, &series), 0);
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, NULL), -EBADF);
	CHECK(!lend_series_close(series));
	CHECK(!lend_series_close(NULL));
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("datagrams_of_many_senders", datagrams_of_many_senders);
	test_actor("odd_datagrams", odd_datagrams);
	test_actor("events_come_each_time", events_come_each_time);
	test_actor("connections_come", connections_come);
	test_actor("mistakes_are_told", mistakes_are_told);
	return test_finish();
}
