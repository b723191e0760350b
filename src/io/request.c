/*
 * Requests: see request.h.
 */
#include "io/request.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"
#include "io/pending.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/opcode.h"

/* Copies are aligned for whatever they may be. */
#define ALIGNMENT 8

_Static_assert(sizeof(struct lend_io_op) % ALIGNMENT == 0 &&
		       sizeof(struct lend_pending) % ALIGNMENT == 0,
	       "copies lie behind the record");

void *lend__request_copy(struct lend_request *request, const void *from,
			 size_t size)
{
	size_t at = request->used;
	char *copy;

	request->used += (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!request->copies)
		return NULL;
	lend_assert(request->used <= request->room);
	copy = request->copies + at;
	if (from)
		memcpy(copy, from, size);
	return copy;
}

int lend__request_path(struct lend_request *request, const char *path,
		       const char **ret_copy)
{
	size_t size;
	char *copy;

	if (!path)
		return -EFAULT;
	size = strnlen(path, PATH_MAX) + 1;
	if (size > PATH_MAX)
		return -ENAMETOOLONG;
	copy = lend__request_copy(request, path, size);
	if (copy)
		copy[size - 1] = '\0';
	*ret_copy = copy;
	return 0;
}

int lend__request_vector(struct lend_request *request,
			 const struct iovec *vector, unsigned count,
			 bool payload, const struct iovec **ret_copy)
{
	struct iovec *copy;
	size_t size = 0;

	if (count > IOV_MAX)
		return -EINVAL;
	if (count && !vector)
		return -EFAULT;
	copy = lend__request_copy(request, vector, count * sizeof(*vector));
	*ret_copy = copy;
	for (unsigned i = 0; i < count && size <= LEND_PAYLOAD_COPY_MAX; i++)
		size += vector[i].iov_len > LEND_PAYLOAD_COPY_MAX ?
				LEND_PAYLOAD_COPY_MAX + 1 :
				vector[i].iov_len;
	if (!payload || !request->is_async || size > LEND_PAYLOAD_COPY_MAX)
		return 0;
	for (unsigned i = 0; i < count; i++) {
		void *bytes;

		if (!vector[i].iov_base && vector[i].iov_len)
			return -EFAULT;
		bytes = lend__request_copy(request, vector[i].iov_base,
					   vector[i].iov_len);
		if (copy)
			copy[i].iov_base = bytes;
	}
	return 0;
}

int lend__request_address(struct lend_request *request,
			  const struct sockaddr *address, unsigned size,
			  const struct sockaddr **ret_copy)
{
	if (!size || size > sizeof(struct sockaddr_storage))
		return -EINVAL;
	if (!address)
		return -EFAULT;
	*ret_copy = lend__request_copy(request, address, size);
	return 0;
}

const void *lend__request_payload(struct lend_request *request,
				  const void *payload, size_t size)
{
	/* Of one that points nowhere the kernel says so. */
	if (!request->is_async || !payload || size > LEND_PAYLOAD_COPY_MAX)
		return payload;
	return lend__request_copy(request, payload, size);
}

static int begin(struct lend_request *request, size_t record_size)
{
	struct lend_io *io = &request->io;
	int err;

	request->room = request->used;
	err = lend__io_begin_record(io, lend__opcode_fd(&request->sqe),
				    record_size + request->room);
	if (err)
		return err;
	if (!lend__features_opcode(&io->self->worker->runtime->arbiter.features,
				   request->sqe.opcode)) {
		lend__io_drop(io);
		return -EOPNOTSUPP;
	}
	request->used = 0;
	request->copies = (char *)io->op + record_size;
	return 0;
}

int lend__request_begin(struct lend_request *request)
{
	return begin(request, sizeof(struct lend_io_op));
}

int lend__request_begin_async(struct lend_request *request)
{
	int err = begin(request, sizeof(struct lend_pending));

	if (!err)
		request->pending = lend_container_of(request->io.op,
						     struct lend_pending, io);
	return err;
}

int lend__request_run(struct lend_request *request, int err, uint64_t deadline)
{
	struct lend_io *io = &request->io;
	int res;

	if (!err)
		err = lend__io_claim(io, deadline);
	if (err) {
		lend__io_drop(io);
		return err;
	}
	do
		*io->sqe = request->sqe;
	while (!lend__io_run(io, deadline, &res));
	return res;
}

int lend__request_submit(struct lend_request *request, int err,
			 struct lend_pending **ret_pending)
{
	struct lend_io *io = &request->io;

	if (!err)
		err = lend__io_claim(io, LEND_FOREVER);
	if (err) {
		lend__io_drop(io);
		return err;
	}
	*io->sqe = request->sqe;
	lend__io_watch_pending(request->pending);
	lend__pending_keep(request->pending, io->sqe);
	lend__io_submit(io);
	*ret_pending = request->pending;
	return 0;
}
