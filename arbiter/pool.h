/*
 * The pool: all the rings of one arbiter, in one array.
 */
#ifndef LEND_ARBITER_POOL_H
#define LEND_ARBITER_POOL_H

#include "uring/features.h"
#include "uring/ring.h"

#define LEND_RINGS_MAX 256
#define LEND_DEPTH_MAX 32768

/* Provided buffers of each ring: enough for the receives that one round of
 * completions can bring; small enough to stay in the second-level cache. */
#define LEND_POOL_BUFFERS     256
#define LEND_POOL_BUFFER_SIZE 4096

struct lend_pool {
	struct lend_ring *rings;
	unsigned count;
	unsigned depth;
};

/**
 * Open @count rings.
 *
 * @setup_flags     IORING_SETUP_* of the mode
 * @sqpoll_idle_ms  with SETUP_SQPOLL: each ring's polling thread sleeps after
 *                  so long without work
 *
 * Return: 0, or the error of the first ring that could not be opened; nothing
 *         is left behind then
 */
int lend__pool_init(struct lend_pool *pool, unsigned count, unsigned depth,
		    unsigned setup_flags, unsigned sqpoll_idle_ms,
		    const struct lend_features *features);
void lend__pool_fini(struct lend_pool *pool);

#endif
