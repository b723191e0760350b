/*
 * Operations on sockets. What all operations have in common (who may call,
 * deadlines, errors) is in io.h; the _async forms give a handle, see pending.h.
 */
#ifndef LEND_SOCKET_H
#define LEND_SOCKET_H

#include <lend/base.h>
#include <lend/clock.h>
#include <lend/pending.h>
#include <sys/types.h>

struct sockaddr;

LEND_BEGIN_DECLS

/* ---- connections ---- */

/* accept4(2) with SOCK_CLOEXEC. @address may be NULL; otherwise *@size is its
 * room, and the peer's size on success; both are written when the operation is
 * over. Return: a descriptor. */
LEND_API LEND_NODISCARD int lend_accept(int fd, struct sockaddr *address,
					unsigned *size,
					uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_accept_async(int fd, struct sockaddr *address, unsigned *size,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/* connect(2). @address is copied. */
LEND_API LEND_NODISCARD int lend_connect(int fd, const struct sockaddr *address,
					 unsigned size,
					 uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_connect_async(int fd, const struct sockaddr *address, unsigned size,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/* shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR. */
LEND_API int lend_shutdown(int fd, int how, uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_shutdown_async(int fd, int how,
		    struct lend_pending **ret_pending) LEND_AWAITS;

/* ---- data ---- */

/* recv(2). 0 is the end of the stream. */
LEND_API LEND_NODISCARD ssize_t lend_recv(int fd, void *buffer, size_t size,
					  int flags,
					  uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_recv_async(int fd, void *buffer, size_t size, int flags,
		struct lend_pending **ret_pending) LEND_AWAITS;

/* send(2), never with SIGPIPE. May send less than @size, as send(2) may. Two
 * sends in flight on one stream may be reordered: one at a time. */
LEND_API LEND_NODISCARD ssize_t lend_send(int fd, const void *buffer,
					  size_t size, int flags,
					  uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_send_async(int fd, const void *buffer, size_t size, int flags,
		struct lend_pending **ret_pending) LEND_AWAITS;

/* The same until all is sent. Return: @size, or the first error. */
LEND_API LEND_NODISCARD ssize_t lend_send_all(int fd, const void *buffer,
					      size_t size,
					      uint64_t deadline) LEND_AWAITS;

LEND_END_DECLS

#endif
