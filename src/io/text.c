/*
 * Handles as text: see include/lend/opcode.h.
 */
#include <lend/opcode.h>

#include "io/pending.h"
#include "uring/opcode.h"
#include "uring/ring.h"

void lend_pending_format(const struct lend_pending *pending, char *text,
			 size_t size)
{
	const struct lend_io_op *op = &pending->io;
	struct lend_text line = { text, size };
	const char *name = lend_opcode_name(op->opcode);

	lend__text_add(&line, "%s", name ? name : "operation");
	if (op->fd >= 0)
		lend__text_add(&line, " on %d", op->fd);
	if (op->mail.arrived && !op->due) {
		lend__text_add(&line, " ");
		lend__text_add_result(&line, op->op.res);
	} else if (op->due) {
		lend__text_add(&line, ", to be submitted again");
	} else {
		lend__text_add(&line, ", in flight on ring %u",
			       op->op.ring->index);
	}
}
