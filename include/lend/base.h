/*
 * Attributes, version and error names: what every other public header needs.
 *
 * Errors are negative errno values; errno itself is never used. A call for I/O
 * returns what the kernel said. These have one meaning everywhere:
 *
 *   -ECANCELED   the actor was cancelled, or the descriptor closed under it:
 *                clean up and return
 *   -ETIMEDOUT   the deadline came first
 *   -EAGAIN      not now: try again later
 *   -EINVAL      the caller's mistake
 *   -ENOMEM      no memory, or the actor's I/O heap is full
 *   -ESRCH       there is no such actor (any more)
 *   -ESHUTDOWN   the runtime is stopping
 *   -EOPNOTSUPP  this kernel can not do that
 *
 * What is declared in these headers is the interface, and nothing else is.
 * Before version 1.0 a minor version may change it. Options structs are valid
 * when zeroed and may grow at their end.
 */
#ifndef LEND_BASE_H
#define LEND_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LEND_BEGIN_DECLS extern "C" {
#define LEND_END_DECLS	 }
#else
#define LEND_BEGIN_DECLS
#define LEND_END_DECLS
#endif

/* An exported symbol. The library is built with hidden visibility, so what
 * has no LEND_API can not be reached from outside. */
#define LEND_API __attribute__((visibility("default")))

/* The result says whether it worked: ignoring it is a bug. */
#define LEND_NODISCARD __attribute__((warn_unused_result))

/* The function may suspend the calling actor: other actors run meanwhile, and
 * the caller may go on on another thread. Keep no lock, no thread-local
 * address and no SQE pointer over such a call. */
#define LEND_AWAITS

#define LEND_NORETURN	  __attribute__((noreturn))
#define LEND_PRINTF(a, b) __attribute__((format(printf, a, b)))

#define LEND_VERSION_MAJOR 0
#define LEND_VERSION_MINOR 1
#define LEND_VERSION_PATCH 0
#define LEND_VERSION	   "0.1.0"

LEND_BEGIN_DECLS

/**
 * The version of the library that is running, such as "0.1.0"; LEND_VERSION
 * is the one that was compiled against.
 *
 * Thread: any. Blocks: no. Ownership: a constant string.
 */
LEND_API const char *lend_version(void);

/**
 * The symbolic name of an error, such as "ETIMEDOUT".
 *
 * @error  a negative errno value as the library returns it; the sign does not
 *         matter
 *
 * Thread: any. Blocks: no. Ownership: a constant string; "unknown error" for
 * a number without a name, "success" for 0.
 */
LEND_API const char *lend_error_name(int error);

/**
 * A sentence about an error, such as "Connection timed out".
 *
 * @error  as for lend_error_name()
 *
 * Thread: any. Blocks: no. Ownership: a constant string.
 */
LEND_API const char *lend_error_text(int error);

LEND_END_DECLS

#endif
