/*
 * Messages of sockets, with addresses, vectors and control data: rows of the
 * table, see operation.h; what they do is in include/lend/socket.h.
 */
#include "io/message.h"

#include <lend/socket.h>
#include <string.h>

#include "io/operation.h"
#include "rt/places.h"

/* A message's header with all that it points to. */
static int copy_header(struct lend_request *request, const struct msghdr *from,
		       const struct msghdr **ret_copy)
{
	const struct iovec *vector;
	struct msghdr header;
	int err;

	if (!from)
		return -EFAULT;
	header = *from;
	if (from->msg_name)
		header.msg_name = lend__request_copy(request, from->msg_name,
						     from->msg_namelen);
	if (from->msg_control)
		header.msg_control = lend__request_copy(
			request, from->msg_control, from->msg_controllen);
	if (from->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	err = lend__request_vector(request, from->msg_iov,
				   (unsigned)from->msg_iovlen, true, &vector);
	if (err)
		return err;
	header.msg_iov = (struct iovec *)vector;
	*ret_copy = lend__request_copy(request, &header, sizeof(header));
	return 0;
}

static int prepare_sendmsg(struct lend_request *request, int fd,
			   const struct msghdr *message, int flags)
{
	const struct msghdr *copy = NULL;
	int err = copy_header(request, message, &copy);

	io_uring_prep_sendmsg(&request->sqe, fd, copy,
			      (unsigned)flags | MSG_NOSIGNAL);
	return err;
}

LEND_OPERATION_COPIES(ssize_t, sendmsg,
		      (int fd, const struct msghdr *message, int flags),
		      (fd, message, flags))

/* Its first CQE has the result, its second says that the memory is free. */
static int prepare_sendmsg_zc(struct lend_request *request, int fd,
			      const struct msghdr *message, int flags)
{
	const struct msghdr *copy = NULL;
	int err;

	/* Zero copies: only what describes the payload. */
	request->is_async = false;
	err = copy_header(request, message, &copy);
	io_uring_prep_sendmsg_zc(&request->sqe, fd, copy,
				 (unsigned)flags | MSG_NOSIGNAL);
	return err;
}

LEND_OPERATION_BY_ASYNC(ssize_t, sendmsg_zc,
			(int fd, const struct msghdr *message, int flags),
			(fd, message, flags))

static int prepare_sendto(struct lend_request *request, int fd,
			  const void *buffer, size_t size, int flags,
			  const struct sockaddr *address, unsigned address_size)
{
	struct iovec vector = { .iov_base = (void *)buffer, .iov_len = size };
	const struct msghdr header = {
		.msg_name = (void *)address,
		.msg_namelen = address ? address_size : 0,
		.msg_iov = &vector,
		.msg_iovlen = 1,
	};

	return prepare_sendmsg(request, fd, &header, flags);
}

LEND_OPERATION_COPIES(ssize_t, sendto,
		      (int fd, const void *buffer, size_t size, int flags,
		       const struct sockaddr *address, unsigned address_size),
		      (fd, buffer, size, flags, address, address_size))

LEND_OPERATION(ssize_t, recvmsg, fd,
	       (int fd, struct msghdr *message, int flags),
	       io_uring_prep_recvmsg(sqe, fd, message, (unsigned)flags))

static int prepare_recvfrom(struct lend_request *request, int fd, void *buffer,
			    size_t size, int flags, struct sockaddr *address,
			    unsigned *address_size)
{
	struct lend_message_from *from;

	if (address && !address_size)
		return -EFAULT;
	from = lend__request_copy(request, NULL, sizeof(*from));
	io_uring_prep_recvmsg(&request->sqe, fd, (struct msghdr *)from,
			      (unsigned)flags);
	if (!from)
		return 0;
	*from = (struct lend_message_from){
		.header = { .msg_name = address,
			    .msg_namelen = address ? *address_size : 0,
			    .msg_iov = &from->vector,
			    .msg_iovlen = 1 },
		.vector = { .iov_base = buffer, .iov_len = size },
		.size = address ? address_size : NULL,
	};
	request->pending->io.from = true;
	return 0;
}

LEND_OPERATION_BY_ASYNC(ssize_t, recvfrom,
			(int fd, void *buffer, size_t size, int flags,
			 struct sockaddr *address, unsigned *address_size),
			(fd, buffer, size, flags, address, address_size))

/* ---- descriptors ---- */

ssize_t lend_send_fds(int fd, const void *buffer, size_t size, const int *fds,
		      unsigned count, uint64_t deadline)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(LEND_SEND_FDS_MAX * sizeof(int))];
	} control;
	struct iovec vector = { .iov_base = (void *)buffer, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *part;

	/* Without a byte of data a stream does not carry them. */
	if (!count || count > LEND_SEND_FDS_MAX || !size)
		return -EINVAL;
	memset(&control, 0, sizeof(control));
	part = CMSG_FIRSTHDR(&message);
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(part), fds, count * sizeof(int));
	return lend_sendmsg(fd, &message, 0, deadline);
}

/* Hand out what has come with a message. Those there is no room for the kernel
 * has not made. */
static unsigned take_fds(struct msghdr *message, int *fds)
{
	unsigned count = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = CMSG_NXTHDR(message, part)) {
		size_t size = part->cmsg_len - CMSG_LEN(0);

		if (part->cmsg_level != SOL_SOCKET ||
		    part->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds + count, CMSG_DATA(part), size);
		for (size_t i = 0;
		     lend__places_used() && i < size / sizeof(int); i++)
			lend__place_note(LEND_PLACE_DESCRIPTOR,
					 (uintptr_t)fds[count + i]);
		count += (unsigned)(size / sizeof(int));
	}
	return count;
}

ssize_t lend_recv_fds(int fd, void *buffer, size_t size, int *ret_fds,
		      unsigned *count, uint64_t deadline)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(LEND_SEND_FDS_MAX * sizeof(int))];
	} control;
	struct iovec vector = { .iov_base = buffer, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(*count * sizeof(int)),
	};
	ssize_t res;

	if (!*count || *count > LEND_SEND_FDS_MAX)
		return -EINVAL;
	memset(&control, 0, sizeof(control));
	res = lend_recvmsg(fd, &message, MSG_CMSG_CLOEXEC, deadline);
	if (res >= 0)
		*count = take_fds(&message, ret_fds);
	return res;
}
