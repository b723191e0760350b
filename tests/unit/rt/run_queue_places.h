/*
 * Where a runnable actor may be, and for how many turns it waits there at most:
 * for tests of that. For one .c file each.
 */
#ifndef LEND_TESTS_RUN_QUEUE_PLACES_H
#define LEND_TESTS_RUN_QUEUE_PLACES_H

#include "rt/run_queue.h"

enum place {
	PLACE_URGENT = LEND_RUN_URGENT,
	PLACE_READY = LEND_RUN_READY,
	PLACE_YIELDED = LEND_RUN_YIELDED,
	PLACE_PINNED,
	PLACE_NEXT,
	PLACES,
};

static const char *const place_names[PLACES] = { "urgent", "ready", "yielded",
						 "pinned", "next" };

/**
 * As Note [fair] of rt/run_queue.h has it.
 *
 * @before      so many are before it in its lane
 * @pinned      there are pinned ones
 * @ready_most  so many are in READY at any time, for one in YIELDED
 */
static inline unsigned place_bound(enum place place, unsigned before,
				   bool pinned, unsigned ready_most)
{
	const unsigned k = LEND_RUN_READY_MAX, c = LEND_RUN_CREDIT_MAX;
	const unsigned n = before + 1, p = pinned ? 2 : 1;

	switch (place) {
	case PLACE_READY:
		return 2 * p * (n + (n + k - 1) / k + 1) + c;
	case PLACE_YIELDED:
		return 2 * p * (n * (k + 1) + 2 * ready_most) + c;
	case PLACE_PINNED:
		return 2 * 2 * n + c;
	case PLACE_URGENT:
		return 4 * n;
	default:
		return 4;
	}
}

#endif
