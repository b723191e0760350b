/*
 * The three interfaces of an operation, as expressions with its result:
 *
 *	SYNC(fsync, fd)                                 suspends
 *	ASYNC(fsync, fd)                                a handle, awaited
 *	DIRECT(io_uring_prep_fsync(direct_sqe, fd, 0))  an SQE of one's own
 *
 * and STARTED(fsync, fd), which leaves the handle in `started`, for what
 * happens before it is awaited: FINISHED() is the result then. One actor at a
 * time.
 */
#ifndef LEND_TESTS_FORMS_H
#define LEND_TESTS_FORMS_H

#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "harness/harness.h"

static struct lend_pending *started;
static struct io_uring_sqe *direct_sqe;
static struct lend_claim_handle *direct_claim;

#define SYNC(name, ...) lend_##name(__VA_ARGS__, LEND_FOREVER)
#define STARTED(name, ...)                                                     \
	CHECK_EQ(lend_##name##_async(__VA_ARGS__, &started), 0)
#define FINISHED()	 finish(0)
#define ASYNC(name, ...) finish(lend_##name##_async(__VA_ARGS__, &started))
#define DIRECT(prep)	 (direct_begin(), (prep), direct_end())

static inline int finish(int err)
{
	int res;

	if (err)
		return err;
	if (!started)
		return INT32_MIN;
	res = lend_pending_await(started, lend_after(30 * LEND_S));
	CHECK(lend_pending_done(started));
	lend_pending_free(started);
	started = NULL;
	return res;
}

static inline void direct_begin(void)
{
	static struct io_uring_sqe nowhere;

	direct_sqe = &nowhere;
	if (CHECK_EQ(lend_claim(1, LEND_FOREVER, &direct_claim), 0))
		direct_sqe = lend_claim_sqe(direct_claim, 0);
}

static inline int direct_end(void)
{
	return finish(lend_claim_commit(direct_claim, &started));
}

/* Does this kernel have an operation, and is it not masked? */
static inline bool supported(int res)
{
	return res != -EOPNOTSUPP;
}

#endif
