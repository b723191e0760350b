/*
 * Operations that take a path: rows of the table, see operation.h; what they do
 * is in include/lend/file.h.
 */
#include <fcntl.h>
#include <lend/file.h>
#include <linux/openat2.h>

#include "io/operation.h"

static int prepare_openat2(struct lend_request *request, int dir_fd,
			   const char *path, int flags, mode_t mode,
			   uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = resolve,
	};
	const char *copy;
	int err = lend__request_path(request, path, &copy);

	/* openat2 refuses a mode where openat ignores it. */
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode;
	io_uring_prep_openat2(&request->sqe, dir_fd, copy,
			      lend__request_copy(request, &how, sizeof(how)));
	return err;
}

LEND_OPERATION_COPIES(int, openat2,
		      (int dir_fd, const char *path, int flags, mode_t mode,
		       uint64_t resolve),
		      (dir_fd, path, flags, mode, resolve))

int lend_openat(int dir_fd, const char *path, int flags, mode_t mode,
		uint64_t deadline)
{
	return lend_openat2(dir_fd, path, flags, mode, 0, deadline);
}

int lend_openat_async(int dir_fd, const char *path, int flags, mode_t mode,
		      struct lend_pending **ret_pending)
{
	return lend_openat2_async(dir_fd, path, flags, mode, 0, ret_pending);
}

static int prepare_statx(struct lend_request *request, int dir_fd,
			 const char *path, int flags, unsigned mask,
			 struct statx *ret_stat)
{
	const char *copy;
	int err = lend__request_path(request, path, &copy);

	io_uring_prep_statx(&request->sqe, dir_fd, copy, flags, mask, ret_stat);
	return err;
}

LEND_OPERATION_COPIES(int, statx,
		      (int dir_fd, const char *path, int flags, unsigned mask,
		       struct statx *ret_stat),
		      (dir_fd, path, flags, mask, ret_stat))
