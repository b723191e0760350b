/*
 * A claim of any number of SQEs by one who waits for room if need be, for
 * check_claim_code.py to read the machine code of.
 */
#include "arbiter/claim.h"

int claim_many(struct lend_borrower *borrower, unsigned count,
	       struct lend_waiter *waiter, const struct io_uring_sqe *sqes);

int claim_many(struct lend_borrower *borrower, unsigned count,
	       struct lend_waiter *waiter, const struct io_uring_sqe *sqes)
{
	struct lend_claim claim;
	int err = lend__claim_begin(borrower, count, waiter, &claim);

	if (err)
		return err;
	for (unsigned i = 0; i < count; i++)
		*lend__claim_sqe(&claim, i) = sqes[i];
	lend__claim_commit(borrower, &claim);
	return 0;
}
