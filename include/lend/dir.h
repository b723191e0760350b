/*
 * Directories, which io_uring can open but not read: the pool of blocking.h
 * reads them.
 */
#ifndef LEND_DIR_H
#define LEND_DIR_H

#include <lend/base.h>
#include <lend/blocking.h>
#include <sys/types.h>

struct lend_dir;

struct lend_dir_entry {
	const char *name; /* valid until the next call about the directory */
	uint64_t inode;
	unsigned char type; /* DT_REG, DT_DIR ...; DT_UNKNOWN: ask statx() */
};

LEND_BEGIN_DECLS

/**
 * getdents64(2): entries of a directory, as the kernel packs them.
 *
 * @buffer, @size  where they go; the caller's, 280 bytes at least
 * @deadline       until when it may wait for a thread: see lend_blocking()
 *
 * Thread: an actor. Blocks: suspends the actor. lend_close() waits for it.
 *
 * Return: bytes, 0 at the end
 *         -EBADF   the descriptor is not open, or being closed
 *         -ENOTDIR, -EINVAL (@buffer is too small) ... of the system call
 *         as lend_blocking()
 */
LEND_API LEND_NODISCARD ssize_t lend_getdents(int fd, void *buffer, size_t size,
					      uint64_t deadline) LEND_AWAITS;

/**
 * Open a directory to read it.
 *
 * @dir_fd, @path  as for lend_openat()
 *
 * Thread: an actor. Blocks: suspends the actor.
 * Ownership: lend_dir_close(), by any actor.
 *
 * Return: 0; as lend_openat(); -ENOMEM
 */
LEND_API LEND_NODISCARD int
lend_dir_open(int dir_fd, const char *path, uint64_t deadline,
	      struct lend_dir **ret_dir) LEND_AWAITS;

/**
 * The next entry, "." and ".." among them, in no order.
 *
 * @ret_entry  written only with 1
 *
 * Thread: one actor at a time. Blocks: suspends the actor, once for many
 *         entries.
 *
 * Return: 1; 0 at the end; as lend_getdents()
 */
LEND_API LEND_NODISCARD int
lend_dir_read(struct lend_dir *dir, uint64_t deadline,
	      struct lend_dir_entry *ret_entry) LEND_AWAITS;

/* The descriptor, for lend_statx() and the like. Thread: any. Blocks: no. */
LEND_API int lend_dir_fd(const struct lend_dir *dir);

/* Close and free; NULL is ignored. Returns NULL. Thread: an actor. Blocks: as
 * lend_close(). */
LEND_API struct lend_dir *lend_dir_close(struct lend_dir *dir) LEND_AWAITS;

LEND_END_DECLS

#endif
