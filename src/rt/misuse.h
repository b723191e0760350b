/*
 * Public calls made where they can not be, or by somebody who has no right to:
 * a mistake of the program's, which ends it with a line that says which call
 * that was and what to do instead.
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

/**
 * A call was made with something that is another actor's.
 *
 * @function  as for lend__misuse_outside(), which this is outside of actors
 * @thing     what that is: "a handle"
 * @who       has the right to
 */
LEND_NORETURN __attribute__((cold, noinline)) void
lend__misuse_foreign(const char *function, const char *thing, const char *who);

/* An actor is calling, as @condition says. Costs what lend_assert() does. */
#define lend_assert_actor(condition)                                           \
	do {                                                                   \
		if (lend_unlikely(!(condition)))                               \
			lend__misuse_outside(__func__);                        \
	} while (0)

/* The actor that is calling is the one whose @thing it is, as @condition says.
 */
#define lend_assert_own(condition, thing, who)                                 \
	do {                                                                   \
		if (lend_unlikely(!(condition)))                               \
			lend__misuse_foreign(__func__, thing, who);            \
	} while (0)

#endif
