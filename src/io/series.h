/*
 * A series of results of one operation: see include/lend/series.h.
 *
 * What comes is linked through memory that each result brings with it: the
 * table of descriptors has a word for each descriptor, a buffer ring one for
 * each buffer. So however many come before anybody can say stop, none is lost
 * and nothing is allocated.
 */
#ifndef LEND_IO_SERIES_H
#define LEND_IO_SERIES_H

#include <lend/series.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "arbiter/arbiter.h"
#include "io/await.h"

/* How the next results are asked for. */
enum lend_series_way {
	LEND_SERIES_MANY, /* multishot */
	LEND_SERIES_ONE,  /* one, into a buffer that the kernel picks */
	LEND_SERIES_OWN,  /* one, into memory of the actor */
};

/* What differs between kinds: series_kind.c. A result that waits has a number,
 * from 0: a descriptor, or the place of a buffer. */
struct lend__series_kind {
	/* Fill the SQE for @series->way. */
	void (*prepare)(struct lend_series *series, struct io_uring_sqe *sqe);
	/* A CQE that is no error. Thread: the poller. Return: so many results
	 * wait because of it. */
	unsigned (*arrive)(struct lend_series *series, int32_t res,
			   uint32_t flags);
	/* The word that links a result; NULL: it has none. */
	_Atomic uint32_t *(*link)(const struct lend_series *series,
				  uint32_t number);
	/* Give one out; or, if @ret_result is NULL, back. */
	ssize_t (*take)(struct lend_series *series, uint32_t number,
			struct lend_series_result *ret_result);
	/* Give out what came into the actor's own memory. */
	ssize_t (*take_own)(struct lend_series *series, size_t size,
			    struct lend_series_result *ret_result);
	size_t record_size;
	bool has_buffers;
	bool ends_with_0; /* a result of 0 is the end of the stream */
};

extern const struct lend__series_kind lend__series_kinds[];
#define LEND_SERIES_KINDS 4

/* In the actor's I/O heap. */
struct lend_series {
	struct lend_pending pending; /* first: known to the actor's end */

	/* [const] */
	const struct lend__series_kind *kind;
	const struct lend_arbiter *arbiter;
	struct lend_series **home; /* cleared when it closes; or NULL */
	int fd;
	bool shared;   /* its buffers: see lend__buffer_can_share() */
	uint8_t epoch; /* of the descriptor: it may have no other one's results
			  when its number is used again */
	uint32_t results_max;
	uint32_t buffers_max;
	uint16_t address_max;
	uint16_t control_max;
	uint32_t poll_events;

	/* [atomic: I1] see series.c */
	_Atomic uint32_t state;
	_Atomic uint32_t came; /* number + 1 of the newest; POLL: events */
	_Atomic uint32_t unread;

	/* [owner] */
	uint32_t taken; /* number + 1 of the oldest of those that were taken
			   from @came; POLL: events */
	uint32_t taken_last;
	uint8_t way;
	bool armed;   /* in flight, or its end not taken */
	bool stopped; /* the poller has told the kernel to */
	bool starved; /* of buffers */
	bool rearms;  /* it has been armed before */
	bool has_outcome;
	bool has_own;
	int outcome; /* why it ended, to be told once */
	char *own;   /* memory for LEND_SERIES_OWN */
};

_Static_assert(sizeof(struct lend_series) <= 256, "a small class of spans");

/* Of LEND_SERIES_RECVMSG. */
struct lend_series_datagrams {
	struct lend_series series; /* first */
	struct msghdr message;
	struct iovec payload;
};

/* Open one; *@home names it until it is closed, which the end of the calling
 * actor does, too. @options are complete. 0, -ENOMEM. */
int lend__series_open(int fd, const struct lend__series_kind *kind,
		      const struct lend_series_options *options,
		      struct lend_series **home);

/* What has come, without waiting or asking; -EAGAIN if nothing has. */
ssize_t lend__series_poll(struct lend_series *series,
			  struct lend_series_result *ret_result);

/* Link a result behind the others. Thread: the poller. False: it can not be
 * linked. */
bool lend__series_push(struct lend_series *series, uint32_t number);

#endif
