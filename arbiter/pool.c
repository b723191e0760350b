/*
 * Opening and closing the rings of an arbiter: see pool.h.
 */
#include "arbiter/pool.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "mem/pages.h"

/* Addresses only: a record costs memory when its ring is first opened. */
static size_t rings_size(const struct lend_pool *pool)
{
	return lend_align_up(pool->rings_max * sizeof(*pool->rings),
			     LEND_PAGE_SIZE);
}

/* Give the ring its buffers: new ones, or those that its predecessor left. */
static int open_buffers(const struct lend_pool *pool, struct lend_ring *ring)
{
	int fd = lend__ring_fd(ring), err = 0;

	if (pool->has_buffers)
		err = ring->buffers.base ?
			      lend__buffers_attach(&ring->buffers, fd) :
			      lend__buffers_init(&ring->buffers, fd,
						 pool->buffers,
						 pool->buffer_size);
	if (pool->shared && !err)
		err = ring->shared.base ?
			      lend__buffers_attach(&ring->shared, fd) :
			      lend__parts_init(&ring->shared, fd, pool->shared,
					       pool->shared_size);
	return err;
}

/* As much memory as the others are, in fewer and larger ones; or none, if that
 * is too little to share, or more than a ring's parts have numbers for. */
static void size_shared(struct lend_pool *pool)
{
	unsigned count = pool->buffers / LEND_POOL_SHARED_FACTOR;

	pool->shared_size = LEND_POOL_SHARED_FACTOR * pool->buffer_size;
	while (count * (uint64_t)pool->shared_size > LEND_PARTS_AREA_MAX)
		count /= 2;
	pool->shared = count < LEND_POOL_SHARED_MIN ? 0 : count;
}

int lend__pool_open(struct lend_pool *pool)
{
	unsigned index = lend__pool_count(pool);
	struct lend_ring *ring = &pool->rings[index];
	int err;

	lend_assert(index < pool->rings_max);
	ring->sqpoll_idle_ms = pool->sqpoll_idle_ms;
	err = lend__ring_open(ring, index, pool->depth, pool->setup_flags);
	if (err < 0)
		return err;
	err = open_buffers(pool, ring);
	if (err < 0) {
		lend__ring_close(ring);
		return err;
	}
	/* As rounded up for the first of them. */
	if (pool->depth != ring->depth)
		pool->depth = ring->depth;
	if (index >= lend__pool_used(pool))
		atomic_store_explicit(&pool->used, index + 1,
				      memory_order_release);
	/* Release [E1], paired with lend__pool_count(). */
	atomic_store_explicit(&pool->count, index + 1, memory_order_release);
	return 0;
}

int lend__pool_init(struct lend_pool *pool,
		    const struct lend_pool_options *options,
		    const struct lend_features *features)
{
	void *rings;
	int err;

	memset(pool, 0, sizeof(*pool));
	pool->rings_max = options->rings_max ? options->rings_max :
					       options->rings;
	pool->depth = options->depth;
	pool->setup_flags = options->setup_flags;
	pool->sqpoll_idle_ms = options->sqpoll_idle_ms;
	pool->has_buffers = features->buffer_rings;
	pool->buffers = options->buffers ? options->buffers : LEND_POOL_BUFFERS;
	pool->buffer_size = options->buffer_size ? options->buffer_size :
						   LEND_POOL_BUFFER_SIZE;
	if (features->inc_buffers)
		size_shared(pool);
	err = lend__pages_reserve(rings_size(pool), &rings);
	if (err)
		return err;
	pool->rings = rings;
	for (unsigned i = 0; i < options->rings && !err; i++)
		err = lend__pool_open(pool);
	if (err)
		lend__pool_fini(pool);
	return err;
}

void lend__pool_fini(struct lend_pool *pool)
{
	for (unsigned i = 0; i < lend__pool_used(pool); i++) {
		if (lend__ring_is_open(&pool->rings[i]))
			lend__ring_close(&pool->rings[i]);
		/* Those that nobody gave back: their holders are gone. */
		lend__buffers_fini(&pool->rings[i].buffers, -1);
		lend__buffers_fini(&pool->rings[i].shared, -1);
	}
	lend__pages_unreserve(pool->rings, rings_size(pool));
	memset(pool, 0, sizeof(*pool));
}

uint64_t lend__pool_in_flight(const struct lend_pool *pool)
{
	uint64_t in_flight = 0;

	for (unsigned i = 0; i < lend__pool_used(pool); i++)
		in_flight += lend__ring_in_flight(&pool->rings[i]);
	return in_flight;
}
