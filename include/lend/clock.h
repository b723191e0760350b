/*
 * Time: nanoseconds of CLOCK_MONOTONIC, and deadlines, which are absolute.
 *
 * A deadline does not stretch when a call is repeated, so a chain of calls can
 * share one: compute it once, pass it to each.
 */
#ifndef LEND_CLOCK_H
#define LEND_CLOCK_H

#include <lend/base.h>

/* A deadline that never comes, and one that has always passed: a call with
 * LEND_NOW takes what is there and does not wait. */
#define LEND_FOREVER UINT64_MAX
#define LEND_NOW     UINT64_C(0)

#define LEND_US UINT64_C(1000)
#define LEND_MS UINT64_C(1000000)
#define LEND_S	UINT64_C(1000000000)

LEND_BEGIN_DECLS

/**
 * Nanoseconds of CLOCK_MONOTONIC.
 *
 * Thread: any. Blocks: no.
 */
LEND_API uint64_t lend_now(void);

/**
 * The deadline @span_ns from now; LEND_FOREVER if that is out of range.
 *
 * @span_ns  nanoseconds, as in 250 * LEND_MS; LEND_FOREVER gives LEND_FOREVER
 *
 * Thread: any. Blocks: no.
 */
LEND_API uint64_t lend_after(uint64_t span_ns);

LEND_END_DECLS

#endif
