/*
 * Public calls made where they can not be: a mistake of the program's, which
 * ends it with a line that says which call that was and what to do instead.
 */
#ifndef LEND_RT_MISUSE_H
#define LEND_RT_MISUSE_H

#include <lend/base.h>

#include "base/check.h"

/**
 * A call that only actors may make was made outside of them.
 *
 * @function  that has noticed it; the public one that the program has called is
 *            looked for on the stack
 */
LEND_NORETURN __attribute__((cold, noinline)) void
lend__misuse_outside(const char *function);

/* An actor is calling, as @condition says. Costs what lend_assert() does. */
#define lend_assert_actor(condition)                                           \
	do {                                                                   \
		if (lend_unlikely(!(condition)))                               \
			lend__misuse_outside(__func__);                        \
	} while (0)

#endif
