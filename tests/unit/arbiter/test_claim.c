/*
 * Goal:   a claim is all its slots or none, on one ring; what is filled is what
 *         is submitted, also after a revocation; indices wrap.
 * Method: every mode on rings of depth 1 to 4, each operation counted.
 */
#include "fixture.h"

static const struct lend_mode *const modes[] = {
	&lend__mode_borrowed,
	&lend__mode_private,
	&lend__mode_shared,
};

#define MODES 3

Test(claim, bounds, .timeout = 60)
{
	for (unsigned m = 0; m < MODES; m++) {
		struct lend_claim claim;

		open_arbiter(modes[m], 1, 2, 1);
		cr_expect_eq(lend__claim_begin(alice, 3, NULL, &claim), -E2BIG);
		cr_expect_eq(lend__claim_slow(alice, 0, NULL, &claim), -EINVAL);
		cr_assert_eq(lend__claim_begin(alice, 2, NULL, &claim), 0);
		lend__claim_abandon(alice, &claim);
		cr_expect_eq(reap_all(alice), 0);
		close_arbiter();
	}
}

Test(claim, all_or_nothing, .timeout = 60)
{
	for (unsigned m = 0; m < MODES; m++) {
		struct counted_op ops[3];
		struct lend_claim claim;

		open_arbiter(modes[m], 1, 2, 1);
		/* One slot is taken: a claim of two is flushed for, not cut. */
		cr_assert_eq(submit_nop(alice, &ops[0]), 0);
		cr_assert_eq(lend__claim_begin(alice, 2, NULL, &claim), 0);
		for (unsigned i = 0; i < 2; i++)
			fill_nop(&claim, i, &ops[1 + i]);
		cr_expect_eq(lend__ring_unsubmitted(&arbiter.pool.rings[0]), 0);
		lend__claim_commit(alice, &claim);
		cr_expect_eq(lend__ring_unsubmitted(&arbiter.pool.rings[0]), 2);
		while (reap_all(alice))
			;
		for (unsigned i = 0; i < 3; i++)
			cr_expect_eq(ops[i].done, 1);
		close_arbiter();
	}
}

Test(claim, thousands_wrap_around, .timeout = 60)
{
	for (unsigned m = 0; m < MODES; m++) {
		for (unsigned depth = 1; depth <= 4; depth *= 2) {
			struct counted_op ops[4];

			open_arbiter(modes[m], 1, depth, 1);
			/* Over the edge of the index soon. */
			for (unsigned n = 0; n < 3000; n++) {
				unsigned count = 1 + n % depth, got = 0;
				struct lend_claim claim;

				cr_assert_eq(lend__claim_begin(alice, count,
							       NULL, &claim),
					     0);
				for (unsigned i = 0; i < count; i++)
					fill_nop(&claim, i, &ops[i]);
				lend__claim_commit(alice, &claim);
				while (got < count)
					got += reap_all(alice);
				for (unsigned i = 0; i < count; i++)
					cr_assert_eq(ops[i].done, 1);
			}
			close_arbiter();
		}
	}
}

Test(claim, revoked_one_is_bound_anew, .timeout = 60)
{
	for (unsigned m = 0; m < MODES; m++) {
		struct io_uring_sqe storage[2];
		struct lend_claim claim, fresh;
		struct counted_op ops[4];

		open_arbiter(modes[m], 2, 2, 2);
		cr_assert_eq(lend__claim_begin(alice, 2, NULL, &claim), 0);
		for (unsigned i = 0; i < 2; i++)
			fill_nop(&claim, i, &ops[i]);
		lend__claim_revoke(alice, &claim, storage);
		cr_expect_null(claim.ring);
		cr_expect_eq(claim.count, 2);
		/* The slots are free: others fill and submit them. */
		cr_assert_eq(submit_nop(alice, &ops[2]), 0);
		cr_assert_eq(submit_nop(alice, &ops[3]), 0);
		/* Filled on, in storage, and committed by another. */
		cr_expect_eq(lend__claim_sqe(&claim, 1), &storage[1]);
		cr_assert_eq(lend__claim_begin(bob, 2, NULL, &fresh), 0);
		for (unsigned i = 0; i < 2; i++)
			*lend__claim_sqe(&fresh, i) = *lend__claim_sqe(&claim,
								       i);
		lend__claim_commit(bob, &fresh);
		for (int i = 0; i < 4; i++) {
			reap_all(alice);
			reap_all(bob);
		}
		for (unsigned i = 0; i < 4; i++)
			cr_expect_eq(ops[i].done, 1);
		close_arbiter();
	}
}
