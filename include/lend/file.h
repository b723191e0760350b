/*
 * Operations on files. What all operations have in common (who may call,
 * deadlines, errors) is in io.h; the _async forms give a handle, see pending.h.
 */
#ifndef LEND_FILE_H
#define LEND_FILE_H

#include <lend/base.h>
#include <lend/clock.h>
#include <lend/pending.h>
#include <sys/types.h>

struct statx;

LEND_BEGIN_DECLS

/* ---- by path; @path is copied ---- */

/* openat(2). Return: a descriptor. O_CLOEXEC is added. */
LEND_API LEND_NODISCARD int lend_openat(int dir_fd, const char *path, int flags,
					mode_t mode,
					uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_openat_async(int dir_fd, const char *path, int flags, mode_t mode,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/* openat2(2): @resolve is of RESOLVE_*, such as RESOLVE_BENEATH. */
LEND_API LEND_NODISCARD int lend_openat2(int dir_fd, const char *path,
					 int flags, mode_t mode,
					 uint64_t resolve,
					 uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_openat2_async(int dir_fd, const char *path, int flags, mode_t mode,
		   uint64_t resolve,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/* statx(2). With AT_EMPTY_PATH and "" it is about @dir_fd itself. */
LEND_API LEND_NODISCARD int lend_statx(int dir_fd, const char *path, int flags,
				       unsigned mask, struct statx *ret_stat,
				       uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_statx_async(int dir_fd, const char *path, int flags, unsigned mask,
		 struct statx *ret_stat,
		 struct lend_pending **ret_pending) LEND_AWAITS;

/* ---- data ---- */

/* pread(2), pwrite(2); @offset -1 is the file's own position. */
LEND_API LEND_NODISCARD ssize_t lend_read(int fd, void *buffer, size_t size,
					  int64_t offset,
					  uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_read_async(int fd, void *buffer, size_t size, int64_t offset,
		struct lend_pending **ret_pending) LEND_AWAITS;

LEND_API LEND_NODISCARD ssize_t lend_write(int fd, const void *buffer,
					   size_t size, int64_t offset,
					   uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_write_async(int fd, const void *buffer, size_t size, int64_t offset,
		 struct lend_pending **ret_pending) LEND_AWAITS;

LEND_END_DECLS

#endif
