/*
 * Goal:   an operation that the kernel ends though nobody asked for it is
 *         submitted again, and its caller does not notice; one that somebody
 *         did ask to end, ends.
 * Method: an outsider finds the rings among the descriptors of the process and
 *         cancels everything on them, from each worker's thread, as a private
 *         ring obeys nobody else, while operations of every kind wait.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/harness.h"

#define READERS 48
#define STORMS	6
#define FD_MAX	1024

static _Atomic unsigned waiting;

/* ---- the outsider ---- */

static bool is_ring(int fd)
{
	char path[64], name[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	size = readlink(path, name, sizeof(name) - 1);
	if (size <= 0)
		return false;
	name[size] = '\0';
	return strcmp(name, "anon_inode:[io_uring]") == 0;
}

/* What the kernel has in hand is submitted by now: the worker does that
 * before it comes to its next actor. */
static int cancel_all(void *arg)
{
	struct io_uring_sync_cancel_reg cancel = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
	};
	int rings = 0;

	(void)arg;
	for (int fd = 0; fd < FD_MAX; fd++)
		if (is_ring(fd) &&
		    syscall(SYS_io_uring_register, fd,
			    IORING_REGISTER_SYNC_CANCEL, &cancel, 1) >= 0)
			rings++;
	return rings;
}

/* One storm reaches everything that has been submitted, whoever did it: nobody
 * else's thread would do, so the outsiders are pinned. */
static void storm(void)
{
	struct lend_spawn_options options = { .joinable = true,
					      .pinned = true };
	lend_ref outsider;

	/* All have said what they want: let each worker submit it. */
	lend_sleep(lend_after(3 * LEND_MS));
	for (unsigned i = 1; i <= test_options.workers; i++) {
		options.worker = i;
		if (CHECK_EQ(lend_spawn(cancel_all, NULL, &options, &outsider),
			     0))
			test_join(outsider);
	}
}

static uint64_t resubmitted(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.resubmitted;
}

static void wait_for(unsigned count)
{
	while (atomic_load(&waiting) < count)
		lend_yield();
}

/* ---- what waits ---- */

static int read_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte = 0;
	int res;

	atomic_fetch_add(&waiting, 1);
	res = (int)lend_recv(fd, &byte, 1, 0, LEND_FOREVER);
	return res == 1 ? byte : res;
}

static int read_buffer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;
	ssize_t res;
	int byte;

	atomic_fetch_add(&waiting, 1);
	res = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
	if (res != 1)
		return (int)res;
	byte = ((char *)buffer.data)[0];
	lend_buffer_release(&buffer);
	return byte;
}

static int poll_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	atomic_fetch_add(&waiting, 1);
	if (lend_poll(fd, POLLIN, LEND_FOREVER) != POLLIN)
		return -1;
	return lend_recv(fd, &byte, 1, 0, LEND_NOW) == 1 ? byte : -1;
}

static int readers_do_not_notice(void *arg)
{
	static const lend_actor_fn kinds[] = { read_one, read_buffer,
					       poll_one };
	int pairs[READERS][2];
	lend_ref readers[READERS];
	uint64_t deadline = lend_after(20 * LEND_S);
	uint64_t before = resubmitted();

	(void)arg;
	atomic_store(&waiting, 0);
	for (unsigned i = 0; i < READERS; i++) {
		test_pair(pairs[i]);
		readers[i] = test_spawn_on(1 + i % test_options.workers,
					   kinds[i % 3],
					   (void *)(intptr_t)pairs[i][0]);
	}
	wait_for(READERS);
	for (unsigned i = 0; i < STORMS; i++)
		storm();
	while (resubmitted() - before < READERS && lend_now() < deadline)
		storm();
	CHECK_IN(resubmitted() - before, READERS, INT32_MAX);
	for (unsigned i = 0; i < READERS; i++) {
		char byte = (char)(1 + i);

		CHECK_EQ(lend_send(pairs[i][1], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(test_join(readers[i]), byte);
		lend_close(pairs[i][0]);
		lend_close(pairs[i][1]);
	}
	return 0;
}

static int send_all(void *arg)
{
	static char data[1 << 20];
	int fd = (int)(intptr_t)arg;

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 2654435761u >> 24);
	atomic_fetch_add(&waiting, 1);
	return lend_send_all(fd, data, sizeof(data), LEND_FOREVER) ==
			       sizeof(data) ?
		       0 :
		       -1;
}

/* Not a byte is sent twice, none is left out. */
static int a_send_goes_on_where_it_was(void *arg)
{
	char piece[30000];
	unsigned at = 0;
	int pair[2];
	lend_ref sender;

	(void)arg;
	atomic_store(&waiting, 0);
	test_pair(pair);
	sender = test_spawn(send_all, (void *)(intptr_t)pair[0]);
	wait_for(1);
	while (at < 1 << 20) {
		ssize_t got;

		storm();
		got = lend_recv(pair[1], piece, sizeof(piece), 0, LEND_FOREVER);
		if (!CHECK(got > 0))
			break;
		for (ssize_t i = 0; i < got; i++, at++)
			if (piece[i] != (char)(at * 2654435761u >> 24))
				return -1;
	}
	CHECK_EQ(test_join(sender), 0);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

/* ---- accept, connect ---- */

static int dial_one(void *arg)
{
	const struct lend_address *address = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	atomic_fetch_add(&waiting, 1);
	err = lend_connect(fd, (const struct sockaddr *)&address->storage,
			   address->size, LEND_FOREVER);
	lend_close(fd);
	return err;
}

static int accept_one(void *arg)
{
	int fd;

	atomic_fetch_add(&waiting, 1);
	fd = lend_listener_accept(arg, LEND_FOREVER);
	if (fd >= 0)
		lend_close(fd);
	return fd >= 0 ? 0 : fd;
}

static int accept_goes_on(void *arg)
{
	struct lend_listener *listener;
	lend_ref acceptor, dialer;

	(void)arg;
	atomic_store(&waiting, 0);
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 0, &listener), 0))
		return -1;
	acceptor = test_spawn(accept_one, listener);
	wait_for(1);
	for (unsigned i = 0; i < STORMS; i++)
		storm();

	dialer = test_spawn(dial_one,
			    (void *)(uintptr_t)lend_listener_address(listener));
	CHECK_EQ(test_join(acceptor), 0);
	CHECK_EQ(test_join(dialer), 0);
	lend_listener_close(listener);
	return 0;
}

/* The listener's queue is full, so that the kernel keeps a connect waiting;
 * it tries again after a second. */
static int connect_goes_on(void *arg)
{
	struct sockaddr_storage storage;
	socklen_t size = sizeof(storage);
	struct lend_address address = { 0 };
	int filling, accepted[2];
	lend_ref dialer;
	uint16_t port;
	int listener;

	(void)arg;
	atomic_store(&waiting, 0);
	listener = test_listen(0, &port);
	filling = test_connect(port);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&storage, &size), 0);
	memcpy(&address.storage, &storage, size);
	address.size = size;
	dialer = test_spawn(dial_one, &address);
	wait_for(1);
	for (unsigned i = 0; i < STORMS; i++)
		storm();
	for (unsigned i = 0; i < 2; i++) {
		accepted[i] = lend_accept(listener, NULL, NULL,
					  lend_after(20 * LEND_S));
		CHECK(accepted[i] >= 0);
	}
	CHECK_EQ(test_join(dialer), 0);
	for (unsigned i = 0; i < 2; i++)
		lend_close(accepted[i]);
	lend_close(filling);
	lend_close(listener);
	return 0;
}

/* ---- what was asked for happens ---- */

static int read_until(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t deadline = lend_after(60 * LEND_MS);
	char byte;

	atomic_fetch_add(&waiting, 1);
	CHECK_EQ(lend_recv(fd, &byte, 1, 0, deadline), -ETIMEDOUT);
	CHECK(lend_now() >= deadline);
	return 0;
}

/* In flight when it counts: a close can not come before it. */
static int read_begun(void *arg)
{
	struct lend_pending *pending;
	char *byte = lend_io_alloc(1);
	int res;

	if (!CHECK_EQ(lend_recv_async((int)(intptr_t)arg, byte, 1, 0, &pending),
		      0))
		return -1;
	atomic_fetch_add(&waiting, 1);
	res = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	lend_io_free(byte);
	return res;
}

static int who_asks_is_heard(void *arg)
{
	lend_ref late, cancelled, closed;
	int pairs[3][2];

	(void)arg;
	atomic_store(&waiting, 0);
	for (unsigned i = 0; i < 3; i++)
		test_pair(pairs[i]);
	late = test_spawn(read_until, (void *)(intptr_t)pairs[0][0]);
	cancelled = test_spawn(read_one, (void *)(intptr_t)pairs[1][0]);
	closed = test_spawn(read_begun, (void *)(intptr_t)pairs[2][0]);
	wait_for(3);
	for (unsigned i = 0; i < STORMS; i++)
		storm();
	CHECK_EQ(test_join(late), 0);
	CHECK_EQ(lend_cancel(cancelled), 0);
	CHECK_EQ(test_join(cancelled), -ECANCELED);
	CHECK_EQ(lend_close(pairs[2][0]), 0);
	CHECK_EQ(test_join(closed), -ECANCELED);
	lend_close(pairs[0][0]);
	lend_close(pairs[1][0]);
	for (unsigned i = 0; i < 3; i++)
		lend_close(pairs[i][1]);
	return 0;
}

/* The library did not fill its SQE, and can not do it again. */
static int a_direct_operation_is_told(void *arg)
{
	uint64_t deadline = lend_after(20 * LEND_S);
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	int pair[2];
	char *byte = lend_io_alloc(1);

	(void)arg;
	test_pair(pair);
	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	io_uring_prep_recv(lend_claim_sqe(claim, 0), pair[0], byte, 1, 0);
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	/* A polling thread submits when it comes to it. */
	while (!lend_pending_done(pending) && lend_now() < deadline)
		storm();
	CHECK_EQ(lend_pending_await(pending, deadline), -ECANCELED);
	lend_pending_free(pending);
	lend_io_free(byte);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

/* ---- handles ---- */

enum way { AWAIT, ANY, LOOK, RECEIVE, WAYS };

/* Each way to learn of an operation's end finds that it goes on. */
static int learn(struct lend_pending *pending, enum way way)
{
	struct lend_msg *msg;
	int res;

	switch (way) {
	case ANY:
		CHECK_EQ(lend_pending_await_any(&pending, 1, LEND_FOREVER), 0);
		break;
	case LOOK:
		while (!lend_pending_done(pending))
			lend_sleep(lend_after(100 * LEND_US));
		break;
	case RECEIVE:
		if (CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0))
			lend_msg_free(msg);
		break;
	default:
		break;
	}
	res = lend_pending_await(pending, LEND_FOREVER);
	CHECK_EQ(lend_pending_result(pending), res);
	lend_pending_free(pending);
	return res;
}

static int write_later(void *arg)
{
	lend_sleep(lend_after(5 * LEND_MS));
	return (int)lend_write((int)(intptr_t)arg, "x", 1, -1, LEND_FOREVER);
}

static void learn_of_two(enum way way)
{
	struct lend_pending *pendings[2];
	lend_ref writers[2];
	int pairs[2][2];
	char byte;

	for (unsigned i = 0; i < 2; i++)
		test_pair(pairs[i]);
	CHECK_EQ(lend_recv_async(pairs[0][0], &byte, 1, 0, &pendings[0]), 0);
	CHECK_EQ(lend_poll_async(pairs[1][0], POLLIN, &pendings[1]), 0);
	storm();
	for (unsigned i = 0; i < 2; i++)
		writers[i] = test_spawn(write_later,
					(void *)(intptr_t)pairs[i][1]);
	for (unsigned i = 0; i < 2; i++) {
		if (way == RECEIVE)
			lend_pending_notify(pendings[i], 1);
		CHECK_EQ(learn(pendings[i], way), 1);
	}
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(test_join(writers[i]), 1);
		lend_close(pairs[i][0]);
		lend_close(pairs[i][1]);
	}
}

static int handles_go_on(void *arg)
{
	uint64_t deadline = lend_after(20 * LEND_S), before;

	(void)arg;
	for (enum way way = 0; way < WAYS; way++) {
		before = resubmitted();
		/* The worker that was to submit them may have been late. */
		do
			learn_of_two(way);
		while (resubmitted() < before + 2 && lend_now() < deadline);
		CHECK(resubmitted() >= before + 2);
	}
	return 0;
}

static void fill(int fd)
{
	static const char zeros[65536];

	while (send(fd, zeros, sizeof(zeros), MSG_DONTWAIT) > 0)
		;
}

static int drain(void *arg)
{
	static char sink[65536];

	while (lend_recv((int)(intptr_t)arg, sink, sizeof(sink), 0,
			 LEND_FOREVER) > 0)
		;
	return 0;
}

/* It has two CQEs, of which the second one says nothing of the result. */
static int a_zero_copy_send_goes_on(void *arg)
{
	static const char data[4096];
	uint64_t before = resubmitted(), deadline = lend_after(20 * LEND_S);
	struct lend_pending *pending;
	lend_ref drainer;
	int fds[2], err, listener;
	uint16_t port;

	(void)arg;
	listener = test_listen(1, &port);
	fds[0] = test_connect(port);
	fds[1] = lend_accept(listener, NULL, NULL, LEND_FOREVER);
	lend_close(listener);
	fill(fds[0]);
	err = lend_send_zc_async(fds[0], data, sizeof(data), 0, &pending);
	if (err != -EOPNOTSUPP && CHECK_EQ(err, 0)) {
		do
			storm();
		while (!lend_pending_done(pending) && resubmitted() == before &&
		       lend_now() < deadline);
		CHECK(resubmitted() > before);
		storm();
		drainer = test_spawn(drain, (void *)(intptr_t)fds[1]);
		CHECK_EQ(lend_pending_await(pending, LEND_FOREVER),
			 sizeof(data));
		lend_pending_free(pending);
		CHECK_EQ(lend_close(fds[0]), 0);
		CHECK_EQ(test_join(drainer), 0);
	} else {
		lend_close(fds[0]);
	}
	CHECK_EQ(lend_close(fds[1]), 0);
	return 0;
}

/* Undone, and before its actor has looked the number is another file's: it must
 * not go on there. */
static int not_on_another_file(void *arg)
{
	struct lend_pending *pending;
	int pair[2], next[2];
	char byte = 0;

	(void)arg;
	test_pair(pair);
	CHECK_EQ(lend_recv_async(pair[0], &byte, 1, 0, &pending), 0);
	storm();
	CHECK_EQ(lend_close(pair[0]), 0);
	test_pair(next);
	CHECK_EQ(next[0], pair[0]);
	CHECK_EQ(write(next[1], "x", 1), 1);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
	lend_pending_free(pending);
	CHECK_EQ(lend_recv(next[0], &byte, 1, 0, LEND_FOREVER), 1);
	lend_close(pair[1]);
	lend_close(next[0]);
	lend_close(next[1]);
	return 0;
}

/* What was asked to end ends, undone or not. */
static int asked_ones_end(void *arg)
{
	struct lend_pending *pendings[3];
	char bytes[3];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(lend_recv_async(pair[0], &bytes[i], 1, 0,
					 &pendings[i]),
			 0);
	storm();
	lend_pending_cancel(pendings[0]);
	CHECK_EQ(lend_pending_await(pendings[0], LEND_FOREVER), -ECANCELED);
	lend_pending_abandon(pendings[1]);
	lend_pending_free(pendings[0]);
	lend_pending_free(pendings[2]);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("readers do not notice", readers_do_not_notice);
	test_actor("a send goes on where it was", a_send_goes_on_where_it_was);
	test_actor("accept goes on", accept_goes_on);
	test_actor("connect goes on", connect_goes_on);
	test_actor("who asks is heard", who_asks_is_heard);
	test_actor("a direct operation is told", a_direct_operation_is_told);
	test_actor("handles go on", handles_go_on);
	test_actor("a zero-copy send goes on", a_zero_copy_send_goes_on);
	test_actor("not on another file", not_on_another_file);
	test_actor("asked ones end", asked_ones_end);
	return test_finish();
}
