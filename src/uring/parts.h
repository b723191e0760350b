/*
 * Buffers that are given out in parts (incremental consumption).
 *
 * The kernel fills such a buffer from where the receive before ended, whoever
 * that was for, and says with each completion whether it goes on with it. So
 * each result has a part of a buffer that it shares with others'; the buffer
 * goes back to the kernel when the kernel is through with it and the last part
 * was given back.
 *
 * No completion says where in the buffer its data lies: that follows from the
 * sizes of those before it. So every completion is looked at once, in order, by
 * the ring's poller (lend__parts_take()), and has a number of a part from then
 * on. This relies on the kernel's completions being in the order in which it
 * has filled the buffer, which parts_test.h tries.
 */
#ifndef LEND_URING_PARTS_H
#define LEND_URING_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "uring/buffers.h"

#define LEND_PARTS_GROUP 1

/* In the number by which the kernel calls such a buffer, so that a completion
 * tells them from the others of its ring. */
#define LEND_PARTS_BUFFER 0x8000u

/* What lend__parts_take() makes of a completion's flags: this bit, which the
 * kernel has no use for, and the number of the part above it. */
#define LEND_CQE_F_PART	  (1u << 11)
#define LEND_PARTS_SHIFT  12
#define LEND_PARTS_NUMBER ((1u << (32 - LEND_PARTS_SHIFT)) - 1)

/* Bytes of all buffers of a ring together: a part has at least one, so there
 * are numbers for as many parts as there can be. */
#define LEND_PARTS_AREA_MAX (1u << 20)

_Static_assert(LEND_PARTS_AREA_MAX <= LEND_PARTS_NUMBER + 1,
	       "each part has a number");

/* A buffer that several share. */
struct lend_shared {
	uint32_t used; /* bytes, by parts that were taken */
	uint32_t out;  /* parts that are not back */
	bool closed;   /* the kernel is through with it */
};

struct lend_parts {
	/* [cq_lock] */
	struct lend_shared *shared; /* one for each buffer */
	uint32_t free;		    /* number + 1 of a part, linked; 0: none */
	/* Parts that ever were at a time: those have the numbers below it. Who
	 * has a part reads it, too. */
	_Atomic uint32_t most;

	/* [cq_lock writes; who has the part reads] its first byte, counted from
	 * that of the first buffer */
	uint32_t *begins;
};

/**
 * Like lend__buffers_init(), for buffers that are given out in parts.
 *
 * @count * @size  at most LEND_PARTS_AREA_MAX
 *
 * Return: 0
 *         -EINVAL  this kernel has no such thing
 *         -ENOMEM, or what IORING_REGISTER_PBUF_RING says
 */
int lend__parts_init(struct lend_buffers *buffers, int fd, unsigned count,
		     unsigned size);

/* A completion's data, if it lies in one of these @buffers: give it a number.
 * The ring's consumer only, for each completion with IORING_CQE_F_BUFFER, in
 * order. Return: the completion's flags, with LEND_CQE_F_PART and the number,
 * or without IORING_CQE_F_BUFFER if no data came. */
uint32_t lend__parts_take(struct lend_buffers *buffers, int32_t res,
			  uint32_t flags);

/* For buffers.c: a part is back. True: so is its buffer now, @ret_buffer. */
bool lend__parts_return(struct lend_buffers *buffers, uint32_t number,
			unsigned *ret_buffer);

/* For buffers.c: the ring is gone, and the kernel through with all. True: no
 * part is out. */
bool lend__parts_close(struct lend_buffers *buffers);

/* For buffers.c: no part of it is out. */
static inline bool lend__parts_is_home(const struct lend_buffers *buffers,
				       unsigned buffer)
{
	return !buffers->parts->shared[buffer].out;
}

/* For buffers.c: numbers from it on have never been given. */
static inline uint32_t lend__parts_most(const struct lend_parts *parts)
{
	/* Relaxed: one's own numbers came with their completions. */
	return atomic_load_explicit(&parts->most, memory_order_relaxed);
}

/* For buffers.c: it is the kernel's again. */
void lend__parts_open(struct lend_buffers *buffers, unsigned buffer);

void lend__parts_fini(struct lend_buffers *buffers);

#endif
