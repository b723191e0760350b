/*
 * Goal:   sockets connect, accept, send, receive and shut down as the system
 *         calls would; more receivers may wait than there are buffers or slots.
 * Method: echo over TCP and unix sockets with data that shows any mix-up; 256
 *         idle receives on rings of whatever depth; more held buffers than a
 *         ring has.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

static void fill(char *data, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (char)((i * 31 + seed) >> 3);
}

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char data[3000];
	long size;

	while ((size = lend_recv(fd, data, sizeof(data), 0, LEND_FOREVER)) > 0)
		if (lend_send_all(fd, data, (size_t)size, LEND_FOREVER) != size)
			break;
	CHECK_EQ(size, 0);
	return lend_close(fd);
}

static void check_echo(int fd, unsigned seed)
{
	char out[2500], in[2500];

	for (unsigned round = 0; round < 10; round++) {
		size_t size = 1 + (seed * 131 + round * 977) % sizeof(out);
		size_t got = 0;

		fill(out, size, seed + round);
		CHECK_EQ(lend_send_all(fd, out, size, LEND_FOREVER), size);
		while (got < size) {
			long n = lend_recv(fd, in + got, size - got, 0,
					   LEND_FOREVER);

			if (!CHECK(n > 0))
				return;
			got += (size_t)n;
		}
		if (!CHECK(!memcmp(in, out, size)))
			return;
	}
}

/* ---- TCP ---- */

static uint16_t port;

static int tcp_client(void *arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(lend_connect(fd, (struct sockaddr *)&address, sizeof(address),
			      LEND_FOREVER),
		 0);
	CHECK_EQ(lend_poll(fd, POLLOUT, LEND_FOREVER), POLLOUT);
	check_echo(fd, (unsigned)(uintptr_t)arg);
	CHECK_EQ(lend_shutdown(fd, SHUT_WR, LEND_FOREVER), 0);
	CHECK_EQ(lend_recv(fd, &byte, 1, 0, LEND_FOREVER), 0);
	return lend_close(fd);
}

static int tcp_echo(void *arg)
{
	lend_ref clients[40], servers[40];
	int listener = test_listen(128, &port);

	(void)arg;
	for (int i = 0; i < 40; i++)
		clients[i] = test_spawn(tcp_client, (void *)(intptr_t)i);
	for (int i = 0; i < 40; i++) {
		struct sockaddr_in peer = { 0 };
		unsigned size = sizeof(peer);
		int fd = lend_accept(listener,
				     i % 2 ? (struct sockaddr *)&peer : NULL,
				     &size, LEND_FOREVER);

		if (!CHECK(fd >= 0))
			return fd;
		if (i % 2) {
			CHECK_EQ(size, sizeof(peer));
			CHECK_EQ(peer.sin_family, AF_INET);
			CHECK_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		}
		servers[i] = test_spawn(echo, (void *)(intptr_t)fd);
	}
	for (int i = 0; i < 40; i++) {
		CHECK_EQ(test_join(clients[i]), 0);
		CHECK_EQ(test_join(servers[i]), 0);
	}
	CHECK_EQ(lend_close(listener), 0);
	return 0;
}

static int connect_errors(void *arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	uint16_t closed;
	int fd = test_listen(1, &closed);

	(void)arg;
	CHECK_EQ(lend_close(fd), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_port = htons(closed);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(lend_connect(fd, (struct sockaddr *)&address, sizeof(address),
			      LEND_FOREVER),
		 -ECONNREFUSED);
	CHECK_EQ(lend_connect(fd, (struct sockaddr *)&address, 0, LEND_FOREVER),
		 -EINVAL);
	CHECK_EQ(lend_connect(fd, (struct sockaddr *)&address, 1000,
			      LEND_FOREVER),
		 -EINVAL);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

/* ---- unix ---- */

static int unix_echo(void *arg)
{
	lend_ref servers[20];
	int pairs[20][2];

	(void)arg;
	for (int i = 0; i < 20; i++) {
		test_pair(pairs[i]);
		servers[i] = test_spawn(echo, (void *)(intptr_t)pairs[i][1]);
	}
	for (int i = 0; i < 20; i++)
		check_echo(pairs[i][0], (unsigned)i);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(lend_close(pairs[i][0]), 0);
		CHECK_EQ(test_join(servers[i]), 0);
	}
	return 0;
}

static int send_megabytes(void *arg)
{
	static char data[4 << 20];
	int fd = (int)(intptr_t)arg;

	fill(data, sizeof(data), 5);
	CHECK_EQ(lend_send_all(fd, data, sizeof(data), LEND_FOREVER),
		 sizeof(data));
	return lend_close(fd);
}

static int big_send(void *arg)
{
	char in[8192], want[8192];
	size_t got = 0;
	int pair[2];
	lend_ref ref;
	long n;

	(void)arg;
	test_pair(pair);
	ref = test_spawn(send_megabytes, (void *)(intptr_t)pair[0]);
	while ((n = lend_recv(pair[1], in, sizeof(in), 0, LEND_FOREVER)) > 0) {
		for (long i = 0; i < n; i++)
			want[i] = (char)(((got + (size_t)i) * 31 + 5) >> 3);
		if (!CHECK(!memcmp(in, want, (size_t)n)))
			break;
		got += (size_t)n;
	}
	CHECK_EQ(got, 4 << 20);
	CHECK_EQ(test_join(ref), 0);
	CHECK_EQ(lend_send(pair[1], "x", 1, 0, LEND_FOREVER), -EPIPE);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

/* ---- buffers ---- */

static _Atomic unsigned idle;

static int receive_one(void *arg)
{
	struct lend_buffer buffer = { 0 };
	int fd = (int)(intptr_t)arg;
	long size;

	atomic_fetch_add(&idle, 1);
	size = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
	if (CHECK_EQ(size, sizeof(int))) {
		int value;

		memcpy(&value, buffer.data, sizeof(value));
		CHECK_EQ(value, fd);
	}
	lend_buffer_release(&buffer);
	lend_buffer_release(&buffer);
	CHECK_EQ(lend_recv_buffer(fd, LEND_FOREVER, &buffer), 0);
	return lend_close(fd);
}

/* More idle receives than slots, completions or buffers. */
static int idle_receivers(void *arg)
{
	static lend_ref refs[1000];
	static int pairs[1000][2];

	(void)arg;
	atomic_store(&idle, 0);
	for (int i = 0; i < 1000; i++) {
		test_pair(pairs[i]);
		refs[i] = test_spawn(receive_one,
				     (void *)(intptr_t)pairs[i][1]);
		if (i % 100 == 0)
			lend_yield();
	}
	while (atomic_load(&idle) < 1000)
		lend_yield();
	lend_sleep(lend_after(10 * LEND_MS));
	/* Each is sent its own number. */
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(write(pairs[i][0], &pairs[i][1], sizeof(int)),
			 sizeof(int));
	for (int i = 0; i < 1000; i++)
		close(pairs[i][0]);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

static int hold_buffers(void *arg)
{
	struct lend_buffer buffers[100];
	int fd = (int)(intptr_t)arg;

	for (int i = 0; i < 100; i++) {
		CHECK_EQ(lend_send(fd, "0123456789", 10, 0, LEND_FOREVER), 10);
		memset(&buffers[i], 0, sizeof(buffers[i]));
		if (!CHECK_EQ(lend_recv_buffer(fd, LEND_FOREVER, &buffers[i]),
			      10))
			return -1;
		CHECK(!memcmp(buffers[i].data, "0123456789", 10));
		lend_yield();
	}
	atomic_fetch_add(&idle, 1);
	/* All held at the same time, by all. */
	while (atomic_load(&idle) < 10)
		lend_yield();
	for (int i = 0; i < 100; i++) {
		CHECK(!memcmp(buffers[i].data, "0123456789", 10));
		lend_buffer_release(&buffers[i]);
	}
	return 0;
}

static int reflect(void *arg)
{
	return echo(arg);
}

static int more_than_there_are(void *arg)
{
	lend_ref refs[10], echoes[10];
	int pairs[10][2];

	(void)arg;
	/* Twice: buffers that were given back are there again. */
	for (int round = 0; round < 2; round++) {
		atomic_store(&idle, 0);
		for (int i = 0; i < 10; i++) {
			test_pair(pairs[i]);
			echoes[i] = test_spawn(reflect,
					       (void *)(intptr_t)pairs[i][1]);
			refs[i] = test_spawn(hold_buffers,
					     (void *)(intptr_t)pairs[i][0]);
		}
		for (int i = 0; i < 10; i++) {
			CHECK_EQ(test_join(refs[i]), 0);
			CHECK_EQ(lend_close(pairs[i][0]), 0);
			CHECK_EQ(test_join(echoes[i]), 0);
		}
	}
	return 0;
}

/* ---- the end of an actor ---- */

static int leave_in_flight(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;

	/* Cancelled in the middle: the call returns when it is over. */
	CHECK_EQ(lend_recv_buffer(fd, LEND_FOREVER, &buffer), -ECANCELED);
	lend_exit(3);
}

static int exit_with_io(void *arg)
{
	lend_ref refs[50];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 50; i++)
		refs[i] = test_spawn(leave_in_flight,
				     (void *)(intptr_t)pair[0]);
	for (int i = 0; i < 10; i++)
		lend_yield();
	for (int i = 0; i < 50; i++)
		lend_cancel(refs[i]);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(test_join(refs[i]), 3);
	/* Nobody eats what comes now. */
	CHECK_EQ(write(pair[1], "y", 1), 1);
	CHECK_EQ(lend_poll(pair[0], POLLIN, LEND_FOREVER), POLLIN);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 30);
	test_actor("tcp_echo", tcp_echo);
	test_actor("connect_errors", connect_errors);
	test_actor("unix_echo", unix_echo);
	test_actor("big_send", big_send);
	test_actor("idle_receivers", idle_receivers);
	test_actor("more_than_there_are", more_than_there_are);
	test_actor("exit_with_io", exit_with_io);
	return test_finish();
}
