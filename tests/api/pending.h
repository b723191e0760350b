/*
 * What the tests of handles share: receives that are begun in two ways on one
 * end of a pair of sockets. For one .c file each.
 */
#ifndef LEND_TESTS_PENDING_H
#define LEND_TESTS_PENDING_H

#include <liburing.h>

#include "harness/harness.h"

static inline struct lend_pending *start_recv(int fd, void *buffer, size_t size)
{
	struct lend_pending *pending = NULL;

	CHECK_EQ(lend_recv_async(fd, buffer, size, 0, &pending), 0);
	return pending;
}

/* The same by a claim of its own. */
static inline struct lend_pending *claim_recv(int fd, void *buffer, size_t size)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending = NULL;

	if (CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0)) {
		io_uring_prep_recv(lend_claim_sqe(claim, 0), fd, buffer, size,
				   0);
		CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	}
	return pending;
}

static inline void close_pair(const int pair[2])
{
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
}

#endif
