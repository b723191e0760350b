/*
 * Goal:   an operation with a handle that the kernel ends though nobody asked
 *         for it goes on, whichever way its actor learns of its end; not on
 *         another file, not if it was asked to end, and not if the library did
 *         not fill its SQE.
 * Method: an outsider cancels everything on every ring while they wait.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/outsider.h"

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

/* ---- what does not go on ---- */

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
	test_actor("a direct operation is told", a_direct_operation_is_told);
	test_actor("handles go on", handles_go_on);
	test_actor("a zero-copy send goes on", a_zero_copy_send_goes_on);
	test_actor("not on another file", not_on_another_file);
	test_actor("asked ones end", asked_ones_end);
	return test_finish();
}
