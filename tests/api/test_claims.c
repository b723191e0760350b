/*
 * Goal:   direct claims: chains stay whole, a claim survives suspensions, one
 *         that is held open blocks nobody, whatever the depth of the rings.
 * Method: reads with linked timeouts, where a split chain shows as -EINVAL of
 *         the timeout; claims held over yields, sleeps and other I/O.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

static unsigned depth_of_rings(void)
{
	unsigned depth = test_options.depth ? test_options.depth : 256;

	return depth;
}

static int bounds(void *arg)
{
	struct lend_claim_handle *claim = NULL, *second;

	(void)arg;
	CHECK_EQ(lend_claim(0, LEND_FOREVER, &claim), -EINVAL);
	CHECK_EQ(lend_claim(depth_of_rings() + 1, LEND_FOREVER, &claim),
		 -E2BIG);
	CHECK(!claim);
	for (int i = 0; i < 3; i++) {
		if (!CHECK_EQ(lend_claim(depth_of_rings(), LEND_FOREVER,
					 &claim),
			      0))
			return -1;
		CHECK_EQ(lend_claim(1, LEND_FOREVER, &second), -EBUSY);
		lend_claim_abandon(claim);
	}
	return 0;
}

/* Submit @count NOPs and wait for them. */
static int commit_nops(struct lend_claim_handle *claim, unsigned count)
{
	struct lend_pending *pending[8];
	int err = lend_claim_commit(claim, pending);

	if (err)
		return err;
	for (unsigned i = 0; i < count; i++) {
		CHECK_EQ(lend_pending_await(pending[i], LEND_FOREVER), 0);
		CHECK(lend_pending_done(pending[i]));
		lend_pending_free(pending[i]);
	}
	return 0;
}

static unsigned some(unsigned i)
{
	unsigned most = depth_of_rings() < 8 ? depth_of_rings() : 8;

	return 1 + i % most;
}

static int fill_nops(struct lend_claim_handle *claim, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		io_uring_prep_nop(lend_claim_sqe(claim, i));
	return 0;
}

static int held_over(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 40; i++) {
		struct lend_claim_handle *claim;
		unsigned count = some(i);

		if (!CHECK_EQ(lend_claim(count, LEND_FOREVER, &claim), 0))
			return -1;
		fill_nops(claim, count);
		switch (i % 4) {
		case 0:
			break;
		case 1:
			lend_yield();
			break;
		case 2:
			lend_sleep(lend_after(50 * LEND_US));
			break;
		case 3:
			lend_yield();
			lend_yield();
			break;
		}
		if (i % 7 == 6) {
			lend_claim_abandon(claim);
			continue;
		}
		CHECK_EQ(commit_nops(claim, count), 0);
	}
	return 0;
}

static int claims_survive(void *arg)
{
	lend_ref refs[30];

	(void)arg;
	for (int i = 0; i < 30; i++)
		refs[i] = test_spawn_on(1 + (unsigned)i % test_options.workers,
					held_over, NULL);
	for (int i = 0; i < 30; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

/* What was filled before a suspension is what is submitted after it. */
static int contents_survive(void *arg)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	char *span = lend_io_alloc(64);
	int pair[2];

	(void)arg;
	test_pair(pair);
	if (!CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0))
		return -1;
	io_uring_prep_recv(lend_claim_sqe(claim, 0), pair[0], span, 64, 0);
	lend_yield();
	/* Other I/O of the same actor while its claim is open. */
	CHECK_EQ(lend_write(pair[1], "hello", 5, -1, LEND_FOREVER), 5);
	lend_sleep(lend_after(LEND_MS));
	CHECK_EQ(lend_claim_sqe(claim, 0)->fd, pair[0]);
	CHECK_EQ(lend_claim_sqe(claim, 0)->len, 64);
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 5);
	CHECK(!memcmp(span, "hello", 5));
	lend_pending_free(pending);
	lend_io_free(span);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

/* I/O with an open claim that has not been revoked yet. */
static int io_between(void *arg)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	char *span = lend_io_alloc(64);
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 20; i++) {
		if (!CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0))
			return -1;
		io_uring_prep_recv(lend_claim_sqe(claim, 0), pair[0], span, 64,
				   0);
		CHECK_EQ(lend_write(pair[1], "hello", 5, -1, LEND_FOREVER), 5);
		CHECK_EQ(lend_claim_commit(claim, &pending), 0);
		CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 5);
		lend_pending_free(pending);
		/* One that times out, and a close. */
		CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
		io_uring_prep_nop(lend_claim_sqe(claim, 0));
		CHECK_EQ(lend_recv(pair[0], span, 64, 0,
				   lend_after(100 * LEND_US)),
			 -ETIMEDOUT);
		CHECK_EQ(lend_close(dup(pair[0])), 0);
		CHECK_EQ(commit_nops(claim, 1), 0);
	}
	lend_io_free(span);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

/* ---- chains ---- */

/* The timeout of a read that got its data: it may have gone off all the same
 * and found nothing to cancel. EINVAL would tell of a chain that was cut. */
static void check_not_needed(int res)
{
	CHECK(res == -ECANCELED || res == -ENOENT || res == -EALREADY);
}

static int timed_reads(void *arg)
{
	struct __kernel_timespec *timeout = lend_io_alloc(64);
	char *span = lend_io_alloc(64);
	int pair[2];

	test_pair(pair);
	for (int i = 0; i < 20; i++) {
		struct lend_claim_handle *claim;
		struct lend_pending *pending[2];

		timeout->tv_sec = 0;
		timeout->tv_nsec = 300000 + (intptr_t)arg * 1000;
		if (!CHECK_EQ(lend_claim(2, LEND_FOREVER, &claim), 0))
			return -1;
		io_uring_prep_recv(lend_claim_sqe(claim, 0), pair[0], span, 64,
				   0);
		lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
		io_uring_prep_link_timeout(lend_claim_sqe(claim, 1), timeout,
					   0);
		if (i % 3 == 0)
			lend_yield();
		if (i % 3 == 1)
			CHECK_EQ(write(pair[1], "z", 1), 1);
		if (!CHECK_EQ(lend_claim_commit(claim, pending), 0))
			return -1;
		if (i % 3 == 1) {
			CHECK_EQ(lend_pending_await(pending[0], LEND_FOREVER),
				 1);
			check_not_needed(
				lend_pending_await(pending[1], LEND_FOREVER));
		} else {
			CHECK_EQ(lend_pending_await(pending[0], LEND_FOREVER),
				 -ECANCELED);
			CHECK_EQ(lend_pending_await(pending[1], LEND_FOREVER),
				 -ETIME);
		}
		lend_pending_free(pending[0]);
		lend_pending_free(pending[1]);
	}
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

static int chains_stay_whole(void *arg)
{
	lend_ref refs[40];

	(void)arg;
	for (int i = 0; i < 40; i++)
		refs[i] = test_spawn_on(1 + (unsigned)i % test_options.workers,
					timed_reads, (void *)(intptr_t)i);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

/* ---- who holds a claim ---- */

static _Atomic int released;

static int sleep_on_claim(void *arg)
{
	struct lend_claim_handle *claim;
	unsigned count = depth_of_rings() < 8 ? depth_of_rings() : 8;

	(void)arg;
	if (!CHECK_EQ(lend_claim(count, LEND_FOREVER, &claim), 0))
		return -1;
	fill_nops(claim, count);
	while (!atomic_load(&released))
		lend_sleep(lend_after(LEND_MS));
	return commit_nops(claim, count);
}

/* Every slot of every ring is claimed by somebody who sleeps. */
static int sleepers_block_nobody(void *arg)
{
	lend_ref refs[40];
	int pair[2];
	char byte;

	(void)arg;
	atomic_store(&released, 0);
	test_pair(pair);
	for (int i = 0; i < 40; i++)
		refs[i] = test_spawn_on(1 + (unsigned)i % test_options.workers,
					sleep_on_claim, NULL);
	lend_sleep(lend_after(2 * LEND_MS));
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(lend_write(pair[0], "b", 1, -1, LEND_FOREVER), 1);
		CHECK_EQ(lend_recv(pair[1], &byte, 1, 0, LEND_FOREVER), 1);
	}
	atomic_store(&released, 1);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

static int end_with_claim(void *arg)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	char *span = lend_io_alloc(64);
	int fd = *(int *)arg;

	/* One in flight, one open. */
	if (!CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0))
		return -1;
	io_uring_prep_recv(lend_claim_sqe(claim, 0), fd, span, 64, 0);
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	CHECK_EQ(lend_pending_await(pending, LEND_NOW), -ETIMEDOUT);
	CHECK(!lend_pending_done(pending));
	if (!CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0))
		return -1;
	lend_yield();
	lend_exit(11);
}

static int ends_take_claims_along(void *arg)
{
	lend_ref refs[30];
	int pair[2];

	(void)arg;
	test_pair(pair);
	for (int i = 0; i < 30; i++)
		refs[i] = test_spawn(end_with_claim, &pair[0]);
	for (int i = 0; i < 30; i++)
		CHECK_EQ(test_join(refs[i]), 11);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

static int wait_for_room(void *arg)
{
	(void)arg;
	for (;;) {
		struct lend_claim_handle *claim;
		int err = lend_claim(some(2), LEND_FOREVER, &claim);

		if (!err) {
			fill_nops(claim, some(2));
			err = commit_nops(claim, some(2));
		}
		if (err)
			return err;
	}
}

static int waiting_claims_are_cancelled(void *arg)
{
	lend_ref refs[60];

	(void)arg;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 60; i++)
			refs[i] = test_spawn_on(
				1 + (unsigned)i % test_options.workers,
				wait_for_room, NULL);
		lend_sleep(lend_after(LEND_MS));
		for (int i = 0; i < 60; i++)
			lend_cancel(refs[i]);
		for (int i = 0; i < 60; i++)
			CHECK_EQ(test_join(refs[i]), -ECANCELED);
	}
	return 0;
}

/* Operations of one actor complete while another, on another worker, never
 * comes to a safe point. */
static _Atomic int flag;

static int set_flag(void *arg)
{
	struct lend_claim_handle *claim;

	(void)arg;
	if (!CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0))
		return -1;
	fill_nops(claim, 1);
	lend_yield();
	CHECK_EQ(commit_nops(claim, 1), 0);
	atomic_store(&flag, 1);
	return 0;
}

static int spin_on_flag(void *arg)
{
	uint64_t end_ns = lend_after(10 * LEND_S);

	(void)arg;
	while (!atomic_load(&flag) && lend_now() < end_ns)
		;
	return !atomic_load(&flag);
}

static int spinner_and_claimer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		lend_ref spinner, setter;

		atomic_store(&flag, 0);
		spinner = test_spawn_on(2, spin_on_flag, NULL);
		setter = test_spawn_on(1, set_flag, NULL);
		CHECK_EQ(test_join(spinner), 0);
		CHECK_EQ(test_join(setter), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 30);
	test_actor("bounds", bounds);
	test_actor("claims_survive", claims_survive);
	test_actor("contents_survive", contents_survive);
	test_actor("io_between", io_between);
	if (depth_of_rings() >= 2)
		test_actor("chains_stay_whole", chains_stay_whole);
	else
		test_skip("chains_stay_whole", "rings of 1 have no chains");
	test_actor("sleepers_block_nobody", sleepers_block_nobody);
	test_actor("ends_take_claims_along", ends_take_claims_along);
	test_actor("waiting_claims_are_cancelled",
		   waiting_claims_are_cancelled);
	if (test_options.workers < 2)
		test_skip("spinner_and_claimer",
			  "there is nobody else to go on");
	else if (test_options.mode == LEND_RING_PRIVATE)
		test_skip("spinner_and_claimer",
			  "a private ring waits for its owner");
	else
		test_actor("spinner_and_claimer", spinner_and_claimer);
	return test_finish();
}
