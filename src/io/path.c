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
	const char *copy = NULL;
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

/* What openat passes over openat2 refuses. */
#define MODE_BITS  ((mode_t)07777)
#define PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW)

static int openat_flags(int flags)
{
	return flags & O_PATH ? flags & PATH_FLAGS : flags;
}

int lend_openat(int dir_fd, const char *path, int flags, mode_t mode,
		uint64_t deadline)
{
	return lend_openat2(dir_fd, path, openat_flags(flags), mode & MODE_BITS,
			    0, deadline);
}

int lend_openat_async(int dir_fd, const char *path, int flags, mode_t mode,
		      struct lend_pending **ret_pending)
{
	return lend_openat2_async(dir_fd, path, openat_flags(flags),
				  mode & MODE_BITS, 0, ret_pending);
}

static int prepare_statx(struct lend_request *request, int dir_fd,
			 const char *path, int flags, unsigned mask,
			 struct statx *ret_stat)
{
	const char *copy = NULL;
	int err = lend__request_path(request, path, &copy);

	io_uring_prep_statx(&request->sqe, dir_fd, copy, flags, mask, ret_stat);
	return err;
}

LEND_OPERATION_COPIES(int, statx,
		      (int dir_fd, const char *path, int flags, unsigned mask,
		       struct statx *ret_stat),
		      (dir_fd, path, flags, mask, ret_stat))

/* ---- making and removing names ---- */

static int prepare_mkdirat(struct lend_request *request, int dir_fd,
			   const char *path, mode_t mode)
{
	const char *copy = NULL;
	int err = lend__request_path(request, path, &copy);

	io_uring_prep_mkdirat(&request->sqe, dir_fd, copy, mode);
	return err;
}

LEND_OPERATION_COPIES(int, mkdirat, (int dir_fd, const char *path, mode_t mode),
		      (dir_fd, path, mode))

static int prepare_unlinkat(struct lend_request *request, int dir_fd,
			    const char *path, int flags)
{
	const char *copy = NULL;
	int err = lend__request_path(request, path, &copy);

	io_uring_prep_unlinkat(&request->sqe, dir_fd, copy, flags);
	return err;
}

LEND_OPERATION_COPIES(int, unlinkat, (int dir_fd, const char *path, int flags),
		      (dir_fd, path, flags))

/* The new name is in another directory, or not. */
static int copy_two(struct lend_request *request, const char *from,
		    const char *to, const char **ret_from, const char **ret_to)
{
	int err = lend__request_path(request, from, ret_from);

	return err ? err : lend__request_path(request, to, ret_to);
}

static int prepare_renameat(struct lend_request *request, int from_fd,
			    const char *from, int to_fd, const char *to,
			    unsigned flags)
{
	const char *copies[2] = { NULL };
	int err = copy_two(request, from, to, &copies[0], &copies[1]);

	io_uring_prep_renameat(&request->sqe, from_fd, copies[0], to_fd,
			       copies[1], flags);
	return err;
}

LEND_OPERATION_COPIES(int, renameat,
		      (int from_fd, const char *from, int to_fd, const char *to,
		       unsigned flags),
		      (from_fd, from, to_fd, to, flags))

static int prepare_linkat(struct lend_request *request, int from_fd,
			  const char *from, int to_fd, const char *to,
			  int flags)
{
	const char *copies[2] = { NULL };
	int err = copy_two(request, from, to, &copies[0], &copies[1]);

	io_uring_prep_linkat(&request->sqe, from_fd, copies[0], to_fd,
			     copies[1], flags);
	return err;
}

LEND_OPERATION_COPIES(int, linkat,
		      (int from_fd, const char *from, int to_fd, const char *to,
		       int flags),
		      (from_fd, from, to_fd, to, flags))

static int prepare_symlinkat(struct lend_request *request, const char *target,
			     int dir_fd, const char *path)
{
	const char *copies[2] = { NULL };
	int err = copy_two(request, target, path, &copies[0], &copies[1]);

	io_uring_prep_symlinkat(&request->sqe, copies[0], dir_fd, copies[1]);
	return err;
}

LEND_OPERATION_COPIES(int, symlinkat,
		      (const char *target, int dir_fd, const char *path),
		      (target, dir_fd, path))
