/*
 * Operations on open files: rows of the table, see operation.h; what they do is
 * in include/lend/file.h.
 */
#include <lend/file.h>

#include "io/operation.h"

LEND_OPERATION(ssize_t, read, fd,
	       (int fd, void *buffer, size_t size, int64_t offset),
	       io_uring_prep_read(sqe, fd, buffer, lend__io_clamp(size),
				  (uint64_t)offset))

static int prepare_write(struct lend_request *request, int fd,
			 const void *buffer, size_t size, int64_t offset)
{
	if (size <= LEND_PAYLOAD_COPY_MAX)
		buffer = lend__request_copy(request, buffer, size);
	io_uring_prep_write(&request->sqe, fd, buffer, lend__io_clamp(size),
			    (uint64_t)offset);
	return 0;
}

LEND_OPERATION_PAYLOAD(ssize_t, write, fd,
		       (int fd, const void *buffer, size_t size,
			int64_t offset),
		       (fd, buffer, size, offset),
		       io_uring_prep_write(sqe, fd, buffer,
					   lend__io_clamp(size),
					   (uint64_t)offset))
