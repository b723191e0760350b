/*
 * Goal:   files are opened, written, read, examined and closed as the system
 *         calls would do it, errors included.
 * Method: temporary files, compared with what read(2) and stat(2) say.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"

static char directory[] = "/tmp/lend-test-XXXXXX";

static void path_of(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", directory, name);
}

static int write_and_read_back(void *arg)
{
	char path[128], out[5000], in[6000];
	int fd;

	(void)arg;
	path_of(path, sizeof(path), "data");
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	fd = lend_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0640,
			 LEND_FOREVER);
	if (!CHECK(fd >= 0))
		return fd;
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(lend_write(fd, out, sizeof(out), 0, LEND_FOREVER),
		 sizeof(out));
	CHECK_EQ(lend_read(fd, in, sizeof(in), 0, LEND_FOREVER), sizeof(out));
	CHECK(!memcmp(in, out, sizeof(out)));
	CHECK_EQ(lend_read(fd, in, 10, 4990, LEND_FOREVER), 10);
	CHECK(!memcmp(in, out + 4990, 10));
	CHECK_EQ(lend_read(fd, in, 10, 5000, LEND_FOREVER), 0);
	/* The file's own position. */
	CHECK_EQ(lend_read(fd, in, 100, -1, LEND_FOREVER), 100);
	CHECK_EQ(lend_read(fd, in, 100, -1, LEND_FOREVER), 100);
	CHECK(!memcmp(in, out + 100, 100));
	CHECK_EQ(lend_close(fd), 0);
	unlink(path);
	return 0;
}

static int statx_tells(void *arg)
{
	char path[128];
	struct statx stat;
	struct stat plain;
	int fd;

	(void)arg;
	path_of(path, sizeof(path), "stat");
	fd = lend_openat(AT_FDCWD, path, O_WRONLY | O_CREAT, 0600,
			 LEND_FOREVER);
	if (!CHECK(fd >= 0))
		return fd;
	CHECK_EQ(lend_write(fd, "12345", 5, 0, LEND_FOREVER), 5);
	memset(&stat, 0, sizeof(stat));
	CHECK_EQ(lend_statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stat,
			    LEND_FOREVER),
		 0);
	CHECK_EQ(stat.stx_size, 5);
	CHECK_EQ(fstat(fd, &plain), 0);
	CHECK_EQ(stat.stx_ino, plain.st_ino);
	CHECK_EQ(stat.stx_mode, plain.st_mode);
	memset(&stat, 0, sizeof(stat));
	CHECK_EQ(lend_statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &stat,
			    LEND_FOREVER),
		 0);
	CHECK_EQ(stat.stx_size, 5);
	CHECK_EQ(lend_close(fd), 0);
	unlink(path);
	return 0;
}

static int errors(void *arg)
{
	char path[128], *long_path = malloc(5000), byte;
	struct statx stat = { 0 };
	int fd;

	(void)arg;
	path_of(path, sizeof(path), "nothing");
	CHECK_EQ(lend_openat(AT_FDCWD, path, O_RDONLY, 0, LEND_FOREVER),
		 -ENOENT);
	stat.stx_size = 77;
	CHECK_EQ(lend_statx(AT_FDCWD, path, 0, STATX_SIZE, &stat, LEND_FOREVER),
		 -ENOENT);
	CHECK_EQ(stat.stx_size, 77);
	memset(long_path, 'x', 4999);
	long_path[4999] = '\0';
	CHECK_EQ(lend_openat(AT_FDCWD, long_path, O_RDONLY, 0, LEND_FOREVER),
		 -ENAMETOOLONG);
	free(long_path);
	fd = lend_openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0644,
			 LEND_FOREVER);
	if (CHECK(fd >= 0)) {
		CHECK_EQ(lend_read(fd, &byte, 1, 0, LEND_FOREVER), -EISDIR);
		CHECK_EQ(lend_openat2(fd, "../x", O_RDONLY, 0, 8, LEND_FOREVER),
			 -EXDEV); /* RESOLVE_BENEATH */
		CHECK_EQ(lend_close(fd), 0);
	}
	CHECK_EQ(lend_read(1000000, &byte, 1, 0, LEND_FOREVER), -EBADF);
	CHECK_EQ(lend_write(-5, &byte, 1, 0, LEND_FOREVER), -EBADF);
	return 0;
}

/* The caller's path may be gone as soon as the call suspends. */
static int open_by_fading_path(void *arg)
{
	char path[128];
	int fd;

	(void)arg;
	path_of(path, sizeof(path), "many");
	fd = lend_openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0600, LEND_FOREVER);
	if (fd < 0)
		return fd;
	for (int i = 0; i < 20; i++) {
		char byte = (char)i;

		if (lend_write(fd, &byte, 1, i, LEND_FOREVER) != 1 ||
		    lend_read(fd, &byte, 1, i, LEND_FOREVER) != 1)
			return -EIO;
	}
	return lend_close(fd);
}

static int many_at_once(void *arg)
{
	lend_ref refs[100];
	char path[128];

	(void)arg;
	for (int i = 0; i < 100; i++)
		refs[i] = test_spawn(open_by_fading_path, NULL);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	path_of(path, sizeof(path), "many");
	unlink(path);
	return 0;
}

static int io_memory(void *arg)
{
	char *spans[100];

	(void)arg;
	CHECK(!lend_io_alloc(0));
	CHECK(!lend_io_alloc((2 << 20) + 1));
	for (int i = 0; i < 100; i++) {
		spans[i] = lend_io_alloc(1000);
		if (CHECK(spans[i] != NULL))
			memset(spans[i], i, 1000);
	}
	lend_yield();
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(spans[i][0], i);
		CHECK_EQ(spans[i][999], i);
		lend_io_free(spans[i]);
	}
	lend_io_free(NULL);
	/* Left behind: freed with the actor. */
	CHECK(lend_io_alloc(100000) != NULL);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 30);
	if (!mkdtemp(directory)) {
		perror(directory);
		return 1;
	}
	test_actor("write_and_read_back", write_and_read_back);
	test_actor("statx_tells", statx_tells);
	test_actor("errors", errors);
	test_actor("many_at_once", many_at_once);
	test_actor("io_memory", io_memory);
	rmdir(directory);
	return test_finish();
}
