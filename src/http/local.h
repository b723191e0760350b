/*
 * What a server keeps for each worker: counters that nobody else writes, and
 * the lines that are the same in every answer of a second.
 *
 * A connection's actor may use the present worker's until it suspends, since
 * nobody else runs on that worker meanwhile.
 */
#ifndef LEND_HTTP_LOCAL_H
#define LEND_HTTP_LOCAL_H

#include <lend/http.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/bits.h"
#include "http/date.h"

/* Bytes of a server's name. */
#define LEND__HTTP_NAME_MAX 128

/* "HTTP/1.1 200 OK\r\n" */
#define LEND__HTTP_OK_LINE_SIZE 17

/* Bytes of the lines below at most, for a name of so many. */
#define LEND__HTTP_LINES_MAX(name_size)                                        \
	(LEND__HTTP_OK_LINE_SIZE + sizeof("Server: \r\nDate: \r\n") +          \
	 LEND__HTTP_DATE_SIZE + (name_size))

struct lend_http_server;
struct lend__http_sheet;

struct lend__http_counters {
	_Atomic uint64_t accepted;
	_Atomic uint64_t ended;
	_Atomic uint64_t responses[6]; /* by class; [0]: never answered */
	_Atomic uint64_t received;
	_Atomic uint64_t sent;
	_Atomic uint64_t accept_errors;
};

struct lend__http_local {
	/* [owner: the worker] */
	LEND_CACHE_ALIGNED struct lend__http_sheet *sheet; /* the latest */
	uint64_t lines_until_ns;
	uint32_t lines_size;
	/* The status line of 200, Server, Date. */
	char lines[LEND__HTTP_LINES_MAX(LEND__HTTP_NAME_MAX)];

	/* [owner: the worker] written, read by others */
	struct lend__http_counters counters;

	/* [lock: the server's] connections that were started here and have
	 * not ended */
	LEND_CACHE_ALIGNED uint32_t load;
};

/* The present worker's; good until the next await. */
struct lend__http_local *lend__http_local(struct lend_http_server *server);

/* Put its lines together, until the next second of the wall's clock begins.
 * Thread: its worker. @now_ns is that worker's time. */
void lend__http_local_render(struct lend__http_local *local,
			     const struct lend_http_server *server,
			     uint64_t now_ns);

#endif
