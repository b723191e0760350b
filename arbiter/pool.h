/*
 * The pool: all the rings of one arbiter, in one array.
 */
#ifndef LEND_ARBITER_POOL_H
#define LEND_ARBITER_POOL_H

#include "uring/features.h"
#include "uring/ring.h"

#define LEND_RINGS_MAX 256
#define LEND_DEPTH_MAX 32768

/* Provided buffers of each ring: as many as completions that a ring of usual
 * depth has room for. Most of them wait until they are needed, so that the
 * others stay in the second-level cache: Note [at first] of uring/buffers.h. */
#define LEND_POOL_BUFFERS	  1024
#define LEND_POOL_BUFFERS_MAX	  32768
#define LEND_POOL_BUFFER_SIZE	  4096
#define LEND_POOL_BUFFER_SIZE_MAX (1u << 20)
/* Those that are given out in parts are so many times as large. An actor may
 * have so many times fewer parts than buffers, so what it keeps from the others
 * is the same at most: each of its parts may be the last of a buffer. */
#define LEND_POOL_SHARED_FACTOR 4
#define LEND_POOL_SHARED_MIN	4

/*
 * Rings come and go at run time, at the end of the array, which has room for
 * all that there may be and never moves: others index it without a lock. A
 * ring's record stays when the ring is closed, and is used for the next one.
 */
struct lend_pool {
	/* [const] */
	struct lend_ring *rings;
	unsigned rings_max;
	unsigned depth;
	unsigned setup_flags;
	unsigned sqpoll_idle_ms;
	bool has_buffers;
	unsigned buffers; /* of each ring; a power of two */
	unsigned buffer_size;
	unsigned shared; /* of each ring; 0: none are given out in parts */
	unsigned shared_size;

	/* [atomic: E1] Those below are open, for all who have looked since
	 * their last safe point: Note [removal]. */
	_Atomic unsigned count;
	/* [atomic: E1] Those below have ever been open. */
	_Atomic unsigned used;
};

struct lend_pool_options {
	unsigned rings;
	unsigned rings_max; /* 0: @rings */
	unsigned depth;
	unsigned setup_flags;	 /* IORING_SETUP_* of the mode */
	unsigned sqpoll_idle_ms; /* with SETUP_SQPOLL: each ring's polling
				    thread sleeps after so long without work */
	unsigned buffers;	 /* 0: LEND_POOL_BUFFERS */
	unsigned buffer_size;	 /* 0: LEND_POOL_BUFFER_SIZE */
};

/**
 * Open some rings.
 *
 * Return: 0, or the error of the first ring that could not be opened; nothing
 *         is left behind then
 */
int lend__pool_init(struct lend_pool *pool,
		    const struct lend_pool_options *options,
		    const struct lend_features *features);
void lend__pool_fini(struct lend_pool *pool);

/* Open one more; there is room. One thread at a time. 0 or an error. */
int lend__pool_open(struct lend_pool *pool);

/* Acquire [E1], paired with lend__pool_open(): their records. */
static inline unsigned lend__pool_count(const struct lend_pool *pool)
{
	return atomic_load_explicit(&pool->count, memory_order_acquire);
}

static inline unsigned lend__pool_used(const struct lend_pool *pool)
{
	return atomic_load_explicit(&pool->used, memory_order_acquire);
}

/* Operations in flight on all rings, as a hint. */
uint64_t lend__pool_in_flight(const struct lend_pool *pool);

#endif
