/*
 * From the command line to the configurations that are run, and in which order.
 */
#ifndef LEND_BENCH_PLAN_H
#define LEND_BENCH_PLAN_H

#include "lend_bench/config.h"
#include "lend_bench/options.h"

/* Configurations that differ in nothing but the mode are a group, and beside
 * each other in the list; each group has all modes. */
struct plan {
	struct config *configs;
	unsigned count;
	unsigned groups_count;
};

/* False after a line on standard error. */
bool plan_make(const struct options *options, struct plan *ret_plan);
void plan_free(struct plan *plan);

/**
 * The order of one repeat: groups shuffled, and within a group its modes in
 * turn, each repeat beginning with another one. So a pair of modes is always
 * measured within seconds, and which comes first is balanced.
 *
 * @order  room for plan->count; indices of configurations
 */
void plan_shuffle(const struct plan *plan, uint64_t seed, unsigned repeat,
		  unsigned *order);

#endif
