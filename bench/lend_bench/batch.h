/*
 * A claim's end, as several workloads have it: commit, await all, check.
 */
#ifndef LEND_BENCH_BATCH_H
#define LEND_BENCH_BATCH_H

#include "lend_bench/crew.h"

#define BATCH_MAX 1024

void batch_fill_nops(struct lend_claim_handle *claim, unsigned count);

/**
 * Commit a claim of NOPs, await each, count it.
 *
 * Thread: the member's actor. Blocks: suspends the actor.
 *
 * Return: 0, or the error that kept it from being committed, which is counted
 */
int batch_finish(struct member *member, struct lend_claim_handle *claim,
		 unsigned count) LEND_AWAITS;

#endif
