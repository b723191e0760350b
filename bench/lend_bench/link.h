/*
 * The generator's connections: they share one ring; what is asked on one is
 * sent in the order it was written, what is received is checked there and then.
 *
 * Multishot receives into provided buffers, one enter a round, and what became
 * due on a connection within a round in one send: the generator must not be
 * what limits the server.
 *
 * Thread: all of one set of links by one thread.
 */
#ifndef LEND_BENCH_LINK_H
#define LEND_BENCH_LINK_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "lend_bench/conversation.h"

struct asked {
	uint64_t due_ns;
	bool counts; /* the window was open */
};

struct link {
	int fd;
	bool dead;
	bool burns; /* the generator's: it is not among the others' figures */
	bool in_flight; /* a send; of out[!filling] */
	bool filling;	/* which of the two is being written */
	struct speaker speaker;
	char *out[2];
	size_t out_size[2];
	size_t out_room[2];
	size_t sent;	     /* of the one in flight */
	struct asked *asked; /* a queue: speaker.answered to speaker.asked */
	unsigned asked_room; /* a power of two */
};

struct links;

/* @count answers have come on @link. It may ask on. */
typedef void (*link_answered_fn)(struct links *links, struct link *link,
				 unsigned count);

struct links {
	struct link *list;
	unsigned count;
	unsigned alive;
	uint64_t outstanding; /* requests without an answer, on living links */
	uint64_t lost;	      /* the same on those that died */
	uint64_t errors;      /* wrong answers, broken connections */
	uint64_t now_ns;      /* when what is being answered was received */
	link_answered_fn answered;

	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	char *memory;
	unsigned returned;
	bool is_open;
};

uint64_t link_clock_ns(void);

/**
 * @links  zeroed; needs links_close() also if this fails
 * @room   connections at most
 *
 * Return: 0, or -errno
 */
int links_open(struct links *links, unsigned room, link_answered_fn answered);
void links_close(struct links *links);

/**
 * Connect the next link to 127.0.0.1:@port.
 *
 * @queue    requests that may wait for an answer; rounded up to a power of two
 * @burn_us  CPU that each of its requests takes
 */
int links_dial(struct links *links, uint16_t port,
	       const struct conversation *conversation, unsigned queue,
	       uint32_t burn_us);

/* Write a request; link_send() sends it. False: the link is dead, or has as
 * many requests waiting as it may. */
bool link_ask(struct links *links, struct link *link, struct asked asked);
void link_send(struct links *links, struct link *link);

/* Submit, wait for @wait_ns at most (0: not at all), take what has come. */
void links_round(struct links *links, uint64_t wait_ns);

#endif
