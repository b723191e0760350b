/*
 * Goal:   who waits for a later operation of a chain can be cancelled, can give
 *         it up, can have its descriptor closed, while the first one waits for
 *         ever (rows K3, H9).
 * Method: a receive that nothing comes for, another receive linked behind it;
 *         the actor has only to do with the second. The kernel's cancellation
 *         does not know that one before its turn.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>

#include "harness/harness.h"

static int first[2], second[2];
static _Atomic int committed;

static int commit_chain(struct lend_pending **pending)
{
	struct lend_claim_handle *claim;
	char *bytes = lend_io_alloc(2);
	int err = lend_claim(2, LEND_FOREVER, &claim);

	if (err)
		return err;
	io_uring_prep_recv(lend_claim_sqe(claim, 0), first[0], bytes, 1, 0);
	lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
	io_uring_prep_recv(lend_claim_sqe(claim, 1), second[0], bytes + 1, 1,
			   0);
	err = lend_claim_commit(claim, pending);
	atomic_store(&committed, 1);
	return err;
}

static int await_second(void *arg)
{
	struct lend_pending *pending[2];
	int res = commit_chain(pending);

	(void)arg;
	if (res)
		return res;
	res = lend_pending_await(pending[1], LEND_FOREVER);
	CHECK_EQ(lend_pending_await(pending[0], LEND_FOREVER), -ECANCELED);
	lend_pending_free(pending[1]);
	lend_pending_free(pending[0]);
	return res;
}

static int give_second_up(void (*give_up)(struct lend_pending *pending))
{
	struct lend_pending *pending[2];
	int err = commit_chain(pending);

	if (err)
		return err;
	/* In flight, by then. */
	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	give_up(pending[1]);
	CHECK_EQ(lend_pending_await(pending[0], LEND_FOREVER), -ECANCELED);
	lend_pending_free(pending[0]);
	return 0;
}

static void free_it(struct lend_pending *pending)
{
	lend_pending_free(pending);
}

static int free_second(void *arg)
{
	(void)arg;
	return give_second_up(free_it);
}

static int abandon_second(void *arg)
{
	(void)arg;
	return give_second_up(lend_pending_abandon);
}

static void open_both(void)
{
	test_pair(first);
	test_pair(second);
	atomic_store(&committed, 0);
}

static void close_both(void)
{
	for (int k = 0; k < 2; k++) {
		CHECK_EQ(lend_close(first[k]), 0);
		CHECK_EQ(lend_close(second[k]), 0);
	}
}

static lend_ref start(lend_actor_fn fn)
{
	lend_ref ref;

	open_both();
	ref = test_spawn_on(test_options.workers, fn, NULL);
	while (!atomic_load(&committed))
		lend_yield();
	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	return ref;
}

static int cancelled_behind_the_first(void *arg)
{
	lend_ref ref = start(await_second);

	(void)arg;
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(test_join(ref), -ECANCELED);
	close_both();
	return 0;
}

static int freed_behind_the_first(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(start(free_second)), 0);
	close_both();
	return 0;
}

static int abandoned_behind_the_first(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(start(abandon_second)), 0);
	close_both();
	return 0;
}

/* The closer finds the second by nothing that the kernel has. */
static int closed_behind_the_first(void *arg)
{
	lend_ref ref = start(await_second);

	(void)arg;
	CHECK_EQ(lend_close(second[0]), 0);
	CHECK_EQ(test_join(ref), -ECANCELED);
	CHECK_EQ(lend_close(second[1]), 0);
	CHECK_EQ(lend_close(first[0]), 0);
	CHECK_EQ(lend_close(first[1]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	if (test_options.depth == 1) {
		test_skip("all", "a chain of two does not fit in a ring of 1");
		return 77;
	}
	test_actor("cancelled_behind_the_first", cancelled_behind_the_first);
	test_actor("freed_behind_the_first", freed_behind_the_first);
	test_actor("abandoned_behind_the_first", abandoned_behind_the_first);
	test_actor("closed_behind_the_first", closed_behind_the_first);
	return test_finish();
}
