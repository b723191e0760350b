/*
 * Extended attributes: rows of the table, see operation.h; what they do is in
 * include/lend/file.h.
 */
#include <lend/file.h>
#include <linux/limits.h>
#include <string.h>

#include "io/operation.h"

/* What they are called is as short as a file's name, and what they hold is
 * short, too: the value that is set is copied whatever its size. */
static int copy_value(struct lend_request *request, const char *name,
		      const void *value, size_t size, const char **ret_name,
		      void **ret_value)
{
	if (!name)
		return -EFAULT;
	if (strnlen(name, XATTR_NAME_MAX + 1) > XATTR_NAME_MAX)
		return -ERANGE;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (!value && size)
		return -EFAULT;
	*ret_value = lend__request_copy(request, value, size);
	return lend__request_path(request, name, ret_name);
}

static int prepare_fsetxattr(struct lend_request *request, int fd,
			     const char *name, const void *value, size_t size,
			     int flags)
{
	const char *name_copy = NULL;
	void *value_copy = NULL;
	int err = copy_value(request, name, value, size, &name_copy,
			     &value_copy);

	io_uring_prep_fsetxattr(&request->sqe, fd, name_copy, value_copy, flags,
				(unsigned)size);
	return err;
}

LEND_OPERATION_COPIES(int, fsetxattr,
		      (int fd, const char *name, const void *value, size_t size,
		       int flags),
		      (fd, name, value, size, flags))

static int prepare_setxattr(struct lend_request *request, const char *path,
			    const char *name, const void *value, size_t size,
			    int flags)
{
	const char *name_copy = NULL, *path_copy = NULL;
	void *value_copy = NULL;
	int err = copy_value(request, name, value, size, &name_copy,
			     &value_copy);

	if (!err)
		err = lend__request_path(request, path, &path_copy);
	io_uring_prep_setxattr(&request->sqe, name_copy, value_copy, path_copy,
			       flags, (unsigned)size);
	return err;
}

LEND_OPERATION_COPIES(int, setxattr,
		      (const char *path, const char *name, const void *value,
		       size_t size, int flags),
		      (path, name, value, size, flags))

static int prepare_fgetxattr(struct lend_request *request, int fd,
			     const char *name, void *ret_value, size_t size)
{
	const char *copy = NULL;
	int err = lend__request_path(request, name, &copy);

	io_uring_prep_fgetxattr(&request->sqe, fd, copy, ret_value,
				lend__io_clamp(size));
	return err;
}

LEND_OPERATION_COPIES(ssize_t, fgetxattr,
		      (int fd, const char *name, void *ret_value, size_t size),
		      (fd, name, ret_value, size))

static int prepare_getxattr(struct lend_request *request, const char *path,
			    const char *name, void *ret_value, size_t size)
{
	const char *name_copy = NULL, *path_copy = NULL;
	int err = lend__request_path(request, name, &name_copy);

	if (!err)
		err = lend__request_path(request, path, &path_copy);
	io_uring_prep_getxattr(&request->sqe, name_copy, ret_value, path_copy,
			       lend__io_clamp(size));
	return err;
}

LEND_OPERATION_COPIES(ssize_t, getxattr,
		      (const char *path, const char *name, void *ret_value,
		       size_t size),
		      (path, name, ret_value, size))
