/*
 * Goal:   B12, H1, H13, K4, K14: operations go on beside their actor; their
 *         handles can be awaited and tested, awaited any or all of them, and
 *         printed; those of claims, too.
 * Method: pairs of sockets, on which what arrives when is the test's choice.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/pending.h"

#define EQUALS 64

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
	test_actor("a link timeout belongs to its operation",
		   a_link_timeout_belongs_to_its_operation);
	test_actor("handles are printed", handles_are_printed);
	return test_finish();
}
