/*
 * The buffers a ring picks from when data arrives (a buffer ring).
 *
 * An idle receive holds none: the kernel takes one only when there is data,
 * and it travels with the completion to the actor, which owns it until
 * lend__buffers_give(). Giving back is a push to a lock-free stack, as any
 * worker may do it; the tail that the kernel reads has one writer, the ring's
 * poller, which drains the stack when it polls.
 *
 * Note [at first]
 * The kernel takes those that were given back longest ago, so it goes round all
 * that it has, and each is out of the processor's caches by the time it comes
 * again if they are many. So it gets but some of them at first, and a few more
 * whenever a receive finds none: as many as are needed at once, in the end. See
 * doc/adr/0047-buffers-as-needed.md.
 */
#ifndef LEND_URING_BUFFERS_H
#define LEND_URING_BUFFERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/counter.h"

#define LEND_BUFFERS_GROUP 0

/* Note [at first]; and how many more at a time. */
#define LEND_BUFFERS_FIRST 256
#define LEND_BUFFERS_MORE  16

struct io_uring_buf_ring;
struct lend_parts;

/* What has a number, and is given back by it, is a buffer; or, of those that
 * are given out in parts (parts.h), a part. */
struct lend_buffers {
	/* [const] after init */
	struct io_uring_buf_ring *ring; /* NULL: this ring has none */
	char *base;
	unsigned count;		  /* power of two */
	unsigned size;		  /* bytes each */
	unsigned numbers;	  /* below it they are */
	struct lend_parts *parts; /* NULL: given out whole */

	/* [cq_lock] of the ring */
	uint16_t tail;
	/* Counters of the ring that has them now; others read them. */
	_Atomic uint64_t added;	 /* ever given to the kernel */
	_Atomic uint64_t taken;	 /* ever come back with a completion */
	_Atomic unsigned opened; /* that the kernel has ever had: the first */
	/* No ring has them: those that nobody holds are all in @returned. */
	_Atomic bool is_detached;
	_Atomic uint64_t out; /* parts that are not back */

	/* [atomic: returns] buffer number + 1 of the last one given back, 0 if
	 * none; each links to the one before it through @links. Of those that
	 * are not there the word is free for who has them. Above that number,
	 * from bit 32 on, is how many there are. */
	_Atomic uint64_t returned;
	_Atomic uint32_t *links;

	/* [cq_lock] the entry of the ring that it was added as last */
	uint16_t *entries;

	/* [who has the buffer] bytes in it */
	uint32_t *filled;

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
/* The same of a record that says all but where, as lend__parts_init() fills. */
int lend__buffers_map(struct lend_buffers *buffers, int fd);
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

/* Where the data of @number lies. Thread: who has it, or the consumer. */
char *lend__buffers_at(const struct lend_buffers *buffers, unsigned number);

/* The word of a buffer that is free for who has it. */
static inline _Atomic uint32_t *lend__buffers_link(struct lend_buffers *buffers,
						   unsigned number)
{
	return &buffers->links[number];
}

/* How much lies in it: noted by the poller, read by whom it passes it on to. */
static inline uint32_t *lend__buffers_filled(struct lend_buffers *buffers,
					     unsigned number)
{
	return &buffers->filled[number];
}

/* The buffer that the kernel takes @i after buffer @number, which it has just
 * taken: what a bundle goes on in. The ring's consumer only. */
unsigned lend__buffers_behind(const struct lend_buffers *buffers,
			      unsigned number, unsigned i);

/* So many have come with completions. The ring's consumer only. */
static inline void lend__buffers_note_taken(struct lend_buffers *buffers,
					    uint64_t count)
{
	lend_counter_add(&buffers->taken, count);
}

/* How many the kernel has not got now: somebody has them, or has given them
 * back since the ring was polled last. Without a ring, how many somebody has.
 * Any thread, as a hint. */
static inline uint64_t lend__buffers_in_use(const struct lend_buffers *buffers)
{
	uint64_t taken = atomic_load_explicit(&buffers->taken,
					      memory_order_relaxed);
	uint64_t added = atomic_load_explicit(&buffers->added,
					      memory_order_relaxed);

	unsigned opened = atomic_load_explicit(&buffers->opened,
					       memory_order_relaxed);

	if (lend_unlikely(atomic_load_explicit(&buffers->is_detached,
					       memory_order_relaxed)))
		return opened - (atomic_load_explicit(&buffers->returned,
						      memory_order_relaxed) >>
				 32);
	return added - taken < opened ? opened - (added - taken) : 0;
}

/* Half of them are not the kernel's: who has little in one does well to copy
 * it. Any thread, as a hint. */
static inline bool lend__buffers_is_scarce(const struct lend_buffers *buffers)
{
	return 2 * lend__buffers_in_use(buffers) > buffers->count;
}

/* What actors have: parts of buffers; or buffers, also those just given back.
 * Any thread, as a hint. */
static inline uint64_t lend__buffers_held(const struct lend_buffers *buffers)
{
	uint64_t back, out;

	if (!buffers->parts)
		return lend__buffers_in_use(buffers);
	back = atomic_load_explicit(&buffers->returned, memory_order_relaxed) >>
	       32;
	out = atomic_load_explicit(&buffers->out, memory_order_relaxed);
	return out > back ? out - back : 0;
}

/* Note who holds buffer @number; @owner is not 0. */
static inline void lend__buffers_own(struct lend_buffers *buffers,
				     unsigned number, uint32_t owner)
{
	/* Relaxed: read by the owner itself only, and as a hint by others. */
	atomic_store_explicit(&buffers->owners[number], owner,
			      memory_order_relaxed);
}

/* Who holds it; 0: nobody, or there is none. Relaxed: asked by the owner
 * itself, or by mistake. */
static inline uint32_t lend__buffers_owner(const struct lend_buffers *buffers,
					   unsigned number)
{
	if (number >= buffers->numbers)
		return 0;
	return atomic_load_explicit(&buffers->owners[number],
				    memory_order_relaxed);
}

/* Give back everything that @owner holds: it has ended. */
void lend__buffers_give_all(struct lend_buffers *buffers, uint32_t owner);

/* Give buffer @number back. Any thread; its contents are gone. */
void lend__buffers_give(struct lend_buffers *buffers, unsigned number);

/* A receive has found none: the kernel gets some that it never had, if there
 * are any. The ring's consumer only. */
void lend__buffers_open_more(struct lend_buffers *buffers);

/* Give buffer @buffer to the kernel, at once. The ring's consumer only. */
void lend__buffers_add(struct lend_buffers *buffers, unsigned buffer);

/* Something was given back, and is not yet the kernel's. Any thread. */
static inline bool
lend__buffers_has_returned(const struct lend_buffers *buffers)
{
	/* Relaxed: a hint. */
	return atomic_load_explicit(&buffers->returned, memory_order_relaxed);
}

/* Hand what was given back to the kernel. The ring's consumer only. */
void lend__buffers_drain(struct lend_buffers *buffers);

#endif
