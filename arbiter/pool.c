/*
 * Opening and closing the rings of an arbiter: see pool.h.
 */
#include "arbiter/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int lend__pool_init(struct lend_pool *pool, unsigned count, unsigned depth,
		    unsigned setup_flags, unsigned sqpoll_idle_ms,
		    const struct lend_features *features)
{
	void *rings = NULL;
	int err = 0;

	memset(pool, 0, sizeof(*pool));
	if (posix_memalign(&rings, LEND_CACHE_LINE,
			   count * sizeof(*pool->rings)))
		return -ENOMEM;
	memset(rings, 0, count * sizeof(*pool->rings));
	pool->rings = rings;
	for (; pool->count < count; pool->count++) {
		struct lend_ring *ring = &pool->rings[pool->count];

		ring->sqpoll_idle_ms = sqpoll_idle_ms;
		err = lend__ring_open(ring, pool->count, depth, setup_flags);
		if (err < 0)
			break;
		pool->depth = ring->depth;
		if (!features->buffer_rings)
			continue;
		err = lend__buffers_init(&ring->buffers, lend__ring_fd(ring),
					 LEND_POOL_BUFFERS,
					 LEND_POOL_BUFFER_SIZE);
		if (err < 0) {
			lend__ring_close(ring);
			break;
		}
	}
	if (pool->count == count)
		return 0;
	lend__pool_fini(pool);
	return err;
}

void lend__pool_fini(struct lend_pool *pool)
{
	for (unsigned i = 0; i < pool->count; i++)
		lend__ring_close(&pool->rings[i]);
	free(pool->rings);
	memset(pool, 0, sizeof(*pool));
}
