/*
 * Writing in several parts: see vector.h.
 */
#include "posix/vector.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "posix/shim.h"

/* Room for the parts of most calls, so that malloc() is not asked. */
#define PARTS_SMALL 16

/* What is left of a vector: a copy, as it is changed on the way. */
struct rest {
	struct iovec *parts;
	size_t count;
	size_t size;
	struct iovec *memory; /* of malloc(), or NULL */
	struct iovec small[PARTS_SMALL];
};

static int rest_init(struct rest *rest, const struct iovec *vector,
		     size_t count)
{
	rest->memory = NULL;
	rest->parts = rest->small;
	rest->count = count;
	rest->size = 0;
	/* The same limit as the kernel's, and with its error. */
	for (size_t i = 0; i < count; i++) {
		if (vector[i].iov_len > (size_t)SSIZE_MAX - rest->size)
			return -EINVAL;
		rest->size += vector[i].iov_len;
	}
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

/* The first @size bytes of it are done. */
static void rest_skip(struct rest *rest, size_t size)
{
	rest->size -= size;
	while (rest->count && size >= rest->parts->iov_len) {
		size -= rest->parts->iov_len;
		rest->parts++;
		rest->count--;
	}
	if (!rest->count)
		return;
	rest->parts->iov_base = (char *)rest->parts->iov_base + size;
	rest->parts->iov_len -= size;
}

ssize_t posix__writev(int fd, const struct iovec *vector, size_t count)
{
	uint64_t deadline = posix__deadline(fd, SO_SNDTIMEO);
	ssize_t done = 0, res;
	struct rest rest;

	res = count > IOV_MAX ? -EINVAL : rest_init(&rest, vector, count);
	if (res)
		return posix__fail((int)-res);
	do {
		res = lend_writev(fd, rest.parts, (unsigned)rest.count, -1,
				  deadline);
		if (res <= 0)
			break;
		done += res;
		rest_skip(&rest, (size_t)res);
	} while (rest.size);
	rest_fini(&rest);
	return done ? done : posix__result(res, deadline, EAGAIN);
}

/* Of a datagram the kernel never sends a part. Control data goes with the first
 * part, which is sent by itself: kernels before 6.5 that are to go on after a
 * short send send the descriptors again. */
ssize_t posix__sendmsg(int fd, const struct msghdr *message, int flags)
{
	uint64_t deadline = posix__deadline(fd, SO_SNDTIMEO);
	struct msghdr part = *message;
	ssize_t done = 0, res;
	struct rest rest;

	res = message->msg_iovlen > IOV_MAX ?
		      -EMSGSIZE :
		      rest_init(&rest, message->msg_iov, message->msg_iovlen);
	if (res)
		return posix__fail((int)-res);
	do {
		part.msg_iov = rest.parts;
		part.msg_iovlen = rest.count;
		res = lend_sendmsg(fd, &part,
				   part.msg_control ? flags :
						      flags | MSG_WAITALL,
				   deadline);
		if (res <= 0)
			break;
		done += res;
		rest_skip(&rest, (size_t)res);
		part.msg_control = NULL;
		part.msg_controllen = 0;
	} while (rest.size);
	rest_fini(&rest);
	return done ? done : posix__result(res, deadline, EAGAIN);
}
