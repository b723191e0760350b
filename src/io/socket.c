/*
 * Operations on sockets: rows of the table, see operation.h; what they do is in
 * include/lend/socket.h.
 */
#include <lend/socket.h>
#include <sys/socket.h>

#include "io/operation.h"
#include "rt/places.h"
#include "uring/compat.h"

LEND_OPERATION(int, accept, fd,
	       (int fd, struct sockaddr *address, unsigned *size),
	       io_uring_prep_accept(sqe, fd, address, address ? size : NULL,
				    SOCK_CLOEXEC))

static int prepare_connect(struct lend_request *request, int fd,
			   const struct sockaddr *address, unsigned size)
{
	const struct sockaddr *copy = NULL;
	int err = lend__request_address(request, address, size, &copy);

	io_uring_prep_connect(&request->sqe, fd, copy, size);
	return err;
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
	io_uring_prep_send(&request->sqe, fd,
			   lend__request_payload(request, buffer, size),
			   lend__io_clamp(size), flags | MSG_NOSIGNAL);
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

/* Its first CQE has the result, its second says that the memory is free. */
static int prepare_send_zc(struct lend_request *request, int fd,
			   const void *buffer, size_t size, int flags)
{
	io_uring_prep_send_zc(&request->sqe, fd, buffer, lend__io_clamp(size),
			      flags | MSG_NOSIGNAL, 0);
	return 0;
}

LEND_OPERATION_BY_ASYNC(ssize_t, send_zc,
			(int fd, const void *buffer, size_t size, int flags),
			(fd, buffer, size, flags))

/* ---- setting up ---- */

static int result_of(int result)
{
	return result < 0 ? -errno : result;
}

static int prepare_socket(struct lend_request *request, int domain, int type,
			  int protocol)
{
	io_uring_prep_socket(&request->sqe, domain, type | SOCK_CLOEXEC,
			     protocol, 0);
	return 0;
}

static int emulate_socket(int domain, int type, int protocol)
{
	int fd = result_of(socket(domain, type | SOCK_CLOEXEC, protocol));

	if (lend__places_used() && fd >= 0)
		lend__place_note(LEND_PLACE_DESCRIPTOR, (uintptr_t)fd);
	return fd;
}

LEND_OPERATION_EMULATED(int, socket, (int domain, int type, int protocol),
			(domain, type, protocol))

static int prepare_bind(struct lend_request *request, int fd,
			const struct sockaddr *address, unsigned size)
{
	const struct sockaddr *copy = NULL;
	int err = lend__request_address(request, address, size, &copy);

	io_uring_prep_rw(IORING_OP_BIND, &request->sqe, fd, copy, 0, size);
	return err;
}

static int emulate_bind(int fd, const struct sockaddr *address, unsigned size)
{
	return result_of(bind(fd, address, size));
}

LEND_OPERATION_EMULATED(int, bind,
			(int fd, const struct sockaddr *address, unsigned size),
			(fd, address, size))

static int prepare_listen(struct lend_request *request, int fd, int backlog)
{
	io_uring_prep_rw(IORING_OP_LISTEN, &request->sqe, fd, NULL,
			 (unsigned)backlog, 0);
	return 0;
}

static int emulate_listen(int fd, int backlog)
{
	return result_of(listen(fd, backlog));
}

LEND_OPERATION_EMULATED(int, listen, (int fd, int backlog), (fd, backlog))

/* The rings have these from 6.7 on, as commands that no probe tells of. The
 * calls copy a few bytes and wait for nothing, so a ring only costs more. */
static int emulate_setsockopt(int fd, int level, int option, const void *value,
			      unsigned size)
{
	return result_of(setsockopt(fd, level, option, value, size));
}

LEND_OPERATION_CALL(int, setsockopt,
		    (int fd, int level, int option, const void *value,
		     unsigned size),
		    (fd, level, option, value, size))

static int emulate_getsockopt(int fd, int level, int option, void *ret_value,
			      unsigned *size)
{
	return result_of(getsockopt(fd, level, option, ret_value, size));
}

LEND_OPERATION_CALL(int, getsockopt,
		    (int fd, int level, int option, void *ret_value,
		     unsigned *size),
		    (fd, level, option, ret_value, size))
