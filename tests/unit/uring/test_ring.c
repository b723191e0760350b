/*
 * Goal:   slots are freed by the kernel's head, publishing is one step, indices
 *         wrap, no completion is lost when the queue overflows, and a wait ends
 *         in time.
 * Method: NOPs on rings of depth 1 and 2.
 */
#include "uring/ring.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <lend/clock.h>

static struct lend_ring ring;

static void open_one(void)
{
	cr_assert_eq(lend__ring_open(&ring, 3, 1, 0), 0);
}

static void open_two(void)
{
	cr_assert_eq(lend__ring_open(&ring, 0, 2, 0), 0);
}

static void fini(void)
{
	lend__ring_close(&ring);
	lend__ring_close(&ring);
}

static void fill(unsigned i, uint64_t user_data)
{
	struct io_uring_sqe *sqe = lend__ring_slot(&ring, i);

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, user_data);
}

static uint64_t reap(void)
{
	struct io_uring_cqe *cqe = lend__ring_peek(&ring);
	uint64_t user_data;

	if (!cqe)
		return 0;
	user_data = cqe->user_data;
	lend__ring_consume(&ring);
	return user_data;
}

Test(ring, depth_is_rounded_up)
{
	cr_assert_eq(lend__ring_open(&ring, 0, 3, 0), 0);
	cr_expect_eq(ring.depth, 4);
	cr_expect_eq(lend__ring_room(&ring), 4);
	fini();
}

Test(ring, slots_are_freed_by_the_kernel, .init = open_two, .fini = fini)
{
	cr_expect_eq(lend__ring_room(&ring), 2);
	fill(0, 1);
	cr_expect_eq(lend__ring_room(&ring), 2, "nothing is published");
	lend__ring_publish(&ring, 1);
	cr_expect_eq(lend__ring_room(&ring), 1);
	cr_expect_eq(lend__ring_unsubmitted(&ring), 1);
	cr_expect_eq(lend__ring_enter(&ring, 0, 0), 1);
	cr_expect_eq(lend__ring_room(&ring), 2);
	cr_expect_eq(lend__ring_enter(&ring, 0, 0), 0);
	cr_expect(lend__ring_has_cqe(&ring));
	cr_expect_eq(reap(), 1);
	cr_expect_eq(reap(), 0);
}

Test(ring, indices_wrap, .init = open_one, .fini = fini)
{
	/* As if it had run for long: the index is about to overflow. */
	for (uint64_t i = 1; i <= 70000; i++) {
		fill(0, i);
		lend__ring_publish(&ring, 1);
		cr_assert_eq(lend__ring_enter(&ring, 0, 0), 1);
		cr_assert_eq(reap(), i);
	}
	cr_expect_eq(ring.index, 3);
}

Test(ring, overflow_loses_nothing, .init = open_two, .fini = fini)
{
	const unsigned count = 1000;
	uint64_t next = 1;

	for (uint64_t i = 1; i <= count; i++) {
		fill(0, i);
		lend__ring_publish(&ring, 1);
		cr_assert_geq(lend__ring_enter(&ring, 0, 0), 0);
		cr_assert_eq(lend__ring_unsubmitted(&ring), 0);
	}
	cr_expect(lend__ring_overflowed(&ring));
	while (next <= count) {
		uint64_t got = reap();

		if (got)
			cr_assert_eq(got, next++);
		else
			lend__ring_enter(&ring, 0, 0);
	}
	cr_expect_eq(lend__ring_enter(&ring, 0, 0), 0);
	cr_expect(!lend__ring_overflowed(&ring));
}

Test(ring, wait_ends_in_time, .init = open_one, .fini = fini, .timeout = 60)
{
	uint64_t before = lend_now();

	cr_expect_eq(lend__ring_enter(&ring, 1, 3 * LEND_MS), -ETIME);
	cr_expect_geq(lend_now() - before, 3 * LEND_MS);
	cr_expect_eq(lend__ring_enter(&ring, 1, 0), -ETIME);
	/* Submits, and comes back for what that brought. */
	fill(0, 9);
	lend__ring_publish(&ring, 1);
	cr_expect_geq(lend__ring_enter(&ring, 1, UINT64_MAX), 0);
	cr_expect_eq(reap(), 9);
}

Test(ring, consumer_lock_is_exclusive, .init = open_one, .fini = fini)
{
	cr_expect(lend__ring_cq_trylock(&ring));
	cr_expect(!lend__ring_cq_trylock(&ring));
	lend__ring_cq_unlock(&ring);
	cr_expect(lend__ring_cq_trylock(&ring));
}
