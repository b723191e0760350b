/*
 * What the baseline servers share: the command line, the listening socket,
 * splitting a byte stream into request heads, and the fixed answer. How bytes
 * get in and out is each server's own business, because that is what the
 * benchmark compares.
 *
 * Thread: everything here belongs to the one thread of its server.
 */
#ifndef BENCH_RESPONDER_H
#define BENCH_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The answer is 142 bytes with the longest name; see answers_render(). */
#define ANSWER_MAX 192
/* Answers that one send carries at most; more are sent in several. */
#define BATCH_MAX 64
/* Connections above this are closed at once: they are indexed by fd. */
#define CONNECTION_MAX 65536
#define WORKERS_MAX    16

struct config {
	struct sockaddr_storage addr;
	socklen_t addr_size;
	unsigned workers;
	bool echo;
};

/*
 * BATCH_MAX copies of the answer back to back, so that any number of answers
 * is one send straight from here, with nothing rendered or copied for it.
 *
 * Two slabs take turns, a second each. A send that began in one slab and was
 * cut short finds the bytes it began with for at least another second, which
 * is long after its result has been seen: no answer mixes two dates.
 */
struct answers {
	unsigned current;
	size_t size; /* of one answer; the same in both slabs */
	char slab[2][BATCH_MAX * ANSWER_MAX];
};

/*
 * The output side of a connection: how many answers it is owed, and the rest
 * of one that was cut by a short send. A client that does not read its answers
 * costs a counter, not memory.
 */
struct reply {
	uint8_t matched; /* bytes of "\r\n\r\n" the input ended with */
	bool from_rest;	 /* the send under way is of @rest, not of a slab */
	unsigned owed;	 /* answers not yet completely given to a send */
	unsigned batch;	 /* answers in the send under way */
	unsigned rest_at;
	unsigned rest_end;
	const char *from;
	size_t size; /* bytes in the send under way */
	char rest[ANSWER_MAX];
};

/* Parse the command line; prints usage and exits if it is wrong. */
void config_parse(struct config *config, int argc, char **argv);

/* Listen as @config says, each worker for itself; exits with a message on
 * failure. */
int config_listen(const struct config *config);

/* Block SIGTERM and SIGINT and get them as a descriptor instead. */
int signals_open(void);

/* Raise the descriptor limit as far as CONNECTION_MAX allows. */
void descriptors_raise(void);

/* Render the answer with the present date into the other slab, and use it. */
void answers_render(struct answers *answers, const char *server_name);

/*
 * Count the request heads that end in these bytes. @matched carries the place
 * in a blank line that is split between two receives; it starts as 0.
 */
unsigned heads_count(uint8_t *matched, const char *bytes, size_t size);

/* Choose what to send next; false if nothing is owed. */
bool reply_next(struct reply *reply, const struct answers *answers);

/* @sent bytes of the chosen send went out: account for them. */
void reply_sent(struct reply *reply, const struct answers *answers,
		size_t sent);

/*
 * Nothing of the chosen send went out and it must wait for the socket. Choose
 * again, this time one answer in the connection's own memory: the slabs are
 * not kept for the time that a client takes to read.
 */
void reply_keep(struct reply *reply, const struct answers *answers);

/* Print "what: reason" for a negative errno and exit. */
_Noreturn void die(const char *what, int error);

#endif
