/*
 * Which workers are parked, and on which CPU each ran last: so that who looks
 * for one to wake, or to take actors from, looks at a few that are near, and at
 * no record of the others. Written for 128 CPUs.
 *
 * It is written where a worker parks and where it is back, which are system
 * calls anyhow. Not by who wakes it, as he may be late and it parked once more;
 * so it may have one as parked that has been woken already, which whoever wakes
 * it learns from its state.
 */
#ifndef LEND_RT_ROSTER_H
#define LEND_RT_ROSTER_H

#include <lend/runtime.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/topology.h"

#define LEND_ROSTER_WORDS ((LEND_WORKERS_MAX + 63) / 64)

struct lend_worker;

struct lend_roster {
	const struct lend_topology *topology; /* [const] */
	/* [atomic: P4] A bit for each worker; a line for 64 of them. */
	struct lend_roster_word {
		LEND_CACHE_ALIGNED _Atomic uint64_t parked;
	} words[LEND_ROSTER_WORDS];
	/* [atomic: hints] Many on a line, as they hardly ever change. */
	LEND_CACHE_ALIGNED _Atomic uint16_t cpus[LEND_WORKERS_MAX];
};

/* Workers, in the order in which to ask them. */
struct lend_candidates {
	unsigned count;
	uint16_t workers[LEND_WORKERS_MAX];
};

/* The calling worker parks, or is back; then where it runs is noted. */
void lend__roster_park(struct lend_roster *roster, unsigned worker);
void lend__roster_unpark(struct lend_roster *roster, unsigned worker);

enum lend_distance lend__roster_distance(const struct lend_roster *roster,
					 unsigned a, unsigned b);

/**
 * Find @most of those that are parked, or of those that are not: those that
 * follow @start, in the order of their distance from @worker, which is left
 * out.
 *
 * @count   workers there are, at least 1
 * @start   any number, drawn at random
 */
void lend__roster_find(const struct lend_roster *roster, unsigned worker,
		       unsigned count, bool parked, unsigned start,
		       unsigned most, struct lend_candidates *ret_candidates);

#endif
