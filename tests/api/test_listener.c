/*
 * Goal:   a listener hands out every connection of a burst once, pauses, and at
 *         its end, its actor's end or the runtime's leaves nothing open.
 * Method: threads that are no workers connect as fast as they can.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define THREADS 3
#define EACH	1000

static uint16_t port_of(const struct lend_listener *listener)
{
	const struct lend_address *address = lend_listener_address(listener);
	const struct sockaddr_in *in = (const void *)&address->storage;

	return ntohs(in->sin_port);
}

static void *connect_many(void *arg)
{
	uint16_t port = (uint16_t)(uintptr_t)arg;

	for (int i = 0; i < EACH; i++) {
		int fd = test_connect(port);
		char byte;

		/* Until the server has closed it. */
		CHECK_EQ(read(fd, &byte, 1), 1);
		close(fd);
	}
	return NULL;
}

static int serve(void *arg)
{
	int fd = (int)(intptr_t)arg;

	CHECK_EQ(lend_send(fd, "!", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

static int burst(void *arg)
{
	struct lend_listener *listener;
	pthread_t threads[THREADS];
	uintptr_t port;

	(void)arg;
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 0, &listener), 0))
		return -1;
	port = port_of(listener);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, connect_many, (void *)port);
	for (int i = 0; i < THREADS * EACH; i++) {
		int fd = lend_listener_accept(listener, LEND_FOREVER);

		if (!CHECK(fd >= 0))
			return fd;
		if (lend_spawn(serve, (void *)(intptr_t)fd, NULL, NULL))
			serve((void *)(intptr_t)fd);
	}
	CHECK_EQ(lend_listener_accept(listener, lend_after(LEND_MS)),
		 -ETIMEDOUT);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(!lend_listener_close(listener));
	return 0;
}

/* All 3,000 are connected before the first is taken. */
static int backlog(void *arg)
{
	static int clients[3000];
	struct lend_listener *listener;

	(void)arg;
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 4096, &listener), 0))
		return -1;
	for (int i = 0; i < 3000; i++)
		clients[i] = test_connect(port_of(listener));
	for (int i = 0; i < 1500; i++) {
		int fd = lend_listener_accept(listener, LEND_FOREVER);

		if (!CHECK(fd >= 0))
			return fd;
		CHECK_EQ(lend_close(fd), 0);
		if (i % 100 == 50)
			lend_listener_pause(listener);
		if (i % 100 == 70)
			lend_yield();
	}
	/* The other half is closed with it, accepted or not. */
	CHECK(!lend_listener_close(listener));
	for (int i = 0; i < 3000; i++)
		close(clients[i]);
	return 0;
}

static int pause_stops_accepting(void *arg)
{
	struct lend_listener *listener;
	int clients[3], fd;

	(void)arg;
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 16, &listener), 0))
		return -1;
	lend_listener_pause(listener);
	clients[0] = test_connect(port_of(listener));
	fd = lend_listener_accept(listener, LEND_FOREVER);
	CHECK(fd >= 0);
	lend_close(fd);
	lend_listener_pause(listener);
	for (int i = 1; i < 3; i++)
		clients[i] = test_connect(port_of(listener));
	lend_sleep(lend_after(2 * LEND_MS));
	for (int i = 1; i < 3; i++) {
		fd = lend_listener_accept(listener, LEND_FOREVER);
		CHECK(fd >= 0);
		lend_close(fd);
	}
	CHECK(!lend_listener_close(listener));
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	return 0;
}

static int accept_until_cancelled(void *arg)
{
	struct lend_listener *listener = arg;
	int fd;

	while ((fd = lend_listener_accept(listener, LEND_FOREVER)) >= 0)
		lend_close(fd);
	return fd;
}

static int accept_then_close(void *arg)
{
	int err = accept_until_cancelled(arg);

	lend_listener_close(arg);
	return err;
}

static int cancelled_acceptors(void *arg)
{
	(void)arg;
	for (int round = 0; round < 30; round++) {
		struct lend_listener *listener;
		lend_ref ref;
		int clients[20];

		if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 64, &listener),
			      0))
			return -1;
		ref = test_spawn_on(1 + (unsigned)round % test_options.workers,
				    round % 2 ? accept_then_close :
						accept_until_cancelled,
				    listener);
		for (int i = 0; i < 20; i++) {
			clients[i] = test_connect(port_of(listener));
			if (i == round % 20)
				lend_cancel(ref);
			if (i % 7 == round % 7)
				lend_yield();
			/* From here on it may be gone. */
			if (i == round % 20) {
				for (int j = i + 1; j < 20; j++)
					clients[j] = -1;
				break;
			}
		}
		CHECK_EQ(test_join(ref), -ECANCELED);
		if (round % 2 == 0)
			lend_listener_close(listener);
		for (int i = 0; i < 20; i++)
			if (clients[i] >= 0)
				close(clients[i]);
	}
	return 0;
}

/* The first actor ends; the acceptor is cancelled and closes its listener. */
static int left_to_the_runtime(void *arg)
{
	struct lend_listener *listener;

	(void)arg;
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 64, &listener), 0))
		return -1;
	test_spawn(accept_then_close, listener);
	for (int i = 0; i < 10; i++) {
		close(test_connect(port_of(listener)));
		lend_yield();
	}
	return 0;
}

/* LEND_NOW takes what is there, without having accepted before. */
static int now_takes_the_backlog(void *arg)
{
	struct lend_listener *listener;
	int client, fd;

	(void)arg;
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 16, &listener), 0))
		return -1;
	CHECK_EQ(lend_listener_accept(listener, LEND_NOW), -ETIMEDOUT);
	client = test_connect(port_of(listener));
	fd = lend_listener_accept(listener, LEND_NOW);
	if (CHECK(fd >= 0))
		CHECK_EQ(lend_close(fd), 0);
	CHECK_EQ(lend_listener_accept(listener, LEND_NOW), -ETIMEDOUT);
	CHECK(!lend_listener_close(listener));
	close(client);
	return 0;
}

static int unix_listener(void *arg)
{
	struct lend_listener *listener, *second;
	struct lend_address parsed;
	char address[80], text[LEND_ADDRESS_TEXT_MAX];
	int fd, client;

	(void)arg;
	snprintf(address, sizeof(address), "unix:/tmp/lend-test-%d.sock",
		 getpid());
	if (!CHECK_EQ(lend_listener_open(address, 0, &listener), 0))
		return -1;
	CHECK_EQ(lend_listener_open(address, 0, &second), -EADDRINUSE);
	CHECK_EQ(lend_address_parse(address, &parsed), 0);
	lend_address_format(lend_listener_address(listener), text);
	CHECK(!strcmp(text, address));
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(lend_connect(client, (struct sockaddr *)&parsed.storage,
			      parsed.size, LEND_FOREVER),
		 0);
	fd = lend_listener_accept(listener, LEND_FOREVER);
	CHECK(fd >= 0);
	CHECK_EQ(lend_close(fd), 0);
	CHECK_EQ(lend_close(client), 0);
	CHECK(!lend_listener_close(listener));
	CHECK_EQ(access(address + 5, F_OK), -1);
	CHECK_EQ(lend_listener_open("nonsense", 0, &listener), -EINVAL);
	CHECK(!lend_listener_close(NULL));
	return 0;
}

/* Whose connections wait, as many as it wants: it is there, and is not waited
 * for. */
static int full_unix_listener(void *arg)
{
	struct lend_listener *second;
	struct lend_address address;
	int listening, clients[16];
	unsigned count = 0;
	char text[80];

	(void)arg;
	snprintf(text, sizeof(text), "unix:/tmp/lend-test-full-%d.sock",
		 getpid());
	CHECK_EQ(lend_address_parse(text, &address), 0);
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(listening, (struct sockaddr *)&address.storage,
		      address.size),
		 0);
	CHECK_EQ(listen(listening, 0), 0);
	do
		clients[count] = socket(
			AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	while (!connect(clients[count++], (struct sockaddr *)&address.storage,
			address.size) &&
	       count < 16);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(lend_listener_open(text, 0, &second), -EADDRINUSE);
	while (count)
		close(clients[--count]);
	close(listening);
	/* Now nobody listens there. */
	if (CHECK_EQ(lend_listener_open(text, 0, &second), 0))
		lend_listener_close(second);
	return 0;
}

/* ---- cancelled while it is given room ---- */

static struct lend_listener *crowded;
static _Atomic bool is_busy, go_on;

static int accept_once(void *arg)
{
	(void)arg;
	return lend_listener_accept(crowded, LEND_FOREVER);
}

static uint64_t count_waits(void)
{
	struct lend_stats stats;

	lend_stats_read(lend_runtime_current(), &stats);
	return stats.waits;
}

/* Its worker runs nobody else meanwhile. */
static int keep_busy(void *arg)
{
	uint64_t before = (uint64_t)(uintptr_t)arg;

	while (count_waits() == before)
		lend_yield();
	atomic_store(&is_busy, true);
	while (!atomic_load(&go_on))
		;
	return 0;
}

/* The room for its accept and its cancellation come together: it ends, though
 * the accept is in flight by then. */
static int cancelled_with_room(void *arg)
{
	const struct lend_spawn_options there = {
		.worker = 2,
		.joinable = true,
	};
	struct lend_claim_handle *claim;
	lend_ref accepting, busy;
	int value;

	(void)arg;
	atomic_store(&is_busy, false);
	atomic_store(&go_on, false);
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 0, &crowded), 0))
		return -1;
	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	CHECK_EQ(lend_spawn(keep_busy, (void *)(uintptr_t)count_waits(), &there,
			    &busy),
		 0);
	CHECK_EQ(lend_spawn(accept_once, NULL, &there, &accepting), 0);
	while (!atomic_load(&is_busy))
		;
	CHECK_EQ(lend_cancel(accepting), 0);
	lend_claim_abandon(claim);
	CHECK_EQ(lend_yield(), 0);
	atomic_store(&go_on, true);
	CHECK_EQ(lend_join(accepting, lend_after(10 * LEND_S), &value), 0);
	CHECK_EQ(value, -ECANCELED);
	CHECK_EQ(test_join(busy), 0);
	CHECK(!lend_listener_close(crowded));
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 30);
	test_actor("burst", burst);
	test_actor("backlog", backlog);
	test_actor("pause_stops_accepting", pause_stops_accepting);
	test_actor("cancelled_acceptors", cancelled_acceptors);
	test_actor("left_to_the_runtime", left_to_the_runtime);
	test_actor("now_takes_the_backlog", now_takes_the_backlog);
	test_actor("unix_listener", unix_listener);
	test_actor("full_unix_listener", full_unix_listener);
	if (test_options.workers > 1 && test_options.rings == 1 &&
	    test_options.depth == 1)
		test_actor("cancelled_with_room", cancelled_with_room);
	else
		test_skip("cancelled_with_room", "needs one slot for several");
	return test_finish();
}
