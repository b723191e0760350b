/*
 * Goal:   a series of receives that the kernel can limit is never armed without
 *         a limit, however much it may take.
 * Method: have the kind fill an SQE; nothing is submitted. What the kernel
 * takes for "no limit" is 0.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "io/series.h"
#include "uring/compat.h"

static uint32_t credit_of(unsigned results, unsigned buffer_size, bool known)
{
	struct lend_arbiter arbiter = {
		.features.recv_credit = known,
		.pool.buffer_size = buffer_size,
	};
	struct lend_series series = {
		.kind = &lend__series_kinds[LEND_SERIES_RECV],
		.arbiter = &arbiter,
		.fd = 0,
		.results_max = results,
		.way = LEND_SERIES_MANY,
	};
	struct io_uring_sqe sqe;

	memset(&sqe, 0, sizeof(sqe));
	series.kind->prepare(&series, &sqe);
	cr_assert(sqe.ioprio & IORING_RECV_MULTISHOT);
	return sqe.file_index;
}

Test(series_kind, a_receive_may_take_as_much_as_may_wait)
{
	cr_expect_eq(credit_of(1, 64, true), 64);
	cr_expect_eq(credit_of(16, 4096, true), 65536);
	cr_expect_eq(credit_of(2047, 1 << 20, true), 2047u << 20);
}

Test(series_kind, the_largest_receive_is_limited_too)
{
	/* 4 GiB: one more than a word holds. */
	cr_expect_geq(credit_of(4096, 1 << 20, true), 1u << 30);
}

Test(series_kind, a_kernel_that_knows_no_limit_is_told_none)
{
	cr_expect_eq(credit_of(16, 4096, false), 0);
}
