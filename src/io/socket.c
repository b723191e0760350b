/*
 * Operations on sockets: rows of the table, see operation.h; what they do is in
 * include/lend/socket.h.
 */
#include <lend/socket.h>
#include <sys/socket.h>

#include "io/operation.h"

LEND_OPERATION(int, accept, fd,
	       (int fd, struct sockaddr *address, unsigned *size),
	       io_uring_prep_accept(sqe, fd, address, address ? size : NULL,
				    SOCK_CLOEXEC))

static int prepare_connect(struct lend_request *request, int fd,
			   const struct sockaddr *address, unsigned size)
{
	if (size == 0 || size > sizeof(struct sockaddr_storage))
		return -EINVAL;
	io_uring_prep_connect(&request->sqe, fd,
			      lend__request_copy(request, address, size), size);
	return 0;
}

/* Submitting it again is not all there is to do: see pending.c. */
LEND_OPERATION_BY_ASYNC(int, connect,
			(int fd, const struct sockaddr *address, unsigned size),
			(fd, address, size))

LEND_OPERATION(ssize_t, recv, fd,
	       (int fd, void *buffer, size_t size, int flags),
	       io_uring_prep_recv(sqe, fd, buffer, lend__io_clamp(size), flags))

static int prepare_send(struct lend_request *request, int fd,
			const void *buffer, size_t size, int flags)
{
	if (size <= LEND_PAYLOAD_COPY_MAX)
		buffer = lend__request_copy(request, buffer, size);
	io_uring_prep_send(&request->sqe, fd, buffer, lend__io_clamp(size),
			   flags | MSG_NOSIGNAL);
	return 0;
}

LEND_OPERATION_PAYLOAD(ssize_t, send, fd,
		       (int fd, const void *buffer, size_t size, int flags),
		       (fd, buffer, size, flags),
		       io_uring_prep_send(sqe, fd, buffer, lend__io_clamp(size),
					  flags | MSG_NOSIGNAL))

ssize_t lend_send_all(int fd, const void *buffer, size_t size,
		      uint64_t deadline)
{
	const char *at = buffer;
	size_t left = size;

	while (left) {
		/* MSG_WAITALL has the kernel go on after a short send; what
		 * comes back short all the same is sent here. */
		ssize_t sent = lend_send(fd, at, left, MSG_WAITALL, deadline);

		if (sent < 0)
			return sent;
		at += sent;
		left -= (size_t)sent;
	}
	return (ssize_t)size;
}

LEND_OPERATION(int, shutdown, fd, (int fd, int how),
	       io_uring_prep_shutdown(sqe, fd, how))
