/*
 * A request: an SQE to be, with what it points to. For operations that need
 * memory of their own while they are in flight: a path, an address, vectors, a
 * time, a small payload. All of it and the operation's record are one span of
 * the actor's I/O heap.
 *
 * What prepares a request is called twice with the same arguments: first to
 * measure, when lend__request_copy() returns NULL, then to copy. In between
 * nothing suspends.
 *
 * For the calls that operation.h makes: see there.
 */
#ifndef LEND_IO_REQUEST_H
#define LEND_IO_REQUEST_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "io/await.h"

struct sockaddr;

/* Zeroed at first. */
struct lend_request {
	struct io_uring_sqe sqe;
	bool is_async; /* [const] */
	size_t room;   /* for the copies, as measured */
	size_t used;   /* of it */
	char *copies;  /* NULL: measuring */
	struct lend_io io;
	struct lend_pending *pending; /* NULL: synchronous */
};

/* A place for @size bytes, with what is at @from in it if that is not NULL.
 * NULL while measuring. */
void *lend__request_copy(struct lend_request *request, const void *from,
			 size_t size);

/* The same for a path. -EFAULT if it is NULL, -ENAMETOOLONG. */
LEND_NODISCARD int lend__request_path(struct lend_request *request,
				      const char *path, const char **ret_copy);

/* The same for a vector and, of a small @payload of an asynchronous operation,
 * for what it points to. -EINVAL if there is too much of it, -EFAULT if
 * something of it points nowhere. */
LEND_NODISCARD int lend__request_vector(struct lend_request *request,
					const struct iovec *vector,
					unsigned count, bool payload,
					const struct iovec **ret_copy);

/* The same for a socket's address. -EINVAL if it can be none by its size,
 * -EFAULT if it is NULL. */
LEND_NODISCARD int lend__request_address(struct lend_request *request,
					 const struct sockaddr *address,
					 unsigned size,
					 const struct sockaddr **ret_copy);

/* A copy of a small payload of an asynchronous operation, or @payload. */
const void *lend__request_payload(struct lend_request *request,
				  const void *payload, size_t size);

/**
 * Measured: take the span, and go on to copy.
 *
 * lend__request_begin_async(): for an operation that goes on beside its actor.
 *
 * Return: 0
 *         -EOPNOTSUPP  the kernel does not have the operation
 *         -ECANCELED, -EBADF, -ENOMEM: see lend__io_begin()
 */
LEND_NODISCARD int lend__request_begin(struct lend_request *request);
LEND_NODISCARD int lend__request_begin_async(struct lend_request *request);

/* Copied: submit and wait; or submit. @err is what copying said: if it is not
 * 0, it is returned and nothing else happens. */
LEND_NODISCARD int lend__request_run(struct lend_request *request, int err,
				     uint64_t deadline) LEND_AWAITS;
LEND_NODISCARD int
lend__request_submit(struct lend_request *request, int err,
		     struct lend_pending **ret_pending) LEND_AWAITS;

#endif
