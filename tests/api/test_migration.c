/*
 * Goal:   a claim lets go of its ring when its actor suspends or moves, keeps
 *         what was filled, and is published where the actor runs then, even if
 *         the worker that it began on never comes back to its loop; all this is
 *         counted.
 * Method: claims held over a yield, a sleep, another actor's theft and a change
 *         of worker; two workers that swap an actor which spins and one that
 *         submits.
 */
#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

static struct lend_stats stats_now(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats;
}

/* A claim of a write of @text, filled but not committed. */
static int begin_write(int fd, const char *text,
		       struct lend_claim_handle **ret_claim)
{
	int err = lend_claim(1, LEND_FOREVER, ret_claim);

	if (!err)
		io_uring_prep_write(lend_claim_sqe(*ret_claim, 0), fd, text,
				    (unsigned)strlen(text), (uint64_t)-1);
	return err;
}

static int commit_write(struct lend_claim_handle *claim)
{
	struct lend_pending *pending;
	int res = lend_claim_commit(claim, &pending);

	if (res)
		return res;
	res = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return res;
}

/* ---- each way to lose a ring ---- */

static const char *const texts[] = { "yield", "sleep", "theft", "other I/O" };

/*
 * Sleep until the claim has lost its ring: what was filled lies elsewhere then.
 * A sleep that is over before it begins suspends nobody.
 */
static void sleep_over(struct lend_claim_handle *claim)
{
	const struct io_uring_sqe *filled = lend_claim_sqe(claim, 0);
	uint64_t end_ns = lend_after(10 * LEND_S);

	while (lend_claim_sqe(claim, 0) == filled && lend_now() < end_ns)
		lend_sleep(lend_after(100 * LEND_US));
}

static void let_go(unsigned way, struct lend_claim_handle *claim, int fd)
{
	switch (way) {
	case 0:
		lend_yield();
		break;
	case 1:
		sleep_over(claim);
		break;
	case 2:
		/* Late for its next turn, so that others take it. */
		lend_yield();
		test_spin(300 * LEND_US);
		lend_yield();
		break;
	default:
		CHECK_EQ(lend_write(fd, "-", 1, -1, LEND_FOREVER), 1);
	}
}

static int hold_over(void *arg)
{
	unsigned way = (unsigned)(uintptr_t)arg % 4;
	const char *text = texts[way];
	int length = (int)strlen(text);
	char got[16] = "";
	int pair[2];

	test_pair(pair);
	for (int i = 0; i < 5; i++) {
		struct lend_claim_handle *claim;
		struct io_uring_sqe *sqe;

		if (!CHECK_EQ(begin_write(pair[0], text, &claim), 0))
			return -1;
		let_go(way, claim, pair[0]);
		/* Wherever it lies now. */
		sqe = lend_claim_sqe(claim, 0);
		CHECK_EQ(sqe->opcode, IORING_OP_WRITE);
		CHECK_EQ(sqe->fd, pair[0]);
		CHECK_EQ(sqe->addr, (uintptr_t)text);
		CHECK_EQ(commit_write(claim), length);
		if (way == 3)
			CHECK_EQ(read(pair[1], got, 1), 1);
		CHECK_EQ(read(pair[1], got, sizeof(got)), length);
		CHECK(!memcmp(got, text, (size_t)length));
	}
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int claims_are_held_over(void *arg)
{
	struct lend_stats before = stats_now(), after;
	lend_ref refs[40];

	(void)arg;
	for (uintptr_t i = 0; i < 40; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers, hold_over,
					(void *)i);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	after = stats_now();
	/* 40 actors, five times each; a revoked claim that was committed was
	 * bound anew, some on another ring. */
	CHECK_EQ(after.claims_revoked - before.claims_revoked, 200);
	CHECK_EQ(after.claims_bound - before.claims_bound, 200);
	CHECK(after.commits_external - before.commits_external <= 200);
	return 0;
}

/* ---- two workers that swap ---- */

static _Atomic int flag, turn;

static bool wait_for(_Atomic int *word, int value)
{
	uint64_t end_ns = lend_after(10 * LEND_S);

	/* On purpose without a yield: its worker does not come back. */
	while (atomic_load(word) != value)
		if (lend_now() >= end_ns)
			return false;
	return true;
}

/* Claims on one worker, is moved to the other in between, publishes there, and
 * sets the flag when its operation is over. */
static int submit_and_set(void *arg)
{
	struct lend_claim_handle *claim;
	int *pair = arg;

	if (!CHECK_EQ(begin_write(pair[0], "moved", &claim), 0))
		return -1;
	/* Lets the other one have this worker; goes on where there is one that
	 * is free, since this one is busy from now on. */
	atomic_store(&turn, 1);
	do {
		lend_yield();
	} while (atomic_load(&turn) != 2);
	CHECK_EQ(commit_write(claim), 5);
	atomic_store(&flag, 1);
	return 0;
}

/* Waits for its turn with yields, then occupies the worker. */
static int spin_for_flag(void *arg)
{
	(void)arg;
	while (atomic_load(&turn) != 1)
		lend_yield();
	atomic_store(&turn, 2);
	return wait_for(&flag, 1) ? 0 : -ETIMEDOUT;
}

static int two_swap(void *arg)
{
	struct lend_stats before = stats_now(), after;

	(void)arg;
	for (int i = 0; i < 30; i++) {
		lend_ref setter, spinner;
		int pair[2];

		test_pair(pair);
		atomic_store(&flag, 0);
		atomic_store(&turn, 0);
		/* On one worker, or on two: the spinner ends up in either. */
		spinner = test_spawn_on(1 + (unsigned)i % 2, spin_for_flag,
					NULL);
		setter = test_spawn_on(1 + (unsigned)i / 2 % 2, submit_and_set,
				       pair);
		CHECK_EQ(test_join(setter), 0);
		CHECK_EQ(test_join(spinner), 0);
		close(pair[0]);
		close(pair[1]);
	}
	after = stats_now();
	printf("claims revoked %llu, bound anew %llu, on another ring %llu\n",
	       (unsigned long long)(after.claims_revoked -
				    before.claims_revoked),
	       (unsigned long long)(after.claims_bound - before.claims_bound),
	       (unsigned long long)(after.commits_external -
				    before.commits_external));
	CHECK_EQ(after.claims_revoked - before.claims_revoked, 30);
	CHECK_EQ(after.claims_bound - before.claims_bound, 30);
	return 0;
}

/* ---- chains that move ---- */

static unsigned chain_length(void)
{
	unsigned depth = test_options.depth ? test_options.depth : 256;

	return depth < 8 ? depth : 8;
}

static int move_a_chain(void *arg)
{
	unsigned count = chain_length();
	uint32_t *numbers = lend_io_alloc(8 * sizeof(*numbers));
	struct lend_claim_handle *claim;
	struct lend_pending *pending[8];
	uint32_t number;
	int pair[2];

	(void)arg;
	test_pair(pair);
	if (!CHECK_EQ(lend_claim(count, LEND_FOREVER, &claim), 0))
		return -1;
	/* Filled a part at a time, with a suspension behind each. */
	for (unsigned i = 0; i < count; i++) {
		numbers[i] = i;
		io_uring_prep_send(lend_claim_sqe(claim, i), pair[0],
				   &numbers[i], sizeof(number), 0);
		if (i + 1 < count)
			lend_claim_sqe(claim, i)->flags |= IOSQE_IO_LINK;
		lend_yield();
	}
	CHECK_EQ(lend_claim_commit(claim, pending), 0);
	for (unsigned i = 0; i < count; i++) {
		CHECK_EQ(lend_pending_await(pending[i], LEND_FOREVER),
			 sizeof(number));
		lend_pending_free(pending[i]);
		/* Whole and in order: the links hold. */
		CHECK_EQ(read(pair[1], &number, sizeof(number)),
			 sizeof(number));
		CHECK_EQ(number, i);
	}
	lend_io_free(numbers);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int chains_move_whole(void *arg)
{
	lend_ref refs[30];

	(void)arg;
	for (unsigned i = 0; i < 30; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers,
					move_a_chain, NULL);
	for (int i = 0; i < 30; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 30);
	test_actor("claims_are_held_over", claims_are_held_over);
	if (test_options.workers < 2)
		test_skip("two_swap", "there is nobody to swap with");
	else
		test_actor("two_swap", two_swap);
	test_actor("chains_move_whole", chains_move_whole);
	return test_finish();
}
