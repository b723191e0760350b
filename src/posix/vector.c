/*
 * Reading and writing in several parts: see vector.h.
 */
#include "posix/vector.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "posix/next.h"
#include "posix/shim.h"

/* Room for the parts of most calls, so that malloc() is not asked. */
#define PARTS_SMALL 16

/* What is left of a vector: a copy, as it is changed on the way. */
struct rest {
	struct iovec *parts;
	size_t count;
	struct iovec *memory; /* of malloc(), or NULL */
	struct iovec small[PARTS_SMALL];
};

static int rest_init(struct rest *rest, const struct iovec *vector,
		     size_t count)
{
	rest->memory = NULL;
	rest->parts = rest->small;
	rest->count = count;
	if (count > PARTS_SMALL) {
		rest->memory = malloc(count * sizeof(*vector));
		if (!rest->memory)
			return -ENOMEM;
		rest->parts = rest->memory;
	}
	if (count)
		memcpy(rest->parts, vector, count * sizeof(*vector));
	return 0;
}

static void rest_fini(struct rest *rest)
{
	free(rest->memory);
}

/* ---- sockets ---- */

ssize_t posix__recvmsg(int fd, struct msghdr *message, int flags)
{
	uint64_t deadline = posix__deadline(fd, SO_RCVTIMEO);

	for (;;) {
		ssize_t res = NEXT(recvmsg)(fd, message, flags | MSG_DONTWAIT);
		int ready;

		if (res >= 0 || (errno != EAGAIN && errno != EINTR))
			return res;
		ready = lend_poll(fd, POLLIN, deadline);
		if (ready < 0)
			return posix__result(ready, deadline, EAGAIN);
	}
}

/* A blocking send sends all; of a datagram the kernel never sends a part. */
ssize_t posix__sendmsg(int fd, const struct msghdr *message, int flags)
{
	uint64_t deadline = posix__deadline(fd, SO_SNDTIMEO);
	ssize_t size = posix__vector_size(message->msg_iov,
					  message->msg_iovlen);
	struct msghdr part = *message;
	struct rest rest;
	ssize_t done = 0, res;

	if (size < 0 || rest_init(&rest, message->msg_iov, message->msg_iovlen))
		return posix__fail(size < 0 ? EMSGSIZE : ENOMEM);
	for (;;) {
		part.msg_iov = rest.parts;
		part.msg_iovlen = rest.count;
		res = NEXT(sendmsg)(fd, &part, flags | MSG_DONTWAIT);
		if (res >= 0) {
			done += res;
			if (done >= size)
				break;
			posix__vector_skip(&rest.parts, &rest.count,
					   (size_t)res);
			/* Descriptors go with the first part. */
			part.msg_control = NULL;
			part.msg_controllen = 0;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			break;
		res = lend_poll(fd, POLLOUT, deadline);
		if (res < 0) {
			res = posix__result(res, deadline, EAGAIN);
			break;
		}
	}
	rest_fini(&rest);
	return done || !size ? (res < 0 && !done ? res : done) : res;
}

/* ---- pipes, terminals, files ---- */

struct vector_call {
	int fd;
	const struct rest *rest;
	ssize_t (*fn)(int fd, const struct iovec *vector, int count);
	ssize_t res;
};

static int run_vector(void *arg)
{
	struct vector_call *call = arg;

	call->res = call->fn(call->fd, call->rest->parts,
			     (int)call->rest->count);
	if (call->res < 0)
		call->res = -errno;
	return 0;
}

/* On a thread of the pool: for what can not be asked without waiting, and for
 * files that are not in memory. */
static ssize_t on_pool(struct vector_call *call)
{
	int err = lend_blocking(run_vector, call, LEND_FOREVER, NULL);

	return err ? err : call->res;
}

/* Once: a result, or -errno. */
static ssize_t try_once(struct vector_call *call, short events)
{
	for (;;) {
		int ready = lend_poll(call->fd, (unsigned)events, LEND_FOREVER);
		ssize_t res;

		if (ready < 0)
			return ready;
		res = events == POLLIN ?
			      preadv2(call->fd, call->rest->parts,
				      (int)call->rest->count, -1, RWF_NOWAIT) :
			      pwritev2(call->fd, call->rest->parts,
				       (int)call->rest->count, -1, RWF_NOWAIT);
		if (res >= 0)
			return res;
		if (errno == EAGAIN || errno == EOPNOTSUPP)
			return on_pool(call);
		if (errno != EINTR)
			return -errno;
	}
}

static bool is_socket(int fd)
{
	int type;
	socklen_t size = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
}

ssize_t posix__readv(int fd, const struct iovec *vector, size_t count)
{
	struct vector_call call = { .fd = fd, .fn = NEXT(readv) };
	struct msghdr message = { .msg_iov = (struct iovec *)vector,
				  .msg_iovlen = count };
	struct rest rest;
	ssize_t res;

	if (posix__vector_size(vector, count) < 0)
		return posix__fail(EINVAL);
	if (is_socket(fd))
		return posix__recvmsg(fd, &message, 0);
	if (rest_init(&rest, vector, count))
		return posix__fail(ENOMEM);
	call.rest = &rest;
	res = try_once(&call, POLLIN);
	rest_fini(&rest);
	return posix__result(res, LEND_FOREVER, 0);
}

ssize_t posix__writev(int fd, const struct iovec *vector, size_t count)
{
	struct vector_call call = { .fd = fd, .fn = NEXT(writev) };
	const struct msghdr message = { .msg_iov = (struct iovec *)vector,
					.msg_iovlen = count };
	ssize_t size = posix__vector_size(vector, count), done = 0, res;
	struct rest rest;

	if (size < 0)
		return posix__fail(EINVAL);
	if (is_socket(fd))
		return posix__sendmsg(fd, &message, 0);
	if (rest_init(&rest, vector, count))
		return posix__fail(ENOMEM);
	call.rest = &rest;
	do {
		res = try_once(&call, POLLOUT);
		if (res <= 0)
			break;
		done += res;
		posix__vector_skip(&rest.parts, &rest.count, (size_t)res);
	} while (done < size);
	rest_fini(&rest);
	return done ? done : posix__result(res, LEND_FOREVER, 0);
}
