/*
 * Operations on files, and I/O memory: see include/lend/io.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <lend/io.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "io/await.h"
#include "rt/current.h"

/* A path and what goes with it, in the actor's heap until the operation is
 * over: the caller's string may be anything then. */
static int copy_path(struct lend_actor *self, const char *path, size_t extra,
		     void **ret_span)
{
	size_t size = strnlen(path, PATH_MAX) + 1;

	if (size > PATH_MAX)
		return -ENAMETOOLONG;
	if (lend__heap_alloc(&self->heap, extra + size, ret_span))
		return -ENOMEM;
	memcpy((char *)*ret_span + extra, path, size);
	return 0;
}

int lend_openat2(int dir_fd, const char *path, int flags, mode_t mode,
		 uint64_t resolve, uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	struct open_how *how;
	struct lend_io io;
	void *span;
	int res;

	res = copy_path(self, path, sizeof(*how), &span);
	if (res)
		return res;
	how = span;
	memset(how, 0, sizeof(*how));
	how->flags = (uint64_t)(unsigned)(flags | O_CLOEXEC);
	/* openat2 refuses a mode where openat ignores it. */
	how->mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? mode :
									  0;
	how->resolve = resolve;
	res = lend__io_begin(&io, -1, deadline);
	if (!res) {
		do
			io_uring_prep_openat2(io.sqe, dir_fd,
					      (const char *)(how + 1), how);
		while (!lend__io_run(&io, deadline, &res));
	}
	lend__heap_free(&self->heap, span);
	return res;
}

int lend_openat(int dir_fd, const char *path, int flags, mode_t mode,
		uint64_t deadline)
{
	return lend_openat2(dir_fd, path, flags, mode, 0, deadline);
}

ssize_t lend_read(int fd, void *buffer, size_t size, int64_t offset,
		  uint64_t deadline)
{
	struct lend_io io;
	int res = lend__io_begin(&io, fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_read(io.sqe, fd, buffer,
				   size > INT_MAX ? INT_MAX : (unsigned)size,
				   (uint64_t)offset);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}

ssize_t lend_write(int fd, const void *buffer, size_t size, int64_t offset,
		   uint64_t deadline)
{
	struct lend_io io;
	int res = lend__io_begin(&io, fd, deadline);

	if (res)
		return res;
	do
		io_uring_prep_write(io.sqe, fd, buffer,
				    size > INT_MAX ? INT_MAX : (unsigned)size,
				    (uint64_t)offset);
	while (!lend__io_run(&io, deadline, &res));
	return res;
}

int lend_statx(int dir_fd, const char *path, int flags, unsigned mask,
	       struct statx *ret_stat, uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();
	struct statx *stat;
	struct lend_io io;
	void *span;
	int res;

	res = copy_path(self, path, sizeof(*stat), &span);
	if (res)
		return res;
	stat = span;
	res = lend__io_begin(&io, -1, deadline);
	if (!res) {
		do
			io_uring_prep_statx(io.sqe, dir_fd,
					    (const char *)(stat + 1), flags,
					    mask, stat);
		while (!lend__io_run(&io, deadline, &res));
	}
	if (!res)
		*ret_stat = *stat;
	lend__heap_free(&self->heap, span);
	return res;
}

void *lend_io_alloc(size_t size)
{
	struct lend_actor *self = lend__current_actor();
	void *span;

	lend_assert(self);
	return lend__heap_alloc(&self->heap, size, &span) ? NULL : span;
}

void lend_io_free(void *span)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert(self);
	lend__heap_free(&self->heap, span);
}
