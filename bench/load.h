/*
 * What the parts of one thread of the load generator share: its connections and
 * its ring.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "answer_check.h"
#include "http_load.h"
#include "load_pace.h"

#define LOAD_BUFFER_COUNT 512 /* a power of two */
#define LOAD_BUFFER_SIZE  8192

struct connection {
	int fd;
	bool sending;
	bool dead;
	unsigned due;	/* requests to send when the send under way ends */
	size_t send_at; /* the send under way: its place in the requests */
	size_t send_end;
	uint64_t answers;
	unsigned issued; /* requests ever; indexes @sent_ns, as does @got */
	unsigned got;
	uint64_t due_ns; /* with --rate: when they were due */
	size_t echo_at;	 /* place in the message being received */
	size_t carry_size;
	char *carry; /* the beginning of a split answer */
	uint64_t sent_ns[PIPELINE_MAX];
};

enum phase { WARMUP, OPEN, CLOSED };

struct load {
	struct load_worker *worker;
	const struct load_options *options;
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	char *memory;
	unsigned returned;
	/* worker->connections for each server, one server's after another's. */
	struct connection *connections;
	unsigned alive;
	struct pace paces[SERVERS_MAX];
	struct pace *pace; /* of the server that is being asked */
	struct answer_check check;
	enum phase phase;
	/* Of OPEN: what was sent, or due, before is not counted. */
	uint64_t counted_ns;
	struct histogram *latency;
	uint64_t now_ns;
	uint64_t opened_ns;
	/* What the thread itself was late by: see load_round(). */
	uint64_t round_ns;
	uint64_t wait_ns;
	uint64_t gap_ns;
};

static inline uint64_t load_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* End the program: @error is a negative errno. */
_Noreturn void load_die(const char *what, int error);

/* Zeroed pages. */
void *load_map(size_t size);

/* The ring, and the buffers that it receives into. */
void load_ring_open(struct load *load);

/* Connect to @server and return the descriptor. */
int load_dial(const struct load_server *server);

/* A buffer is the kernel's again after the next load_buffers_publish(). */
void load_buffer_return(struct load *load, unsigned index);
void load_buffers_publish(struct load *load);

/* ---- load_round.c ---- */

/* Take what comes on @c, from now on. */
void load_recv_arm(struct load *load, struct connection *c);

/* Send as many requests as are due on @c. */
void load_requests_send(struct load *load, struct connection *c);

/*
 * Send what is due, wait for something to happen, or for the next to be due,
 * and take the answers.
 *
 * @gap_ns becomes the longest time from the beginning of one round to that of
 * the next, less what the round was to wait: for so long the thread had no
 * processor, or more answers than it could take in time.
 */
void load_round(struct load *load);

/* With --turns: all of them. */
void load_turns_run(struct load *load);

#endif
