/*
 * Moving data from descriptor to descriptor inside the kernel: two rows of the
 * table, see operation.h, and sendfile, which is made of them; what they do is
 * in include/lend/file.h.
 */
#include <fcntl.h>
#include <lend/file.h>
#include <lend/io.h>
#include <unistd.h>

#include "io/descriptors.h"
#include "io/operation.h"
#include "rt/current.h"
#include "rt/misuse.h"

/* What a pipe holds unless it is told otherwise. */
#define PIPE_SIZE 65536

static int prepare_splice(struct lend_request *request, int from_fd,
			  int64_t from_offset, int to_fd, int64_t to_offset,
			  size_t size, unsigned flags)
{
	io_uring_prep_splice(&request->sqe, from_fd, from_offset, to_fd,
			     to_offset, lend__io_clamp(size), flags);
	return 0;
}

LEND_OPERATION_COPIES(ssize_t, splice,
		      (int from_fd, int64_t from_offset, int to_fd,
		       int64_t to_offset, size_t size, unsigned flags),
		      (from_fd, from_offset, to_fd, to_offset, size, flags))

static int prepare_tee(struct lend_request *request, int from_fd, int to_fd,
		       size_t size, unsigned flags)
{
	io_uring_prep_tee(&request->sqe, from_fd, to_fd, lend__io_clamp(size),
			  flags);
	return 0;
}

LEND_OPERATION_COPIES(ssize_t, tee,
		      (int from_fd, int to_fd, size_t size, unsigned flags),
		      (from_fd, to_fd, size, flags))

/* Empty the pipe of @size bytes. */
static int drain(int pipe_fd, int to_fd, size_t size, uint64_t deadline,
		 size_t *sent)
{
	while (size) {
		ssize_t res = lend_splice(pipe_fd, -1, to_fd, -1, size,
					  SPLICE_F_MOVE, deadline);

		if (res <= 0)
			return res ? (int)res : -EIO;
		size -= (size_t)res;
		*sent += (size_t)res;
	}
	return 0;
}

static int send_by(const int pipe[2], int to_fd, int from_fd, int64_t offset,
		   size_t size, uint64_t deadline, size_t *sent)
{
	while (*sent < size) {
		size_t left = size - *sent;
		ssize_t res = lend_splice(
			from_fd, offset < 0 ? -1 : offset + (int64_t)*sent,
			pipe[1], -1, left < PIPE_SIZE ? left : PIPE_SIZE,
			SPLICE_F_MOVE, deadline);
		int err;

		if (res <= 0)
			return (int)res;
		/* Who closes one of the two may have asked in between. */
		if (lend__io_is_closing(lend__current_actor()))
			return -ECANCELED;
		err = drain(pipe[0], to_fd, (size_t)res, deadline, sent);
		if (err)
			return err;
	}
	return 0;
}

/* Whoever closes one of @fds waits from here on until leave(), and ends what
 * the actor waits for, though that may be on the pipe alone. */
static int enter(struct lend_actor *self, const int fds[2])
{
	int err = lend__descriptor_enter(fds[0]);

	if (err)
		return err;
	err = lend__descriptor_enter(fds[1]);
	if (err) {
		lend__descriptor_leave(fds[0]);
		return err;
	}
	self->also_fds = fds;
	return 0;
}

static void leave(struct lend_actor *self, const int fds[2])
{
	self->also_fds = NULL;
	lend__descriptor_leave(fds[0]);
	lend__descriptor_leave(fds[1]);
}

static bool is_either(int fd, const int fds[2])
{
	return fd == fds[0] || fd == fds[1];
}

ssize_t lend_sendfile(int to_fd, int from_fd, int64_t *offset, size_t size,
		      uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	const int fds[2] = { to_fd, from_fd };
	size_t sent = 0;
	int pipe[2];
	int err;

	lend_assert_actor(self);
	if (offset && *offset < 0)
		return -EINVAL;
	/* As sendfile(2) has it; then what is sent fits into the result. */
	if (size > INT_MAX)
		size = INT_MAX;
	err = enter(self, fds);
	if (err)
		return err;
	if (pipe2(pipe, O_CLOEXEC)) {
		err = -errno;
		leave(self, fds);
		return err;
	}
	/* A number that the pipe could have was not open. */
	if (is_either(to_fd, pipe) || is_either(from_fd, pipe))
		err = -EBADF;
	else
		err = send_by(pipe, to_fd, from_fd, offset ? *offset : -1, size,
			      deadline, &sent);
	/* What it began after that was asked for was refused. */
	if (err && lend__io_is_closing(self))
		err = -ECANCELED;
	leave(self, fds);
	lend_close(pipe[0]);
	lend_close(pipe[1]);
	if (offset)
		*offset += (int64_t)sent;
	return sent ? (ssize_t)sent : err;
}
