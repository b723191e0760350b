/*
 * The buffers a ring picks from when data arrives (a buffer ring).
 *
 * An idle receive holds none: the kernel takes one only when there is data,
 * and it travels with the completion to the actor, which owns it until
 * lend__buffers_give(). Giving back is a push to a lock-free stack, as any
 * worker may do it; the tail that the kernel reads has one writer, the ring's
 * poller, which drains the stack when it polls.
 */
#ifndef LEND_URING_BUFFERS_H
#define LEND_URING_BUFFERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LEND_BUFFERS_GROUP 0

struct io_uring_buf_ring;

struct lend_buffers {
	/* [const] after init */
	struct io_uring_buf_ring *ring; /* NULL: this ring has none */
	char *base;
	unsigned count; /* power of two */
	unsigned size;	/* bytes each */

	/* [cq_lock] of the ring */
	uint16_t tail;
	uint64_t added; /* ever given to the kernel */
	uint64_t taken; /* ever come back with a completion */

	/* [atomic: returns] buffer number + 1 of the last one given back, 0 if
	 * none; each links to the one before it through @links */
	_Atomic uint32_t returned;
	_Atomic uint32_t *links;

	/* [owner: the actor that holds the buffer] its mark; 0: nobody's */
	_Atomic uint32_t *owners;
};

/**
 * Map @count buffers of @size bytes and register them with a ring.
 *
 * @fd     the ring
 * @count  a power of two, at most 32768
 * @size   bytes, a multiple of 64
 *
 * Return: 0
 *         -ENOMEM, or what IORING_REGISTER_PBUF_RING says
 */
int lend__buffers_init(struct lend_buffers *buffers, int fd, unsigned count,
		       unsigned size);
void lend__buffers_fini(struct lend_buffers *buffers, int fd);

/*
 * The ring is about to be closed, with nothing in flight. Without a buffer that
 * somebody holds, or will hold when it looks at its completion, this is the
 * end, as lend__buffers_fini(). Otherwise the buffers stay where they are, and
 * can be given back as before; lend__buffers_attach() makes them another
 * ring's. Thread: the only one that may poll the ring.
 */
void lend__buffers_detach(struct lend_buffers *buffers, int fd);

/* Buffers that are there without a ring: register them, but for those held,
 * with @fd. 0, or an error: nothing has changed. */
int lend__buffers_attach(struct lend_buffers *buffers, int fd);

static inline char *lend__buffers_at(const struct lend_buffers *buffers,
				     unsigned number)
{
	return buffers->base + (uint64_t)number * buffers->size;
}

/* Note who holds buffer @number; @owner is not 0. */
static inline void lend__buffers_own(struct lend_buffers *buffers,
				     unsigned number, uint32_t owner)
{
	/* Relaxed: read by the owner itself only, and as a hint by others. */
	atomic_store_explicit(&buffers->owners[number], owner,
			      memory_order_relaxed);
}

/* Give back everything that @owner holds: it has ended. */
void lend__buffers_give_all(struct lend_buffers *buffers, uint32_t owner);

/* Give buffer @number back. Any thread; its contents are gone. */
void lend__buffers_give(struct lend_buffers *buffers, unsigned number);

/* Hand what was given back to the kernel. The ring's consumer only. */
void lend__buffers_drain(struct lend_buffers *buffers);

#endif
