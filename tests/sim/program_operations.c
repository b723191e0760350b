/*
 * A program of a scenario that uses the table of operations in both forms:
 * files and their names, zero-copy sends, futexes; and others that are given
 * up in every way there is. What an actor of its own has written it reads
 * again, each permit of a semaphore is taken once, and no memory of the I/O
 * heap is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel.h"
#include "program.h"

#define NOTICE 77

/* ---- both forms ---- */

static uint64_t soon(unsigned us)
{
	return lend_after(sim_draw(0, us) * LEND_US);
}

static void hear_of(struct lend_pending *pending)
{
	struct lend_notice notice;
	struct lend_msg *msg;
	int err;

	lend_pending_notify(pending, NOTICE);
	err = lend_receive(LEND_FOREVER, &msg);
	SIM_EXPECT(!err && lend_msg_type(msg) == NOTICE, "notice: %d", err);
	memcpy(&notice, lend_msg_data(msg), sizeof(notice));
	SIM_EXPECT(notice.pending == pending &&
			   notice.result == lend_pending_result(pending),
		   "the notice of another");
	lend_msg_free(msg);
}

/* Wait for it somehow, and free it. */
static int finish(struct lend_pending *pending)
{
	struct lend_pending *two[2] = { NULL, pending };
	int res = 0;

	switch (sim_draw(0, 5)) {
	case 0:
		res = lend_pending_await_any(two, 2, LEND_FOREVER);
		SIM_EXPECT(res == 1, "any: %d", res);
		break;
	case 1:
		res = lend_pending_await_all(two, 2, LEND_FOREVER);
		SIM_EXPECT(!res, "all: %d", res);
		break;
	case 2:
		hear_of(pending);
		break;
	case 3:
		do
			res = lend_pending_await(pending, soon(100));
		while (!lend_pending_done(pending));
		break;
	default:
		res = lend_pending_await(pending, LEND_FOREVER);
		break;
	}
	SIM_EXPECT(lend_pending_done(pending), "it goes on");
	res = lend_pending_result(pending);
	lend_pending_free(pending);
	return res;
}

/* Nothing has been done. */
static bool is_passing(int res)
{
	return res == -EINTR || res == -EIO || res == -EMFILE;
}

/* The result of an operation in either form, until it is its own. */
#define EITHER(name, ...)                                                      \
	__extension__({                                                        \
		struct lend_pending *pending;                                  \
		int result;                                                    \
                                                                               \
		do {                                                           \
			if (sim_draw(0, 1)) {                                  \
				result = (int)lend_##name(__VA_ARGS__,         \
							  LEND_FOREVER);       \
			} else {                                               \
				result = lend_##name##_async(__VA_ARGS__,      \
							     &pending);        \
				if (!result)                                   \
					result = finish(pending);              \
			}                                                      \
		} while (is_passing(result));                                  \
		result;                                                        \
	})

#define EXPECT_0(name, ...)                                                    \
	do {                                                                   \
		int err_ = EITHER(name, __VA_ARGS__);                          \
                                                                               \
		SIM_EXPECT(!err_, #name ": %d", err_);                         \
	} while (0)

/* Abandoned records go when the kernel has let go of them. */
static void expect_nothing_held(size_t before)
{
	for (unsigned i = 0; lend_io_used() != before; i++) {
		SIM_EXPECT(i < 1000, "%zu bytes are held, %zu were",
			   lend_io_used(), before);
		if (lend_sleep(lend_after(LEND_MS)) == -ECANCELED)
			return; /* its end sees to them */
	}
}

/* ---- files ---- */

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

/* The rest of a piece that was cut short, or given up. */
static void complete(const struct file *file, const struct piece *piece,
		     size_t done, bool writes)
{
	while (done < piece->size) {
		size_t at = piece->at + done, size = piece->size - done;
		int res = writes ? EITHER(write, file->fd, file->data + at,
					  size, (int64_t)at) :
				   EITHER(read, file->fd, file->back + at, size,
					  (int64_t)at);

		SIM_EXPECT(res > 0 && (size_t)res <= size, "transfer: %d", res);
		done += (size_t)res;
	}
}

static void end_piece(const struct file *file, struct piece *piece, bool writes)
{
	int res = finish(piece->pending);

	if (is_passing(res) || res == -ECANCELED)
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

static int use_file(void *arg)
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
	rename_and_check(&file, path);
	transfer(&file, false);
	sim_compare(file.back, file.size, file.number, 0);
	SIM_EXPECT(!lend_close(file.fd), "close");
	EXPECT_0(unlinkat, AT_FDCWD, directory, AT_REMOVEDIR);
	lend_io_free(file.data);
	lend_io_free(file.back);
	expect_nothing_held(before);
	return 0;
}

/* ---- sends without a copy ---- */

static int read_stream(void *arg)
{
	const struct sim_stream *stream = arg;
	char data[300];
	struct iovec parts[2] = { { data, 100 }, { data + 100, 200 } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	size_t at = 0;
	int res;

	do {
		res = sim_draw(0, 1) ?
			      EITHER(recvmsg, stream->fd, &message, 0) :
			      EITHER(readv, stream->fd, parts, 2, -1);
		SIM_EXPECT(res >= 0, "recvmsg: %d", res);
		sim_compare(data, (size_t)res, stream->number, at);
		at += (size_t)res;
	} while (res);
	SIM_EXPECT(at == stream->size, "%zu bytes of %zu", at, stream->size);
	return 0;
}

/* Its memory goes at once: the kernel has let go of it. */
static size_t send_some(const struct sim_stream *stream, size_t at)
{
	size_t size = sim_draw(1, 600);
	struct iovec part;
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	char *data;
	int res;

	if (size > stream->size - at)
		size = stream->size - at;
	data = lend_io_alloc(size);
	SIM_EXPECT(data, "no memory");
	sim_fill(data, size, stream->number, at);
	part = (struct iovec){ data, size };
	res = sim_draw(0, 2) ? EITHER(send_zc, stream->fd, data, size, 0) :
			       EITHER(sendmsg_zc, stream->fd, &message, 0);
	SIM_EXPECT(res > 0 && (size_t)res <= size, "send: %d", res);
	lend_io_free(data);
	return (size_t)res;
}

static int use_stream(void *arg)
{
	struct sim_stream out = { .number = sim_number(arg) }, in;
	size_t before = lend_io_used(), at = 0;
	int fds[2], err = sim_socket_pair(fds);
	lend_ref reader;

	SIM_EXPECT(!err, "socketpair: %d", err);
	out.size = sim_draw(0, 3000);
	out.fd = fds[0];
	in = out;
	in.fd = fds[1];
	reader = sim_spawn(read_stream, &in);
	while (at < out.size)
		at += send_some(&out, at);
	EXPECT_0(shutdown, out.fd, SHUT_WR);
	sim_join(reader, 0);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	expect_nothing_held(before);
	return 0;
}

/* ---- a semaphore ---- */

struct semaphore {
	_Atomic uint32_t permits;
	uint32_t word[1]; /* what they wait for: how often it was raised */
	unsigned each;	  /* permits that each taker takes */
};

static bool try_take(struct semaphore *semaphore)
{
	uint32_t there = atomic_load(&semaphore->permits);

	return there && atomic_compare_exchange_strong(&semaphore->permits,
						       &there, there - 1);
}

static int take(void *arg)
{
	struct semaphore *semaphore = arg;

	for (unsigned i = 0; i < semaphore->each; i++)
		for (;;) {
			uint32_t seen = __atomic_load_n(semaphore->word,
							__ATOMIC_SEQ_CST);
			int res;

			if (try_take(semaphore))
				break;
			res = EITHER(futex_wait, semaphore->word, seen);
			SIM_EXPECT(!res || res == -EAGAIN, "wait: %d", res);
		}
	return 0;
}

/* A permit for each wake, so all of them are needed. */
static int use_semaphore(void *arg)
{
	unsigned takers = sim_draw(1, 4);
	struct semaphore semaphore = { .each = sim_draw(1, 5) };
	lend_ref refs[4];

	(void)arg;
	for (unsigned i = 0; i < takers; i++)
		refs[i] = sim_spawn(take, &semaphore);
	for (unsigned i = 0; i < takers * semaphore.each; i++) {
		int woken;

		if (sim_draw(0, 2) == 0)
			lend_sleep(soon(100));
		atomic_fetch_add(&semaphore.permits, 1);
		__atomic_add_fetch(semaphore.word, 1, __ATOMIC_SEQ_CST);
		woken = EITHER(futex_wake, semaphore.word, 1);
		SIM_EXPECT(woken == 0 || woken == 1, "woken: %d", woken);
	}
	for (unsigned i = 0; i < takers; i++)
		sim_join(refs[i], 0);
	SIM_EXPECT(!semaphore.permits, "%u are left", semaphore.permits);
	return 0;
}

/* ---- given up ---- */

struct silence {
	int fd; /* on which nothing comes */
	uint32_t word;
};

/* Any of those that do not end by themselves. NULL: it was not begun. */
static struct lend_pending *begin(struct silence *silence, char *byte)
{
	struct lend_pending *pending = NULL;
	int err;

	switch (sim_draw(0, 4)) {
	case 0:
		err = lend_futex_wait_async(&silence->word, 0, &pending);
		break;
	case 1:
		err = lend_poll_async(silence->fd, 1, &pending);
		break;
	case 2:
		err = lend_timeout_async(lend_now() + 3600 * LEND_S, &pending);
		break;
	case 3:
		err = lend_recv_async(silence->fd, byte, 1, 0, &pending);
		break;
	default:
		err = lend_fsync_async(silence->fd, &pending);
		break;
	}
	SIM_EXPECT(!err || err == -ECANCELED, "begin: %d", err);
	return err ? NULL : pending;
}

static void give_up(struct lend_pending *pending)
{
	int res = lend_pending_await(pending, soon(50));

	SIM_EXPECT(res == -ETIMEDOUT || res == -ECANCELED || res == -EINTR ||
			   res == -EIO || res == -EINVAL,
		   "nothing comes: %d", res);
	switch (sim_draw(0, 3)) {
	case 0:
		lend_pending_cancel(pending);
		(void)!lend_pending_await(pending, LEND_FOREVER);
		SIM_EXPECT(lend_pending_done(pending), "it goes on");
		lend_pending_free(pending);
		break;
	case 1:
		lend_pending_abandon(pending);
		break;
	case 2:
		lend_pending_notify(pending, NOTICE);
		lend_pending_free(pending);
		break;
	default:
		lend_pending_free(pending);
		break;
	}
}

static int wait_in_vain(void *arg)
{
	struct silence *silence = arg;
	char *byte = lend_io_alloc(1);
	size_t before = lend_io_used();
	uint64_t deadline = soon(500);
	int res;

	while (!lend_is_cancelled() && lend_now() < deadline) {
		struct lend_pending *pending = begin(silence, byte);

		if (pending)
			give_up(pending);
		res = lend_futex_wait(&silence->word, 0, soon(50));
		SIM_EXPECT(res == -ETIMEDOUT || res == -ECANCELED ||
				   res == -EINTR,
			   "wait: %d", res);
	}
	if (sim_draw(0, 1) || lend_is_cancelled())
		(void)begin(silence, byte); /* its end is the actor's */
	else
		expect_nothing_held(before);
	return 0;
}

static int use_nothing(void *arg)
{
	struct silence silence = { 0 };
	unsigned count = sim_draw(1, 6);
	lend_ref refs[6];
	int fds[2], err = sim_socket_pair(fds);

	(void)arg;
	SIM_EXPECT(!err, "socketpair: %d", err);
	silence.fd = fds[0];
	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(wait_in_vain, &silence);
	lend_sleep(soon(400));
	for (unsigned i = 0; i < count; i++) {
		if (sim_draw(0, 1))
			lend_cancel(refs[i]);
		sim_join(refs[i], 0);
	}
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}

int sim_program_operations(void *arg)
{
	static const lend_actor_fn parts[] = { use_file, use_stream,
					       use_semaphore, use_nothing };
	unsigned count = sim_draw(1, 4);
	lend_ref refs[4];

	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(
			parts[sim_draw(0, 3)],
			(void *)(uintptr_t)(sim_number(arg) * 8 + i));
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 0);
	return 0;
}
