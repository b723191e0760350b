/*
 * Assertions for states that can not happen. Expected failures are errors and
 * are returned; these end the process with a line that names the place.
 */
#ifndef LEND_BASE_CHECK_H
#define LEND_BASE_CHECK_H

#include <lend/base.h>

#define lend_likely(x)	 __builtin_expect(!!(x), 1)
#define lend_unlikely(x) __builtin_expect(!!(x), 0)

LEND_NORETURN LEND_PRINTF(4, 5)
	__attribute__((cold)) void lend__panic(const char *file, int line,
					       const char *condition,
					       const char *format, ...);

/* End the process: a broken invariant, with what is known about it. */
#define lend_panic(...) lend__panic(__FILE__, __LINE__, NULL, __VA_ARGS__)

/* O(1), stays on in release: ownership, state, magic. */
#define lend_assert(condition)                                                 \
	do {                                                                   \
		if (lend_unlikely(!(condition)))                               \
			lend__panic(__FILE__, __LINE__, #condition, NULL);     \
	} while (0)

/* For fast paths: debug builds only. The condition is compiled in either
 * case, so that it can not rot. */
#ifdef LEND_DEBUG
#define lend_debug_assert(condition) lend_assert(condition)
#else
#define lend_debug_assert(condition)                                           \
	do {                                                                   \
		if (0)                                                         \
			lend_assert(condition);                                \
	} while (0)
#endif

#endif
