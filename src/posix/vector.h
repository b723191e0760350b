/*
 * Reading and writing in several parts, for an actor.
 *
 * The kernel is asked without waiting, and when it has nothing, or no room, the
 * actor waits for the descriptor and asks again.
 */
#ifndef LEND_POSIX_VECTOR_H
#define LEND_POSIX_VECTOR_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* readv(2), writev(2) on what may block. */
ssize_t posix__readv(int fd, const struct iovec *vector, size_t count);
ssize_t posix__writev(int fd, const struct iovec *vector, size_t count);

/* recvmsg(2), sendmsg(2) on a socket that may block, without MSG_DONTWAIT. */
ssize_t posix__recvmsg(int fd, struct msghdr *message, int flags);
ssize_t posix__sendmsg(int fd, const struct msghdr *message, int flags);

#endif
