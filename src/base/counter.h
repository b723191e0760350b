/*
 * Counters that anybody may read and one thread at a time writes, its owner or
 * who has a lock: statistics. Such a writer needs no locked instruction.
 */
#ifndef LEND_BASE_COUNTER_H
#define LEND_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

/* Thread: the counter's writer. Relaxed: nothing is learned from its value but
 * the value. */
static inline void lend_counter_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(
		counter,
		atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

#endif
