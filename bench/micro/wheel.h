/*
 * A hierarchical timing wheel, to compare the heap of timers with: no part of
 * the library. What it would win:
 * doc/adr/0035-timing-wheel.md.
 *
 * Eight levels of 64 slots; a slot of the lowest is WHEEL_TICK_NS long, one of
 * each higher level as long as all of the level below. A timer lies at the
 * level of the highest digit in which its tick differs from the present one,
 * and moves down when that digit comes. So what goes off together is in no
 * order, and up to a tick late.
 */
#ifndef BENCH_MICRO_WHEEL_H
#define BENCH_MICRO_WHEEL_H

#include <stdint.h>

#define WHEEL_TICK_SHIFT 14 /* 16 us */
#define WHEEL_DIGIT	 6
#define WHEEL_SLOTS	 (1u << WHEEL_DIGIT)
#define WHEEL_LEVELS	 8

struct wheel_node {
	uint64_t key;
	struct wheel_node *next;
	struct wheel_node **link; /* what points at it; NULL: in no wheel */
};

/* Valid when zeroed. */
struct wheel {
	uint64_t tick; /* up to which all have gone off */
	uint64_t occupied[WHEEL_LEVELS];
	struct wheel_node *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_add(struct wheel *wheel, struct wheel_node *node, uint64_t key);
void wheel_remove(struct wheel *wheel, struct wheel_node *node);

/* Call @due for each whose key is not after @now; how many. */
unsigned wheel_expire(struct wheel *wheel, uint64_t now,
		      void (*due)(struct wheel_node *node));

#endif
