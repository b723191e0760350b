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

struct iovec;
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

/* mkdirat(2). */
LEND_API LEND_NODISCARD int lend_mkdirat(int dir_fd, const char *path,
					 mode_t mode,
					 uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_mkdirat_async(int dir_fd, const char *path, mode_t mode,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/* unlinkat(2); @flags is 0 or AT_REMOVEDIR. */
LEND_API LEND_NODISCARD int lend_unlinkat(int dir_fd, const char *path,
					  int flags,
					  uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_unlinkat_async(int dir_fd, const char *path, int flags,
		    struct lend_pending **ret_pending) LEND_AWAITS;

/* renameat2(2); @flags is 0, RENAME_NOREPLACE, RENAME_EXCHANGE ... */
LEND_API LEND_NODISCARD int lend_renameat(int from_fd, const char *from,
					  int to_fd, const char *to,
					  unsigned flags,
					  uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_renameat_async(int from_fd, const char *from, int to_fd, const char *to,
		    unsigned flags,
		    struct lend_pending **ret_pending) LEND_AWAITS;

/* linkat(2), symlinkat(2). */
LEND_API LEND_NODISCARD int lend_linkat(int from_fd, const char *from,
					int to_fd, const char *to, int flags,
					uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_linkat_async(int from_fd, const char *from, int to_fd, const char *to,
		  int flags, struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD int lend_symlinkat(const char *target, int dir_fd,
					   const char *path,
					   uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_symlinkat_async(const char *target, int dir_fd, const char *path,
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

/* preadv(2), pwritev(2): @vector is copied, and so is what a small pwritev
 * points to. -EINVAL with more than IOV_MAX parts. */
LEND_API LEND_NODISCARD ssize_t lend_readv(int fd, const struct iovec *vector,
					   unsigned count, int64_t offset,
					   uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_readv_async(int fd, const struct iovec *vector, unsigned count,
		 int64_t offset, struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD ssize_t lend_writev(int fd, const struct iovec *vector,
					    unsigned count, int64_t offset,
					    uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_writev_async(int fd, const struct iovec *vector, unsigned count,
		  int64_t offset,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/* ---- from descriptor to descriptor ---- */

/* splice(2): one of the two is a pipe; @from_offset and @to_offset are -1 for
 * pipes and for a file's own position. lend_close() ends it by @to_fd only. */
LEND_API LEND_NODISCARD ssize_t lend_splice(int from_fd, int64_t from_offset,
					    int to_fd, int64_t to_offset,
					    size_t size, unsigned flags,
					    uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_splice_async(int from_fd, int64_t from_offset, int to_fd,
		  int64_t to_offset, size_t size, unsigned flags,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/* tee(2): both are pipes. */
LEND_API LEND_NODISCARD ssize_t lend_tee(int from_fd, int to_fd, size_t size,
					 unsigned flags,
					 uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_tee_async(int from_fd, int to_fd, size_t size, unsigned flags,
	       struct lend_pending **ret_pending) LEND_AWAITS;

/**
 * sendfile(2), from anything that can be spliced to anything that can: it goes
 * on until @size bytes are sent, 2147483647 at most, or there are no more. Its
 * data takes the way through a pipe of the call's own. lend_close() of either
 * descriptor ends it.
 *
 * @offset  NULL for the file's own position; moves on by what was sent
 *
 * Return: bytes sent, also if an error came after them; of what was read by the
 *         file's own position, up to 64 KiB may be lost then
 *         -EINVAL           *@offset is below 0
 *         -EMFILE, -ENFILE  there is no pipe to be had
 */
LEND_API LEND_NODISCARD ssize_t lend_sendfile(int to_fd, int from_fd,
					      int64_t *offset, size_t size,
					      uint64_t deadline) LEND_AWAITS;

/* ---- to the disk ---- */

/* fsync(2), fdatasync(2). */
LEND_API LEND_NODISCARD int lend_fsync(int fd, uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_fsync_async(int fd, struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD int lend_fdatasync(int fd,
					   uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_fdatasync_async(int fd, struct lend_pending **ret_pending) LEND_AWAITS;

/* sync_file_range(2). */
LEND_API LEND_NODISCARD int lend_sync_file_range(int fd, int64_t offset,
						 uint32_t size, unsigned flags,
						 uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_sync_file_range_async(int fd, int64_t offset, uint32_t size,
			   unsigned flags,
			   struct lend_pending **ret_pending) LEND_AWAITS;

/* ---- size and use ---- */

/* fallocate(2); @mode is 0 or of FALLOC_FL_*. */
LEND_API LEND_NODISCARD int lend_fallocate(int fd, int mode, int64_t offset,
					   int64_t size,
					   uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_fallocate_async(int fd, int mode, int64_t offset, int64_t size,
		     struct lend_pending **ret_pending) LEND_AWAITS;

/* ftruncate(2). A kernel whose rings do not have it (before 6.9) is asked by
 * the system call, on this thread. */
LEND_API LEND_NODISCARD int lend_ftruncate(int fd, int64_t size,
					   uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_ftruncate_async(int fd, int64_t size,
		     struct lend_pending **ret_pending) LEND_AWAITS;

/* posix_fadvise(2), madvise(2); @advice is of POSIX_FADV_*, MADV_*. */
LEND_API LEND_NODISCARD int lend_fadvise(int fd, int64_t offset, uint32_t size,
					 int advice,
					 uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_fadvise_async(int fd, int64_t offset, uint32_t size, int advice,
		   struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD int lend_madvise(void *address, uint32_t size,
					 int advice,
					 uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_madvise_async(void *address, uint32_t size, int advice,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/* ---- extended attributes; names and values that are set are copied ---- */

/* fsetxattr(2), setxattr(2): @flags is 0, XATTR_CREATE or XATTR_REPLACE. */
LEND_API LEND_NODISCARD int lend_fsetxattr(int fd, const char *name,
					   const void *value, size_t size,
					   int flags,
					   uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_fsetxattr_async(int fd, const char *name, const void *value, size_t size,
		     int flags, struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD int lend_setxattr(const char *path, const char *name,
					  const void *value, size_t size,
					  int flags,
					  uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_setxattr_async(const char *path, const char *name, const void *value,
		    size_t size, int flags,
		    struct lend_pending **ret_pending) LEND_AWAITS;

/* fgetxattr(2), getxattr(2). Return: the value's size; with a @size of 0
 * nothing is written. */
LEND_API LEND_NODISCARD ssize_t lend_fgetxattr(int fd, const char *name,
					       void *ret_value, size_t size,
					       uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_fgetxattr_async(int fd, const char *name, void *ret_value, size_t size,
		     struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD ssize_t lend_getxattr(const char *path,
					      const char *name, void *ret_value,
					      size_t size,
					      uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_getxattr_async(const char *path, const char *name, void *ret_value,
		    size_t size, struct lend_pending **ret_pending) LEND_AWAITS;

LEND_END_DECLS

#endif
