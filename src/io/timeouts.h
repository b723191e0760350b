/*
 * Timeouts of descriptors: see lend_set_timeouts().
 *
 * A table beside that of descriptors. Until somebody sets one, a call looks at
 * a word that nobody writes.
 */
#ifndef LEND_IO_TIMEOUTS_H
#define LEND_IO_TIMEOUTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Somebody has set one, ever. */
extern _Atomic bool lend__timeouts_set;

static inline bool lend__timeouts_used(void)
{
	/* Relaxed, as the timeouts are. */
	return atomic_load_explicit(&lend__timeouts_set, memory_order_relaxed);
}

/* The earlier of @deadline and the timeout of an operation on @fd that begins
 * now. */
uint64_t lend__timeouts_limit(int fd, uint8_t opcode, uint64_t deadline);

/* The descriptor is being closed, and no operation is on it. */
void lend__timeouts_forget(int fd);

#endif
