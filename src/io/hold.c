/*
 * Closing buffers for the time of an operation: see hold.h. Called where an
 * operation is committed, and where it ends.
 *
 * Which pages are closed is kept in the link of the operation's mail, which is
 * no mail before it has ended: so records stay at 64 bytes (X4).
 */
#include "io/hold.h"

#include <liburing.h>
#include <string.h>

_Static_assert(sizeof(struct lend_heap_hold) == sizeof(struct lend_mail *),
	       "it is kept in the place of a link");

/* Operations whose SQE has the address and the size of one buffer. */
static bool has_buffer(const struct io_uring_sqe *sqe, bool *ret_is_written)
{
	switch (sqe->opcode) {
	case IORING_OP_READ:
	case IORING_OP_RECV:
		*ret_is_written = true;
		return !(sqe->flags & IOSQE_BUFFER_SELECT);
	case IORING_OP_WRITE:
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
		*ret_is_written = false;
		return true;
	default:
		return false;
	}
}

void lend__hold_begin(struct lend_io_op *op, struct io_uring_sqe *sqe)
{
	struct lend_heap_hold hold = { 0 };
	bool is_written;

	if (has_buffer(sqe, &is_written))
		sqe->addr = (uint64_t)(uintptr_t)lend__heap_range_close(
			op->actor->heap.range, (void *)(uintptr_t)sqe->addr,
			sqe->len, is_written, &hold);
	memcpy(&op->mail.next, &hold, sizeof(hold));
}

void lend__hold_end(struct lend_io_op *op)
{
	struct lend_heap_hold hold;

	memcpy(&hold, &op->mail.next, sizeof(hold));
	op->mail.next = NULL;
	lend__heap_range_open(op->actor->heap.range, hold);
}
