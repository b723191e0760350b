/*
 * Input and output. The names are POSIX's with a prefix; each call does one
 * operation on the rings, suspends the calling actor until it is over, and
 * returns what the system call would, or a negative errno.
 *
 * Thread: all of these are for actors. Deadlines: absolute, LEND_FOREVER for
 * none; when one passes, the operation is cancelled in the kernel and the call
 * returns -ETIMEDOUT. Whatever it returns, the kernel no longer touches the
 * caller's buffer afterwards. All may return, besides the system call's own
 * errors:
 *
 *   -ETIMEDOUT  the deadline passed first
 *   -ECANCELED  the actor was cancelled (see lend_cancel()), or somebody closed
 *               the descriptor with lend_close()
 *   -EBADF      the descriptor is not open, or is being closed
 *   -ENOMEM     the actor's I/O heap is full
 */
#ifndef LEND_IO_H
#define LEND_IO_H

#include <lend/actor.h>
#include <lend/base.h>
#include <lend/clock.h>
#include <sys/types.h>

struct sockaddr;
struct statx;
struct open_how;

LEND_BEGIN_DECLS

/* ---- files ---- */

/* openat(2). @path is copied. Return: a descriptor. O_CLOEXEC is added. */
LEND_API LEND_NODISCARD int lend_openat(int dir_fd, const char *path, int flags,
					mode_t mode,
					uint64_t deadline) LEND_AWAITS;

/* openat2(2): @resolve is of RESOLVE_*, such as RESOLVE_BENEATH. */
LEND_API LEND_NODISCARD int lend_openat2(int dir_fd, const char *path,
					 int flags, mode_t mode,
					 uint64_t resolve,
					 uint64_t deadline) LEND_AWAITS;

/* pread(2), pwrite(2); @offset -1 is the file's own position. */
LEND_API LEND_NODISCARD ssize_t lend_read(int fd, void *buffer, size_t size,
					  int64_t offset,
					  uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD ssize_t lend_write(int fd, const void *buffer,
					   size_t size, int64_t offset,
					   uint64_t deadline) LEND_AWAITS;

/* statx(2). With AT_EMPTY_PATH and "" it is about @dir_fd itself. */
LEND_API LEND_NODISCARD int lend_statx(int dir_fd, const char *path, int flags,
				       unsigned mask, struct statx *ret_stat,
				       uint64_t deadline) LEND_AWAITS;

/**
 * Close a descriptor: end every operation that any actor has on it (they get
 * -ECANCELED), wait until the kernel has let go of each, then close it.
 *
 * The descriptor number is free for others when this returns. It works in a
 * cancelled actor too. Descriptors that the library does not know of (from
 * open(2), accept(2) of one's own) may be closed with it as well.
 *
 * Return: 0
 *         -EBADF  it is not open, or somebody else is closing it
 */
LEND_API int lend_close(int fd) LEND_AWAITS;

/* ---- sockets ---- */

/* accept4(2) with SOCK_CLOEXEC. @address may be NULL; otherwise *@size is its
 * room, and the peer's size on success. Return: a descriptor. */
LEND_API LEND_NODISCARD int lend_accept(int fd, struct sockaddr *address,
					unsigned *size,
					uint64_t deadline) LEND_AWAITS;

/* connect(2). @address is copied. */
LEND_API LEND_NODISCARD int lend_connect(int fd, const struct sockaddr *address,
					 unsigned size,
					 uint64_t deadline) LEND_AWAITS;

/* recv(2). 0 is the end of the stream. */
LEND_API LEND_NODISCARD ssize_t lend_recv(int fd, void *buffer, size_t size,
					  int flags,
					  uint64_t deadline) LEND_AWAITS;

/* send(2), never with SIGPIPE. May send less than @size, as send(2) may. */
LEND_API LEND_NODISCARD ssize_t lend_send(int fd, const void *buffer,
					  size_t size, int flags,
					  uint64_t deadline) LEND_AWAITS;

/* The same until all is sent. Return: @size, or the first error. */
LEND_API LEND_NODISCARD ssize_t lend_send_all(int fd, const void *buffer,
					      size_t size,
					      uint64_t deadline) LEND_AWAITS;

/* shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR. */
LEND_API int lend_shutdown(int fd, int how, uint64_t deadline) LEND_AWAITS;

/**
 * Wait until a descriptor is ready, as poll(2).
 *
 * @events  of POLLIN, POLLOUT ...
 *
 * Return: the events that came, which may be POLLERR and POLLHUP too
 */
LEND_API LEND_NODISCARD int lend_poll(int fd, unsigned events,
				      uint64_t deadline) LEND_AWAITS;

/* ---- received data in a buffer of the runtime's ---- */

/* Data that lend_recv_buffer() received; the memory is lent to the actor. */
struct lend_buffer {
	char *data;
	size_t size;
	/* Where it goes back to; the library's. */
	void *origin;
	unsigned number;
};

/**
 * Receive into a buffer of the runtime's: an actor that waits holds none, so
 * ten thousand idle connections cost no buffers.
 *
 * If the runtime's buffers are all in use, one is taken from the actor's I/O
 * heap.
 *
 * @ret_buffer  written only if the result is above 0
 *
 * Ownership: the caller gives the buffer back with lend_buffer_release(),
 *            soon: there are 256 of 4 KiB a ring for all connections. What
 *            is left is given back when the actor ends.
 *
 * Return: bytes received, 0 at the end of the stream
 */
LEND_API LEND_NODISCARD ssize_t lend_recv_buffer(
	int fd, uint64_t deadline, struct lend_buffer *ret_buffer) LEND_AWAITS;

/* Give a buffer back; one that was given back or never filled is ignored.
 * Thread: the actor that received it. Blocks: no. */
LEND_API void lend_buffer_release(struct lend_buffer *buffer);

/* ---- I/O memory ---- */

/**
 * Allocate from the calling actor's I/O heap: memory that does not move, for
 * buffers and for what SQEs point to.
 *
 * @size  bytes; rounded up to 64, 128, 256, 512, or a power of two from 2 KiB
 *
 * Ownership: lend_io_free(), by the same actor; what is left is freed when the
 *            actor ends.
 *
 * Return: NULL if the heap is full or @size is 0 or above 2 MiB
 */
LEND_API LEND_NODISCARD void *lend_io_alloc(size_t size);
LEND_API void lend_io_free(void *span);

LEND_END_DECLS

#endif
