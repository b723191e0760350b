/*
 * Computing: a given amount of processor time in user space, without a system
 * call, which would let the kernel go on with completions that it deferred.
 */
#ifndef LEND_BENCH_SPIN_H
#define LEND_BENCH_SPIN_H

#include <stdint.h>

/* Find out how fast this processor computes; once, before spin(). Takes some
 * 20 ms. */
void spin_calibrate(void);

/* Use @span_us of processor time. Thread: any. */
void spin(uint64_t span_us);

#endif
