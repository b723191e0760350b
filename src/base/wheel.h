/*
 * Timing wheel: an intrusive priority queue of moments, smallest first and of
 * equal ones the first that was added, for many that are seldom reached: most
 * are removed, or moved, long before.
 *
 *	near    those of the present tick and before: a heap, exact
 *	slots   later ones, in lists: 256 ticks, 256 times 256 ticks, and so on
 *
 * Adding and removing later ones is O(1), on one or two nodes and a slot. As
 * time goes on slots are opened: their nodes go to narrower slots, and at last
 * to the heap, which puts them in order. So order and moments are exact, to the
 * nanosecond, and the tick is only how fine the sieve is. A node that is
 * reached has been moved as often as there are levels above it: three times
 * for half a minute, four for an hour, six for a century.
 *
 * Each slot knows a lower bound of its moments, exact unless its first was
 * removed, so the moment of the next one is known without opening anything:
 * who sleeps until then is not woken for slots.
 *
 * Opening a slot of many is work that is done in portions, by whoever takes
 * what is due; where a slot is wide, from a while before it begins. To be ahead
 * is harmless: @tick is then later than the clock, and what is added before it
 * goes to the heap.
 *
 * Nodes are those of the heap, and their keys are written by lend_wheel_add()
 * alone. Adding never allocates. Not synchronised.
 */
#ifndef LEND_BASE_WHEEL_H
#define LEND_BASE_WHEEL_H

#include <stdint.h>

#include "base/pairing.h"

/* 65.536 us a tick: few timers share one, and the heap of them is small. */
#define LEND_WHEEL_TICK_SHIFT 16
#define LEND_WHEEL_DIGIT      8 /* bits of a tick's number for each level */
#define LEND_WHEEL_SLOTS      (1 << LEND_WHEEL_DIGIT)
#define LEND_WHEEL_LEVELS     6
#define LEND_WHEEL_WORDS      (LEND_WHEEL_SLOTS / 64)

/* So many ticks before its first node a slot is opened, if there is time: 67 ms
 * (see lend_wheel_next()). */
#define LEND_WHEEL_AHEAD UINT64_C(1024)
/* On this level and above; a slot below is 16.8 ms wide at most. */
#define LEND_WHEEL_AHEAD_LEVEL 2

_Static_assert(LEND_WHEEL_TICK_SHIFT + LEND_WHEEL_DIGIT * LEND_WHEEL_LEVELS ==
		       64,
	       "all moments have a slot");

struct lend_wheel_slot {
	struct lend_pairing_node *first;
	uint64_t min; /* none in it is before; it is not empty */
};

struct lend_wheel {
	struct lend_pairing near; /* ticks up to @tick */
	uint64_t tick;
	/* Its nodes are being moved to others, and are of @tick or later; all
	 * others in slots are later than @tick. NULL: none. */
	struct lend_wheel_slot *opening;
	uint32_t levels; /* those with anything in them: a bit each */
	uint64_t occupied[LEND_WHEEL_LEVELS][LEND_WHEEL_WORDS];
	/* Nodes in a slot differ from @tick in the digit of its level, and in
	 * none above; their digit is the slot. */
	struct lend_wheel_slot slots[LEND_WHEEL_LEVELS][LEND_WHEEL_SLOTS];
};

/* Make it empty. */
void lend_wheel_init(struct lend_wheel *wheel);

/* @now_ns: about what time it is; it decides nothing but the cost. */
void lend_wheel_add(struct lend_wheel *wheel, struct lend_pairing_node *node,
		    uint64_t key, uint64_t now_ns);

/* @node is in @wheel. */
void lend_wheel_remove(struct lend_wheel *wheel,
		       struct lend_pairing_node *node);

/**
 * Remove the first node, if it is not later than @now_ns.
 *
 * @work  moves of nodes that may still be made, counted down; if 0 is left the
 *        first may be due although NULL is returned
 */
struct lend_pairing_node *lend_wheel_take(struct lend_wheel *wheel,
					  uint64_t now_ns, unsigned *work);

/**
 * When is lend_wheel_take() to be called next?
 *
 * @ret_ahead_ns  from then on it does what would be waited for later
 *
 * Return: none is before that; UINT64_MAX if, and only if, it is empty
 */
uint64_t lend_wheel_next(const struct lend_wheel *wheel,
			 uint64_t *ret_ahead_ns);

#endif
