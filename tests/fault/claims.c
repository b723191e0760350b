/*
 * Scenarios of claims: chains, revocation, what is left behind.
 */
#include <errno.h>
#include <liburing.h>
#include <sys/socket.h>

#include "fault/inject.h"
#include "fault/scenario.h"
#include "harness/harness.h"

/* A chain of a send and a receive of what was sent. */
static void chain(int pair[2], bool suspends)
{
	struct lend_pending *pending[2];
	struct lend_claim_handle *claim;
	char *bytes = lend_io_alloc(2);
	int err;

	if (!bytes) {
		CHECK(inject_fired());
		return;
	}
	bytes[0] = 'x';
	err = lend_claim(2, LEND_FOREVER, &claim);
	if (err != -E2BIG && FINE(err)) {
		io_uring_prep_send(lend_claim_sqe(claim, 0), pair[0], bytes, 1,
				   0);
		lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
		/* The claim's ring is taken from it. */
		if (suspends)
			(void)FINE(lend_yield());
		io_uring_prep_recv(lend_claim_sqe(claim, 1), pair[1], bytes + 1,
				   1, MSG_DONTWAIT);
		if (FINE(lend_claim_commit(claim, pending))) {
			for (int i = 0; i < 2; i++) {
				int res = lend_pending_await(pending[i],
							     LEND_FOREVER);

				/* Claims are told of every end. */
				CHECK(res == 1 || inject_fired());
				lend_pending_free(pending[i]);
			}
		}
	}
	lend_io_free(bytes);
}

static int chains(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 4; i++)
		chain(pair, i % 2);
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

/* An actor ends with a claim open and with an operation in flight. */
static int leave_it_all(void *arg)
{
	int fd = *(int *)arg;
	struct lend_pending *pending;
	struct lend_claim_handle *claim;
	char *byte = lend_io_alloc(1);

	if (!byte)
		return 0;
	if (!FINE(lend_claim(1, LEND_FOREVER, &claim)))
		return 0;
	io_uring_prep_recv(lend_claim_sqe(claim, 0), fd, byte, 1, 0);
	if (!FINE(lend_claim_commit(claim, &pending)))
		return 0;
	(void)FINE(lend_yield());
	if (!FINE(lend_claim(1, LEND_FOREVER, &claim)))
		return 0;
	io_uring_prep_nop(lend_claim_sqe(claim, 0));
	lend_exit(0);
}

static int leavers(void *arg)
{
	lend_ref refs[4];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 4; i++)
		refs[i] = scenario_spawn(leave_it_all, &pair[0]);
	for (int i = 0; i < 4; i++)
		scenario_join(refs[i]);
	CLOSE(pair[0]);
	CLOSE(pair[1]);
	return 0;
}

/* A claim stays open over an await, whose operation has to be undone when there
 * is no memory for the claim's SQEs. */
static int claim_over_await(void *arg)
{
	struct lend_claim_handle *claim;
	int pair[2];
	char byte;
	long res;

	(void)arg;
	test_pair(pair);
	if (FINE(lend_claim(1, LEND_FOREVER, &claim))) {
		io_uring_prep_nop(lend_claim_sqe(claim, 0));
		res = lend_recv(pair[0], &byte, 1, 0, lend_after(LEND_MS));
		if (res != -ETIMEDOUT)
			(void)FINE(res);
		CLOSE(pair[1]);
		lend_claim_abandon(claim);
	} else {
		CLOSE(pair[1]);
	}
	CLOSE(pair[0]);
	return 0;
}

const struct scenario scenarios_of_claims[] = {
	{ .name = "chains", .fn = chains },
	{ .name = "leavers", .fn = leavers },
	{ .name = "claim-over-await", .fn = claim_over_await },
	{ 0 },
};
