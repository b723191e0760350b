/*
 * Writing in several parts, for an actor: what is left of it after a part.
 */
#ifndef LEND_POSIX_VECTOR_H
#define LEND_POSIX_VECTOR_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* writev(2), sendmsg(2) on what may block. What blocks writes all, unless
 * something happens. */
ssize_t posix__writev(int fd, const struct iovec *vector, size_t count);
ssize_t posix__sendmsg(int fd, const struct msghdr *message, int flags);

#endif
