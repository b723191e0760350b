/*
 * Operation records: see op.h.
 */
#include "arbiter/op.h"

#include <stddef.h>

void lend__op_init(struct lend_op *op, lend_op_done_fn done)
{
	op->magic = LEND_OP_MAGIC;
	/* Counted at its address: what the memory holds is the generation of
	 * the op that lay here before, or anything at all, which is as good.
	 * A counter of the process would be a cache line that all workers
	 * write for every operation. */
	op->generation++;
	op->in_flight = false;
	op->submitter = 0;
	op->done = done;
	op->ring = NULL;
	op->res = 0;
	op->flags = 0;
}
