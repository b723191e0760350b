/*
 * Sockets of the loopback, for tests of operations on them.
 */
#ifndef LEND_TESTS_LOOPBACK_H
#define LEND_TESTS_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/harness.h"

static inline void scribble(void *memory, size_t size)
{
	memset(memory, 0x5a, size);
}

static inline struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = port };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

#define ADDRESS(a) (struct sockaddr *)&(a), sizeof(a)

static inline uint16_t port_of(int fd)
{
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof(address);

	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	return address.sin_port;
}

static inline void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		CHECK_EQ(lend_close(fds[i]), 0);
}

static inline int udp_socket(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = loopback(0);
	int fd = SYNC(socket, AF_INET, SOCK_DGRAM, 0);

	CHECK_EQ(SYNC(bind, fd, ADDRESS(address)), 0);
	*ret_address = loopback(port_of(fd));
	return fd;
}

#endif
