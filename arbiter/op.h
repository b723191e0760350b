/*
 * An operation in flight: the record that a CQE's user_data names.
 *
 * It lies in memory that does not move until the last CQE has come (an actor's
 * I/O heap, or a worker's own record). user_data is its address, with a
 * generation in the 16 bits that addresses leave free, so that a CQE which
 * comes for an earlier use of the same memory is caught, not delivered.
 */
#ifndef LEND_ARBITER_OP_H
#define LEND_ARBITER_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

struct lend_ring;
struct lend_op;

/* Called by the poller for each CQE, with the ring's completion lock held: it
 * must neither block nor poll. @more says that further CQEs follow (multishot,
 * zero-copy notification); without it the op is over, and its memory may be
 * used again as soon as its owner has seen that. */
typedef void (*lend_op_done_fn)(struct lend_op *op, int32_t res, uint32_t flags,
				bool more);

#define LEND_OP_MAGIC	     UINT32_C(0x4c6e644f)
#define LEND_OP_DEAD	     UINT32_C(0xdead4f70)
#define LEND_OP_ADDRESS_BITS 48

struct lend_op {
	uint32_t magic;
	uint16_t generation;
	bool in_flight;	   /* between commit and the last CQE */
	uint8_t submitter; /* free for the owner; see io/await */
	lend_op_done_fn done;
	struct lend_ring *ring; /* where it was published; for cancelling */
	int32_t res;		/* of the last CQE, once it is over */
	uint32_t flags;
};

_Static_assert(sizeof(struct lend_op) <= 32, "32 bytes an operation: X4");

/* A fresh record. Each use of a piece of memory gets another generation.
 * Inline: bench operation. */
static inline void lend__op_init(struct lend_op *op, lend_op_done_fn done)
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

/* The record's memory is about to be used for something else. */
static inline void lend__op_fini(struct lend_op *op)
{
	lend_assert(op->magic == LEND_OP_MAGIC);
	lend_assert(!op->in_flight);
	op->magic = LEND_OP_DEAD;
}

static inline uint64_t lend__op_user_data(const struct lend_op *op)
{
	return (uint64_t)(uintptr_t)op | (uint64_t)op->generation
						 << LEND_OP_ADDRESS_BITS;
}

/* Where its record is, or was: it may be somebody else's by now. */
static inline struct lend_op *lend__op_address(uint64_t user_data)
{
	const uint64_t mask = (UINT64_C(1) << LEND_OP_ADDRESS_BITS) - 1;

	return (struct lend_op *)(uintptr_t)(user_data & mask);
}

static inline struct lend_op *lend__op_from_user_data(uint64_t user_data)
{
	struct lend_op *op = lend__op_address(user_data);

	lend_assert(op->magic == LEND_OP_MAGIC);
	lend_assert(op->generation ==
		    (uint16_t)(user_data >> LEND_OP_ADDRESS_BITS));
	return op;
}

#endif
