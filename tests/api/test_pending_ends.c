/*
 * Goal:   B12, H1: an operation whose handle is cancelled, abandoned or left
 *         behind ends, also when nothing ever comes and its actor has moved on;
 *         it takes nothing that comes later, and a close ends it.
 * Method: pairs of sockets, on which what arrives when is the test's choice;
 *         the actor ends, yields, or closes the descriptor in between.
 */
#include <errno.h>
#include <liburing.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/pending.h"

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

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("cancelled ones end", cancelled_ones_end);
	test_actor("many cancel from elsewhere", many_cancel_from_elsewhere);
	test_actor("abandoned ones take nothing", abandoned_ones_take_nothing);
	test_actor("the end ends them", the_end_ends_them);
	test_actor("close ends one's own", close_ends_ones_own);
	return test_finish();
}
