/*
 * The sending side of a connection.
 *
 * Answers are gathered, so that those of one batch of requests go out in one
 * send. Of a batch that send is started and not waited for: the connection's
 * actor waits for the next request and finds the send over by then. A handler
 * that waits has it started, too: lend__http_output_before_wait().
 */
#ifndef LEND_HTTP_OUTPUT_H
#define LEND_HTTP_OUTPUT_H

#include "base/check.h"
#include "http/connection.h"

/* Gathered at most, then it is sent. */
#define LEND__HTTP_OUTPUT_MAX 65536

/* What is larger is sent from where it is, not copied. */
#define LEND__HTTP_COPY_MAX 8192

/* The rest of lend__http_output_reserve(): wait for a send, send, or grow. */
LEND_NODISCARD char *
lend__http_output_make_room(struct lend__http_connection *connection,
			    size_t size) LEND_AWAITS;

/**
 * Room for @size more bytes, at most LEND__HTTP_OUTPUT_MAX; the caller writes
 * up to so many there and calls lend__http_output_commit() before anything
 * else here. Inline, since each of a batch's answers but the first finds room.
 *
 * Return: NULL on an error, which is in @connection->out.error
 */
LEND_AWAITS LEND_NODISCARD static inline char *
lend__http_output_reserve(struct lend__http_connection *connection, size_t size)
{
	struct lend__http_output *out = &connection->out;

	if (lend_likely(!out->sending && !out->error &&
			out->size + size <= out->room))
		return out->data + out->size;
	return lend__http_output_make_room(connection, size);
}

static inline void
lend__http_output_commit(struct lend__http_connection *connection, size_t size)
{
	connection->out.size += (uint32_t)size;
}

/* Start to send what was gathered. 0 or the first error. */
int lend__http_output_start(struct lend__http_connection *connection)
	LEND_AWAITS;

/* Wait until what was started is sent. 0 or the first error. */
int lend__http_output_finish(struct lend__http_connection *connection)
	LEND_AWAITS;

/* Both: have everything sent that was gathered. */
int lend__http_output_flush(struct lend__http_connection *connection)
	LEND_AWAITS;

/*
 * The actor's @before_wait: start to send what was gathered, or what was left
 * over of a send that ended short. Whoever has asked for several things need
 * not wait for the last to have the first.
 *
 * It is called while the answers to the earlier requests of a batch are
 * gathered (from the second request on) or on their way; of a single request,
 * never. It does not wait for the client, which may be slow: what the handler
 * waits for is to be there when it comes. That nothing can be sent
 * is for who comes here next.
 */
bool lend__http_output_before_wait(struct lend_actor *self) LEND_AWAITS;

/* Send what was gathered, then @data, then @tail. */
int lend__http_output_send(struct lend__http_connection *connection,
			   const void *data, size_t size, const char *tail,
			   size_t tail_size) LEND_AWAITS;

/* Free the buffer, whatever is in it; nothing is being sent. */
void lend__http_output_drop(struct lend__http_connection *connection);

/* The same when nothing is gathered. */
void lend__http_output_trim(struct lend__http_connection *connection);

#endif
