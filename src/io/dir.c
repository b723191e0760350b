/*
 * Directories: see include/lend/dir.h. io_uring has no operation that reads
 * one, so a thread of the blocking pool does.
 */
#include <lend/dir.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lend/io.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "io/descriptors.h"

/* Some hundred entries for each visit to the pool. */
#define ENTRIES_SIZE 32768

struct lend_dir {
	int fd;
	size_t at;  /* the next entry */
	size_t end; /* of what was read */
	_Alignas(struct dirent64) char entries[ENTRIES_SIZE];
};

struct getdents {
	int fd;
	void *buffer;
	size_t size;
	ssize_t res;
};

static int run_getdents(void *arg)
{
	struct getdents *call = arg;

	call->res = syscall(SYS_getdents64, call->fd, call->buffer, call->size);
	if (call->res < 0)
		call->res = -errno;
	return 0;
}

ssize_t lend_getdents(int fd, void *buffer, size_t size, uint64_t deadline)
{
	struct getdents call = { .fd = fd, .buffer = buffer, .size = size };
	int err = lend__descriptor_enter(fd);

	if (err)
		return err;
	err = lend_blocking(run_getdents, &call, deadline, NULL);
	lend__descriptor_leave(fd);
	return err ? err : call.res;
}

int lend_dir_open(int dir_fd, const char *path, uint64_t deadline,
		  struct lend_dir **ret_dir)
{
	struct lend_dir *dir = malloc(sizeof(*dir));
	int fd;

	if (!dir)
		return -ENOMEM;
	fd = lend_openat(dir_fd, path, O_RDONLY | O_DIRECTORY, 0, deadline);
	if (fd < 0) {
		free(dir);
		return fd;
	}
	dir->fd = fd;
	dir->at = dir->end = 0;
	*ret_dir = dir;
	return 0;
}

int lend_dir_read(struct lend_dir *dir, uint64_t deadline,
		  struct lend_dir_entry *ret_entry)
{
	const struct dirent64 *entry;

	if (dir->at == dir->end) {
		ssize_t got = lend_getdents(dir->fd, dir->entries,
					    sizeof(dir->entries), deadline);

		if (got <= 0)
			return (int)got;
		dir->at = 0;
		dir->end = (size_t)got;
	}
	entry = (const struct dirent64 *)(dir->entries + dir->at);
	lend_assert(entry->d_reclen && entry->d_reclen <= dir->end - dir->at);
	dir->at += entry->d_reclen;
	ret_entry->name = entry->d_name;
	ret_entry->inode = entry->d_ino;
	ret_entry->type = entry->d_type;
	return 1;
}

int lend_dir_fd(const struct lend_dir *dir)
{
	return dir->fd;
}

struct lend_dir *lend_dir_close(struct lend_dir *dir)
{
	if (dir) {
		lend_close(dir->fd);
		free(dir);
	}
	return NULL;
}
