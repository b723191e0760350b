/*
 * Operations on open files: rows of the table, see operation.h; what they do is
 * in include/lend/file.h.
 */
#include <lend/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/operation.h"
#include "uring/compat.h"

LEND_OPERATION(ssize_t, read, fd,
	       (int fd, void *buffer, size_t size, int64_t offset),
	       io_uring_prep_read(sqe, fd, buffer, lend__io_clamp(size),
				  (uint64_t)offset))

static int prepare_write(struct lend_request *request, int fd,
			 const void *buffer, size_t size, int64_t offset)
{
	io_uring_prep_write(&request->sqe, fd,
			    lend__request_payload(request, buffer, size),
			    lend__io_clamp(size), (uint64_t)offset);
	return 0;
}

LEND_OPERATION_PAYLOAD(ssize_t, write, fd,
		       (int fd, const void *buffer, size_t size,
			int64_t offset),
		       (fd, buffer, size, offset),
		       io_uring_prep_write(sqe, fd, buffer,
					   lend__io_clamp(size),
					   (uint64_t)offset))

static int prepare_readv(struct lend_request *request, int fd,
			 const struct iovec *vector, unsigned count,
			 int64_t offset)
{
	const struct iovec *copy = NULL;
	int err = lend__request_vector(request, vector, count, false, &copy);

	io_uring_prep_readv(&request->sqe, fd, copy, count, (uint64_t)offset);
	return err;
}

LEND_OPERATION_COPIES(ssize_t, readv,
		      (int fd, const struct iovec *vector, unsigned count,
		       int64_t offset),
		      (fd, vector, count, offset))

static int prepare_writev(struct lend_request *request, int fd,
			  const struct iovec *vector, unsigned count,
			  int64_t offset)
{
	const struct iovec *copy = NULL;
	int err = lend__request_vector(request, vector, count, true, &copy);

	io_uring_prep_writev(&request->sqe, fd, copy, count, (uint64_t)offset);
	return err;
}

LEND_OPERATION_COPIES(ssize_t, writev,
		      (int fd, const struct iovec *vector, unsigned count,
		       int64_t offset),
		      (fd, vector, count, offset))

/* ---- to the disk ---- */

static int prepare_fsync(struct lend_request *request, int fd)
{
	io_uring_prep_fsync(&request->sqe, fd, 0);
	return 0;
}

LEND_OPERATION_COPIES(int, fsync, (int fd), (fd))

static int prepare_fdatasync(struct lend_request *request, int fd)
{
	io_uring_prep_fsync(&request->sqe, fd, IORING_FSYNC_DATASYNC);
	return 0;
}

LEND_OPERATION_COPIES(int, fdatasync, (int fd), (fd))

static int prepare_sync_file_range(struct lend_request *request, int fd,
				   int64_t offset, uint32_t size,
				   unsigned flags)
{
	io_uring_prep_sync_file_range(&request->sqe, fd, size, (uint64_t)offset,
				      (int)flags);
	return 0;
}

LEND_OPERATION_COPIES(int, sync_file_range,
		      (int fd, int64_t offset, uint32_t size, unsigned flags),
		      (fd, offset, size, flags))

/* ---- size and use ---- */

static int prepare_fallocate(struct lend_request *request, int fd, int mode,
			     int64_t offset, int64_t size)
{
	io_uring_prep_fallocate(&request->sqe, fd, mode, offset, size);
	return 0;
}

LEND_OPERATION_COPIES(int, fallocate,
		      (int fd, int mode, int64_t offset, int64_t size),
		      (fd, mode, offset, size))

static int prepare_ftruncate(struct lend_request *request, int fd, int64_t size)
{
	io_uring_prep_rw(IORING_OP_FTRUNCATE, &request->sqe, fd, NULL, 0,
			 (uint64_t)size);
	return 0;
}

static int emulate_ftruncate(int fd, int64_t size)
{
	return ftruncate(fd, size) ? -errno : 0;
}

LEND_OPERATION_EMULATED(int, ftruncate, (int fd, int64_t size), (fd, size))

static int prepare_fadvise(struct lend_request *request, int fd, int64_t offset,
			   uint32_t size, int advice)
{
	io_uring_prep_fadvise(&request->sqe, fd, (uint64_t)offset, size,
			      advice);
	return 0;
}

LEND_OPERATION_COPIES(int, fadvise,
		      (int fd, int64_t offset, uint32_t size, int advice),
		      (fd, offset, size, advice))

static int prepare_madvise(struct lend_request *request, void *address,
			   uint32_t size, int advice)
{
	io_uring_prep_madvise(&request->sqe, address, size, advice);
	return 0;
}

LEND_OPERATION_COPIES(int, madvise, (void *address, uint32_t size, int advice),
		      (address, size, advice))
