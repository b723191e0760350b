/*
 * Goal:   B12, H1, H13, K4, K14: operations go on beside their actor; their
 * handles can be awaited, tested, cancelled, abandoned, awaited any or all of
 *         them, and be received as messages; those of claims, too.
 * Method: pairs of sockets, on which what arrives when is the test's choice;
 *         the actor ends, is cancelled, or closes the descriptor in between.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define EQUALS 64

static struct lend_pending *start_recv(int fd, void *buffer, size_t size)
{
	struct lend_pending *pending = NULL;

	CHECK_EQ(lend_recv_async(fd, buffer, size, 0, &pending), 0);
	return pending;
}

/* The same by a claim of its own. */
static struct lend_pending *claim_recv(int fd, void *buffer, size_t size)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending = NULL;

	if (CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0)) {
		io_uring_prep_recv(lend_claim_sqe(claim, 0), fd, buffer, size,
				   0);
		CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	}
	return pending;
}

static void close_pair(const int pair[2])
{
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
}

static int works_while_it_waits(void *arg)
{
	struct lend_pending *pending;
	char byte = 0;
	int pair[2];

	(void)arg;
	test_pair(pair);
	pending = start_recv(pair[0], &byte, 1);
	CHECK(!lend_pending_done(pending));
	CHECK_EQ(lend_pending_result(pending), -EINPROGRESS);
	CHECK_EQ(lend_pending_await(pending, LEND_NOW), -ETIMEDOUT);
	CHECK_EQ(lend_pending_await(pending, lend_after(LEND_MS)), -ETIMEDOUT);
	/* Other work, I/O too. */
	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	CHECK_EQ(lend_send(pair[1], "x", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 1);
	CHECK(lend_pending_done(pending));
	CHECK_EQ(lend_pending_result(pending), 1);
	CHECK_EQ(lend_pending_await(pending, LEND_NOW), 1);
	CHECK_EQ(byte, 'x');
	lend_pending_free(pending);
	lend_pending_free(NULL);
	close_pair(pair);
	return 0;
}

static int errors_come_at_once_or_with_the_result(void *arg)
{
	struct lend_pending *pending = NULL;
	char byte;
	int pair[2];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(lend_recv_async(-5, &byte, 1, 0, &pending), -EBADF);
	CHECK(!pending);
	CHECK_EQ(lend_send_async(1000000, "x", 1, 0, &pending), 0);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -EBADF);
	lend_pending_free(pending);
	pending = start_recv(pair[0], &byte, 1);
	close(pair[1]);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 0);
	lend_pending_free(pending);
	CHECK_EQ(lend_close(pair[0]), 0);
	return 0;
}

/* ---- H13 ---- */

static int equal_reads_are_told_apart(void *arg)
{
	struct lend_pending *pendings[EQUALS];
	char *bytes = lend_io_alloc(EQUALS);
	unsigned seen[EQUALS] = { 0 };
	int pair[2];

	(void)arg;
	test_pair(pair);
	memset(bytes, 0x7f, EQUALS);
	for (unsigned i = 0; i < EQUALS; i++)
		pendings[i] = start_recv(pair[0], &bytes[i], 1);
	for (char i = 0; i < EQUALS; i++)
		CHECK_EQ(lend_send(pair[1], &i, 1, 0, LEND_FOREVER), 1);
	/* Each byte came to one of them, and its result is of that one. */
	for (unsigned i = 0; i < EQUALS; i++) {
		CHECK_EQ(lend_pending_await(pendings[i], LEND_FOREVER), 1);
		if (CHECK_IN(bytes[i], 0, EQUALS - 1))
			seen[(unsigned)bytes[i]]++;
		lend_pending_free(pendings[i]);
	}
	for (unsigned i = 0; i < EQUALS; i++)
		CHECK_EQ(seen[i], 1);
	lend_io_free(bytes);
	close_pair(pair);
	return 0;
}

/* ---- any, all ---- */

static int any_is_the_one_that_is_over(void *arg)
{
	struct lend_pending *pendings[4] = { NULL };
	static const unsigned order[3] = { 2, 0, 1 };
	int pairs[3][2];
	char bytes[3];

	(void)arg;
	CHECK_EQ(lend_pending_await_any(pendings, 4, LEND_NOW), -EINVAL);
	for (unsigned i = 0; i < 3; i++) {
		test_pair(pairs[i]);
		pendings[i] = i == 1 ? claim_recv(pairs[i][0], &bytes[i], 1) :
				       start_recv(pairs[i][0], &bytes[i], 1);
	}
	CHECK_EQ(lend_pending_await_any(pendings, 4, LEND_NOW), -ETIMEDOUT);
	CHECK_EQ(lend_pending_await_any(pendings, 4, lend_after(LEND_MS)),
		 -ETIMEDOUT);
	for (unsigned i = 0; i < 3; i++) {
		unsigned which = order[i];

		CHECK_EQ(write(pairs[which][1], "z", 1), 1);
		CHECK_EQ(lend_pending_await_any(pendings, 4, LEND_FOREVER),
			 which);
		CHECK_EQ(lend_pending_result(pendings[which]), 1);
		lend_pending_free(pendings[which]);
		pendings[which] = NULL;
	}
	for (unsigned i = 0; i < 3; i++)
		close_pair(pairs[i]);
	return 0;
}

static int all_waits_for_the_last(void *arg)
{
	struct lend_pending *pendings[4] = { NULL };
	int pairs[3][2];
	char bytes[3];

	(void)arg;
	CHECK_EQ(lend_pending_await_all(pendings, 4, LEND_NOW), 0);
	for (unsigned i = 0; i < 3; i++) {
		test_pair(pairs[i]);
		pendings[i + 1] = start_recv(pairs[i][0], &bytes[i], 1);
	}
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(lend_pending_await_all(pendings, 4,
						lend_after(LEND_MS)),
			 -ETIMEDOUT);
		CHECK_EQ(write(pairs[2 - i][1], "z", 1), 1);
	}
	CHECK_EQ(lend_pending_await_all(pendings, 4, LEND_FOREVER), 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(lend_pending_result(pendings[i + 1]), 1);
		lend_pending_free(pendings[i + 1]);
		close_pair(pairs[i]);
	}
	return 0;
}

static _Atomic bool begun;

static int wait_for_any(void *arg)
{
	struct lend_pending *pendings[2];
	int *pair = arg, res;
	char bytes[2];

	for (unsigned i = 0; i < 2; i++)
		pendings[i] = start_recv(pair[i], &bytes[i], 1);
	atomic_store(&begun, true);
	res = lend_pending_await_any(pendings, 2, LEND_FOREVER);
	CHECK_EQ(lend_pending_await_all(pendings, 2, LEND_FOREVER), -ECANCELED);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(lend_pending_result(pendings[i]), -ECANCELED);
		lend_pending_free(pendings[i]);
	}
	return res;
}

static int cancelled_actors_wait_no_more(void *arg)
{
	lend_ref waiter;
	int pair[2];

	(void)arg;
	test_pair(pair);
	atomic_store(&begun, false);
	waiter = test_spawn(wait_for_any, pair);
	/* It could start nothing if it were cancelled before. */
	while (!atomic_load(&begun))
		lend_sleep(lend_after(LEND_MS));
	CHECK_EQ(lend_cancel(waiter), 0);
	CHECK_EQ(test_join(waiter), -ECANCELED);
	close_pair(pair);
	return 0;
}

/* ---- cancelling ---- */

static int cancelled_ones_end(void *arg)
{
	struct lend_pending *pending, *pendings[2];
	char bytes[2];
	int pair[2];

	(void)arg;
	test_pair(pair);
	pending = start_recv(pair[0], bytes, 1);
	lend_pending_cancel(pending);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_pending_result(pending), -ECANCELED);
	lend_pending_cancel(pending);
	CHECK_EQ(lend_pending_result(pending), -ECANCELED);
	lend_pending_free(pending);

	for (unsigned i = 0; i < 2; i++)
		pendings[i] = i ? claim_recv(pair[0], &bytes[i], 1) :
				  start_recv(pair[1], &bytes[i], 1);
	lend_pending_cancel(pendings[1]);
	CHECK_EQ(lend_pending_await_any(pendings, 2, LEND_FOREVER), 1);
	CHECK_EQ(lend_pending_result(pendings[1]), -ECANCELED);
	CHECK(!lend_pending_done(pendings[0]));
	/* One that has its result keeps it. */
	CHECK_EQ(write(pair[0], "q", 1), 1);
	CHECK_EQ(lend_pending_await(pendings[0], LEND_FOREVER), 1);
	lend_pending_cancel(pendings[0]);
	CHECK_EQ(lend_pending_result(pendings[0]), 1);
	lend_pending_free(pendings[0]);
	lend_pending_free(pendings[1]);
	close_pair(pair);
	return 0;
}

/* From wherever it was started the actor has moved on. */
static int cancel_from_elsewhere(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 40; i++) {
		struct lend_pending *pending;
		char *byte = lend_io_alloc(1);

		pending = start_recv(pair[0], byte, 1);
		for (unsigned j = 0; j < i % 4; j++)
			lend_yield();
		if (i % 3 == 0)
			lend_sleep(lend_after(100 * LEND_US));
		if (i % 2) {
			lend_pending_abandon(pending);
		} else {
			lend_pending_cancel(pending);
			CHECK_EQ(lend_pending_await(pending, LEND_FOREVER),
				 -ECANCELED);
			lend_pending_free(pending);
			lend_io_free(byte);
		}
	}
	close_pair(pair);
	return 0;
}

static int many_cancel_from_elsewhere(void *arg)
{
	lend_ref refs[8];

	(void)arg;
	for (unsigned i = 0; i < 8; i++)
		refs[i] = test_spawn(cancel_from_elsewhere, NULL);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

/* ---- abandoning ---- */

#define ABANDONED 40

/* What waits for a wake-up of a worker is in flight, too. */
static uint64_t in_flight(void)
{
	struct lend_ring_stats stats;
	uint64_t sum = 0;

	for (unsigned i = 0; !lend_stats_read_ring(NULL, i, &stats); i++)
		sum += stats.in_flight;
	return sum;
}

static int abandoned_ones_take_nothing(void *arg)
{
	uint64_t deadline = lend_after(20 * LEND_S);
	struct lend_pending *pending;
	char *byte = lend_io_alloc(1), got = 0;
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < ABANDONED; i++) {
		pending = i % 2 ? claim_recv(pair[0], byte, 1) :
				  start_recv(pair[0], byte, 1);
		lend_pending_abandon(pending);
	}
	lend_pending_abandon(NULL);
	/* They end though nothing comes, and nobody waits for them. */
	while (in_flight() >= ABANDONED / 2 && lend_now() < deadline)
		lend_sleep(lend_after(LEND_MS));
	CHECK(in_flight() < ABANDONED / 2);
	/* Over already. */
	CHECK_EQ(lend_send_async(pair[1], "w", 1, 0, &pending), 0);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 1);
	lend_pending_abandon(pending);
	pending = start_recv(pair[0], &got, 1);
	/* None of the abandoned ones had it, or all of them are over by now:
	 * what is sent again comes. */
	if (lend_pending_await(pending, lend_after(50 * LEND_MS)) < 0)
		CHECK_EQ(lend_send(pair[1], "w", 1, 0, LEND_FOREVER), 1);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 1);
	CHECK_EQ(got, 'w');
	lend_pending_free(pending);
	close_pair(pair);
	return 0;
}

static int abandon_and_end(void *arg)
{
	int *pair = arg;
	char *bytes = lend_io_alloc(8);

	for (unsigned i = 0; i < 8; i++)
		lend_pending_abandon(start_recv(pair[i % 2], &bytes[i], 1));
	/* One is not even abandoned. */
	start_recv(pair[0], bytes, 1);
	return 7;
}

static int the_end_ends_them(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(test_join(test_spawn_on(1 + i % test_options.workers,
						 abandon_and_end, pair)),
			 7);
	close_pair(pair);
	return 0;
}

/* ---- close ---- */

/* Whoever closes may be who has it pending. */
static int close_ends_ones_own(void *arg)
{
	struct lend_pending *pendings[2];
	char bytes[2];
	int pair[2];

	(void)arg;
	test_pair(pair);
	pendings[0] = start_recv(pair[0], &bytes[0], 1);
	pendings[1] = claim_recv(pair[0], &bytes[1], 1);
	CHECK_EQ(lend_close(pair[0]), 0);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(lend_pending_await(pendings[i], LEND_FOREVER),
			 -ECANCELED);
		lend_pending_free(pendings[i]);
	}
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

/* ---- messages ---- */

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

/* ---- K4 ---- */

static int run_linked(int fd, uint64_t deadline, int *ret_results)
{
	static char byte;
	struct lend_claim_handle *claim;
	int err = lend_claim(2, LEND_FOREVER, &claim);

	if (err)
		return err;
	io_uring_prep_recv(lend_claim_sqe(claim, 0), fd, &byte, 1, 0);
	lend_claim_link_timeout(claim, 1, deadline);
	/* The time is kept, wherever the claim is. */
	lend_yield();
	return lend_claim_run(claim, ret_results);
}

static int a_link_timeout_belongs_to_its_operation(void *arg)
{
	uint64_t deadline = lend_after(3 * LEND_MS);
	int pair[2], results[2] = { 0 };

	(void)arg;
	test_pair(pair);
	if (test_options.depth == 1) {
		CHECK_EQ(run_linked(pair[0], deadline, results), -E2BIG);
		close_pair(pair);
		return 0;
	}
	CHECK_EQ(run_linked(pair[0], deadline, results), 0);
	CHECK(lend_now() >= deadline);
	CHECK_EQ(results[0], -ECANCELED);
	CHECK_EQ(results[1], -ETIME);
	CHECK_EQ(run_linked(pair[0], LEND_NOW, results), 0);
	CHECK_EQ(results[0], -ECANCELED);
	CHECK_EQ(results[1], -ETIME);
	CHECK_EQ(write(pair[1], "x", 1), 1);
	CHECK_EQ(run_linked(pair[0], LEND_FOREVER, results), 0);
	CHECK_EQ(results[0], 1);
	CHECK(results[1] == -ECANCELED || results[1] == -ENOENT);
	close_pair(pair);
	return 0;
}

/* ---- K14 ---- */

static const char *text_of(const struct lend_pending *pending)
{
	static char text[LEND_OPERATION_TEXT_MAX];

	lend_pending_format(pending, text, sizeof(text));
	return text;
}

static int handles_are_printed(void *arg)
{
	struct lend_pending *pending;
	char byte, expected[64];
	int pair[2];

	(void)arg;
	test_pair(pair);
	pending = start_recv(pair[0], &byte, 1);
	snprintf(expected, sizeof(expected), "recv on %d, in flight on ring ",
		 pair[0]);
	CHECK(!strncmp(text_of(pending), expected, strlen(expected)));
	lend_pending_cancel(pending);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
	snprintf(expected, sizeof(expected), "recv on %d = -ECANCELED",
		 pair[0]);
	CHECK(!strcmp(text_of(pending), expected));
	lend_pending_free(pending);
	pending = claim_recv(pair[0], &byte, 1);
	CHECK_EQ(write(pair[1], "x", 1), 1);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 1);
	snprintf(expected, sizeof(expected), "recv on %d = 1", pair[0]);
	CHECK(!strcmp(text_of(pending), expected));
	lend_pending_free(pending);
	close_pair(pair);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("works while it waits", works_while_it_waits);
	test_actor("errors come at once or with the result",
		   errors_come_at_once_or_with_the_result);
	test_actor("equal reads are told apart", equal_reads_are_told_apart);
	test_actor("any is the one that is over", any_is_the_one_that_is_over);
	test_actor("all waits for the last", all_waits_for_the_last);
	test_actor("cancelled actors wait no more",
		   cancelled_actors_wait_no_more);
	test_actor("cancelled ones end", cancelled_ones_end);
	test_actor("many cancel from elsewhere", many_cancel_from_elsewhere);
	test_actor("abandoned ones take nothing", abandoned_ones_take_nothing);
	test_actor("the end ends them", the_end_ends_them);
	test_actor("close ends one's own", close_ends_ones_own);
	test_actor("operations are received", operations_are_received);
	test_actor("notices go with their handles",
		   notices_go_with_their_handles);
	test_actor("notices end with their actor",
		   notices_end_with_their_actor);
	test_actor("a link timeout belongs to its operation",
		   a_link_timeout_belongs_to_its_operation);
	test_actor("handles are printed", handles_are_printed);
	return test_finish();
}
