/*
 * The table at the end of a series: what each configuration did, over all its
 * repeats.
 */
#ifndef LEND_BENCH_TABLE_H
#define LEND_BENCH_TABLE_H

#include <stdbool.h>

#include "lend_bench/run.h"
#include "lend_bench/plan.h"

struct table;

/* Returns NULL if there is no memory. */
struct table *table_new(const struct plan *plan, unsigned repeats);
/* @index of the configuration in its plan. */
void table_add(struct table *table, unsigned index, const struct run *run);
void table_print(struct table *table);
/* Returns NULL. */
struct table *table_free(struct table *table);

#endif
