/*
 * A claim of one SQE, from its beginning to its commit, for
 * check_claim_code.py to read the machine code of.
 */
#include "arbiter/claim.h"

int claim_one(struct lend_borrower *borrower, struct lend_op *op);

int claim_one(struct lend_borrower *borrower, struct lend_op *op)
{
	struct lend_claim claim;
	int err = lend__claim_begin(borrower, 1, NULL, &claim);

	if (err)
		return err;
	lend__claim_sqe(&claim, 0)->user_data = lend__op_user_data(op);
	lend__claim_commit(borrower, &claim);
	return 0;
}
