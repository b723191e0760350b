/*
 * Series: one operation, many results.
 *
 * A series is opened on a descriptor once, and then gives one result after the
 * other: received data, datagrams, connections, or events. Where the kernel
 * can do it one submission serves for many results (multishot); where it can
 * not, or the feature is masked, each result takes one, and nothing else is
 * different.
 *
 * Results that nobody has asked for yet wait in order. When as many wait as
 * lend_series_options.results_max, or the actor holds as many buffers as
 * lend_options.buffers_actor_max, the kernel is told to stop; what comes then
 * stays where it is, in the socket, and is asked for again by
 * lend_series_next(). So nothing is lost and nobody can make an actor hoard.
 *
 * Thread: all of these are for actors; a series belongs to the actor that
 * opened it, whose end closes it. A descriptor should have one series of a
 * kind at a time, and no other receive beside it: who gets what is open then.
 */
#ifndef LEND_SERIES_H
#define LEND_SERIES_H

#include <lend/actor.h>
#include <lend/base.h>
#include <lend/io.h>
#include <sys/types.h>

enum lend_series_kind {
	LEND_SERIES_RECV,    /* recv(2) of a connected socket */
	LEND_SERIES_RECVMSG, /* recvmsg(2) of datagrams, with their senders */
	LEND_SERIES_ACCEPT,  /* accept(2) */
	LEND_SERIES_POLL,    /* events, as of edge-triggered epoll: one is told
				when it occurs; what it is about has to be used
				up before the next can be relied on */
};

/* Zeroed is valid: 0 means the default. */
struct lend_series_options {
	unsigned results_max; /* that may wait, 1 to 4096; 16. It is when the
				 kernel is told to stop, so a few more can */
	unsigned poll_events; /* POLL: of POLLIN, POLLOUT ...; POLLIN */
	unsigned address_max; /* RECVMSG: bytes for the sender's address, up to
				 128; 128 */
	unsigned control_max; /* RECVMSG: bytes for control messages, up to
				 1024; none */
};

struct lend_series;

/* What came with a result; only what its kind has is written. */
struct lend_series_result {
	/* RECV, RECVMSG: the data. */
	struct lend_buffer buffer;
	/* RECVMSG: these are good until the buffer is released. */
	const void *address; /* of the sender, a struct sockaddr */
	unsigned address_size;
	unsigned flags; /* MSG_TRUNC, MSG_CTRUNC */
	const void *control;
	size_t control_size;
};

LEND_BEGIN_DECLS

/**
 * Open a series on a descriptor. Nothing is asked of the kernel yet.
 *
 * @fd          stays the caller's
 * @options     NULL for the defaults; copied
 * @ret_series  written only on success
 *
 * Thread: an actor, which the series is of from then on; a call of another
 *         one's with it ends the program.
 * Blocks: no. Ownership: lend_series_close(), or the actor's end.
 *
 * Return: 0
 *         -EINVAL  there is no such kind; an option is out of range, or a
 *                  buffer (lend_options.buffer_size) has no room for the
 *                  address, the control messages and a byte
 *         -ENOMEM  the actor's I/O heap is full
 */
LEND_API LEND_NODISCARD int
lend_series_open(int fd, enum lend_series_kind kind,
		 const struct lend_series_options *options,
		 struct lend_series **ret_series);

/**
 * The next result.
 *
 * @deadline    LEND_NOW: only what has come already; the first such call asks
 *              the kernel, later ones find what came. A deadline ends the wait,
 *              not the series: what comes later is the next call's.
 * @ret_result  written if the result is not negative; NULL if not wanted:
 *              data is given back then
 *
 * Ownership: a RECV or RECVMSG that is not negative lends a buffer (data is
 *            NULL if there is none), to be given back by
 *            lend_buffer_release(). Of a descriptor from ACCEPT the caller is
 *            the owner, and closes it.
 *
 * Who holds lend_options.buffers_actor_max buffers or more is served one result
 * at a time, from its own I/O heap. The same is done for one result when the
 * runtime's buffers are all in use: it delays, and does no other harm.
 *
 * Return: RECV     bytes, 0 at the end of the stream
 *         RECVMSG  bytes of the datagram, which may be 0
 *         ACCEPT   a descriptor
 *         POLL     the events that came since the last call
 *         -ETIMEDOUT, -ECANCELED, -EBADF, -ENOMEM  as the calls of io.h; the
 *                  results that came before are given out first. After
 *                  -ECANCELED for somebody's lend_close() it is -EBADF.
 *         or an error of the system call. The series can be asked again.
 */
LEND_API LEND_NODISCARD ssize_t
lend_series_next(struct lend_series *series, uint64_t deadline,
		 struct lend_series_result *ret_result) LEND_AWAITS;

/* Take no more from the kernel until lend_series_next() is called. What has
 * come is kept. Blocks: suspends the actor. */
LEND_API void lend_series_pause(struct lend_series *series) LEND_AWAITS;

/* Stop, and give back what came and was not asked for: buffers are released,
 * connections closed. NULL is ignored. Returns NULL. Blocks: suspends the
 * actor. It works in a cancelled actor, too. */
LEND_API struct lend_series *
lend_series_close(struct lend_series *series) LEND_AWAITS;

LEND_END_DECLS

#endif
