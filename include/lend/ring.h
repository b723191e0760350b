/*
 * Ring modes: how the rings of a runtime are coupled to its workers.
 */
#ifndef LEND_RING_H
#define LEND_RING_H

#include <lend/base.h>

enum lend_ring_mode {
	LEND_RING_DEFAULT,  /* borrowed */
	LEND_RING_BORROWED, /* lent from a pool, taken back when it helps */
	LEND_RING_PRIVATE,  /* one ring, one worker, for life */
	LEND_RING_SHARED,   /* any ring, many workers, under the ring's lock */
};

LEND_BEGIN_DECLS

/**
 * The name of a mode: "borrowed", "private", "shared"; NULL for a number that
 * is none. LEND_RING_DEFAULT has the name of the mode it stands for.
 *
 * Thread: any. Blocks: no. Ownership: a constant string.
 */
LEND_API const char *lend_ring_mode_name(enum lend_ring_mode mode);

/**
 * The mode with a name.
 *
 * @name      as lend_ring_mode_name() gives it; case matters
 * @ret_mode  written only on success
 *
 * Thread: any. Blocks: no.
 *
 * Return: 0
 *         -EINVAL  there is no such mode
 */
LEND_API LEND_NODISCARD int lend_ring_mode_parse(const char *name,
						 enum lend_ring_mode *ret_mode);

LEND_END_DECLS

#endif
