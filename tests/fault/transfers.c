/*
 * Scenarios of input and output of several steps: files into sockets,
 * directories, messages, series, handles.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault/scenario.h"
#include "harness/harness.h"

#define SIZE 100

static int sendfiles(void *arg)
{
	static const char data[SIZE];
	int fd = memfd_create("lend-fault", MFD_CLOEXEC), pair[2];
	int64_t offset = 0;
	long res;

	(void)arg;
	CHECK_EQ(write(fd, data, SIZE), SIZE);
	test_pair(pair);
	res = lend_sendfile(pair[0], fd, &offset, SIZE, LEND_FOREVER);
	if (FINE(res))
		CHECK_EQ(res, SIZE);
	CHECK_EQ(offset, res > 0 ? res : 0);
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	CLOSE(fd);
	return 0;
}

static int directories(void *arg)
{
	struct lend_dir_entry entry;
	struct lend_dir *dir;
	unsigned entries = 0;
	int res;

	(void)arg;
	if (!FINE(lend_dir_open(AT_FDCWD, "/proc/self", LEND_FOREVER, &dir)))
		return 0;
	while ((res = lend_dir_read(dir, LEND_FOREVER, &entry)) > 0)
		entries++;
	if (FINE(res))
		CHECK(entries > 2);
	lend_dir_close(dir);
	return 0;
}

/* ---- messages ---- */

static void receive_a_message(int fd)
{
	char bytes[8];
	struct iovec vectors[2] = { { bytes, 3 }, { bytes + 3, 5 } };
	struct msghdr message = { .msg_iov = vectors, .msg_iovlen = 2 };
	long res = lend_recvmsg(fd, &message, 0, LEND_FOREVER);

	if (FINE(res) && CHECK_EQ(res, 5))
		CHECK(!memcmp(bytes, "hello", 5));
}

static int messages(void *arg)
{
	char text[] = "hello";
	struct iovec vectors[2] = { { text, 2 }, { text + 2, 3 } };
	const struct msghdr message = { .msg_iov = vectors, .msg_iovlen = 2 };
	int pair[2], passed;
	unsigned count = 1;
	char byte;
	long res;

	(void)arg;
	test_pair(pair);
	res = lend_sendmsg(pair[0], &message, 0, LEND_FOREVER);
	if (FINE(res) && CHECK_EQ(res, 5))
		receive_a_message(pair[1]);
	/* With a descriptor, behind what was not received. */
	res = lend_send_fds(pair[1], "x", 1, &pair[0], 1, LEND_FOREVER);
	if (FINE(res)) {
		res = lend_recv_fds(pair[0], &byte, 1, &passed, &count,
				    LEND_FOREVER);
		if (FINE(res) && CHECK_EQ(count, 1))
			CLOSE(passed);
	}
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

/* ---- series ---- */

/* Each result, and each error but one that ends it. */
static void take_all(struct lend_series *series)
{
	struct lend_series_result result;
	unsigned errors = 0;
	size_t taken = 0;
	ssize_t res;

	do {
		res = lend_series_next(series, LEND_FOREVER, &result);
		if (FINE(res)) {
			taken += (size_t)res;
			lend_buffer_release(&result.buffer);
		} else {
			errors++;
		}
	} while (res && !lend_is_cancelled() && errors < 100);
	CHECK_IN(taken, 0, 3 * SIZE);
	if (!errors)
		CHECK_EQ(taken, 3 * SIZE);
}

static int series_of_receives(void *arg)
{
	static const char data[SIZE];
	struct lend_series *series;
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(write(pair[1], data, SIZE), SIZE);
	CHECK_EQ(shutdown(pair[1], SHUT_WR), 0);
	if (FINE(lend_series_open(pair[0], LEND_SERIES_RECV, NULL, &series))) {
		take_all(series);
		lend_series_close(series);
	}
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

static int series_of_accepts(void *arg)
{
	uint16_t port;
	int listener = test_listen(8, &port), clients[3];
	struct lend_series *series;
	unsigned errors = 0;

	(void)arg;
	for (int i = 0; i < 3; i++)
		clients[i] = test_connect(port);
	if (FINE(lend_series_open(listener, LEND_SERIES_ACCEPT, NULL,
				  &series))) {
		/* One is left for the close. */
		for (int taken = 0; taken < 2 && errors < 100;) {
			long fd = lend_series_next(series, LEND_FOREVER, NULL);

			if (FINE(fd)) {
				CLOSE((int)fd);
				taken++;
			} else {
				errors++;
			}
		}
		lend_series_close(series);
	}
	for (int i = 0; i < 3; i++)
		CLOSE(clients[i]);
	CLOSE(listener);
	return 0;
}

/* ---- handles ---- */

static void await_one(struct lend_pending *pending, long expected)
{
	long res = lend_pending_await(pending, LEND_FOREVER);

	if (FINE(res))
		CHECK_EQ(res, expected);
	lend_pending_free(pending);
}

static int handles(void *arg)
{
	struct lend_pending *pending, *polling;
	int pair[2], res;
	char byte;

	(void)arg;
	test_pair(pair);
	if (FINE(lend_poll_async(pair[0], POLLIN, &polling))) {
		if (FINE(lend_send_async(pair[1], "x", 1, 0, &pending)))
			await_one(pending, 1);
		/* It may not have been sent. */
		CHECK_EQ(shutdown(pair[1], SHUT_WR), 0);
		res = lend_pending_await(polling, LEND_FOREVER);
		if (FINE(res))
			CHECK(res & POLLIN);
		lend_pending_free(polling);
	}
	/* One whose actor is gone from it before it ends. */
	if (FINE(lend_recv_async(pair[1], &byte, 1, 0, &pending))) {
		lend_pending_cancel(pending);
		lend_pending_free(pending);
	}
	if (FINE(lend_openat_async(AT_FDCWD, "/dev/null", O_RDONLY, 0,
				   &pending))) {
		res = lend_pending_await(pending, LEND_FOREVER);
		if (FINE(res))
			CLOSE(res);
		lend_pending_free(pending);
	}
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

const struct scenario scenarios_of_transfers[] = {
	{ .name = "sendfile", .fn = sendfiles },
	{ .name = "directory", .fn = directories },
	{ .name = "messages-io", .fn = messages },
	{ .name = "series", .fn = series_of_receives },
	{ .name = "series-accept", .fn = series_of_accepts },
	{ .name = "handles", .fn = handles },
	{ 0 },
};
