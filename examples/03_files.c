/*
 * Files: copies one, and counts its lines on the way.
 *
 * You learn: reads and writes that suspend the actor and not the thread, and
 * how an operation goes on beside its actor: the next block is read while the
 * last one is written.
 *
 *	cc 03_files.c $(pkg-config --cflags --libs lend liburing) -o 03_files
 *	./03_files SOURCE NEW_FILE
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <lend/lend.h>
#include <liburing.h>
#include <stdio.h>

#define COPY_SIZE 65536u

/* Start to read a block; *@ret_pending is how to wait for it. */
static int read_ahead(int fd, void *block, long long offset,
		      struct lend_pending **ret_pending)
{
	struct lend_claim_handle *claim;
	int err = lend_claim(1, LEND_FOREVER, &claim);

	if (err)
		return err;
	io_uring_prep_read(lend_claim_sqe(claim, 0), fd, block, COPY_SIZE,
			   (uint64_t)offset);
	return lend_claim_commit(claim, ret_pending);
}

static int write_all(int fd, const char *data, size_t size, int64_t offset)
{
	while (size) {
		ssize_t res = lend_write(fd, data, size, offset, LEND_FOREVER);

		if (res <= 0)
			return res ? (int)res : -EIO;
		data += res;
		size -= (size_t)res;
		offset += res;
	}
	return 0;
}

static int copy(int from, int to, char *blocks[2])
{
	struct lend_pending *pending;
	long long bytes = 0, lines = 0;
	int err = read_ahead(from, blocks[0], 0, &pending);

	for (unsigned turn = 0; !err; turn ^= 1) {
		int size = lend_pending_await(pending, LEND_FOREVER);

		lend_pending_free(pending);
		if (!size)
			printf("%lld bytes, %lld lines\n", bytes, lines);
		if (size <= 0)
			return size;
		err = read_ahead(from, blocks[turn ^ 1], bytes + size,
				 &pending);
		for (int i = 0; i < size; i++)
			lines += blocks[turn][i] == '\n';
		if (!err)
			err = write_all(to, blocks[turn], (size_t)size, bytes);
		bytes += size;
	}
	return err; /* one may be in flight: it ends with the actor */
}

static int program(void *arg)
{
	char **names = arg, *blocks[2];
	int from, to, err;

	/* I/O memory: freed with the actor, when the kernel has let go of it.
	 */
	blocks[0] = lend_io_alloc(COPY_SIZE);
	blocks[1] = lend_io_alloc(COPY_SIZE);
	if (!blocks[0] || !blocks[1])
		return -ENOMEM;
	from = lend_openat(AT_FDCWD, names[1], O_RDONLY, 0, LEND_FOREVER);
	to = lend_openat(AT_FDCWD, names[2], O_WRONLY | O_CREAT | O_EXCL, 0644,
			 LEND_FOREVER);
	err = from < 0 ? from : to < 0 ? to : copy(from, to, blocks);
	lend_close(to);
	lend_close(from);
	return err;
}

int main(int argc, char **argv)
{
	int err = argc == 3 ? lend_run(NULL, program, argv) : -EINVAL;

	if (err)
		fprintf(stderr, "03_files: %s\n", lend_error_text(err));
	return err != 0;
}
