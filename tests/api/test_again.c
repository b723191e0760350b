/*
 * Goal:   a call whose operation the kernel ends though nobody asked for it has
 *         it submitted again, and its caller does not notice; one that somebody
 *         did ask to end, ends.
 * Method: an outsider cancels everything on every ring, while operations of
 *         every kind wait.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "api/outsider.h"

#define READERS 48
#define STORMS	6

static _Atomic unsigned waiting;

static void wait_for(unsigned count)
{
	while (atomic_load(&waiting) < count)
		lend_yield();
}

/* ---- what waits ---- */

static int read_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte = 0;
	int res;

	atomic_fetch_add(&waiting, 1);
	res = (int)lend_recv(fd, &byte, 1, 0, LEND_FOREVER);
	return res == 1 ? byte : res;
}

static int read_buffer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;
	ssize_t res;
	int byte;

	atomic_fetch_add(&waiting, 1);
	res = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
	if (res != 1)
		return (int)res;
	byte = ((char *)buffer.data)[0];
	lend_buffer_release(&buffer);
	return byte;
}

static int poll_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	atomic_fetch_add(&waiting, 1);
	if (lend_poll(fd, POLLIN, LEND_FOREVER) != POLLIN)
		return -1;
	return lend_recv(fd, &byte, 1, 0, LEND_NOW) == 1 ? byte : -1;
}

static int readers_do_not_notice(void *arg)
{
	static const lend_actor_fn kinds[] = { read_one, read_buffer,
					       poll_one };
	int pairs[READERS][2];
	lend_ref readers[READERS];
	uint64_t deadline = lend_after(20 * LEND_S);
	uint64_t before = resubmitted();

	(void)arg;
	atomic_store(&waiting, 0);
	for (unsigned i = 0; i < READERS; i++) {
		test_pair(pairs[i]);
		readers[i] = test_spawn_on(1 + i % test_options.workers,
					   kinds[i % 3],
					   (void *)(intptr_t)pairs[i][0]);
	}
	wait_for(READERS);
	for (unsigned i = 0; i < STORMS; i++)
		storm();
	while (resubmitted() - before < READERS && lend_now() < deadline)
		storm();
	CHECK_IN(resubmitted() - before, READERS, INT32_MAX);
	for (unsigned i = 0; i < READERS; i++) {
		char byte = (char)(1 + i);

		CHECK_EQ(lend_send(pairs[i][1], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(test_join(readers[i]), byte);
		lend_close(pairs[i][0]);
		lend_close(pairs[i][1]);
	}
	return 0;
}

static int send_all(void *arg)
{
	static char data[1 << 20];
	int fd = (int)(intptr_t)arg;

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 2654435761u >> 24);
	atomic_fetch_add(&waiting, 1);
	return lend_send_all(fd, data, sizeof(data), LEND_FOREVER) ==
			       sizeof(data) ?
		       0 :
		       -1;
}

/* Not a byte is sent twice, none is left out. */
static int a_send_goes_on_where_it_was(void *arg)
{
	char piece[30000];
	unsigned at = 0;
	int pair[2];
	lend_ref sender;

	(void)arg;
	atomic_store(&waiting, 0);
	test_pair(pair);
	sender = test_spawn(send_all, (void *)(intptr_t)pair[0]);
	wait_for(1);
	while (at < 1 << 20) {
		ssize_t got;

		storm();
		got = lend_recv(pair[1], piece, sizeof(piece), 0, LEND_FOREVER);
		if (!CHECK(got > 0))
			break;
		for (ssize_t i = 0; i < got; i++, at++)
			if (piece[i] != (char)(at * 2654435761u >> 24))
				return -1;
	}
	CHECK_EQ(test_join(sender), 0);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

/* ---- accept, connect ---- */

static int dial_one(void *arg)
{
	const struct lend_address *address = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	atomic_fetch_add(&waiting, 1);
	err = lend_connect(fd, (const struct sockaddr *)&address->storage,
			   address->size, LEND_FOREVER);
	lend_close(fd);
	return err;
}

static int accept_one(void *arg)
{
	int fd;

	atomic_fetch_add(&waiting, 1);
	fd = lend_listener_accept(arg, LEND_FOREVER);
	if (fd >= 0)
		lend_close(fd);
	return fd >= 0 ? 0 : fd;
}

static int accept_goes_on(void *arg)
{
	struct lend_listener *listener;
	lend_ref acceptor, dialer;

	(void)arg;
	atomic_store(&waiting, 0);
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 0, &listener), 0))
		return -1;
	acceptor = test_spawn(accept_one, listener);
	wait_for(1);
	for (unsigned i = 0; i < STORMS; i++)
		storm();

	dialer = test_spawn(dial_one,
			    (void *)(uintptr_t)lend_listener_address(listener));
	CHECK_EQ(test_join(acceptor), 0);
	CHECK_EQ(test_join(dialer), 0);
	lend_listener_close(listener);
	return 0;
}

/* The listener's queue is full, so that the kernel keeps a connect waiting;
 * it tries again after a second. */
static int connect_goes_on(void *arg)
{
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);
	struct lend_address address = { 0 };
	int filling, accepted[2];
	lend_ref dialer;
	uint16_t port;
	int listener;

	(void)arg;
	atomic_store(&waiting, 0);
	listener = test_listen(0, &port);
	filling = test_connect(port);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&storage, &size), 0);
	memcpy(&address.storage, &storage, size);
	address.size = size;
	dialer = test_spawn(dial_one, &address);
	wait_for(1);
	for (unsigned i = 0; i < STORMS; i++)
		storm();
	for (unsigned i = 0; i < 2; i++) {
		accepted[i] = lend_accept(listener, NULL, NULL,
					  lend_after(20 * LEND_S));
		CHECK(accepted[i] >= 0);
	}
	CHECK_EQ(test_join(dialer), 0);
	for (unsigned i = 0; i < 2; i++)
		lend_close(accepted[i]);
	lend_close(filling);
	lend_close(listener);
	return 0;
}

/* ---- what was asked for happens ---- */

static int read_until(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t deadline = lend_after(60 * LEND_MS);
	char byte;

	atomic_fetch_add(&waiting, 1);
	CHECK_EQ(lend_recv(fd, &byte, 1, 0, deadline), -ETIMEDOUT);
	CHECK(lend_now() >= deadline);
	return 0;
}

/* In flight when it counts: a close can not come before it. */
static int read_begun(void *arg)
{
	struct lend_pending *pending;
	char *byte = lend_io_alloc(1);
	int res;

	if (!CHECK_EQ(lend_recv_async((int)(intptr_t)arg, byte, 1, 0, &pending),
		      0))
		return -1;
	atomic_fetch_add(&waiting, 1);
	res = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	lend_io_free(byte);
	return res;
}

static int who_asks_is_heard(void *arg)
{
	lend_ref late, cancelled, closed;
	int pairs[3][2];

	(void)arg;
	atomic_store(&waiting, 0);
	for (unsigned i = 0; i < 3; i++)
		test_pair(pairs[i]);
	late = test_spawn(read_until, (void *)(intptr_t)pairs[0][0]);
	cancelled = test_spawn(read_one, (void *)(intptr_t)pairs[1][0]);
	closed = test_spawn(read_begun, (void *)(intptr_t)pairs[2][0]);
	wait_for(3);
	for (unsigned i = 0; i < STORMS; i++)
		storm();
	CHECK_EQ(test_join(late), 0);
	CHECK_EQ(lend_cancel(cancelled), 0);
	CHECK_EQ(test_join(cancelled), -ECANCELED);
	CHECK_EQ(lend_close(pairs[2][0]), 0);
	CHECK_EQ(test_join(closed), -ECANCELED);
	lend_close(pairs[0][0]);
	lend_close(pairs[1][0]);
	for (unsigned i = 0; i < 3; i++)
		lend_close(pairs[i][1]);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("readers do not notice", readers_do_not_notice);
	test_actor("a send goes on where it was", a_send_goes_on_where_it_was);
	test_actor("accept goes on", accept_goes_on);
	test_actor("connect goes on", connect_goes_on);
	test_actor("who asks is heard", who_asks_is_heard);
	return test_finish();
}
