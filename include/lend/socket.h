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

struct msghdr;
struct sockaddr;

LEND_BEGIN_DECLS

/* ---- setting up ---- */

/* socket(2) with SOCK_CLOEXEC. Return: a descriptor. */
LEND_API LEND_NODISCARD int lend_socket(int domain, int type, int protocol,
					uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_socket_async(int domain, int type, int protocol,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/* bind(2), @address is copied; listen(2). Kernels whose rings do not have them
 * (before 6.11) are asked by the system calls, which do not wait. */
LEND_API LEND_NODISCARD int lend_bind(int fd, const struct sockaddr *address,
				      unsigned size,
				      uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_bind_async(int fd, const struct sockaddr *address, unsigned size,
		struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD int lend_listen(int fd, int backlog,
					uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_listen_async(int fd, int backlog,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/* setsockopt(2), getsockopt(2). They wait for nothing, so both forms are the
 * system calls, a handle is over at once, and the first forms may be called by
 * threads, too. *@size is the room at first. */
LEND_API LEND_NODISCARD int lend_setsockopt(int fd, int level, int option,
					    const void *value, unsigned size,
					    uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_setsockopt_async(int fd, int level, int option, const void *value,
		      unsigned size,
		      struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD int lend_getsockopt(int fd, int level, int option,
					    void *ret_value, unsigned *size,
					    uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_getsockopt_async(int fd, int level, int option, void *ret_value,
		      unsigned *size,
		      struct lend_pending **ret_pending) LEND_AWAITS;

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

/* send(2) without a copy of the payload (MSG_ZEROCOPY): it is the kernel's
 * until the call returns, or the handle is over, which may be long after the
 * peer has it; so send what follows without waiting. A deadline, a cancellation
 * and a close end what was not handed to the socket yet; for what was, the call
 * and lend_pending_free() wait until the peer has it or the connection is gone,
 * but lend_close() does not. Worth it from some KiB on, on real networks. */
LEND_API LEND_NODISCARD ssize_t lend_send_zc(int fd, const void *buffer,
					     size_t size, int flags,
					     uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_send_zc_async(int fd, const void *buffer, size_t size, int flags,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/* ---- messages, with addresses and control data ---- */

/* sendto(2), never with SIGPIPE; @address is copied; NULL: where it is
 * connected to. */
LEND_API LEND_NODISCARD ssize_t lend_sendto(int fd, const void *buffer,
					    size_t size, int flags,
					    const struct sockaddr *address,
					    unsigned address_size,
					    uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_sendto_async(int fd, const void *buffer, size_t size, int flags,
		  const struct sockaddr *address, unsigned address_size,
		  struct lend_pending **ret_pending) LEND_AWAITS;

/* recvfrom(2). @address may be NULL; otherwise *@address_size is its room, and
 * the sender's size when the operation is over. */
LEND_API LEND_NODISCARD ssize_t lend_recvfrom(int fd, void *buffer, size_t size,
					      int flags,
					      struct sockaddr *address,
					      unsigned *address_size,
					      uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_recvfrom_async(int fd, void *buffer, size_t size, int flags,
		    struct sockaddr *address, unsigned *address_size,
		    struct lend_pending **ret_pending) LEND_AWAITS;

/* sendmsg(2), never with SIGPIPE; the header and what it points to are copied,
 * but for a payload that is not small. */
LEND_API LEND_NODISCARD ssize_t lend_sendmsg(int fd,
					     const struct msghdr *message,
					     int flags,
					     uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_sendmsg_async(int fd, const struct msghdr *message, int flags,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/* The same without a copy of the payload: see lend_send_zc(). */
LEND_API LEND_NODISCARD ssize_t lend_sendmsg_zc(int fd,
						const struct msghdr *message,
						int flags,
						uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_sendmsg_zc_async(int fd, const struct msghdr *message, int flags,
		      struct lend_pending **ret_pending) LEND_AWAITS;

/* recvmsg(2). @message and all it points to stay until the operation is over,
 * when the header tells what has come. */
LEND_API LEND_NODISCARD ssize_t lend_recvmsg(int fd, struct msghdr *message,
					     int flags,
					     uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_recvmsg_async(int fd, struct msghdr *message, int flags,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/* Descriptors that one message carries: the kernel's SCM_MAX_FD. */
#define LEND_SEND_FDS_MAX 253

/**
 * Send descriptors over a unix socket, with at least one byte of data.
 *
 * @fds, @count  1 to LEND_SEND_FDS_MAX; the receiver gets duplicates, the
 *               caller keeps its own
 *
 * Return: as lend_send(); -EINVAL without data or with a @count out of range
 */
LEND_API LEND_NODISCARD ssize_t lend_send_fds(int fd, const void *buffer,
					      size_t size, const int *fds,
					      unsigned count,
					      uint64_t deadline) LEND_AWAITS;

/**
 * Receive descriptors with data, close-on-exec. Those beyond @count are closed
 * by the kernel.
 *
 * @count  in: room in @ret_fds, 1 to LEND_SEND_FDS_MAX; out: how many came, 0
 *         too; written only on success
 *
 * Ownership: the caller closes them.
 *
 * Return: as lend_recv(); -EINVAL with a @count out of range
 */
LEND_API LEND_NODISCARD ssize_t lend_recv_fds(int fd, void *buffer, size_t size,
					      int *ret_fds, unsigned *count,
					      uint64_t deadline) LEND_AWAITS;

LEND_END_DECLS

#endif
