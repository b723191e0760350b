/*
 * Operations on sockets: see include/lend/io.h.
 */
#include <errno.h>
#include <lend/io.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "io/await.h"
#include "rt/current.h"

static unsigned clamp(size_t size)
{
	return size > INT_MAX ? INT_MAX : (unsigned)size;
}

int lend_accept(int fd, struct sockaddr *address, unsigned *size,
		uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	struct {
		struct sockaddr_storage storage;
		socklen_t size;
	} *peer = NULL;
	struct lend_io io;
	void *span = NULL;
	int res;

	if (address) {
		if (lend__heap_alloc(&self->heap, sizeof(*peer), &span))
			return -ENOMEM;
		peer = span;
		peer->size = sizeof(peer->storage);
	}
	res = lend__io_begin(&io, fd, deadline);
	if (!res) {
		do
			io_uring_prep_accept(
				io.sqe, fd,
				peer ? (struct sockaddr *)&peer->storage : NULL,
				peer ? &peer->size : NULL, SOCK_CLOEXEC);
		while (!lend__io_run(&io, deadline, &res));
	}
	if (res >= 0 && peer) {
		memcpy(address, &peer->storage,
		       *size < peer->size ? *size : peer->size);
		*size = peer->size;
	}
	lend__heap_free(&self->heap, span);
	return res;
}

static int connect_once(int fd, const void *address, unsigned size,
			uint64_t deadline, bool *ret_again)
{
	struct lend_io io;
	int res = lend__io_begin(&io, fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_connect(io.sqe, fd, address, size);
	while (!lend__io_run(&io, deadline, &res));
	*ret_again |= io.agains != 0;
	return res;
}

int lend_connect(int fd, const struct sockaddr *address, unsigned size,
		 uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	bool again = false;
	void *copy;
	int res;

	if (size == 0 || size > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (lend__heap_alloc(&self->heap, size, &copy))
		return -ENOMEM;
	memcpy(copy, address, size);
	res = connect_once(fd, copy, size, deadline, &again);
	/* What was begun goes on in the socket though its operation was
	 * undone: one that is submitted again finds it half done, or done. */
	while (again && res == -EALREADY) {
		res = lend_poll(fd, POLLOUT, deadline);
		if (res >= 0)
			res = connect_once(fd, copy, size, deadline, &again);
	}
	if (again && res == -EISCONN)
		res = 0;
	lend__heap_free(&self->heap, copy);
	return res;
}

ssize_t lend_recv(int fd, void *buffer, size_t size, int flags,
		  uint64_t deadline)
{
	struct lend_io io;
	int res = lend__io_begin(&io, fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_recv(io.sqe, fd, buffer, clamp(size), flags);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}

ssize_t lend_send(int fd, const void *buffer, size_t size, int flags,
		  uint64_t deadline)
{
	struct lend_io io;
	int res = lend__io_begin(&io, fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_send(io.sqe, fd, buffer, clamp(size),
				   flags | MSG_NOSIGNAL);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}

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

int lend_shutdown(int fd, int how, uint64_t deadline)
{
	struct lend_io io;
	int res = lend__io_begin(&io, fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_shutdown(io.sqe, fd, how);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}

int lend_poll(int fd, unsigned events, uint64_t deadline)
{
	struct lend_io io;
	int res = lend__io_begin(&io, fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_poll_add(io.sqe, fd, events);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}
