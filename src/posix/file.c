/*
 * read(), write() and their relatives, for an actor: see shim.h.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/next.h"
#include "posix/shim.h"
#include "posix/vector.h"

POSIX_API ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room);
POSIX_API ssize_t __pread_chk(int fd, void *buffer, size_t size, off_t offset,
			      size_t room);
POSIX_API ssize_t __pread64_chk(int fd, void *buffer, size_t size, off_t offset,
				size_t room);

/* ---- reading ---- */

POSIX_API ssize_t read(int fd, void *buffer, size_t size)
{
	uint64_t deadline;

	if (!posix__may_suspend() || posix__is_nonblocking(fd))
		return NEXT(read)(fd, buffer, size);
	deadline = posix__deadline(fd, SO_RCVTIMEO);
	return posix__result(lend_read(fd, buffer, size, -1, deadline),
			     deadline, EAGAIN);
}

POSIX_API ssize_t __read_chk(int fd, void *buffer, size_t size, size_t room)
{
	posix__check_room(size, room);
	return read(fd, buffer, size);
}

POSIX_API ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
	/* -1 would be the file's own position to the library. */
	if (!posix__may_suspend() || offset < 0)
		return NEXT(pread)(fd, buffer, size, offset);
	return posix__result(lend_read(fd, buffer, size, offset, LEND_FOREVER),
			     LEND_FOREVER, 0);
}

POSIX_API ssize_t pread64(int fd, void *buffer, size_t size, off_t offset)
{
	return pread(fd, buffer, size, offset);
}

POSIX_API ssize_t __pread_chk(int fd, void *buffer, size_t size, off_t offset,
			      size_t room)
{
	posix__check_room(size, room);
	return pread(fd, buffer, size, offset);
}

POSIX_API ssize_t __pread64_chk(int fd, void *buffer, size_t size, off_t offset,
				size_t room)
{
	return __pread_chk(fd, buffer, size, offset, room);
}

POSIX_API ssize_t readv(int fd, const struct iovec *vector, int count)
{
	uint64_t deadline;

	if (!posix__may_suspend() || posix__is_nonblocking(fd) || count <= 0)
		return NEXT(readv)(fd, vector, count);
	deadline = posix__deadline(fd, SO_RCVTIMEO);
	return posix__result(lend_readv(fd, vector, (unsigned)count, -1,
					deadline),
			     deadline, EAGAIN);
}

/* ---- writing ---- */

POSIX_API ssize_t write(int fd, const void *data, size_t size)
{
	uint64_t deadline;
	size_t done = 0;
	ssize_t res;

	if (!posix__may_suspend() || posix__is_nonblocking(fd))
		return NEXT(write)(fd, data, size);
	deadline = posix__deadline(fd, SO_SNDTIMEO);
	/* What blocks writes all, unless something happens. */
	do {
		res = lend_write(fd, (const char *)data + done, size - done, -1,
				 deadline);
		if (res > 0)
			done += (size_t)res;
	} while (res > 0 && done < size);
	return done ? (ssize_t)done : posix__result(res, deadline, EAGAIN);
}

POSIX_API ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	if (!posix__may_suspend() || offset < 0)
		return NEXT(pwrite)(fd, data, size, offset);
	return posix__result(lend_write(fd, data, size, offset, LEND_FOREVER),
			     LEND_FOREVER, 0);
}

POSIX_API ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
{
	return pwrite(fd, data, size, offset);
}

POSIX_API ssize_t writev(int fd, const struct iovec *vector, int count)
{
	if (!posix__may_suspend() || posix__is_nonblocking(fd) || count <= 0)
		return NEXT(writev)(fd, vector, count);
	return posix__writev(fd, vector, (size_t)count);
}

/* ---- the rest ---- */

POSIX_API int fsync(int fd)
{
	if (!posix__may_suspend())
		return NEXT(fsync)(fd);
	return (int)posix__result(lend_fsync(fd, LEND_FOREVER), LEND_FOREVER,
				  0);
}

POSIX_API int fdatasync(int fd)
{
	if (!posix__may_suspend())
		return NEXT(fdatasync)(fd);
	return (int)posix__result(lend_fdatasync(fd, LEND_FOREVER),
				  LEND_FOREVER, 0);
}

/* Whoever waits on it comes back, with EBADF. */
POSIX_API int close(int fd)
{
	if (!posix__may_suspend())
		return NEXT(close)(fd);
	return (int)posix__result(lend_close(fd), LEND_FOREVER, 0);
}
