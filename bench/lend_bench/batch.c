/*
 * Claims of NOPs: see batch.h.
 */
#include "lend_bench/batch.h"

#include <liburing.h>

void batch_fill_nops(struct lend_claim_handle *claim, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		io_uring_prep_nop(lend_claim_sqe(claim, i));
}

/* A NOP that was not answered, or with anything but 0, is wrong. */
static bool await_one(struct member *member, struct lend_pending *pending)
{
	int res = lend_pending_await(pending, LEND_FOREVER);

	lend_pending_free(pending);
	if (subject_tampers(member->subject, TAMPER_CORRUPT))
		res ^= 1;
	return res == 0;
}

int batch_finish(struct member *member, struct lend_claim_handle *claim,
		 unsigned count)
{
	/* On the stack of an actor: 8 KiB of the 46 that are ours. */
	struct lend_pending *pending[BATCH_MAX];
	unsigned right = 0;
	int err = lend_claim_commit(claim, pending);

	if (err) {
		member_count(&member->errors, 1);
		return err;
	}
	member_count(&member->started, count);
	for (unsigned i = 0; i < count; i++)
		right += await_one(member, pending[i]);
	member_count(&member->errors, count - right);
	if (subject_tampers(member->subject, TAMPER_LOSE))
		right--;
	member_count(&member->finished, right);
	return 0;
}
