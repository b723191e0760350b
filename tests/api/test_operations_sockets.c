/*
 * Goal:   K11, B12, H8: each operation on sockets does what its system call
 *         does, errors included, in each of the three interfaces; what it reads
 *         is copied. Connections, streams, datagrams; messages are in
 *         test_operations_messages.c.
 * Method: the loopback and pairs; what is copied is scribbled over before the
 *         actor suspends, so before the kernel has seen it.
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

/* ---- setting up ---- */

static int sockets_are_made(void *arg)
{
	int fds[3];

	(void)arg;
	fds[0] = SYNC(socket, AF_INET, SOCK_STREAM, 0);
	fds[1] = ASYNC(socket, AF_INET, SOCK_DGRAM, 0);
	fds[2] = DIRECT(io_uring_prep_socket(direct_sqe, AF_UNIX,
					     SOCK_STREAM | SOCK_CLOEXEC, 0, 0));
	for (unsigned i = 0; i < 3; i++) {
		CHECK(fds[i] >= 0);
		CHECK(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
	}
	close_all(fds, 3);
	CHECK_EQ(SYNC(socket, AF_INET, SOCK_STREAM, IPPROTO_UDP),
		 -EPROTONOSUPPORT);
	CHECK_EQ(ASYNC(socket, 12345, SOCK_STREAM, 0), -EAFNOSUPPORT);
	/* Made, but nobody has seen it: closed with its handle. */
	STARTED(socket, AF_INET, SOCK_STREAM, 0);
	while (!lend_pending_done(started))
		lend_sleep(lend_after(LEND_MS));
	lend_pending_free(started);
	started = NULL;
	return 0;
}

static int bound_and_listening(void *arg)
{
	struct sockaddr_in address = loopback(0), wrong = loopback(0);
	int fds[2];

	(void)arg;
	fds[0] = SYNC(socket, AF_INET, SOCK_STREAM, 0);
	fds[1] = SYNC(socket, AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(SYNC(bind, fds[0], ADDRESS(address)), 0);
	STARTED(bind, fds[1], ADDRESS(address));
	scribble(&address, sizeof(address));
	CHECK_EQ(FINISHED(), 0);
	CHECK(port_of(fds[0]) && port_of(fds[1]) &&
	      port_of(fds[0]) != port_of(fds[1]));
	CHECK_EQ(SYNC(listen, fds[0], 5), 0);
	CHECK_EQ(ASYNC(listen, fds[1], 5), 0);
	CHECK_EQ(SYNC(bind, fds[0], ADDRESS(wrong)), -EINVAL);
	wrong.sin_addr.s_addr = htonl(0x01010101);
	CHECK_EQ(ASYNC(bind, fds[1], ADDRESS(wrong)), -EADDRNOTAVAIL);
	CHECK_EQ(SYNC(bind, fds[0], (struct sockaddr *)&wrong, 0), -EINVAL);
	CHECK_EQ(SYNC(listen, STDERR_FILENO, 5), -ENOTSOCK);
	CHECK_EQ(ASYNC(listen, STDERR_FILENO, 5), -ENOTSOCK);
	close_all(fds, 2);
	return 0;
}

static int options(void *arg)
{
	unsigned size = sizeof(int);
	int value = 1, fd = SYNC(socket, AF_INET, SOCK_STREAM, 0);

	(void)arg;
	CHECK_EQ(SYNC(setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &value, 4), 0);
	value = 0;
	CHECK_EQ(SYNC(getsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size),
		 0);
	CHECK_EQ(value, 1);
	value = 0;
	STARTED(setsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &value, 4);
	value = 7;
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(ASYNC(getsockopt, fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size),
		 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(SYNC(setsockopt, fd, SOL_SOCKET, 12345, &value, 4),
		 -ENOPROTOOPT);
	CHECK_EQ(ASYNC(getsockopt, fd, SOL_SOCKET, 12345, &value, &size),
		 -ENOPROTOOPT);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

/* Its record is one that a connection's has been, and its result a number. */
static int an_option_that_is_freed_closes_nothing(void *arg)
{
	unsigned size = sizeof(int);
	uint16_t port;
	int value = 0, listener = test_listen(1, &port), pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 10; i++) {
		STARTED(accept, listener, NULL, NULL);
		lend_pending_free(started);
		STARTED(getsockopt, pair[0], SOL_SOCKET, SO_TYPE, &value,
			&size);
		lend_pending_free(started);
		started = NULL;
	}
	CHECK_EQ(value, SOCK_STREAM);
	CHECK(fcntl(0, F_GETFD) >= 0);
	close_all(pair, 2);
	CHECK_EQ(lend_close(listener), 0);
	return 0;
}

/* ---- connections ---- */

static int connections(void *arg)
{
	struct sockaddr_in address, peer;
	int listener, clients[3], servers[3];
	unsigned size = sizeof(peer);
	uint16_t port;

	(void)arg;
	listener = test_listen(8, &port);
	address = loopback(port_of(listener));
	for (unsigned i = 0; i < 3; i++)
		clients[i] = SYNC(socket, AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(SYNC(connect, clients[0], ADDRESS(address)), 0);
	STARTED(connect, clients[1], ADDRESS(address));
	scribble(&address, sizeof(address));
	CHECK_EQ(FINISHED(), 0);
	address = loopback(port_of(listener));
	CHECK_EQ(DIRECT(io_uring_prep_connect(direct_sqe, clients[2],
					      ADDRESS(address))),
		 0);
	servers[0] = SYNC(accept, listener, (struct sockaddr *)&peer, &size);
	CHECK_EQ(size, sizeof(peer));
	CHECK_EQ(peer.sin_port, port_of(clients[0]));
	size = sizeof(peer);
	scribble(&peer, sizeof(peer));
	servers[1] = ASYNC(accept, listener, (struct sockaddr *)&peer, &size);
	CHECK_EQ(size, sizeof(peer));
	CHECK_EQ(peer.sin_port, port_of(clients[1]));
	servers[2] = DIRECT(io_uring_prep_accept(direct_sqe, listener, NULL,
						 NULL, SOCK_CLOEXEC));
	for (unsigned i = 0; i < 3; i++)
		CHECK(servers[i] >= 0);

	CHECK_EQ(SYNC(connect, clients[0], ADDRESS(address)), -EISCONN);
	CHECK_EQ(ASYNC(connect, clients[1], ADDRESS(address)), -EISCONN);
	CHECK_EQ(SYNC(accept, clients[0], NULL, NULL), -EINVAL);
	CHECK_EQ(ASYNC(accept, clients[0], NULL, NULL), -EINVAL);

	CHECK_EQ(SYNC(shutdown, clients[0], SHUT_WR), 0);
	CHECK_EQ(ASYNC(shutdown, clients[1], SHUT_WR), 0);
	CHECK_EQ(
		DIRECT(io_uring_prep_shutdown(direct_sqe, clients[2], SHUT_WR)),
		0);
	for (unsigned i = 0; i < 3; i++) {
		char byte;

		CHECK_EQ(SYNC(recv, servers[i], &byte, 1, 0), 0);
	}
	CHECK_EQ(SYNC(shutdown, listener, 77), -EINVAL);
	CHECK_EQ(ASYNC(shutdown, listener, 77), -EINVAL);
	close_all(clients, 3);
	close_all(servers, 3);
	CHECK_EQ(lend_close(listener), 0);
	/* Ours, so that nobody else listens there. */
	listener = SYNC(socket, AF_INET, SOCK_STREAM, 0);
	address = loopback(0);
	CHECK_EQ(SYNC(bind, listener, ADDRESS(address)), 0);
	address = loopback(port_of(listener));
	clients[0] = SYNC(socket, AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(ASYNC(connect, clients[0], ADDRESS(address)), -ECONNREFUSED);
	CHECK_EQ(lend_close(clients[0]), 0);
	CHECK_EQ(lend_close(listener), 0);
	return 0;
}

/* An accept that is given up does not keep what it got. */
static int an_accept_that_is_freed_leaves_nothing(void *arg)
{
	uint16_t port;
	int listener = test_listen(8, &port), client;

	(void)arg;
	STARTED(accept, listener, NULL, NULL);
	client = test_connect(port);
	while (!lend_pending_done(started))
		lend_sleep(lend_after(LEND_MS));
	lend_pending_free(started);
	STARTED(accept, listener, NULL, NULL);
	lend_pending_free(started);
	started = NULL;
	CHECK_EQ(lend_close(client), 0);
	CHECK_EQ(lend_close(listener), 0);
	return 0;
}

/* ---- streams ---- */

static int streams(void *arg)
{
	char out[32] = "asynchronous", in[512], big[LEND_PAYLOAD_COPY_MAX + 1];
	int pair[2];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(SYNC(send, pair[0], "sync", 4, 0), 4);
	CHECK_EQ(SYNC(recv, pair[1], in, 32, 0), 4);
	CHECK(!memcmp(in, "sync", 4));
	STARTED(send, pair[0], out, 12, 0);
	scribble(out, sizeof(out));
	CHECK_EQ(FINISHED(), 12);
	CHECK_EQ(ASYNC(recv, pair[1], in, 32, 0), 12);
	CHECK(!memcmp(in, "asynchronous", 12));
	CHECK_EQ(DIRECT(io_uring_prep_send(direct_sqe, pair[0], "direct", 6,
					   MSG_NOSIGNAL)),
		 6);
	CHECK_EQ(DIRECT(io_uring_prep_recv(direct_sqe, pair[1], in, 32, 0)), 6);
	CHECK(!memcmp(in, "direct", 6));
	scribble(big, sizeof(big));
	CHECK_EQ(ASYNC(send, pair[0], big, sizeof(big), 0), sizeof(big));
	CHECK_EQ(SYNC(recv, pair[1], in, 512, 0), sizeof(big));
	CHECK(!memcmp(in, big, sizeof(big)));

	CHECK_EQ(SYNC(recv, pair[1], in, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(ASYNC(recv, pair[1], in, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQ(lend_close(pair[1]), 0);
	/* Without a signal. */
	CHECK_EQ(SYNC(send, pair[0], "x", 1, 0), -EPIPE);
	CHECK_EQ(ASYNC(send, pair[0], "x", 1, 0), -EPIPE);
	CHECK_EQ(lend_close(pair[0]), 0);
	return 0;
}

/* ---- datagrams ---- */

static int datagrams(void *arg)
{
	struct sockaddr_in mine, yours, from;
	unsigned size = sizeof(from);
	int fds[2];
	char out[32] = "second", in[32];

	(void)arg;
	fds[0] = udp_socket(&mine);
	fds[1] = udp_socket(&yours);
	CHECK_EQ(SYNC(sendto, fds[0], "first", 5, 0, ADDRESS(yours)), 5);
	CHECK_EQ(SYNC(recvfrom, fds[1], in, 32, 0, (struct sockaddr *)&from,
		      &size),
		 5);
	CHECK(!memcmp(in, "first", 5));
	CHECK_EQ(size, sizeof(from));
	CHECK(!memcmp(&from, &mine, sizeof(from)));

	STARTED(sendto, fds[0], out, 6, 0, ADDRESS(yours));
	scribble(out, sizeof(out));
	scribble(&yours, sizeof(yours));
	CHECK_EQ(FINISHED(), 6);
	scribble(&from, sizeof(from));
	size = sizeof(from);
	CHECK_EQ(ASYNC(recvfrom, fds[1], in, 32, 0, (struct sockaddr *)&from,
		       &size),
		 6);
	CHECK(!memcmp(in, "second", 6));
	CHECK_EQ(size, sizeof(from));
	CHECK(!memcmp(&from, &mine, sizeof(from)));
	/* Nobody asks who sent it; and one that is cut. */
	yours = loopback(port_of(fds[1]));
	CHECK_EQ(SYNC(sendto, fds[0], "third", 5, 0, ADDRESS(yours)), 5);
	CHECK_EQ(SYNC(recvfrom, fds[1], in, 2, 0, NULL, NULL), 2);
	CHECK_EQ(SYNC(sendto, fds[0], "x", 1, 0, NULL, 0), -EDESTADDRREQ);
	CHECK_EQ(ASYNC(sendto, fds[0], "x", 1, 0, NULL, 0), -EDESTADDRREQ);
	CHECK_EQ(ASYNC(recvfrom, fds[0], in, 1, MSG_DONTWAIT, NULL, NULL),
		 -EAGAIN);
	CHECK_EQ(SYNC(recvfrom, STDERR_FILENO, in, 1, 0, NULL, NULL),
		 -ENOTSOCK);
	close_all(fds, 2);
	return 0;
}

/* What waits for nothing needs no actor. */
static int options_by_a_thread(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int value = 1;
	unsigned size = sizeof(value);

	CHECK_EQ(lend_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, size,
				 LEND_FOREVER),
		 0);
	value = 0;
	CHECK_EQ(lend_getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size,
				 LEND_FOREVER),
		 0);
	CHECK(value);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("sockets are made", sockets_are_made);
	test_actor("bound and listening", bound_and_listening);
	test_actor("options", options);
	test_plain("options by a thread", options_by_a_thread);
	test_actor("an option that is freed closes nothing",
		   an_option_that_is_freed_closes_nothing);
	test_actor("connections", connections);
	test_actor("an accept that is freed leaves nothing",
		   an_accept_that_is_freed_leaves_nothing);
	test_actor("streams", streams);
	test_actor("datagrams", datagrams);
	return test_finish();
}
