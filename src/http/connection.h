/*
 * A connection: an actor that reads requests and answers them.
 *
 * While it waits for a request it has no buffer, and nothing of its heap but
 * what is at home: the record of its operations and, once its requests have
 * been short, room for such a one. So an idle one costs the page at the top of
 * its stack and this.
 */
#ifndef LEND_HTTP_CONNECTION_H
#define LEND_HTTP_CONNECTION_H

#include <lend/http.h>
#include <lend/io.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "base/bits.h"
#include "base/list.h"
#include "http/server.h"
#include "rt/worker.h"

struct lend_pending;

/* More than any receive is short for. */
#define LEND__HTTP_INPUT_USUAL_MAX 1024

/* What was received and not used yet: bytes @at to @end of a buffer. */
struct lend__http_input {
	struct lend_buffer buffer; /* .data NULL: none */
	uint32_t at;
	uint32_t end;
	uint32_t room;	    /* a span of our heap of that size; 0: it is lent */
	bool more;	    /* the last receive left something behind */
	bool receiving : 1; /* in flight, or over and not looked at */
	bool polling : 1;   /* that only tells that there is something */
	uint16_t usual;	    /* bytes that a receive brings, by those before */
};

/* Answers on their way: @size bytes that are gathered, or being sent. */
struct lend__http_output {
	char *data;
	uint32_t size;
	uint32_t room;
	int error;	/* the first one; nothing can be sent any more */
	uint8_t agains; /* in a row, of @sending: LEND_IO_AGAIN_MAX */
	bool lent;	/* @data is a sheet of the worker's: sheet.h */
	struct lend_pending *sending;
	uint64_t deadline; /* of @sending */
};

/* What a request needs is on two lines of the cache. */
struct lend__http_connection {
	/* [const] */
	LEND_CACHE_ALIGNED struct lend_http_server *server;

	/* [owner: the actor] */
	/* Of receives for requests and, while none is in flight, of sends; Note
	 * [kept] in io/await.h. NULL until there is one. */
	struct lend_pending *record;
	struct lend__http_input in;
	LEND_CACHE_ALIGNED struct lend__http_output out;
	int fd;	       /* [const] */
	bool warm;     /* there may be memory to give back */
	bool eof;      /* the client sends no more */
	bool linger;   /* the client may be sending: close with care */
	bool in_batch; /* the last requests came several at once */

	/* [lock: the server's] */
	struct lend_actor *actor; /* NULL until it runs */
	unsigned worker;	  /* [const] index, whose load it counts for */
	uint8_t epoch;		  /* [const] of @fd: io/descriptors.h */
	struct lend_list link;

	char client[]; /* address, if somebody wants to know */
};

_Static_assert(offsetof(struct lend__http_connection, out) == LEND_CACHE_LINE &&
		       offsetof(struct lend__http_connection, link) <=
			       2 * LEND_CACHE_LINE,
	       "two lines");

/* ---- by its actor; what is said is good until the next await ---- */

/* The time of its worker's last safe point: no system call. */
static inline uint64_t
lend__http_now(const struct lend__http_connection *connection)
{
	return connection->actor->worker->now_ns;
}

/* The deadline @span_ns after that. */
static inline uint64_t
lend__http_after(const struct lend__http_connection *connection,
		 uint64_t span_ns)
{
	uint64_t now_ns = lend__http_now(connection);

	return span_ns > LEND_FOREVER - now_ns ? LEND_FOREVER :
						 now_ns + span_ns;
}

/* As lend__http_local(). */
static inline struct lend__http_local *
lend__http_local_of(const struct lend__http_connection *connection)
{
	return &connection->server->locals[connection->actor->worker->index];
}

/* Start a connection on @fd, which is the caller's again if this fails. */
LEND_NODISCARD int lend__http_connection_open(struct lend_http_server *server,
					      int fd);

#endif
