/*
 * Goal:   thousands that want a few slots at the same moment all get them:
 *         nobody hangs, nothing fails for want of an SQE, chains are all or
 *         nothing, and who waits for many slots is not starved by those who
 *         want few.
 * Method: ten thousand timeouts of one instant, thousands of operations that
 *         are cancelled together, chains as long as the ring; in rings of any
 *         depth, down to one.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

static unsigned depth_of_rings(void)
{
	return test_options.depth ? test_options.depth : 256;
}

/* Sanitizers and valgrind take their share of memory and time. */
static unsigned crowd(unsigned count)
{
	unsigned most = test_options.actors_max - 100;

	if (test_is_slow())
		count /= 10;
	return count < most ? count : most;
}

/* Each of them ends with @expected. */
static void run_crowd(unsigned count, lend_actor_fn fn, void *arg,
		      void (*then)(const lend_ref *refs, unsigned count),
		      int expected)
{
	lend_ref *refs = calloc(count, sizeof(*refs));
	int wrong = 0;

	for (unsigned i = 0; i < count; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers, fn, arg);
	if (then)
		then(refs, count);
	for (unsigned i = 0; i < count; i++)
		wrong += test_join(refs[i]) != expected;
	CHECK_EQ(wrong, 0);
	free(refs);
}

/* ---- simultaneous timeouts ---- */

/* When they all go off; late enough for all to be armed, usually. */
static uint64_t instant_ns;

static int timeout_op(uint64_t at_ns, struct lend_pending **ret_pending)
{
	struct __kernel_timespec *ts = lend_io_alloc(sizeof(*ts));
	struct lend_claim_handle *claim;
	int err;

	if (!ts)
		return -ENOMEM;
	ts->tv_sec = (long long)(at_ns / LEND_S);
	ts->tv_nsec = (long long)(at_ns % LEND_S);
	err = lend_claim(1, LEND_FOREVER, &claim);
	if (err)
		return err;
	io_uring_prep_timeout(lend_claim_sqe(claim, 0), ts, 0,
			      IORING_TIMEOUT_ABS);
	return lend_claim_commit(claim, ret_pending);
}

static int await_instant(void *arg)
{
	struct lend_pending *pending;
	int err = timeout_op(instant_ns, &pending);

	(void)arg;
	if (err)
		return err;
	err = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return err;
}

static int many_timeouts(void *arg)
{
	unsigned count = crowd(10000);
	uint64_t end_ns;

	(void)arg;
	instant_ns = lend_after(700 * LEND_MS);
	run_crowd(count, await_instant, NULL, NULL, -ETIME);
	end_ns = lend_now();
	CHECK(end_ns >= instant_ns);
	printf("%u timeouts: all over %.0f ms after their instant\n", count,
	       (double)(end_ns - instant_ns) / LEND_MS);
	return 0;
}

static int sleep_until_instant(void *arg)
{
	(void)arg;
	return lend_sleep(instant_ns);
}

static int many_sleeps(void *arg)
{
	(void)arg;
	instant_ns = lend_after(400 * LEND_MS);
	run_crowd(crowd(10000), sleep_until_instant, NULL, NULL, 0);
	CHECK(lend_now() >= instant_ns);
	return 0;
}

/* ---- a cancel storm ---- */

static _Atomic unsigned armed;

static int wait_for_ever(void *arg)
{
	const int *fd = arg;
	struct lend_pending *pending;
	char byte;
	int err;

	atomic_fetch_add(&armed, 1);
	if (fd)
		return (int)lend_recv(*fd, &byte, 1, 0, LEND_FOREVER);
	err = timeout_op(lend_after(3600 * LEND_S), &pending);
	if (err)
		return err;
	err = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return err;
}

static void cancel_all(const lend_ref *refs, unsigned count)
{
	/* Most are in flight by then, others still want a slot. */
	while (atomic_load(&armed) < count)
		lend_yield();
	for (unsigned i = 0; i < count; i++)
		lend_cancel(refs[i]);
}

static int cancel_storm(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	atomic_store(&armed, 0);
	run_crowd(crowd(2000), wait_for_ever, &pair[0], cancel_all, -ECANCELED);
	atomic_store(&armed, 0);
	run_crowd(crowd(2000), wait_for_ever, NULL, cancel_all, -ECANCELED);
	/* What is cancelled has let go of the descriptor. */
	CHECK_EQ(lend_close(pair[0]), 0);
	lend_close(pair[1]);
	return 0;
}

/* ---- chains ---- */

/* Linked, so that a chain that was split, or a part of it that was lost, does
 * not end as a whole. */
static int chain(unsigned count)
{
	struct lend_pending **pending;
	struct lend_claim_handle *claim;
	int err = lend_claim(count, LEND_FOREVER, &claim);

	if (err)
		return err;
	pending = calloc(count, sizeof(*pending));
	for (unsigned i = 0; i < count; i++) {
		io_uring_prep_nop(lend_claim_sqe(claim, i));
		if (i + 1 < count)
			lend_claim_sqe(claim, i)->flags |= IOSQE_IO_LINK;
	}
	err = lend_claim_commit(claim, pending);
	if (err)
		goto out;
	for (unsigned i = 0; i < count; i++) {
		CHECK_EQ(lend_pending_await(pending[i], LEND_FOREVER), 0);
		lend_pending_free(pending[i]);
	}
out:
	free(pending);
	return err;
}

static int chain_of_depth(void *arg)
{
	unsigned depth = depth_of_rings();

	(void)arg;
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(chain(depth), 0);
		/* Refused at once, in the middle of the crowd, too. */
		CHECK_EQ(chain(depth + 1), -E2BIG);
		CHECK_EQ(chain(UINT32_MAX), -E2BIG);
		CHECK_EQ(chain(1 + depth / 2), 0);
	}
	return 0;
}

static int chains_of_all_slots(void *arg)
{
	(void)arg;
	run_crowd(20, chain_of_depth, NULL, NULL, 0);
	return 0;
}

/* ---- who wants many ---- */

#define SMALL_ONES 60
#define BIG_ROUNDS 20

static _Atomic bool stop;
static _Atomic unsigned small_done, longest_wait;

static int want_few(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		CHECK_EQ(chain(1), 0);
		atomic_fetch_add(&small_done, 1);
	}
	return 0;
}

static int want_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < BIG_ROUNDS; i++) {
		unsigned before = atomic_load(&small_done), waited;
		struct lend_claim_handle *claim;

		CHECK_EQ(lend_claim(depth_of_rings(), LEND_FOREVER, &claim), 0);
		waited = atomic_load(&small_done) - before;
		if (waited > atomic_load(&longest_wait))
			atomic_store(&longest_wait, waited);
		lend_claim_abandon(claim);
		lend_yield();
	}
	return 0;
}

/* How many small claims may be served before a big one that came first: those
 * in line before it, and what the workers do until their next safe points, a
 * round of theirs; that twice, for one that was about to serve. */
static int who_wants_many_gets_them(void *arg)
{
	lend_ref small[SMALL_ONES], big[3];
	unsigned longest;

	(void)arg;
	atomic_store(&stop, false);
	atomic_store(&small_done, 0);
	atomic_store(&longest_wait, 0);
	for (unsigned i = 0; i < SMALL_ONES; i++)
		small[i] = test_spawn_on(1 + i % test_options.workers, want_few,
					 NULL);
	for (unsigned i = 0; i < 3; i++)
		big[i] = test_spawn_on(1 + i % test_options.workers, want_many,
				       NULL);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(test_join(big[i]), 0);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < SMALL_ONES; i++)
		CHECK_EQ(test_join(small[i]), 0);
	longest = atomic_load(&longest_wait);
	/* Of several workers, or with a polling thread, one may have no CPU
	 * while the others go on, on rings of their own: that is no line, and
	 * the number says nothing. But all of them got theirs, though the small
	 * ones never stopped. */
	if (test_options.workers == 1 && !test_options.sqpoll_idle_ms)
		CHECK_IN(longest, 0,
			 (1 + 2 * test_options.workers) * SMALL_ONES);
	printf("longest wait: %u small claims of %u\n", longest,
	       atomic_load(&small_done));
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("many_timeouts", many_timeouts);
	test_actor("many_sleeps", many_sleeps);
	test_watchdog(60);
	test_actor("cancel_storm", cancel_storm);
	test_watchdog(60);
	test_actor("chains_of_all_slots", chains_of_all_slots);
	test_actor("who_wants_many_gets_them", who_wants_many_gets_them);
	return test_finish();
}
