/*
 * Goal:   B12, H11: an operation's end can be received as a message: once, in
 *         order with messages of others, whether it is over when it is asked
 *         for or not; the message goes with its handle.
 * Method: pairs of sockets, on which what arrives when is the test's choice.
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/pending.h"

static int receive(uint32_t *ret_type, struct lend_notice *ret_notice)
{
	struct lend_msg *msg;
	int err = lend_receive(lend_after(20 * LEND_S), &msg);

	if (!CHECK_EQ(err, 0))
		return err;
	*ret_type = lend_msg_type(msg);
	memset(ret_notice, 0, sizeof(*ret_notice));
	if (CHECK_EQ(lend_msg_size(msg), sizeof(*ret_notice)))
		memcpy(ret_notice, lend_msg_data(msg), sizeof(*ret_notice));
	CHECK_EQ(lend_msg_sender(msg).index, lend_self().index);
	lend_msg_free(msg);
	return 0;
}

static int operations_are_received(void *arg)
{
	struct lend_pending *pendings[3];
	struct lend_notice notice;
	struct lend_msg *msg;
	int pairs[3][2];
	uint32_t type;
	char bytes[3];

	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		test_pair(pairs[i]);
		pendings[i] = i == 1 ? claim_recv(pairs[i][0], &bytes[i], 1) :
				       start_recv(pairs[i][0], &bytes[i], 1);
		lend_pending_notify(pendings[i], 100 + i);
	}
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	for (unsigned i = 3; i-- > 0;) {
		CHECK_EQ(write(pairs[i][1], "m", 1), 1);
		if (receive(&type, &notice))
			break;
		CHECK_EQ(type, 100 + i);
		CHECK(notice.pending == pendings[i]);
		CHECK_EQ(notice.result, 1);
		CHECK_EQ(lend_pending_result(notice.pending), 1);
		lend_pending_free(notice.pending);
	}
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	for (unsigned i = 0; i < 3; i++)
		close_pair(pairs[i]);
	return 0;
}

static int notices_go_with_their_handles(void *arg)
{
	struct lend_pending *pendings[4];
	struct lend_notice notice;
	struct lend_msg *msg;
	uint32_t type;
	char bytes[4];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(lend_send_async(pair[1], "x", 1, 0, &pendings[i]), 0);
		if (i % 2)
			lend_pending_notify(pendings[i], i);
		/* Over before anybody asks for the message. */
		CHECK_EQ(lend_pending_await(pendings[i], LEND_FOREVER), 1);
		lend_pending_notify(pendings[i], i);
		/* Between messages of others. */
		CHECK_EQ(lend_tell(lend_self(), 50 + i, &notice,
				   sizeof(notice)),
			 0);
	}
	lend_pending_free(pendings[0]);
	lend_pending_free(pendings[2]);
	lend_pending_free(pendings[3]);
	CHECK_EQ(receive(&type, &notice), 0);
	CHECK_EQ(type, 50);
	CHECK_EQ(receive(&type, &notice), 0);
	CHECK_EQ(type, 1);
	CHECK(notice.pending == pendings[1]);
	/* Received once, and free again to be asked for. */
	lend_pending_notify(pendings[1], 9);
	for (unsigned i = 51; i < 54; i++) {
		CHECK_EQ(receive(&type, &notice), 0);
		CHECK_EQ(type, i);
	}
	CHECK_EQ(receive(&type, &notice), 0);
	CHECK_EQ(type, 9);
	lend_pending_free(pendings[1]);
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	CHECK_EQ(lend_recv(pair[0], bytes, 4, MSG_WAITALL, LEND_FOREVER), 4);
	close_pair(pair);
	return 0;
}

/* Not received at the actor's end, in flight or over. */
static int leave_notices(void *arg)
{
	struct lend_pending *pending;
	int *pair = arg;

	CHECK_EQ(lend_send_async(pair[1], "x", 1, 0, &pending), 0);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 1);
	lend_pending_notify(pending, 1);
	CHECK_EQ(lend_tell(lend_self(), 2, NULL, 0), 0);
	pending = start_recv(pair[1], lend_io_alloc(1), 1);
	lend_pending_notify(pending, 3);
	return 0;
}

static int notices_end_with_their_actor(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 10; i++)
		CHECK_EQ(test_join(test_spawn(leave_notices, pair)), 0);
	close_pair(pair);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("operations are received", operations_are_received);
	test_actor("notices go with their handles",
		   notices_go_with_their_handles);
	test_actor("notices end with their actor",
		   notices_end_with_their_actor);
	return test_finish();
}
