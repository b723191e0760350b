/*
 * Circles of actors that wait for each other.
 */
#ifndef LEND_RT_CIRCLE_H
#define LEND_RT_CIRCLE_H

#include <lend/actor.h>
#include <stdbool.h>
#include <stdint.h>

#include "rt/waiting.h"

struct lend_runtime;

/* Room for 12 actors with long names, one of which waits for any member of its
 * scope; what is longer is cut. */
#define LEND_CIRCLE_TEXT_MAX 768

/* Circles that are not looked for any more. */
#define LEND_CIRCLES_MAX 16

struct lend_circles {
	/* Of each the actor in the lowest slot, and what that waits for. It may
	 * be in several, if that is the members of its scope: one counts. */
	lend_ref refs[LEND_CIRCLES_MAX];
	uint64_t waits_for[LEND_CIRCLES_MAX];
	unsigned count;
};

/**
 * Actors that wait for each other in a circle.
 *
 * @but        not one of those; NULL: any
 * @ret_first  one of them; written only if there are such
 * @text       the same: "a #1 -> b #2 -> a #1"
 *
 * Return: whether there are such
 */
bool lend__circle_find(struct lend_runtime *runtime,
		       const struct lend_circles *but,
		       struct lend_waiting *ret_first,
		       char text[LEND_CIRCLE_TEXT_MAX]);

/* Add one that was found, in the place of one that has been broken since.
 * False: there are LEND_CIRCLES_MAX. */
bool lend__circle_note(struct lend_runtime *runtime,
		       struct lend_circles *circles,
		       const struct lend_waiting *first);

#endif
