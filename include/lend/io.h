/*
 * Input and output. The names are POSIX's with a prefix; each call does one
 * operation on the rings, suspends the calling actor until it is over, and
 * returns what the system call would, or a negative errno. The operations are
 * in file.h, socket.h and wait.h; here is what they have in common, how a
 * descriptor is closed, and memory.
 *
 * Each operation has an asynchronous form, with _async behind its name, which
 * returns as soon as it is submitted: 0 and a handle, or one of the errors
 * below. pending.h says what can be done with that, and what is copied.
 *
 * Thread: these are for actors; elsewhere they end the program, with a line
 * that says so, unless they say that threads may call them. Deadlines:
 * absolute, LEND_FOREVER for none; when one passes, the operation is cancelled
 * in the kernel and the call returns -ETIMEDOUT. Whatever it returns, the
 * kernel no longer touches the caller's buffer afterwards. All may return,
 * besides the system call's own errors:
 *
 *   -ETIMEDOUT  the deadline passed first
 *   -ECANCELED  the actor was cancelled (see lend_cancel()), or somebody closed
 *               the descriptor with lend_close()
 *   -EBADF      the descriptor is not open, or is being closed
 *   -ENOMEM     the actor's I/O heap is full
 *   -EOPNOTSUPP this kernel does not have the operation
 */
#ifndef LEND_IO_H
#define LEND_IO_H

#include <lend/actor.h>
#include <lend/base.h>
#include <lend/clock.h>
#include <lend/file.h>
#include <lend/pending.h>
#include <lend/socket.h>
#include <lend/wait.h>
#include <sys/types.h>

struct lend_runtime;

LEND_BEGIN_DECLS

/**
 * Close a descriptor: end every operation that any actor has on it (they get
 * -ECANCELED), wait until the kernel has let go of each, then close it.
 *
 * Thread: an actor; threads have lend_runtime_close(). Blocks: suspends the
 * actor while operations end.
 *
 * The descriptor number is free for others when this returns. It works in a
 * cancelled actor too. Descriptors that the library does not know of (from
 * open(2), accept(2) of one's own) may be closed with it as well.
 *
 * Return: 0
 *         -EBADF  it is not open, or somebody else is closing it
 *         -EIO, -ENOSPC, -EDQUOT  what close(2) says of data that was written
 *                 before; the descriptor is closed all the same
 */
LEND_API int lend_close(int fd) LEND_AWAITS;

/**
 * Have a descriptor closed when the calling actor ends: a cleanup, see
 * lend_defer(), that calls lend_close().
 *
 * Descriptors are no actor's by themselves: they are numbers, which may be
 * handed on in any way. The actor that calls this is the one that the
 * descriptor closes with, until it is closed, by whomever; or until another
 * actor calls this or lend_keep_open() for it, which is how it is handed on. So
 * an actor that gets a connection as its argument says this first, and need not
 * think of it again. From then on only lend_close() may close it, and no
 * close(2), as a number that is free is soon another file's.
 *
 * @fd  any open descriptor
 *
 * Thread: an actor. Blocks: no.
 * Ownership: takes 64 bytes of the actor's I/O heap until it ends, or closes
 *            the descriptor itself.
 *
 * Return: 0
 *         -EBADF   @fd is below 0 or above 2097151, or being closed
 *         -ENOMEM  the actor's I/O heap is full
 */
LEND_API LEND_NODISCARD int lend_defer_close(int fd);

/**
 * A descriptor is meant to be open when the calling actor has ended, and when
 * the runtime has: forget lend_defer_close() of this actor's, and do not report
 * it (lend_options.report_leaks).
 *
 * Thread: an actor. Blocks: no.
 *
 * Return: 0
 *         -EBADF  @fd is below 0 or above 2097151
 */
LEND_API int lend_keep_open(int fd);

/**
 * Bound the calls on a descriptor, whatever their own deadlines: one that would
 * wait longer ends with -ETIMEDOUT. Reads are lend_read(), _readv(), _recv(),
 * _recvmsg(), _recv_buffer() and _accept(), writes are lend_write(), _writev(),
 * _send(), _sendmsg(), zero-copy sends and _connect(); each time the kernel is
 * asked counts for itself, so lend_send_all() ends when nothing goes for so
 * long. Operations that go on beside their actor, claims and lend_poll() are
 * not bounded. Holds for calls that begin afterwards, until lend_close().
 *
 * @read_ns, @write_ns  spans above 0; LEND_FOREVER: no bound, as at first
 *
 * Thread: any. Blocks: no.
 *
 * Return: 0
 *         -EINVAL  a span is 0
 *         -EBADF   @fd is below 0 or above 2097151, or being closed
 */
LEND_API LEND_NODISCARD int lend_set_timeouts(int fd, uint64_t read_ns,
					      uint64_t write_ns);

/**
 * lend_close() from a thread that is no worker.
 *
 * Thread: not an actor. Blocks: the thread.
 *
 * Return: as lend_close(), and
 *         -ENOMEM     there is no room for the actor that does it
 *         -ESHUTDOWN  the runtime is stopping; nothing was closed
 */
LEND_API int lend_runtime_close(struct lend_runtime *runtime, int fd);

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
 * If the runtime's buffers are all in use, or the actor has as many as it may,
 * one is taken from the actor's I/O heap.
 *
 * Who expects some hundred bytes of a stream is better served by lend_recv()
 * into an array on its stack, which is in memory anyway: a buffer has to be
 * found, given back, and fetched from farther away
 * (doc/adr/0054-short-receives.md). Of a datagram the rest would be lost.
 *
 * @ret_buffer  written only if the result is above 0
 *
 * Ownership: the caller gives the buffer back with lend_buffer_release(),
 *            soon: there are 1024 of 4 KiB a ring for all connections, and
 *            64 an actor (lend_options.buffers). What is left is given
 *            back when the actor ends.
 *
 * Return: bytes received, 0 at the end of the stream
 */
LEND_API LEND_NODISCARD ssize_t lend_recv_buffer(
	int fd, uint64_t deadline, struct lend_buffer *ret_buffer) LEND_AWAITS;

/* Give a buffer back; a struct that was given back, or is zeroed as it was
 * never filled, is ignored, but not a copy of it. Thread: the actor that
 * received it. Blocks: no. */
LEND_API void lend_buffer_release(struct lend_buffer *buffer);

/* ---- I/O memory ---- */

/**
 * Allocate from the calling actor's I/O heap: memory that does not move, for
 * buffers and for what SQEs point to.
 *
 * @size  bytes; rounded up to 64, 128, 256, 512, or a power of two from 2 KiB
 *
 * Thread: an actor. Blocks: no.
 * Ownership: lend_io_free(); what is left is freed when the actor ends, unless
 *            it is disowned.
 *
 * Return: NULL if @size is 0 or above 2 MiB, or the actor's heap is full
 *         (lend_options.heap_max), or all heaps together
 *         (lend_options.heap_total_max); lend_stats.heap_refusals counts the
 *         latter two
 */
LEND_API LEND_NODISCARD void *lend_io_alloc(size_t size);

/**
 * Free a span; NULL is ignored. Another actor's span must be one that is
 * disowned, or its actor must not have ended; it counts as that actor's until
 * that needs the room, or waits.
 *
 * Thread: any actor of the same runtime. Blocks: no.
 */
LEND_API void lend_io_free(void *span);

/**
 * Let a span outlive its actor: whoever has it, an actor that was sent its
 * address or a thread, frees it. Until then it counts against the heap that it
 * comes from, and if the actor has ended keeps that heap: one of actors_max.
 *
 * @span  of the calling actor; not NULL
 *
 * Thread: an actor. Blocks: no.
 * Ownership: the program's; lend_io_free() or lend_runtime_io_free(), before
 *            lend_runtime_free().
 */
LEND_API void lend_io_disown(void *span);

/* lend_io_free() for threads that are not workers; actors may call it, too. */
LEND_API void lend_runtime_io_free(struct lend_runtime *runtime, void *span);

/**
 * Bytes in live spans of the calling actor's I/O heap, each as large as
 * lend_io_alloc() has made it; the library's own are among them.
 *
 * Thread: an actor. Blocks: no.
 */
LEND_API size_t lend_io_used(void);

LEND_END_DECLS

#endif
