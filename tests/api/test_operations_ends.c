/*
 * Goal:   K4, P2, K3: each operation that can wait is ended by its deadline, by
 *         its handle (cancelled, freed, abandoned), by its actor's cancellation
 *         or end, and by the close of its descriptor; in each of the three
 *         interfaces. Then nothing is left of it that takes what comes later.
 * Method: a table of operations on things that never become ready, made anew
 *         for each way. Afterwards the thing is made ready, and the same
 *         operation must get what is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "forms.h"
#include "unready.h"

/* Newer than some headers. */
#ifndef IORING_OP_FUTEX_WAIT
#define IORING_OP_WAITID     50
#define IORING_OP_FUTEX_WAIT 51
#endif
#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif
#ifndef FUTEX_BITSET_MATCH_ANY
#define FUTEX_BITSET_MATCH_ANY 0xffffffff
#endif

/* ---- the operations ---- */

#define SYNC_FORM(name, op, ...)                                               \
	static long sync_##name(uint64_t deadline)                             \
	{                                                                      \
		return lend_##op(__VA_ARGS__, deadline);                       \
	}
#define WAITS(name, op, prepare, ...)                                          \
	SYNC_FORM(name, op, __VA_ARGS__)                                       \
	static int async_##name(struct lend_pending **ret_pending)             \
	{                                                                      \
		return lend_##op##_async(__VA_ARGS__, ret_pending);            \
	}                                                                      \
	static void prepare_##name(struct io_uring_sqe *sqe)                   \
	{                                                                      \
		prepare;                                                       \
	}

#define CROWDED (struct sockaddr *)&crowded, crowded_size
#define WORD	((const uint32_t *)&word)
/* Without O_CREAT the kernel tries with O_NONBLOCK first, and has it. */
#define DIR_AND_PATH AT_FDCWD, path, O_RDONLY | O_CREAT | O_CLOEXEC

WAITS(read, read, io_uring_prep_read(sqe, fds[0], byte, 1, -1), fds[0], byte, 1,
      -1)
WAITS(readv, readv, io_uring_prep_readv(sqe, fds[0], &vector, 1, -1), fds[0],
      &vector, 1, -1)
WAITS(write, write, io_uring_prep_write(sqe, fds[0], byte, 1, -1), fds[0], byte,
      1, -1)
WAITS(writev, writev, io_uring_prep_writev(sqe, fds[0], &vector, 1, -1), fds[0],
      &vector, 1, -1)
WAITS(splice, splice,
      io_uring_prep_splice(sqe, others[0], -1, fds[0], -1, 1, 0), others[0], -1,
      fds[0], -1, 1, 0)
WAITS(tee, tee, io_uring_prep_tee(sqe, others[0], fds[0], 1, 0), others[0],
      fds[0], 1, 0)
WAITS(recv, recv, io_uring_prep_recv(sqe, fds[0], byte, 1, 0), fds[0], byte, 1,
      0)
WAITS(recvfrom, recvfrom, io_uring_prep_recv(sqe, fds[0], byte, 1, 0), fds[0],
      byte, 1, 0, NULL, NULL)
WAITS(recvmsg, recvmsg, io_uring_prep_recvmsg(sqe, fds[0], &message, 0), fds[0],
      &message, 0)
WAITS(send, send, io_uring_prep_send(sqe, fds[0], byte, 1, 0), fds[0], byte, 1,
      0)
WAITS(sendto, sendto, io_uring_prep_send(sqe, fds[0], byte, 1, 0), fds[0], byte,
      1, 0, NULL, 0)
WAITS(sendmsg, sendmsg, io_uring_prep_sendmsg(sqe, fds[0], &message, 0), fds[0],
      &message, 0)
WAITS(send_zc, send_zc, io_uring_prep_send_zc(sqe, fds[0], byte, 1, 0, 0),
      fds[0], byte, 1, 0)
WAITS(sendmsg_zc, sendmsg_zc,
      io_uring_prep_sendmsg_zc(sqe, fds[0], &message, 0), fds[0], &message, 0)
WAITS(accept, accept,
      io_uring_prep_accept(sqe, fds[0], NULL, NULL, SOCK_CLOEXEC), fds[0], NULL,
      NULL)
WAITS(connect, connect, io_uring_prep_connect(sqe, fds[0], CROWDED), fds[0],
      CROWDED)
WAITS(poll, poll, io_uring_prep_poll_add(sqe, fds[0], POLLIN), fds[0], POLLIN)
WAITS(openat, openat, io_uring_prep_openat(sqe, DIR_AND_PATH, 0600),
      DIR_AND_PATH, 0600)
WAITS(openat2, openat2, io_uring_prep_openat(sqe, DIR_AND_PATH, 0600),
      DIR_AND_PATH, 0600, 0)
WAITS(futex_wait, futex_wait,
      (io_uring_prep_rw(IORING_OP_FUTEX_WAIT, sqe, FUTEX2_SIZE_U32, WORD, 0, 5),
       sqe->addr3 = FUTEX_BITSET_MATCH_ANY),
      WORD, 5)
WAITS(waitid, waitid,
      (io_uring_prep_rw(IORING_OP_WAITID, sqe, child, NULL, P_PID,
			(uint64_t)(uintptr_t)&info),
       sqe->file_index = WEXITED),
      P_PID, (uint32_t)child, &info, WEXITED)
SYNC_FORM(sendfile, sendfile, fds[0], others[0], NULL, 1)
SYNC_FORM(recv_fds, recv_fds, fds[0], byte, 1, &passed_fd, &passed_count)
SYNC_FORM(send_fds, send_fds, fds[0], byte, 1, others, 1)
SYNC_FORM(send_all, send_all, fds[0], byte, 1)

enum result { COUNT_1, DESCRIPTOR, NOTHING, IN_EVENTS, STALE };

static const struct row {
	const char *name;
	void (*make)(void);
	void (*ready)(void);
	enum result result; /* then */
	long (*sync)(uint64_t deadline);
	int (*async)(struct lend_pending **ret_pending); /* NULL: none */
	void (*prepare)(struct io_uring_sqe *sqe);
} rows[] = {
#define ROW(op, before, after, then)                                           \
	{                                                                      \
#op, before, after, then, sync_##op, async_##op, prepare_##op  \
	}
#define ROW_SYNC(op, before, after)                                            \
	{                                                                      \
#op, before, after, COUNT_1, sync_##op, NULL, NULL             \
	}
	ROW(read, empty_pipe, send_byte, COUNT_1),
	ROW(readv, empty_pipe, send_byte, COUNT_1),
	ROW(write, full_pipe, make_room, COUNT_1),
	ROW(writev, full_pipe, make_room, COUNT_1),
	ROW(splice, two_pipes, fill_first, COUNT_1),
	ROW(tee, two_pipes, fill_first, COUNT_1),
	ROW_SYNC(sendfile, two_pipes, fill_first),
	ROW(recv, silent_socket, send_byte, COUNT_1),
	ROW(recvfrom, silent_socket, send_byte, COUNT_1),
	ROW(recvmsg, silent_socket, send_byte, COUNT_1),
	ROW_SYNC(recv_fds, silent_socket, send_descriptor),
	ROW(send, full_socket, make_room, COUNT_1),
	ROW(sendto, full_socket, make_room, COUNT_1),
	ROW(sendmsg, full_socket, make_room, COUNT_1),
	ROW(send_zc, full_connection, make_room, COUNT_1),
	ROW(sendmsg_zc, full_connection, make_room, COUNT_1),
	ROW_SYNC(send_fds, full_socket, make_room),
	ROW_SYNC(send_all, full_socket, make_room),
	ROW(accept, listening, connect_to_it, DESCRIPTOR),
	ROW(connect, crowded_listener, take_connection, NOTHING),
	ROW(poll, silent_socket, send_byte, IN_EVENTS),
	ROW(openat, lonely_fifo, open_other_end, DESCRIPTOR),
	ROW(openat2, lonely_fifo, open_other_end, DESCRIPTOR),
	ROW(futex_wait, still_word, change_word, STALE),
	ROW(waitid, living_child, end_child, NOTHING),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- before and after ---- */

static void make(const struct row *row)
{
	others[0] = others[1] = passed_fd = -1;
	passed_count = 1;
	child = 0;
	message.msg_flags = 0;
	row->make();
	/* send_fds passes a descriptor that is open. */
	if (others[0] < 0)
		others[0] = dup(STDERR_FILENO);
}

static void check_ready(const struct row *row)
{
	long res;

	row->ready();
	res = row->sync(lend_after(60 * LEND_S));
	switch (row->result) {
	case COUNT_1:
		CHECK_EQ(res, 1);
		if (passed_fd >= 0)
			CHECK_EQ(lend_close(passed_fd), 0);
		break;
	case DESCRIPTOR:
		if (CHECK(res >= 0))
			CHECK_EQ(lend_close((int)res), 0);
		break;
	case NOTHING:
		CHECK_EQ(res, 0);
		break;
	case IN_EVENTS:
		CHECK_EQ(res, POLLIN);
		break;
	case STALE:
		CHECK_EQ(res, -EAGAIN);
		break;
	}
}

/* ---- the ways ---- */

static void by_deadline(const struct row *row)
{
	CHECK_EQ(row->sync(lend_after(LEND_MS)), -ETIMEDOUT);
	CHECK_EQ(row->sync(LEND_NOW), -ETIMEDOUT);
	check_ready(row);
}

static int wait_for_ever(void *arg)
{
	const struct row *row = arg;

	CHECK_EQ(row->sync(LEND_FOREVER), -ECANCELED);
	return 7;
}

/* It may not have begun, which makes no difference; mostly it has. */
static void by_cancelled_actor(const struct row *row)
{
	lend_ref waiter = test_spawn(wait_for_ever, (void *)row);

	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	CHECK_EQ(lend_cancel(waiter), 0);
	CHECK_EQ(test_join(waiter), 7);
	check_ready(row);
}

static void by_cancelled_handle(const struct row *row)
{
	struct lend_pending *pending;

	CHECK_EQ(row->async(&pending), 0);
	CHECK_EQ(lend_pending_await(pending, lend_after(LEND_MS)), -ETIMEDOUT);
	CHECK(!lend_pending_done(pending));
	lend_pending_cancel(pending);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
	lend_pending_free(pending);
	check_ready(row);
}

static void by_freed_handle(const struct row *row)
{
	struct lend_pending *pending;

	CHECK_EQ(row->async(&pending), 0);
	lend_pending_free(pending);
	check_ready(row);
}

/* When its memory is free, it is over. */
static void by_abandoned_handle(const struct row *row)
{
	size_t before = lend_io_used();
	struct lend_pending *pending;

	CHECK_EQ(row->async(&pending), 0);
	CHECK(lend_io_used() > before);
	lend_pending_abandon(pending);
	while (lend_io_used() > before)
		CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
	check_ready(row);
}

static int leave_it(void *arg)
{
	const struct row *row = arg;
	struct lend_pending *pending;

	CHECK_EQ(row->async(&pending), 0);
	return 8;
}

/* lend_close() waits for what is in flight still. */
static void by_actors_end(const struct row *row)
{
	CHECK_EQ(test_join(test_spawn(leave_it, (void *)row)), 8);
	if (fds[0] < 0)
		return;
	CHECK_EQ(lend_close(fds[0]), 0);
	fds[0] = -1;
}

static int close_it(void *arg)
{
	(void)arg;
	CHECK_EQ(lend_close(fds[0]), 0);
	return 9;
}

static void by_close(const struct row *row)
{
	struct lend_pending *pending;
	lend_ref closer;

	if (fds[0] < 0)
		return;
	CHECK_EQ(row->async(&pending), 0);
	closer = test_spawn(close_it, NULL);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
	lend_pending_free(pending);
	CHECK_EQ(test_join(closer), 9);
	fds[0] = -1;
}

static int wait_until_closed(void *arg)
{
	const struct row *row = arg;
	long res = row->sync(LEND_FOREVER);

	/* Whoever begins late finds nothing there. */
	CHECK(res == -ECANCELED || res == -EBADF);
	return 10;
}

static void by_close_of_a_call(const struct row *row)
{
	lend_ref waiter;

	if (fds[0] < 0)
		return;
	waiter = test_spawn(wait_until_closed, (void *)row);
	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(test_join(waiter), 10);
	fds[0] = -1;
}

/* What its author filled ends with what the kernel says. */
static void by_cancelled_claim(const struct row *row)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	int res;

	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	row->prepare(lend_claim_sqe(claim, 0));
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	CHECK_EQ(lend_pending_await(pending, lend_after(LEND_MS)), -ETIMEDOUT);
	lend_pending_cancel(pending);
	res = lend_pending_await(pending, LEND_FOREVER);
	CHECK(res == -ECANCELED || res == -EINTR);
	lend_pending_free(pending);
	check_ready(row);
}

/* The peer reads nothing, so what is to be sent stays where it is, and the
 * kernel keeps the memory: that is the handle's matter, not the descriptor's.
 */
static int what_the_kernel_keeps_holds_up_no_close(void *arg)
{
	const int more = 200 << 10;
	struct lend_pending *pending;

	(void)arg;
	others[0] = others[1] = -1;
	child = 0;
	connection(50 << 10);
	fill_connection();
	CHECK_EQ(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &more, sizeof(more)),
		 0);
	CHECK_EQ(lend_send_zc_async(fds[0], byte, 1, 0, &pending), 0);
	CHECK_EQ(lend_close(fds[0]), 0);
	/* With something unread it is reset. */
	CHECK_EQ(lend_close(fds[1]), 0);
	fds[0] = fds[1] = -1;
	CHECK_EQ(lend_pending_await(pending, lend_after(60 * LEND_S)), 1);
	lend_pending_free(pending);
	return 0;
}

static const struct way {
	const char *name;
	void (*fn)(const struct row *row);
	bool needs_async;
} ways[] = {
	{ "deadlines end them", by_deadline, false },
	{ "cancelled actors end them", by_cancelled_actor, false },
	{ "cancelled handles end them", by_cancelled_handle, true },
	{ "freed handles end them", by_freed_handle, true },
	{ "abandoned handles end them", by_abandoned_handle, true },
	{ "their actors' ends end them", by_actors_end, true },
	{ "closed descriptors end them", by_close, true },
	{ "closed descriptors end calls", by_close_of_a_call, false },
	{ "cancelled claims end them", by_cancelled_claim, true },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static const struct way *way;

/* Masked, or not in this kernel. */
static bool is_missing(const struct row *row)
{
	return row->sync(LEND_NOW) == -EOPNOTSUPP;
}

static int each_operation(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < ROWS; i++) {
		unsigned failures = test_failures();

		if (way->needs_async && !rows[i].async)
			continue;
		make(&rows[i]);
		if (!is_missing(&rows[i]))
			way->fn(&rows[i]);
		close_things();
		if (test_failures() != failures)
			fprintf(stderr, "it was %s\n", rows[i].name);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int err;

	test_init(argc, argv, 120);
	if (!mkdtemp(directory))
		return 1;
	for (size_t i = 0; i < WAYS; i++) {
		way = &ways[i];
		test_actor(way->name, each_operation);
	}
	test_actor("what the kernel keeps holds up no close",
		   what_the_kernel_keeps_holds_up_no_close);
	snprintf(path, sizeof(path), "%s/fifo", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/socket", directory);
	unlink(path);
	err = rmdir(directory);
	return test_finish() || err;
}
