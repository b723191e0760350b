/*
 * Goal:   K11, B12, H8: each operation on files does what its system call does,
 *         errors included, in each of the three interfaces; what it reads is
 *         copied, so the caller may scribble over it right after.
 * Method: a directory of the test's own, looked at with plain system calls. An
 *         SQE reaches the kernel at the worker's next safe point, so what is
 *         scribbled over before the actor suspends is what would be seen.
 */
#include <fcntl.h>
#include <linux/stat.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "forms.h"

static char directory[] = "/tmp/lend-test-XXXXXX";
static int dir_fd;

static int open_new(const char *name)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			0600);

	CHECK(fd >= 0);
	return fd;
}

static bool exists(const char *name)
{
	return !faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void scribble(void *memory, size_t size)
{
	memset(memory, 0x5a, size);
}

/* ---- by path ---- */

static int opens(void *arg)
{
	char name[64] = "opened";
	int fds[4];

	(void)arg;
	fds[0] = SYNC(openat, dir_fd, name, O_RDWR | O_CREAT | O_EXCL, 0640);
	STARTED(openat, dir_fd, name, O_RDONLY, 0);
	scribble(name, sizeof(name));
	fds[1] = FINISHED();
	STARTED(openat2, dir_fd, strcpy(name, "opened"), O_WRONLY, 0, 0);
	scribble(name, sizeof(name));
	fds[2] = FINISHED();
	fds[3] = DIRECT(io_uring_prep_openat(direct_sqe, dir_fd, "opened",
					     O_RDONLY | O_CLOEXEC, 0));
	for (unsigned i = 0; i < 4; i++) {
		CHECK(fds[i] >= 0);
		CHECK(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		CHECK_EQ(lend_close(fds[i]), 0);
	}
	CHECK_EQ(SYNC(openat, dir_fd, "nothing", O_RDONLY, 0), -ENOENT);
	CHECK_EQ(ASYNC(openat, dir_fd, "nothing", O_RDONLY, 0), -ENOENT);
	CHECK_EQ(SYNC(openat, dir_fd, NULL, O_RDONLY, 0), -EFAULT);
	CHECK_EQ(ASYNC(openat, dir_fd, NULL, O_RDONLY, 0), -EFAULT);
	return 0;
}

/* Nobody has seen the descriptor, so nobody else can close it. The harness
 * counts those that are left. */
static int unseen_descriptors_are_closed(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		STARTED(openat, dir_fd, "opened", O_RDONLY, 0);
		if (i == 0)
			lend_pending_abandon(started);
		while (i > 0 && !lend_pending_done(started))
			lend_sleep(lend_after(LEND_MS));
		if (i == 1)
			lend_pending_free(started);
		started = NULL;
	}
	return 0;
}

static int names_are_made_and_removed(void *arg)
{
	char name[64] = "d2", other[64];

	(void)arg;
	CHECK_EQ(SYNC(mkdirat, dir_fd, "d1", 0700), 0);
	STARTED(mkdirat, dir_fd, name, 0700);
	scribble(name, sizeof(name));
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(DIRECT(io_uring_prep_mkdirat(direct_sqe, dir_fd, "d3", 0700)),
		 0);
	CHECK(exists("d1") && exists("d2") && exists("d3"));
	CHECK_EQ(SYNC(mkdirat, dir_fd, "d1", 0700), -EEXIST);
	CHECK_EQ(ASYNC(mkdirat, dir_fd, "d1", 0700), -EEXIST);

	CHECK_EQ(SYNC(renameat, dir_fd, "d1", dir_fd, "e1", 0), 0);
	STARTED(renameat, dir_fd, strcpy(name, "d2"), dir_fd,
		strcpy(other, "e2"), 0);
	scribble(name, sizeof(name));
	scribble(other, sizeof(other));
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(DIRECT(io_uring_prep_renameat(direct_sqe, dir_fd, "d3", dir_fd,
					       "e3", 0)),
		 0);
	CHECK(exists("e1") && exists("e2") && exists("e3") && !exists("d2"));
	CHECK_EQ(SYNC(renameat, dir_fd, "e1", dir_fd, "e2", RENAME_NOREPLACE),
		 -EEXIST);
	CHECK_EQ(ASYNC(renameat, dir_fd, "no", dir_fd, "e9", 0), -ENOENT);

	CHECK_EQ(SYNC(unlinkat, dir_fd, "e1", 0), -EISDIR);
	CHECK_EQ(SYNC(unlinkat, dir_fd, "e1", AT_REMOVEDIR), 0);
	STARTED(unlinkat, dir_fd, strcpy(name, "e2"), AT_REMOVEDIR);
	scribble(name, sizeof(name));
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(DIRECT(io_uring_prep_unlinkat(direct_sqe, dir_fd, "e3",
					       AT_REMOVEDIR)),
		 0);
	CHECK(!exists("e1") && !exists("e2") && !exists("e3"));
	CHECK_EQ(ASYNC(unlinkat, dir_fd, "e1", 0), -ENOENT);
	return 0;
}

static int links(void *arg)
{
	char name[64] = "file", other[64] = "hard2", got[16] = "";
	struct stat stat;

	(void)arg;
	close(open_new("file"));
	CHECK_EQ(SYNC(linkat, dir_fd, "file", dir_fd, "hard1", 0), 0);
	STARTED(linkat, dir_fd, name, dir_fd, other, 0);
	scribble(name, sizeof(name));
	scribble(other, sizeof(other));
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(DIRECT(io_uring_prep_linkat(direct_sqe, dir_fd, "file", dir_fd,
					     "hard3", 0)),
		 0);
	CHECK_EQ(fstatat(dir_fd, "file", &stat, 0), 0);
	CHECK_EQ(stat.st_nlink, 4);
	CHECK_EQ(SYNC(linkat, dir_fd, "file", dir_fd, "hard1", 0), -EEXIST);
	CHECK_EQ(ASYNC(linkat, dir_fd, "no", dir_fd, "hard9", 0), -ENOENT);

	CHECK_EQ(SYNC(symlinkat, "file", dir_fd, "soft1"), 0);
	STARTED(symlinkat, strcpy(name, "file"), dir_fd,
		strcpy(other, "soft2"));
	scribble(name, sizeof(name));
	scribble(other, sizeof(other));
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(DIRECT(io_uring_prep_symlinkat(direct_sqe, "file", dir_fd,
						"soft3")),
		 0);
	CHECK_EQ(readlinkat(dir_fd, "soft2", got, sizeof(got)), 4);
	CHECK(!memcmp(got, "file", 4));
	CHECK_EQ(SYNC(symlinkat, "file", dir_fd, "soft1"), -EEXIST);
	CHECK_EQ(ASYNC(symlinkat, "file", dir_fd, "soft3"), -EEXIST);
	return 0;
}

static int statx_tells(void *arg)
{
	struct statx stat = { 0 };
	char name[64] = "sized";
	int fd = open_new("sized");

	(void)arg;
	CHECK_EQ(write(fd, "12345", 5), 5);
	CHECK_EQ(SYNC(statx, dir_fd, name, 0, STATX_SIZE, &stat), 0);
	CHECK_EQ(stat.stx_size, 5);
	stat.stx_size = 0;
	STARTED(statx, dir_fd, name, 0, STATX_SIZE, &stat);
	scribble(name, sizeof(name));
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(stat.stx_size, 5);
	stat.stx_size = 0;
	CHECK_EQ(DIRECT(io_uring_prep_statx(direct_sqe, fd, "", AT_EMPTY_PATH,
					    STATX_SIZE, &stat)),
		 0);
	CHECK_EQ(stat.stx_size, 5);
	CHECK_EQ(ASYNC(statx, dir_fd, "no", 0, STATX_SIZE, &stat), -ENOENT);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

/* ---- data ---- */

static int reads_and_writes(void *arg)
{
	char out[64] = "asynchronous", big[LEND_PAYLOAD_COPY_MAX + 1], in[64];
	int fd = open_new("data");

	(void)arg;
	CHECK_EQ(SYNC(write, fd, "synchronous", 11, 0), 11);
	CHECK_EQ(SYNC(read, fd, in, 64, 0), 11);
	CHECK(!memcmp(in, "synchronous", 11));

	STARTED(write, fd, out, 12, 0);
	scribble(out, sizeof(out));
	CHECK_EQ(FINISHED(), 12);
	CHECK_EQ(ASYNC(read, fd, in, 64, 0), 12);
	CHECK(!memcmp(in, "asynchronous", 12));

	CHECK_EQ(DIRECT(io_uring_prep_write(direct_sqe, fd, "direct", 6, 0)),
		 6);
	CHECK_EQ(DIRECT(io_uring_prep_read(direct_sqe, fd, in, 6, 0)), 6);
	CHECK(!memcmp(in, "direct", 6));

	/* One byte more is not copied. */
	memset(big, 'a', sizeof(big));
	STARTED(write, fd, big, sizeof(big), 0);
	CHECK_EQ(FINISHED(), sizeof(big));
	CHECK_EQ(SYNC(read, fd, in, 64, LEND_PAYLOAD_COPY_MAX), 1);
	CHECK_EQ(in[0], 'a');

	CHECK_EQ(SYNC(read, dir_fd, in, 1, 0), -EISDIR);
	CHECK_EQ(ASYNC(read, dir_fd, in, 1, 0), -EISDIR);
	CHECK_EQ(ASYNC(write, dir_fd, in, 1, 0), -EBADF);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

static int vectors(void *arg)
{
	char a[8] = "one", b[8] = "two", c[8], d[8];
	struct iovec out[2] = { { a, 3 }, { b, 3 } },
		     in[2] = { { c, 2 }, { d, 4 } };
	int fd = open_new("vectors");

	(void)arg;
	CHECK_EQ(SYNC(writev, fd, out, 2, 0), 6);
	CHECK_EQ(SYNC(readv, fd, in, 2, 0), 6);
	CHECK(!memcmp(c, "on", 2) && !memcmp(d, "etwo", 4));

	STARTED(writev, fd, out, 2, 6);
	scribble(a, sizeof(a));
	scribble(b, sizeof(b));
	scribble(out, sizeof(out));
	CHECK_EQ(FINISHED(), 6);
	scribble(d, sizeof(d));
	STARTED(readv, fd, in, 2, 6);
	scribble(in, sizeof(in));
	CHECK_EQ(FINISHED(), 6);
	CHECK(!memcmp(c, "on", 2) && !memcmp(d, "etwo", 4));

	in[0] = (struct iovec){ c, 2 };
	in[1] = (struct iovec){ d, 4 };
	CHECK_EQ(DIRECT(io_uring_prep_readv(direct_sqe, fd, in, 2, 0)), 6);
	CHECK_EQ(SYNC(readv, fd, in, 1025, 0), -EINVAL);
	CHECK_EQ(ASYNC(writev, fd, in, 1025, 0), -EINVAL);
	CHECK_EQ(ASYNC(readv, dir_fd, in, 2, 0), -EISDIR);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

/* ---- to the disk, size and use ---- */

static int syncs(void *arg)
{
	int fd = open_new("synced"), pipe_fds[2];

	(void)arg;
	CHECK_EQ(pipe(pipe_fds), 0);
	CHECK_EQ(write(fd, "12345", 5), 5);
	CHECK_EQ(SYNC(fsync, fd), 0);
	CHECK_EQ(ASYNC(fsync, fd), 0);
	CHECK_EQ(DIRECT(io_uring_prep_fsync(direct_sqe, fd, 0)), 0);
	CHECK_EQ(SYNC(fdatasync, fd), 0);
	CHECK_EQ(ASYNC(fdatasync, fd), 0);
	CHECK_EQ(SYNC(sync_file_range, fd, 0, 5, SYNC_FILE_RANGE_WRITE), 0);
	CHECK_EQ(ASYNC(sync_file_range, fd, 0, 5, SYNC_FILE_RANGE_WRITE), 0);
	CHECK_EQ(DIRECT(io_uring_prep_sync_file_range(direct_sqe, fd, 5, 0,
						      SYNC_FILE_RANGE_WRITE)),
		 0);
	CHECK_EQ(SYNC(fsync, pipe_fds[0]), -EINVAL);
	CHECK_EQ(ASYNC(fdatasync, pipe_fds[0]), -EINVAL);
	CHECK_EQ(SYNC(sync_file_range, fd, 0, 5, 0x4000), -EINVAL);
	lend_close(pipe_fds[0]);
	lend_close(pipe_fds[1]);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

static int64_t size_of(int fd)
{
	struct stat stat;

	return CHECK_EQ(fstat(fd, &stat), 0) ? stat.st_size : -1;
}

static int sizes(void *arg)
{
	int fd = open_new("size"), read_only;

	(void)arg;
	read_only = openat(dir_fd, "size", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(SYNC(fallocate, fd, 0, 0, 1000), 0);
	CHECK_EQ(size_of(fd), 1000);
	CHECK_EQ(ASYNC(fallocate, fd, 0, 1000, 1000), 0);
	CHECK_EQ(size_of(fd), 2000);
	CHECK_EQ(DIRECT(io_uring_prep_fallocate(direct_sqe, fd, 0, 2000, 1000)),
		 0);
	CHECK_EQ(size_of(fd), 3000);
	CHECK_EQ(SYNC(fallocate, fd, 0, 0, 0), -EINVAL);
	CHECK_EQ(ASYNC(fallocate, read_only, 0, 0, 10), -EBADF);

	CHECK_EQ(SYNC(ftruncate, fd, 10), 0);
	CHECK_EQ(size_of(fd), 10);
	/* Beyond 32 bits. */
	CHECK_EQ(ASYNC(ftruncate, fd, INT64_C(5) << 32), 0);
	CHECK_EQ(size_of(fd), INT64_C(5) << 32);
	CHECK_EQ(SYNC(ftruncate, read_only, 0), -EINVAL);
	CHECK_EQ(ASYNC(ftruncate, read_only, 0), -EINVAL);

	CHECK_EQ(SYNC(fadvise, fd, 0, 10, POSIX_FADV_WILLNEED), 0);
	CHECK_EQ(ASYNC(fadvise, fd, 0, 10, POSIX_FADV_DONTNEED), 0);
	CHECK_EQ(DIRECT(io_uring_prep_fadvise(direct_sqe, fd, 0, 10,
					      POSIX_FADV_NORMAL)),
		 0);
	CHECK_EQ(SYNC(fadvise, fd, 0, 10, 77), -EINVAL);
	CHECK_EQ(lend_close(read_only), 0);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

static int madvise_forgets(void *arg)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		*page = 1;
		if (i == 0)
			CHECK_EQ(SYNC(madvise, page, 4096, MADV_DONTNEED), 0);
		else if (i == 1)
			CHECK_EQ(ASYNC(madvise, page, 4096, MADV_DONTNEED), 0);
		else
			CHECK_EQ(DIRECT(io_uring_prep_madvise(direct_sqe, page,
							      4096,
							      MADV_DONTNEED)),
				 0);
		CHECK_EQ(*page, 0);
	}
	CHECK_EQ(SYNC(madvise, page, 4096, 12345), -EINVAL);
	CHECK_EQ(ASYNC(madvise, page + 1, 4096, MADV_DONTNEED), -EINVAL);
	munmap(page, 4096);
	return 0;
}

static int attributes(void *arg)
{
	char name[32] = "user.two", value[32] = "second", path[64], got[32];
	int fd = open_new("attributes");

	(void)arg;
	snprintf(path, sizeof(path), "%s/attributes", directory);
	if (fsetxattr(fd, "user.probe", "x", 1, 0) && errno == ENOTSUP) {
		test_skip("attributes", "this file system has none");
		return lend_close(fd);
	}
	CHECK_EQ(SYNC(fsetxattr, fd, "user.one", "first", 5, 0), 0);
	STARTED(fsetxattr, fd, name, value, 6, 0);
	scribble(name, sizeof(name));
	scribble(value, sizeof(value));
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(DIRECT(io_uring_prep_fsetxattr(direct_sqe, fd, "user.three",
						"third", 0, 5)),
		 0);
	CHECK_EQ(SYNC(setxattr, path, "user.four", "fourth", 6, 0), 0);
	CHECK_EQ(ASYNC(setxattr, path, "user.one", "again", 5, XATTR_CREATE),
		 -EEXIST);
	CHECK_EQ(fgetxattr(fd, "user.two", got, sizeof(got)), 6);
	CHECK(!memcmp(got, "second", 6));

	CHECK_EQ(SYNC(fgetxattr, fd, "user.one", got, sizeof(got)), 5);
	CHECK(!memcmp(got, "first", 5));
	CHECK_EQ(SYNC(getxattr, path, "user.two", got, sizeof(got)), 6);
	CHECK(!memcmp(got, "second", 6));
	CHECK_EQ(SYNC(getxattr, path, "user.two", got, 2), -ERANGE);
	STARTED(getxattr, path, strcpy(name, "user.four"), got, sizeof(got));
	scribble(name, sizeof(name));
	scribble(path, sizeof(path));
	CHECK_EQ(FINISHED(), 6);
	CHECK(!memcmp(got, "fourth", 6));
	CHECK_EQ(ASYNC(fgetxattr, fd, "user.three", got, sizeof(got)), 5);
	CHECK_EQ(SYNC(fgetxattr, fd, "user.five", got, sizeof(got)), -ENODATA);
	CHECK_EQ(SYNC(fsetxattr, fd, NULL, "x", 1, 0), -EFAULT);
	CHECK_EQ(lend_close(fd), 0);
	return 0;
}

/* ---- H14 ---- */

/* Open, then read what is there, typed: an error or what was fulfilled. */
static int worked_example(void *arg)
{
	static const char text[] = "a file of thirty-two bytes here.";
	struct lend_pending *reads[4];
	int fd = open_new("example"), pair[2];
	char parts[4][8];

	(void)arg;
	CHECK_EQ(write(fd, text, 32), 32);
	CHECK_EQ(lend_close(fd), 0);
	fd = SYNC(openat, dir_fd, "example", O_RDONLY, 0);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(lend_read_async(fd, parts[i], 8, 8 * i, &reads[i]), 0);
	CHECK_EQ(lend_pending_await_all(reads, 4, LEND_FOREVER), 0);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(lend_pending_result(reads[i]), 8);
		CHECK(!memcmp(parts[i], text + 8 * i, 8));
		lend_pending_free(reads[i]);
	}
	CHECK_EQ(lend_close(fd), 0);

	/* Poll, then as many reads as there is data for. */
	test_pair(pair);
	STARTED(poll, pair[0], POLLIN);
	CHECK(!lend_pending_done(started));
	CHECK_EQ(write(pair[1], text, 32), 32);
	CHECK_EQ(FINISHED(), POLLIN);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(lend_read_async(pair[0], parts[i], 8, -1, &reads[i]),
			 0);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(lend_pending_await(reads[i], LEND_FOREVER), 8);
		lend_pending_free(reads[i]);
	}
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	char command[64];

	test_init(argc, argv, 60);
	if (!mkdtemp(directory))
		return 1;
	dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_actor("opens", opens);
	test_actor("unseen descriptors are closed",
		   unseen_descriptors_are_closed);
	test_actor("names are made and removed", names_are_made_and_removed);
	test_actor("links", links);
	test_actor("statx tells", statx_tells);
	test_actor("reads and writes", reads_and_writes);
	test_actor("vectors", vectors);
	test_actor("syncs", syncs);
	test_actor("sizes", sizes);
	test_actor("madvise forgets", madvise_forgets);
	test_actor("attributes", attributes);
	test_actor("worked example", worked_example);
	close(dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command))
		return 1;
	return test_finish();
}
