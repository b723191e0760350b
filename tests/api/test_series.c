/*
 * Goal:   K11, H10, P3, K5: a series gives every result once and in order,
 *         whatever ends its operation: too many results that nobody takes, no
 *         buffers, a close or a cancellation, rings and workers that go. One
 *         that sends a lot takes no more than its share of the buffers.
 * Method: streams whose every byte is checked, under each of these; datagrams
 *         from many senders that each wait for an answer; buffers are counted
 *         afterwards. Nothing is measured by the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/traffic.h"
#include "harness/harness.h"

static char byte_at(unsigned number, size_t i)
{
	return (char)(number * 31 + i * 7 + i / 251);
}

static bool is_as_sent(const char *data, size_t size, unsigned number,
		       size_t from)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != byte_at(number, from + i))
			return false;
	return true;
}

struct stream {
	int fd;
	unsigned number;
	size_t size;
	bool may_end; /* before all is sent */
};

/* In pieces of many sizes, then the end of the stream. */
static int send_stream(void *arg)
{
	const struct stream *stream = arg;
	char data[5000];
	ssize_t res;

	for (size_t at = 0; at < stream->size;) {
		size_t size = 1 + (at * 13 + stream->number) % sizeof(data);

		if (size > stream->size - at)
			size = stream->size - at;
		for (size_t i = 0; i < size; i++)
			data[i] = byte_at(stream->number, at + i);
		res = lend_send_all(stream->fd, data, size, LEND_FOREVER);
		if (stream->may_end && res < 0)
			return 0;
		if (!CHECK_EQ(res, size))
			return -1;
		at += size;
	}
	return lend_shutdown(stream->fd, SHUT_WR, LEND_FOREVER);
}

/* Up to @size bytes from @at on; less at the end of the stream. */
static size_t take_stream(struct lend_series *series, unsigned number,
			  size_t at, size_t size)
{
	size_t got = 0;

	while (got < size) {
		struct lend_series_result result;
		ssize_t res = lend_series_next(series, LEND_FOREVER, &result);

		if (!CHECK(res >= 0) || !res)
			break;
		CHECK_EQ(res, result.buffer.size);
		if (!CHECK(is_as_sent(result.buffer.data, (size_t)res, number,
				      at + got)))
			break;
		got += (size_t)res;
		lend_buffer_release(&result.buffer);
	}
	return got;
}

static struct lend_series *open_recv(int fd, unsigned results_max)
{
	const struct lend_series_options options = {
		.results_max = results_max,
	};
	struct lend_series *series = NULL;

	CHECK_EQ(lend_series_open(fd, LEND_SERIES_RECV, &options, &series), 0);
	return series;
}

static int take_all(void *arg)
{
	const struct stream *stream = arg;
	struct lend_series *series = open_recv(stream->fd, 4);
	struct lend_series_result result;
	size_t got = take_stream(series, stream->number, 0, SIZE_MAX);

	CHECK_EQ(got, stream->size);
	/* And so it stays. */
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), 0);
	lend_series_close(series);
	return 0;
}

/* Everything that was lent is back; the last of it when a ring is polled. */
static void check_buffers_are_back(void)
{
	struct lend_stats stats;

	for (unsigned i = 0; i < 10000; i++) {
		lend_stats_read(NULL, &stats);
		if (!stats.buffers.in_use)
			break;
		lend_sleep(lend_after(LEND_MS));
	}
	CHECK_EQ(stats.buffers.in_use, 0);
}

#define STREAMS 12

struct streams {
	struct stream out[STREAMS], in[STREAMS];
	lend_ref senders[STREAMS], receivers[STREAMS];
	int pairs[STREAMS][2];
};

static void start_streams(struct streams *streams, size_t size)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		int *pair = streams->pairs[i];

		test_pair(pair);
		streams->out[i] = (struct stream){ pair[0], i, size, false };
		streams->in[i] = (struct stream){ pair[1], i, size, false };
		streams->receivers[i] = test_spawn(take_all, &streams->in[i]);
		streams->senders[i] = test_spawn(send_stream, &streams->out[i]);
	}
}

static void finish_streams(struct streams *streams)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		CHECK_EQ(test_join(streams->senders[i]), 0);
		CHECK_EQ(test_join(streams->receivers[i]), 0);
		CHECK_EQ(lend_close(streams->pairs[i][0]), 0);
		CHECK_EQ(lend_close(streams->pairs[i][1]), 0);
	}
	check_buffers_are_back();
}

static int every_byte_in_order(void *arg)
{
	static struct streams streams;

	(void)arg;
	start_streams(&streams, 100000);
	finish_streams(&streams);
	return 0;
}

/* ---- back pressure ---- */

/* The receiver is busy with something else until the sender can send no more:
 * what it takes then is what was sent. */
static int what_waits_is_bounded(void *arg)
{
	static char data[1000];
	struct stream stream = { .number = 3 };
	struct lend_series *series;
	struct lend_stats stats;
	int pair[2];
	ssize_t res;
	lend_ref ref;

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 4);
	/* Something is taken, and the series armed. */
	data[0] = byte_at(3, 0);
	CHECK_EQ(write(pair[0], data, 1), 1);
	CHECK_EQ(take_stream(series, 3, 0, 1), 1);
	stream.size = 1;
	do {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = byte_at(3, stream.size + i);
		res = send(pair[0], data, sizeof(data), MSG_DONTWAIT);
		if (res > 0)
			stream.size += (size_t)res;
		lend_yield();
	} while (res > 0);
	lend_stats_read(NULL, &stats);
	/* What the kernel has posted before it heard, and 4. */
	CHECK_IN(stats.buffers.in_use, 0, 80);
	stream.fd = pair[1];
	CHECK_EQ(take_stream(series, 3, 1, stream.size - 1), stream.size - 1);
	/* It goes on as before. */
	data[0] = byte_at(3, stream.size);
	CHECK_EQ(write(pair[0], data, 1), 1);
	CHECK_EQ(take_stream(series, 3, stream.size, 1), 1);
	lend_series_close(series);
	ref = test_spawn(send_stream,
			 &(struct stream){ pair[0], 3, 100, false });
	CHECK_EQ(test_join(ref), 0);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* More messages than may wait, one after the other, so that the kernel makes a
 * result of each. */
static int small_messages_wait_too(void *arg)
{
	struct lend_series *series;
	struct lend_stats before, after;
	char data[2];
	int pair[2];

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 2);
	CHECK_EQ(lend_series_next(series, LEND_NOW, NULL), -ETIMEDOUT);
	lend_stats_read(NULL, &before);
	for (unsigned i = 0; i < 200; i++) {
		data[0] = byte_at(9, i);
		CHECK_EQ(write(pair[0], data, 1), 1);
		lend_yield();
		if (i % 8 == 0)
			lend_sleep(lend_after(LEND_MS));
	}
	lend_stats_read(NULL, &after);
	CHECK_EQ(take_stream(series, 9, 0, 200), 200);
	if (lend_runtime_features(lend_runtime_current()) &
	    LEND_FEATURE_MULTISHOT)
		CHECK(after.series.stopped > before.series.stopped ||
		      after.buffers.in_use <= 2);
	lend_series_close(series);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* What waits when a series is closed goes back, though its actor goes on; and
 * counts for nothing any more. */
static int what_waits_goes_back(void *arg)
{
	struct lend_stats stats;

	(void)arg;
	for (unsigned round = 0; round < 30; round++) {
		struct lend_series *series;
		int pair[2];

		test_pair(pair);
		series = open_recv(pair[1], 4);
		CHECK_EQ(lend_series_next(series, LEND_NOW, NULL), -ETIMEDOUT);
		for (unsigned i = 0; i < 4; i++) {
			CHECK_EQ(write(pair[0], "what waits", 10), 10);
			lend_sleep(lend_after(100 * LEND_US));
		}
		lend_series_close(series);
		CHECK_EQ(lend_close(pair[0]), 0);
		CHECK_EQ(lend_close(pair[1]), 0);
	}
	lend_stats_read(NULL, &stats);
	if (lend_runtime_features(lend_runtime_current()) &
	    LEND_FEATURE_BUFFER_RINGS)
		CHECK_EQ(stats.buffers.own, 0);
	check_buffers_are_back();
	return 0;
}

/* Who keeps more than its share is served all the same, from its own memory,
 * and what it keeps stays as it is. */
static int who_holds_much_is_served(void *arg)
{
	struct lend_series_result held[40];
	struct lend_series *series;
	struct lend_stats stats;
	int pair[2];

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 16);
	for (unsigned i = 0; i < 40; i++) {
		char data[3] = { byte_at(1, i), byte_at(2, i), byte_at(3, i) };

		CHECK_EQ(write(pair[0], data, 3), 3);
		if (!CHECK_EQ(lend_series_next(series, LEND_FOREVER, &held[i]),
			      3))
			return -1;
	}
	lend_stats_read(NULL, &stats);
	CHECK_IN(stats.buffers.in_use, 0, 10);
	CHECK_IN(stats.buffers.own, 30, 40);
	for (unsigned i = 0; i < 40; i++) {
		const char *data = held[i].buffer.data;

		CHECK(data[0] == byte_at(1, i) && data[1] == byte_at(2, i) &&
		      data[2] == byte_at(3, i));
		lend_buffer_release(&held[i].buffer);
	}
	lend_series_close(series);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* ---- one who sends a lot, and others ---- */

#define QUIET 20

static int answer_quietly(void *arg)
{
	int fd = (int)(intptr_t)arg, answered = 0;
	struct lend_series *series = open_recv(fd, 4);
	struct lend_series_result result;
	ssize_t res;

	while ((res = lend_series_next(series, LEND_FOREVER, &result)) > 0) {
		CHECK_EQ(lend_send_all(fd, result.buffer.data, (size_t)res,
				       LEND_FOREVER),
			 res);
		lend_buffer_release(&result.buffer);
		answered++;
	}
	CHECK_EQ(res, 0);
	lend_series_close(series);
	return answered;
}

static int send_without_end(void *arg)
{
	static const char data[65536];
	int fd = (int)(intptr_t)arg;

	while (!atomic_load(&stop))
		if (lend_send(fd, data, sizeof(data), 0, LEND_FOREVER) < 0)
			break;
	return lend_close(fd);
}

/* Takes what is sent, and gives it back late. */
static int take_without_end(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_series *series = open_recv(fd, 4);
	struct lend_series_result result;
	ssize_t res;

	atomic_fetch_add(&waiting, 1);
	while ((res = lend_series_next(series, LEND_FOREVER, &result)) > 0) {
		lend_yield();
		lend_buffer_release(&result.buffer);
	}
	lend_series_close(series);
	return (int)res;
}

static int a_greedy_sender_starves_nobody(void *arg)
{
	int greedy[2], pairs[QUIET][2];
	lend_ref sender, taker, refs[QUIET];
	unsigned features = lend_runtime_features(lend_runtime_current());
	struct lend_stats stats;
	unsigned most = 0;

	(void)arg;
	atomic_store(&stop, false);
	atomic_store(&waiting, 0);
	test_pair(greedy);
	for (unsigned i = 0; i < QUIET; i++) {
		test_pair(pairs[i]);
		refs[i] = test_spawn(answer_quietly,
				     (void *)(intptr_t)pairs[i][1]);
	}
	taker = test_spawn(take_without_end, (void *)(intptr_t)greedy[1]);
	wait_for(1);
	sender = test_spawn(send_without_end, (void *)(intptr_t)greedy[0]);
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 0; i < QUIET; i++) {
			char byte = byte_at(i, round), got = 0;

			CHECK_EQ(lend_send(pairs[i][0], &byte, 1, 0,
					   LEND_FOREVER),
				 1);
			CHECK_EQ(lend_recv(pairs[i][0], &got, 1, 0,
					   LEND_FOREVER),
				 1);
			CHECK_EQ(got, byte);
			lend_stats_read(NULL, &stats);
			if (stats.buffers.in_use > most)
				most = (unsigned)stats.buffers.in_use;
		}
	atomic_store(&stop, true);
	CHECK_EQ(test_join(sender), 0);
	CHECK_EQ(test_join(taker), 0);
	CHECK_EQ(lend_close(greedy[1]), 0);
	for (unsigned i = 0; i < QUIET; i++) {
		CHECK_EQ(lend_close(pairs[i][0]), 0);
		CHECK_EQ(test_join(refs[i]), 20);
		CHECK_EQ(lend_close(pairs[i][1]), 0);
	}
	/* Its 4, one in its hand, those that are on their way back, and one of
	 * a quiet one: it can not have all 64. */
	if (features & LEND_FEATURE_RECV_CREDIT)
		CHECK_IN(most, 0, 24);
	check_buffers_are_back();
	return 0;
}

/* ---- no buffers ---- */

static int without_buffers_nothing_is_lost(void *arg)
{
	static struct streams streams;
	struct lend_stats stats;

	(void)arg;
	start_streams(&streams, 20000);
	finish_streams(&streams);
	lend_stats_read(NULL, &stats);
	if (lend_runtime_features(lend_runtime_current()) &
	    LEND_FEATURE_BUFFER_RINGS)
		CHECK(stats.buffers.empty > 0);
	CHECK(stats.buffers.own > 0);
	return 0;
}

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

/* ---- ends ---- */

static int await_close(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_series *series = open_recv(fd, 0);
	struct lend_series_result result;

	CHECK_EQ(take_stream(series, 0, 0, 1), 1);
	atomic_fetch_add(&waiting, 1);
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), -ECANCELED);
	CHECK_EQ(lend_series_next(series, LEND_FOREVER, &result), -EBADF);
	lend_series_close(series);
	return 0;
}

/* Armed, with results that wait, while it does something else. */
static int sleep_through_close(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_series *series = open_recv(fd, 0);
	struct lend_series_result result;

	CHECK_EQ(take_stream(series, 0, 0, 1), 1);
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&stop))
		lend_sleep(lend_after(LEND_MS));
	/* What came before is there, if it came. */
	CHECK_IN(lend_series_next(series, LEND_FOREVER, &result), -ECANCELED,
		 1);
	lend_buffer_release(&result.buffer);
	lend_series_close(series);
	return 0;
}

static int closed_by_another(void *arg)
{
	lend_actor_fn fns[] = { await_close, sleep_through_close };
	char first = byte_at(0, 0), second = byte_at(0, 1);

	(void)arg;
	for (unsigned i = 0; i < 10; i++) {
		int pair[2];
		lend_ref ref;

		atomic_store(&stop, false);
		atomic_store(&waiting, 0);
		test_pair(pair);
		CHECK_EQ(write(pair[0], &first, 1), 1);
		ref = test_spawn(fns[i % 2], (void *)(intptr_t)pair[1]);
		wait_for(1);
		if (i % 2)
			CHECK_EQ(write(pair[0], &second, 1), 1);
		/* Its owner takes no part in it. */
		CHECK_EQ(lend_close(pair[1]), 0);
		atomic_store(&stop, true);
		CHECK_EQ(test_join(ref), 0);
		CHECK_EQ(lend_close(pair[0]), 0);
	}
	check_buffers_are_back();
	return 0;
}

/* Ends with results that nobody has taken, and some that nobody has given
 * back. */
static int end_with_results(void *arg)
{
	struct stream *stream = arg;
	struct lend_series *series = open_recv(stream->fd, 8);
	struct lend_series_result result;
	ssize_t res;

	do {
		res = lend_series_next(series, LEND_FOREVER, &result);
		if (stream->number == 0 && res > 0)
			lend_buffer_release(&result.buffer);
		atomic_fetch_add(&waiting, 1);
	} while (res > 0 && stream->number == 0);
	if (stream->number == 1)
		lend_sleep(LEND_FOREVER);
	if (stream->number == 2)
		lend_exit(-ECANCELED);
	return -ECANCELED;
}

static int ends_at_any_moment(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 40; i++) {
		struct stream in = { .number = i % 4 };
		struct stream out = { .number = 5,
				      .size = 30000,
				      .may_end = true };
		lend_ref sender, ref;
		int pair[2];

		atomic_store(&waiting, 0);
		test_pair(pair);
		in.fd = pair[1];
		out.fd = pair[0];
		ref = test_spawn(end_with_results, &in);
		sender = test_spawn(send_stream, &out);
		wait_for(1);
		for (unsigned j = 0; j < i / 4; j++)
			lend_yield();
		lend_cancel(ref);
		CHECK_IN(test_join(ref), -ECANCELED, 0);
		/* Nobody reads the rest. */
		CHECK_EQ(lend_close(pair[1]), 0);
		lend_cancel(sender);
		CHECK_IN(test_join(sender), -ECANCELED, 0);
		CHECK_EQ(lend_close(pair[0]), 0);
	}
	check_buffers_are_back();
	return 0;
}

static int deadlines_end_waits_only(void *arg)
{
	struct lend_series *series;
	int pair[2];

	(void)arg;
	test_pair(pair);
	series = open_recv(pair[1], 0);
	for (unsigned i = 0; i < 20; i++) {
		char byte = byte_at(6, i);

		CHECK_EQ(lend_series_next(series, lend_after(100 * LEND_US),
					  NULL),
			 -ETIMEDOUT);
		if (i % 3 == 2)
			lend_series_pause(series);
		CHECK_EQ(write(pair[0], &byte, 1), 1);
		CHECK_EQ(take_stream(series, 6, i, 1), 1);
	}
	lend_series_close(series);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	check_buffers_are_back();
	return 0;
}

/* ---- while rings and workers come and go, or are stuck ---- */

static int sizes_change(void *arg)
{
	static struct streams streams;
	unsigned rings = lend_runtime_rings(lend_runtime_current());

	(void)arg;
	start_streams(&streams, 400000);
	for (unsigned i = 0; i < 6; i++) {
		CHECK_EQ(set_rings(i % 2 ? rings : rings + 2, SOON), 0);
		if (!is_private())
			CHECK_EQ(set_workers(1 + i % 3, SOON), 0);
	}
	finish_streams(&streams);
	return 0;
}

static int spin_now_and_then(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		test_spin(5 * LEND_MS);
		lend_yield();
	}
	return 0;
}

static int others_are_stuck(void *arg)
{
	static struct streams streams;
	lend_ref spinner;

	(void)arg;
	atomic_store(&stop, false);
	spinner = test_spawn(spin_now_and_then, NULL);
	start_streams(&streams, 60000);
	finish_streams(&streams);
	atomic_store(&stop, true);
	CHECK_EQ(test_join(spinner), 0);
	return 0;
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

static void drop_line(enum lend_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static int odd_sizes_are_refused(void)
{
	const struct lend_options odd[] = {
		{ .buffers = 32769 },
		{ .buffer_size = 63 },
		{ .buffer_size = (1 << 20) + 1 },
	};
	struct lend_runtime *runtime = NULL;

	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct lend_options options = test_options;

		options.buffers = odd[i].buffers;
		options.buffer_size = odd[i].buffer_size;
		options.log = drop_line;
		CHECK_EQ(lend_runtime_new(&options, &runtime), -EINVAL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 60);
	test_actor("every_byte_in_order", every_byte_in_order);
	test_actor("what_waits_is_bounded", what_waits_is_bounded);
	test_actor("small_messages_wait_too", small_messages_wait_too);
	options = test_options;
	options.buffers_actor_max = 8;
	test_actor_with("who_holds_much_is_served", who_holds_much_is_served,
			&options);
	test_actor_with("what_waits_goes_back", what_waits_goes_back, &options);
	options = test_options;
	options.buffers = 64;
	test_actor_with("a_greedy_sender_starves_nobody",
			a_greedy_sender_starves_nobody, &options);
	options.buffers = 1;
	options.buffer_size = 256;
	test_actor_with("without_buffers_nothing_is_lost",
			without_buffers_nothing_is_lost, &options);
	test_actor("datagrams_of_many_senders", datagrams_of_many_senders);
	test_actor("odd_datagrams", odd_datagrams);
	test_actor("events_come_each_time", events_come_each_time);
	test_actor("connections_come", connections_come);
	test_actor("closed_by_another", closed_by_another);
	test_actor("ends_at_any_moment", ends_at_any_moment);
	test_actor("deadlines_end_waits_only", deadlines_end_waits_only);
	test_actor("sizes_change", sizes_change);
	test_actor("others_are_stuck", others_are_stuck);
	test_actor("mistakes_are_told", mistakes_are_told);
	test_plain("odd_sizes_are_refused", odd_sizes_are_refused);
	return test_finish();
}
