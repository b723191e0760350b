/*
 * The part of the program of operations that is about files and their names:
 * what an actor has written it reads again, whatever was cut short, asked to
 * end, or late.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "either.h"
#include "kernel.h"

#define PIECE_MAX  700
#define PIECES_MAX 4

struct piece {
	struct lend_pending *pending;
	struct iovec parts[2];
	char small[LEND_PAYLOAD_COPY_MAX];
	size_t at, size;
};

struct file {
	unsigned number;
	int fd;
	size_t size;
	char *data; /* what it is to hold */
	char *back; /* what is read */
};

static void split(struct piece *piece, char *data)
{
	size_t first = sim_draw(0, (unsigned)piece->size);

	piece->parts[0] = (struct iovec){ data + piece->at, first };
	piece->parts[1] = (struct iovec){ data + piece->at + first,
					  piece->size - first };
}

/* A payload that is small is copied, and the caller's again at once. */
static void start_write(const struct file *file, struct piece *piece)
{
	int64_t at = (int64_t)piece->at;
	int err;

	split(piece, file->data);
	if (sim_draw(0, 1)) {
		err = lend_writev_async(file->fd, piece->parts, 2, at,
					&piece->pending);
		memset(piece->parts, 0, sizeof(piece->parts));
	} else if (piece->size > sizeof(piece->small)) {
		err = lend_write_async(file->fd, file->data + piece->at,
				       piece->size, at, &piece->pending);
	} else {
		memcpy(piece->small, file->data + piece->at, piece->size);
		err = lend_write_async(file->fd, piece->small, piece->size, at,
				       &piece->pending);
		memset(piece->small, 0, piece->size);
	}
	SIM_EXPECT(!err, "write: %d", err);
}

static void start_read(const struct file *file, struct piece *piece)
{
	int64_t at = (int64_t)piece->at;
	int err;

	split(piece, file->back);
	if (sim_draw(0, 1))
		err = lend_readv_async(file->fd, piece->parts, 2, at,
				       &piece->pending);
	else
		err = lend_read_async(file->fd, file->back + piece->at,
				      piece->size, at, &piece->pending);
	SIM_EXPECT(!err, "read: %d", err);
}

static int complete_soon(const struct file *file, size_t at, size_t size,
			 bool writes)
{
	uint64_t deadline = sim_soon(50);
	ssize_t res = writes ? lend_write(file->fd, file->data + at, size,
					  (int64_t)at, deadline) :
			       lend_read(file->fd, file->back + at, size,
					 (int64_t)at, deadline);

	return sim_is_passing((int)res) ? -ETIMEDOUT : (int)res;
}

/* The rest of a piece that was cut short, or given up. */
static void complete(const struct file *file, const struct piece *piece,
		     size_t done, bool writes)
{
	while (done < piece->size) {
		size_t at = piece->at + done, size = piece->size - done;
		int res;

		if (sim_draw(0, 2) == 0)
			res = complete_soon(file, at, size, writes);
		else
			res = writes ? EITHER(write, file->fd, file->data + at,
					      size, (int64_t)at) :
				       EITHER(read, file->fd, file->back + at,
					      size, (int64_t)at);

		/* Late: done, or in part, or not. */
		if (res == -ETIMEDOUT)
			continue;
		SIM_EXPECT(res > 0 && (size_t)res <= size, "transfer: %d", res);
		done += (size_t)res;
	}
}

static void end_piece(const struct file *file, struct piece *piece, bool writes)
{
	int res = sim_finish(piece->pending);

	if (sim_is_passing(res) || res == -ECANCELED)
		res = 0;
	SIM_EXPECT(res >= 0 && (size_t)res <= piece->size, "piece: %d", res);
	complete(file, piece, (size_t)res, writes);
}

/* Several at once; some are asked to end, and then done once more. */
static void transfer(const struct file *file, bool writes)
{
	struct piece pieces[PIECES_MAX];
	size_t at = 0;

	while (at < file->size) {
		unsigned count = 0;

		for (; count < PIECES_MAX && at < file->size; count++) {
			struct piece *piece = &pieces[count];

			piece->at = at;
			piece->size = sim_draw(1, PIECE_MAX);
			if (piece->size > file->size - at)
				piece->size = file->size - at;
			at += piece->size;
			if (writes)
				start_write(file, piece);
			else
				start_read(file, piece);
			if (sim_draw(0, 7) == 0)
				lend_pending_cancel(piece->pending);
		}
		for (unsigned i = 0; i < count; i++)
			end_piece(file, &pieces[i], writes);
	}
}

static void expect_size(const char *path, size_t size, unsigned names)
{
	struct statx stat;

	EXPECT_0(statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &stat);
	SIM_EXPECT(stat.stx_size == size && stat.stx_nlink == names,
		   "%zu bytes, %u names", (size_t)stat.stx_size,
		   stat.stx_nlink);
}

static void change_size(const struct file *file, const char *path)
{
	size_t more = file->size + sim_draw(1, 100);

	EXPECT_0(fallocate, file->fd, 0, 0, (int64_t)more);
	expect_size(path, more, 1);
	EXPECT_0(ftruncate, file->fd, (int64_t)file->size);
	expect_size(path, file->size, 1);
	EXPECT_0(fsync, file->fd);
	EXPECT_0(fdatasync, file->fd);
	EXPECT_0(fadvise, file->fd, 0, 0, POSIX_FADV_NORMAL);
	EXPECT_0(sync_file_range, file->fd, 0, 0, 0);
	EXPECT_0(madvise, file->data, (uint32_t)file->size, MADV_NORMAL);
}

/* An asynchronous set has copied all of it, and it is the caller's again. */
static int set_attribute(const struct file *file, const char *path, char *value,
			 size_t size, int flags)
{
	char name[] = "user.a", *copy = strdupa(path);
	struct lend_pending *pending;
	int err;

	if (sim_draw(0, 1))
		err = lend_fsetxattr_async(file->fd, name, value, size, flags,
					   &pending);
	else
		err = lend_setxattr_async(copy, name, value, size, flags,
					  &pending);
	memset(name, 0, sizeof(name));
	memset(copy, 0, strlen(copy));
	memset(value, 0, size);
	return err ? err : sim_finish(pending);
}

static void use_attributes(const struct file *file, const char *path)
{
	unsigned size = sim_draw(1, SIM_VALUE_MAX);
	char value[SIM_VALUE_MAX];
	int res;

	SIM_EXPECT(EITHER(fgetxattr, file->fd, "user.a", value,
			  sizeof(value)) == -ENODATA,
		   "there is none");
	for (unsigned i = 0; i < 2; i++) {
		int flags = i ? XATTR_REPLACE : XATTR_CREATE;

		do {
			sim_fill(value, size, file->number + i, 0);
			res = set_attribute(file, path, value, size, flags);
		} while (sim_is_passing(res));
		SIM_EXPECT(!res, "set: %d", res);
		res = sim_draw(0, 1) ? EITHER(fgetxattr, file->fd, "user.a",
					      value, sizeof(value)) :
				       EITHER(getxattr, path, "user.a", value,
					      sizeof(value));
		SIM_EXPECT(res == (int)size, "get: %d", res);
		sim_compare(value, size, file->number + i, 0);
	}
	SIM_EXPECT(EITHER(setxattr, path, "user.a", value, size,
			  XATTR_CREATE) == -EEXIST,
		   "there is one");
}

static int open_path(const char *path, int flags)
{
	return EITHER(openat, AT_FDCWD, path, flags, 0600);
}

/* By another of its names, which are then all removed. */
static void rename_and_check(struct file *file, const char *path)
{
	char other[64], third[64];

	snprintf(other, sizeof(other), "%s.other", path);
	snprintf(third, sizeof(third), "%s.third", path);
	EXPECT_0(linkat, AT_FDCWD, path, AT_FDCWD, other, 0);
	expect_size(path, file->size, 2);
	EXPECT_0(unlinkat, AT_FDCWD, path, 0);
	EXPECT_0(symlinkat, other, AT_FDCWD, third);
	expect_size(third, file->size, 1);
	EXPECT_0(renameat, AT_FDCWD, other, AT_FDCWD, path, 0);
	SIM_EXPECT(open_path(third, O_RDWR) == -ENOENT, "it was renamed");
	EXPECT_0(unlinkat, AT_FDCWD, third, 0);
	SIM_EXPECT(!lend_close(file->fd), "close");
	file->fd = open_path(path, O_RDWR);
	SIM_EXPECT(file->fd >= 0, "open: %d", file->fd);
	EXPECT_0(unlinkat, AT_FDCWD, path, 0);
}

int sim_operations_file(void *arg)
{
	struct file file = { .number = sim_number(arg) };
	size_t before = lend_io_used();
	char directory[32], path[48];

	file.size = sim_draw(1, 6000);
	file.data = lend_io_alloc(file.size);
	file.back = lend_io_alloc(file.size);
	SIM_EXPECT(file.data && file.back, "no memory");
	snprintf(directory, sizeof(directory), "/operations/%u", file.number);
	snprintf(path, sizeof(path), "%s/file", directory);
	EXPECT_0(mkdirat, AT_FDCWD, directory, 0700);
	file.fd = open_path(path, O_RDWR | O_CREAT);
	SIM_EXPECT(file.fd >= 0, "open: %d", file.fd);
	sim_fill(file.data, file.size, file.number, 0);
	transfer(&file, true);
	change_size(&file, path);
	use_attributes(&file, path);
	rename_and_check(&file, path);
	transfer(&file, false);
	sim_compare(file.back, file.size, file.number, 0);
	SIM_EXPECT(!lend_close(file.fd), "close");
	EXPECT_0(unlinkat, AT_FDCWD, directory, AT_REMOVEDIR);
	lend_io_free(file.data);
	lend_io_free(file.back);
	sim_expect_nothing_held(before);
	return 0;
}
