/*
 * How far apart CPUs are: what they share. As Linux tells in sysfs.
 *
 * A table that is made once; where the system says nothing, CPUs are taken to
 * share what those of small machines do.
 */
#ifndef LEND_BASE_TOPOLOGY_H
#define LEND_BASE_TOPOLOGY_H

#include <stdint.h>

/* Those with higher numbers are far from everybody. */
#define LEND_CPUS_MAX 1024

/* What two CPUs have in common at best; the nearest first. */
enum lend_distance {
	LEND_SAME_CORE, /* or they are the same */
	LEND_SAME_L2,
	LEND_SAME_L3,
	LEND_SAME_NODE,
	LEND_FAR,
	LEND_DISTANCES,
};

struct lend_topology {
	/* Who shares a core, an L2, an L3, a node has the same number there. */
	uint16_t groups[LEND_CPUS_MAX][LEND_FAR];
};

/* Read the directory that has "cpu0", "cpu1" ...: as is
 * /sys/devices/system/cpu. */
void lend__topology_read(struct lend_topology *topology, const char *directory);

/* That of this machine. Thread: any. */
const struct lend_topology *lend__topology(void);

static inline enum lend_distance
lend__topology_distance(const struct lend_topology *topology, unsigned a,
			unsigned b)
{
	int distance = LEND_SAME_CORE;

	if (a >= LEND_CPUS_MAX || b >= LEND_CPUS_MAX)
		return LEND_FAR;
	while (distance < LEND_FAR &&
	       topology->groups[a][distance] != topology->groups[b][distance])
		distance++;
	return (enum lend_distance)distance;
}

#endif
