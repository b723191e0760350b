/*
 * Sockets, for an actor: see shim.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/next.h"
#include "posix/shim.h"
#include "posix/vector.h"

POSIX_API ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room,
			     int flags);
POSIX_API ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room,
				 int flags, struct sockaddr *address,
				 socklen_t *address_size);

/* Goes it to the next library? An error queue is never waited for. */
static bool passes(int fd, int flags)
{
	return flags & (MSG_DONTWAIT | MSG_ERRQUEUE) || !posix__may_suspend() ||
	       posix__is_nonblocking(fd);
}

/* ---- receiving ---- */

POSIX_API ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	uint64_t deadline;

	if (passes(fd, flags))
		return NEXT(recv)(fd, buffer, size, flags);
	deadline = posix__deadline(fd, SO_RCVTIMEO);
	return posix__result(lend_recv(fd, buffer, size, flags, deadline),
			     deadline, EAGAIN);
}

POSIX_API ssize_t __recv_chk(int fd, void *buffer, size_t size, size_t room,
			     int flags)
{
	posix__check_room(size, room);
	return recv(fd, buffer, size, flags);
}

POSIX_API ssize_t recvfrom(int fd, void *buffer, size_t size, int flags,
			   struct sockaddr *address, socklen_t *address_size)
{
	uint64_t deadline;

	if (!address)
		return recv(fd, buffer, size, flags);
	if (passes(fd, flags) || !address_size)
		return NEXT(recvfrom)(fd, buffer, size, flags, address,
				      address_size);
	deadline = posix__deadline(fd, SO_RCVTIMEO);
	return posix__result(lend_recvfrom(fd, buffer, size, flags, address,
					   address_size, deadline),
			     deadline, EAGAIN);
}

POSIX_API ssize_t __recvfrom_chk(int fd, void *buffer, size_t size, size_t room,
				 int flags, struct sockaddr *address,
				 socklen_t *address_size)
{
	posix__check_room(size, room);
	return recvfrom(fd, buffer, size, flags, address, address_size);
}

POSIX_API ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	uint64_t deadline;

	if (passes(fd, flags))
		return NEXT(recvmsg)(fd, message, flags);
	deadline = posix__deadline(fd, SO_RCVTIMEO);
	return posix__result(lend_recvmsg(fd, message, flags, deadline),
			     deadline, EAGAIN);
}

/* ---- sending ---- */

/* SIGPIPE is blocked in the threads of a runtime. */
POSIX_API ssize_t send(int fd, const void *data, size_t size, int flags)
{
	uint64_t deadline;

	if (passes(fd, flags))
		return NEXT(send)(fd, data, size, flags);
	deadline = posix__deadline(fd, SO_SNDTIMEO);
	/* What blocks sends all. */
	return posix__result(lend_send(fd, data, size, flags | MSG_WAITALL,
				       deadline),
			     deadline, EAGAIN);
}

POSIX_API ssize_t sendto(int fd, const void *data, size_t size, int flags,
			 const struct sockaddr *address, socklen_t address_size)
{
	uint64_t deadline;

	if (!address)
		return send(fd, data, size, flags);
	/* One that is too long it refuses at once. */
	if (passes(fd, flags) || address_size > sizeof(struct sockaddr_storage))
		return NEXT(sendto)(fd, data, size, flags, address,
				    address_size);
	deadline = posix__deadline(fd, SO_SNDTIMEO);
	return posix__result(lend_sendto(fd, data, size, flags | MSG_WAITALL,
					 address, address_size, deadline),
			     deadline, EAGAIN);
}

POSIX_API ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return passes(fd, flags) ? NEXT(sendmsg)(fd, message, flags) :
				   posix__sendmsg(fd, message, flags);
}

/* ---- connections ---- */

POSIX_API int accept4(int fd, struct sockaddr *address, socklen_t *address_size,
		      int flags)
{
	uint64_t deadline;
	int res;

	if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK) || passes(fd, 0))
		return NEXT(accept4)(fd, address, address_size, flags);
	deadline = posix__deadline(fd, SO_RCVTIMEO);
	res = (int)posix__result(lend_accept(fd, address, address_size,
					     deadline),
				 deadline, EAGAIN);
	if (res < 0)
		return res;
	/* The library's are close-on-exec. */
	if (!(flags & SOCK_CLOEXEC))
		fcntl(res, F_SETFD, 0);
	if (flags & SOCK_NONBLOCK)
		fcntl(res, F_SETFL, fcntl(res, F_GETFL) | O_NONBLOCK);
	return res;
}

POSIX_API int accept(int fd, struct sockaddr *address, socklen_t *address_size)
{
	return accept4(fd, address, address_size, 0);
}

POSIX_API int connect(int fd, const struct sockaddr *address,
		      socklen_t address_size)
{
	uint64_t deadline;

	if (passes(fd, 0) || !address)
		return NEXT(connect)(fd, address, address_size);
	deadline = posix__deadline(fd, SO_SNDTIMEO);
	return (int)posix__result(lend_connect(fd, address, address_size,
					       deadline),
				  deadline, EINPROGRESS);
}
