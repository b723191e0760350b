/*
 * Goal:   a ring that is taken out of service is closed when nothing is in it,
 *         whatever came late, and its counters tell so.
 * Method: an SQE is put into a ring that has just been found empty, as by an
 *         actor that cancels there what has ended in that moment: first one
 *         that ends by itself, then one that has to be cancelled.
 */
#include "arbiter/removal.h"

#include <poll.h>
#include <unistd.h>

#include "fixture.h"

static void fini(void)
{
	close_arbiter();
}

static void shared_rings(void)
{
	open_arbiter(&lend__mode_shared, 2, 4, 1);
}

static void borrowed_rings(void)
{
	open_arbiter(&lend__mode_borrowed, 2, 4, 1);
}

static void empty_and_put(const struct io_uring_sqe *sqe)
{
	struct lend_ring *last = &arbiter.pool.rings[1];

	lend__removal_admit(&arbiter, 1);
	cr_assert(lend__removal_empty(&arbiter, last));
	cr_assert_eq(lend__arbiter_insert(alice, last, sqe), 0);
	lend__removal_forget(&arbiter, 1);
	cr_expect_eq(lend__arbiter_insert(alice, last, sqe), -EAGAIN,
		     "nothing is put into a ring that nobody looks after");
	lend__removal_pass(alice);
	cr_assert(lend__removal_has_passed(alice));
	while (!lend__removal_close(&arbiter))
		;
	cr_expect_not(lend__ring_is_open(last));
	cr_expect_eq(lend__ring_in_flight(last), 0);
	/* The next one there begins with nothing in flight. */
	cr_assert_eq(lend__arbiter_add_ring(&arbiter), 0);
	cr_expect_eq(lend__ring_in_flight(last), 0);
}

static void put_late(void)
{
	struct io_uring_sqe sqe;
	int pipes[2];

	cr_assert_eq(pipe(pipes), 0);
	memset(&sqe, 0, sizeof(sqe));
	io_uring_prep_nop(&sqe);
	empty_and_put(&sqe);
	memset(&sqe, 0, sizeof(sqe));
	io_uring_prep_poll_add(&sqe, pipes[0], POLLIN);
	empty_and_put(&sqe);
	close(pipes[0]);
	close(pipes[1]);
}

Test(removal, late_in_a_shared_ring, .init = shared_rings, .fini = fini,
     .timeout = 60)
{
	put_late();
}

Test(removal, late_in_a_borrowed_ring, .init = borrowed_rings, .fini = fini,
     .timeout = 60)
{
	put_late();
}
