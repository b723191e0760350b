/*
 * HTTP/1.1 and 1.0 service.
 *
 * A handler is straight-line code in the actor of its connection: it may call
 * anything that suspends. It answers with lend_http_reply() in one go, or
 * begins a response, writes its body in pieces and ends it.
 *
 *	static void hello(struct lend_http_request *request,
 *			  struct lend_http_response *response, void *arg)
 *	{
 *		lend_http_reply(response, 200, "text/plain", "Hello!\n", 7);
 *	}
 *
 * A handler that returns without an answer answers 500; one that begins a
 * response and does not end it has it ended, unless reading the request's body
 * failed: then the connection is closed, so that the client sees it broken
 * off. What a handler leaves of the request's body is read and dropped within
 * limits, or the connection is closed. lend_exit() in a handler ends the
 * connection there and then.
 * Functions that write may suspend until the client takes the data, and return
 * an error once the connection is gone: there is nothing left to do then but
 * to return.
 */
#ifndef LEND_HTTP_H
#define LEND_HTTP_H

#include <lend/base.h>
#include <lend/clock.h>
#include <stdbool.h>
#include <sys/types.h>

struct lend_address;
struct lend_http_request;
struct lend_http_response;
struct lend_http_server;

typedef void (*lend_http_handler)(struct lend_http_request *request,
				  struct lend_http_response *response,
				  void *arg);

/* One line of the access log; called by the connection's actor after each
 * response, so it must not block. */
struct lend_http_access {
	const char *client; /* address; "" if unknown */
	const char *method; /* not terminated: use the sizes */
	size_t method_size;
	const char *target;
	size_t target_size;
	unsigned version_minor;
	unsigned status;
	uint64_t body_bytes; /* sent */
	uint64_t duration_ns;
};
typedef void (*lend_http_access_fn)(const struct lend_http_access *access,
				    void *arg);

/* Zeroed is valid: 0 means the default. Timeouts are in ns; LEND_FOREVER means
 * none. */
struct lend_http_options {
	const char *server_name; /* Server: header; "lend/<version>"; "" none */
	unsigned connections_max;   /* more wait in the backlog; 65536 */
	uint64_t header_timeout_ns; /* from the first byte of a head to its
				       end; 10 s: 408 */
	uint64_t body_timeout_ns;   /* between two reads of a body; 30 s: 408 */
	uint64_t write_timeout_ns;  /* for the client to take data; 30 s */
	uint64_t idle_timeout_ns;   /* between requests; 60 s */
	unsigned request_line_max;  /* bytes; 8192: 414 */
	unsigned header_bytes_max;  /* of a head, bytes; 32768: 431 */
	unsigned header_count_max;  /* 100: 431 */
	uint64_t body_max;	    /* bytes; 1 MiB: 413; see also
				       lend_http_route_body_max() */
	lend_http_access_fn access;
	void *access_arg;
	bool length_required; /* refuse chunked bodies: 411 */
};

struct lend_http_stats {
	uint64_t connections_accepted;
	uint64_t connections_open;
	uint64_t requests;
	uint64_t responses[6]; /* by class: [2] is 2xx; [0] unused */
	uint64_t bytes_received;
	uint64_t bytes_sent;
	uint64_t accept_errors; /* EMFILE and the like */
};

LEND_BEGIN_DECLS

/**
 * Make a server.
 *
 * @options     NULL for the defaults; copied, @server_name too
 * @ret_server  written only on success
 *
 * Thread: any. Blocks: no. Ownership: lend_http_server_free().
 *
 * Return: 0
 *         -ENOMEM
 *         -EINVAL  @server_name has more than 128 bytes, or others than visible
 *                  ASCII and blanks
 */
LEND_API LEND_NODISCARD int
lend_http_server_new(const struct lend_http_options *options,
		     struct lend_http_server **ret_server);

/**
 * Have @handler answer requests for a path.
 *
 * The longest matching route wins. HEAD is answered by a GET route, without
 * the body. A path with routes for other methods only gives 405 with Allow.
 *
 * @method  "GET", "POST" ...; NULL: any
 * @path    "/about" matches that path only; "/files/" with a slash at its end
 *          matches everything below it, "/" everything; copied
 *
 * Thread: any, before the server serves. Blocks: no.
 *
 * Return: 0, -ENOMEM (also above 32768 paths), -EINVAL (@path does not begin
 *         with a slash, or @handler is NULL), -EBUSY (it serves)
 */
LEND_API LEND_NODISCARD int
lend_http_route(struct lend_http_server *server, const char *method,
		const char *path, lend_http_handler handler, void *arg);

/* The body limit of the routes with @path instead of the server's; UINT64_MAX:
 * none. Return: 0, -ENOENT (no such route), -EBUSY. */
LEND_API LEND_NODISCARD int
lend_http_route_body_max(struct lend_http_server *server, const char *path,
			 uint64_t body_max);

/**
 * Add an address to listen on.
 *
 * @address  see lend_address_parse()
 *
 * Thread: any, before the server serves. Blocks: no.
 *
 * Return: 0, -EBUSY (it serves), or an error of lend_listener_open()
 */
LEND_API LEND_NODISCARD int lend_http_listen(struct lend_http_server *server,
					     const char *address);

/* The @i-th address listened on, with the port that the kernel chose; NULL
 * behind the last. */
LEND_API const struct lend_address *
lend_http_address(const struct lend_http_server *server, unsigned i);

/**
 * Serve until lend_http_drain() or lend_http_stop().
 *
 * Connections are spread over the workers; each is an actor. At the end nothing
 * is listened on any more: to serve again takes another lend_http_listen().
 *
 * Thread: an actor. Blocks: suspends the actor until all connections have
 * ended.
 *
 * Return: 0
 *         -EBUSY      another actor serves it
 *         -EINVAL     nothing to listen on
 *         -ECANCELED  the actor was cancelled: connections were ended
 *         -ENOMEM
 */
LEND_API LEND_NODISCARD int
lend_http_serve(struct lend_http_server *server) LEND_AWAITS;

/**
 * Accept nothing more, close idle connections, let requests in flight finish;
 * at @deadline end what is left. lend_http_serve() then returns; one that has
 * not begun yet does so at once when it begins.
 *
 * Thread: any. Blocks: no.
 */
LEND_API void lend_http_drain(struct lend_http_server *server,
			      uint64_t deadline);

/* The same with a deadline that has passed. */
LEND_API void lend_http_stop(struct lend_http_server *server);

/**
 * Free a server that does not serve. NULL is ignored. Returns NULL.
 *
 * Thread: any. Blocks: no.
 */
LEND_API struct lend_http_server *
lend_http_server_free(struct lend_http_server *server);

/* Thread: any. Blocks: no. */
LEND_API void lend_http_stats_read(const struct lend_http_server *server,
				   struct lend_http_stats *ret_stats);

/* ---- request: for the handler, while it runs ----
 *
 * Strings are views into the request's head: not terminated, valid until the
 * handler returns. Thread: the handler's actor. Blocks: no.
 *
 * Who reads a body or answers from another actor than the handler's, or after
 * the handler has returned, ends the program: a handler that leaves its answer
 * to others waits for them, and answers itself.
 */
struct lend_http_text {
	const char *data; /* NULL: there is none */
	size_t size;
};

LEND_API struct lend_http_text
lend_http_method(const struct lend_http_request *request);
/* As it came: path and query, not decoded. */
LEND_API struct lend_http_text
lend_http_target(const struct lend_http_request *request);
/* Decoded and normalised: no dot segments, no %XX; begins with a slash. */
LEND_API struct lend_http_text
lend_http_path(const struct lend_http_request *request);
/* Behind the "?", not decoded; .data NULL without one. */
LEND_API struct lend_http_text
lend_http_query(const struct lend_http_request *request);
/* The first parameter of that name in the query, not decoded. */
LEND_API struct lend_http_text
lend_http_parameter(const struct lend_http_request *request, const char *name);
/* The first field of that name (case does not matter). */
LEND_API struct lend_http_text
lend_http_header(const struct lend_http_request *request, const char *name);
/* Bytes of the body if the client said so; -1 if it is chunked; 0 none. */
LEND_API int64_t lend_http_body_size(const struct lend_http_request *request);
/* Is it HEAD? The response's body is then not sent, whatever is written. */
LEND_API bool lend_http_is_head(const struct lend_http_request *request);

/**
 * Read the request's body.
 *
 * A client that waits for 100 Continue gets it at the first call.
 *
 * @buffer,@size  where to, at least 1 byte
 *
 * Thread: the handler's actor. Blocks: suspends the actor until there is some.
 *
 * Return: bytes read, 0 at the end of the body
 *         -EFBIG      above the limit; 413 is answered if the handler returns
 *                     without an answer
 *         -EBADMSG    not a valid chunked body; 400 likewise
 *         -ETIMEDOUT  the client sends nothing; 408 likewise
 *         -EINVAL     @size is 0
 *         -ECONNRESET, -EPIPE  the connection is gone
 *         -ENOMEM     the actor's I/O heap is full
 *         -ECANCELED  the server stops
 */
LEND_API LEND_NODISCARD ssize_t
lend_http_read(struct lend_http_request *request, void *buffer,
	       size_t size) LEND_AWAITS;

/* ---- response ---- */

/**
 * Answer in one go. Headers may have been added before.
 *
 * @status        200 to 599
 * @content_type  NULL: none; at most 1024 bytes
 * @body,@size    the caller's again when this returns
 *
 * Thread: the handler's actor. Blocks: suspends the actor if much is waiting
 * to be sent.
 *
 * Return: 0
 *         -EALREADY  the response has begun
 *         -EINVAL    @status is out of range, or @content_type no valid value
 *         or as lend_http_write()
 */
LEND_API int lend_http_reply(struct lend_http_response *response,
			     unsigned status, const char *content_type,
			     const void *body, size_t size) LEND_AWAITS;

/**
 * Add a header field. Content-Length, Transfer-Encoding, Connection, Date and
 * Server are the library's; name and value must be valid.
 *
 * Thread: the handler's actor. Blocks: no.
 *
 * Return: 0
 *         -EALREADY  the response has begun
 *         -EINVAL    not a valid name or value (a line break, say)
 *         -ENOBUFS   more than 4 KiB of fields
 *         -ENOMEM    the actor's I/O heap has no room for them
 */
LEND_API int lend_http_add_header(struct lend_http_response *response,
				  const char *name, const char *value);

/**
 * Begin a response whose body is written in pieces.
 *
 * @status        200 to 599
 * @content_type  NULL: none
 * @body_size     bytes that will be written; -1: unknown: chunked, or until
 *                close for HTTP/1.0
 *
 * Thread: the handler's actor. Blocks: as lend_http_reply().
 *
 * Return: as lend_http_reply(); -EINVAL also with a @body_size below -1
 */
LEND_API int lend_http_begin(struct lend_http_response *response,
			     unsigned status, const char *content_type,
			     int64_t body_size) LEND_AWAITS;

/**
 * Write a piece of the body. Small pieces are gathered; lend_http_flush()
 * sends what there is.
 *
 * Thread: the handler's actor. Blocks: suspends the actor until there is room.
 *
 * Return: 0
 *         -EINVAL     not begun, ended, or more than @body_size
 *         -ETIMEDOUT  the client takes nothing
 *         -ECONNRESET, -EPIPE  the connection is gone
 *         -ENOMEM     the actor's I/O heap is full
 *         -ECANCELED  the server stops
 */
LEND_API int lend_http_write(struct lend_http_response *response,
			     const void *data, size_t size) LEND_AWAITS;
LEND_API int lend_http_flush(struct lend_http_response *response) LEND_AWAITS;

/* End the response. Return: as lend_http_write(); -EINVAL too if it was ended
 * before, or less than @body_size was written: then the connection is closed.
 */
LEND_API int lend_http_end(struct lend_http_response *response) LEND_AWAITS;

/* Has a response begun? */
LEND_API bool lend_http_has_begun(const struct lend_http_response *response);

LEND_END_DECLS

#endif
