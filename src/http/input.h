/*
 * The receiving side of a connection.
 *
 * Bytes are parsed where the kernel put them, in a buffer that is lent to us.
 * What can not be used at once, part of a head or of a body, is moved to a
 * span of the actor's heap, so that lent buffers are back soon.
 */
#ifndef LEND_HTTP_INPUT_H
#define LEND_HTTP_INPUT_H

#include "http/connection.h"

/* Start to receive. The input is empty, and no receive is in flight. */
LEND_NODISCARD int
lend__http_input_start(struct lend__http_connection *connection) LEND_AWAITS;

/* A receive is over. Is it to be started again? It is undone
 * (lend__io_is_undone()), or there was no buffer for it: whether there was
 * anything to be received it has not looked. */
LEND_NODISCARD bool
lend__http_input_goes_on(struct lend__http_connection *connection);

/* Start it again. 0 or an error. */
LEND_NODISCARD int
lend__http_input_again(struct lend__http_connection *connection) LEND_AWAITS;

/* Take the result of a receive that is over: bytes that are now the input, 0
 * at the end of the stream, or an error. @deadline: if it turns out that one
 * has to receive once more. */
LEND_NODISCARD ssize_t
lend__http_input_finish(struct lend__http_connection *connection,
			uint64_t deadline) LEND_AWAITS;

/**
 * Have bytes from @keep on in a span of our own, with room behind them.
 *
 * @keep  an offset, at most the input's @at; becomes 0
 * @room  bytes that the span has at least
 *
 * Return: 0 or -ENOMEM
 */
LEND_NODISCARD int
lend__http_input_own(struct lend__http_connection *connection, uint32_t keep,
		     uint32_t room);

/* Receive more behind what is there, in a span of our own that has room.
 * Return: bytes, 0 at the end of the stream, or an error. */
LEND_NODISCARD ssize_t
lend__http_input_more(struct lend__http_connection *connection,
		      uint64_t deadline) LEND_AWAITS;

/* Receive into the caller's memory; the input is empty. As lend_recv(). */
LEND_NODISCARD ssize_t
lend__http_input_direct(struct lend__http_connection *connection, void *data,
			size_t size, uint64_t deadline) LEND_AWAITS;

/* Take what is there already, if anything is; the input is empty, and no
 * receive is in flight. Bytes, or 0 or an error. */
LEND_NODISCARD ssize_t
lend__http_input_last(struct lend__http_connection *connection) LEND_AWAITS;

/* Give the buffer back, whatever is in it. */
void lend__http_input_drop(struct lend__http_connection *connection);

/* The same, with all that the connection has for receiving: its actor ends. */
void lend__http_input_end(struct lend__http_connection *connection) LEND_AWAITS;

#endif
