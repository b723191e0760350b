/*
 * Sheets: memory that the connections of a worker write their answers on, in
 * turn.
 *
 * Note [in turn]
 * The answers to a batch of requests are kilobytes that are written anew each
 * time. In memory of each connection's own they are out of the caches by then
 * if there are hundreds of connections. So a worker has sheets for whoever
 * gathers answers there, and the one that was given back last is taken first:
 * no more are in use than sends are on their way, and those stay in the caches.
 *
 * A single answer has one, too, if it is not short or finds no room at home.
 *
 * They are made when they are needed, up to a number; who gets none has a span
 * of its own heap. They are freed as connections fall idle. See
 * doc/adr/0049-answers-in-turn.md.
 */
#ifndef LEND_HTTP_SHEET_H
#define LEND_HTTP_SHEET_H

#include <lend/base.h>

#define LEND__HTTP_SHEET_SIZE 4096

/* Made at most, for each worker. */
#define LEND__HTTP_SHEETS_MAX 256

struct lend_http_server;
struct lend__http_local;

/* What is in a sheet that nobody has. */
struct lend__http_sheet {
	struct lend__http_sheet *next;
};

/**
 * A sheet of LEND__HTTP_SHEET_SIZE bytes, at a line of the caches.
 *
 * Thread: actors of a worker
 * Blocks: no
 *
 * Return: NULL: there is none
 */
LEND_NODISCARD void *lend__http_sheet_take(struct lend_http_server *server);

/* Back to the present worker, which need not be the one that it was taken from.
 * Thread: a worker; also as a poller. */
void lend__http_sheet_give(struct lend_http_server *server, void *memory);

/* Somebody here needs none for some time: free one, if there is one. */
void lend__http_sheet_trim(struct lend_http_server *server);

/* Free those of a worker; nobody has any. */
void lend__http_sheet_fini(struct lend__http_local *local);

#endif
