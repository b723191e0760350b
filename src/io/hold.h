/*
 * In hardened builds: pages of an actor's I/O heap are closed to the program
 * while an operation works on them. See mem/heap_view.c. In others: nothing.
 */
#ifndef LEND_IO_HOLD_H
#define LEND_IO_HOLD_H

#include "io/await.h"

struct io_uring_sqe;

/* The SQE is complete and about to be published: its buffer is closed, and it
 * gets the address for the kernel. */
void lend__hold_begin(struct lend_io_op *op, struct io_uring_sqe *sqe);

/* The last CQE has come. */
void lend__hold_end(struct lend_io_op *op);

static inline void lend__hold(struct lend_io_op *op, struct io_uring_sqe *sqe)
{
	if (LEND_HEAP_VIEWS)
		lend__hold_begin(op, sqe);
}

static inline void lend__unhold(struct lend_io_op *op)
{
	if (LEND_HEAP_VIEWS)
		lend__hold_end(op);
}

#endif
