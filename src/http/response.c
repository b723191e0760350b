/*
 * Responses: see include/lend/http.h. The head is put together from lines that
 * are rendered once a second and copied into the output; the body follows it
 * there, or is sent from where it is.
 */
#include <errno.h>
#include <lend/actor.h>
#include <string.h>

#include "base/bits.h"
#include "base/check.h"
#include "http/chars.h"
#include "http/exchange.h"
#include "http/names.h"
#include "http/output.h"
#include "http/server.h"
#include "http/status.h"
#include "http/words.h"

/* Digits of a uint64_t. */
#define NUMBER_MAX 20

/* Bytes of a head at most, beside its rendered lines, type and added fields: a
 * status line in the place of the one there, and what put_head() puts. No more
 * than that, so that a short answer is gathered where it is near. */
#define HEAD_ROOM                                                              \
	(sizeof("HTTP/1.1 599 \r\n") + LEND__HTTP_REASON_MAX -                 \
	 LEND__HTTP_OK_LINE_SIZE + sizeof("Content-Type: \r\n") +              \
	 sizeof("Content-Length: \r\n") + NUMBER_MAX +                         \
	 sizeof("Connection: keep-alive\r\n") + sizeof("\r\n"))

_Static_assert(sizeof("Transfer-Encoding: chunked\r\n") <=
			       sizeof("Content-Length: \r\n") + NUMBER_MAX &&
		       sizeof("close") <= sizeof("keep-alive"),
	       "there is room for either");

/* Bytes of added fields that there is room for at first, in the page of the
 * actor's record, as most answers have a few; then twice as many, and so on. */
#define ADDED_ROOM_MIN 256

/* Bytes of a content type. */
#define TYPE_MAX 1024

/* "ffffffffffffffff\r\n" */
#define CHUNK_LINE_MAX 18

static char *put(char *at, const char *text, size_t size)
{
	memcpy(at, text, size);
	return at + size;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

/* Two digits a call; most lengths have no more than four. */
static char *put_number(char *at, uint64_t number)
{
	unsigned pair = (unsigned)number;

	if (number >= 100) {
		at = put_number(at, number / 100);
		pair = (unsigned)(number % 100);
	}
	if (number >= 10)
		*at++ = (char)('0' + pair / 10);
	*at++ = (char)('0' + pair % 10);
	return at;
}

/* The status line and what is the same in all answers. */
static char *put_lines(char *at, const struct lend__http_connection *connection,
		       unsigned status)
{
	struct lend__http_local *local = lend__http_local_of(connection);
	uint64_t now_ns = lend__http_now(connection);
	uint32_t skip = 0;

	if (lend_unlikely(now_ns >= local->lines_until_ns))
		lend__http_local_render(local, connection->server, now_ns);
	if (lend_unlikely(status != LEND__HTTP_OK)) {
		const char *reason = lend__http_reason(status);

		at = PUT(at, "HTTP/1.1 ");
		at = put_number(at, status);
		*at++ = ' ';
		at = put(at, reason, strlen(reason));
		at = PUT(at, "\r\n");
		skip = LEND__HTTP_OK_LINE_SIZE;
	}
	return put(at, local->lines + skip, local->lines_size - skip);
}

static char *put_body_fields(char *at, struct lend_http_response *response,
			     int64_t body_size)
{
	/* RFC 9110, 8.6: never with 204; for 304 it would have to be that of
	 * a 200, which we do not know. */
	if (lend_unlikely(response->status == LEND__HTTP_NO_CONTENT ||
			  response->status == LEND__HTTP_NOT_MODIFIED))
		return at;
	switch ((enum lend__http_delivery)response->delivery) {
	case LEND__HTTP_WITH_LENGTH:
		at = PUT(at, "Content-Length: ");
		at = put_number(at, (uint64_t)body_size);
		return PUT(at, "\r\n");
	case LEND__HTTP_IN_CHUNKS:
		return PUT(at, "Transfer-Encoding: chunked\r\n");
	case LEND__HTTP_UNTIL_CLOSE:
		break;
	}
	return at;
}

/* Decide how the body is delivered, and whether the connection goes on. */
static void decide(struct lend_http_response *response, unsigned status,
		   int64_t body_size)
{
	const struct lend_http_request *request = response->request;
	bool old = request->head.minor == 0;

	response->begun = true;
	response->status = (uint16_t)status;
	response->silent = request->head.method == LEND__HTTP_HEAD ||
			   status == LEND__HTTP_NO_CONTENT ||
			   status == LEND__HTTP_NOT_MODIFIED;
	response->delivery = LEND__HTTP_WITH_LENGTH;
	response->left = (uint64_t)body_size;
	if (body_size < 0) {
		response->delivery = old ? LEND__HTTP_UNTIL_CLOSE :
					   LEND__HTTP_IN_CHUNKS;
		response->left = UINT64_MAX;
		if (old && !response->silent)
			response->keep = false;
	}
	if (!response->keep)
		return;
	/* Whether a body that was not asked for comes nobody knows; and in a
	 * drain each answer is its connection's last. */
	if (!request->body_over &&
	    (request->continue_due || request->body_error))
		response->keep = false;
	if (lend__http_phase(response->connection->server) != LEND__HTTP_OPEN)
		response->keep = false;
}

static char *put_head(char *at, struct lend_http_response *response,
		      const char *type, size_t type_size, int64_t body_size)
{
	at = put_lines(at, response->connection, response->status);
	if (type) {
		at = PUT(at, "Content-Type: ");
		at = put(at, type, type_size);
		at = PUT(at, "\r\n");
	}
	at = put_body_fields(at, response, body_size);
	if (lend_unlikely(response->added_size))
		at = put(at, response->added, response->added_size);
	if (lend_unlikely(!response->keep))
		at = PUT(at, "Connection: close\r\n");
	else if (lend_unlikely(response->request->head.minor == 0))
		at = PUT(at, "Connection: keep-alive\r\n");
	return PUT(at, "\r\n");
}

static void commit_up_to(struct lend__http_connection *connection,
			 const char *at)
{
	struct lend__http_output *out = &connection->out;

	lend__http_output_commit(connection,
				 (size_t)(at - (out->data + out->size)));
}

/* Write the head, and the first @copied bytes of the body behind it: to look
 * for room twice would cost as much as some fields do. */
static int begin(struct lend_http_response *response, unsigned status,
		 const char *type, int64_t body_size, const void *body,
		 size_t copied)
{
	struct lend__http_connection *connection = response->connection;
	size_t type_size = type ? strlen(type) : 0, size;
	char *head, *at;

	if (lend_unlikely(response->begun))
		return -EALREADY;
	if (lend_unlikely(status < 200 || status > 599 ||
			  type_size > TYPE_MAX ||
			  !lend__http_is_value(type, type_size)))
		return -EINVAL;
	decide(response, status, body_size);
	size = LEND__HTTP_LINES_MAX(connection->server->name_size) + HEAD_ROOM +
	       type_size + response->added_size + copied;
	head = lend__http_output_reserve(connection, size);
	if (lend_unlikely(!head))
		return connection->out.error;
	at = put_head(head, response, type, type_size, body_size);
	if (copied && !response->silent)
		at = put(at, body, copied);
	lend_assert(at <= head + size);
	commit_up_to(connection, at);
	return 0;
}

int lend_http_begin(struct lend_http_response *response, unsigned status,
		    const char *content_type, int64_t body_size)
{
	lend__http_check_caller(response);
	if (body_size < -1)
		return response->begun ? -EALREADY : -EINVAL;
	return begin(response, status, content_type, body_size, NULL, 0);
}

int lend_http_reply(struct lend_http_response *response, unsigned status,
		    const char *content_type, const void *body, size_t size)
{
	size_t copied = size <= LEND__HTTP_COPY_MAX ? size : 0;
	int err;

	lend__http_check_caller(response);
	err = begin(response, status, content_type, (int64_t)size, body,
		    copied);
	if (lend_unlikely(err))
		return err;
	response->ended = true;
	if (lend_unlikely(response->silent))
		return 0;
	response->body_bytes = size;
	return size == copied ? 0 :
				lend__http_output_send(response->connection,
						       body, size, NULL, 0);
}

/* @name is made of token characters. */
static bool is_ours(const char *name, size_t size)
{
	switch (size) {
	case 4:
		return lend__http_is_name(name, "date", 4);
	case 6:
		return lend__http_is_name(name, "server", 6);
	case 10:
		return lend__http_is_name(name, "connection", 10);
	case 14:
		return lend__http_is_name(name, "content-length", 14);
	case 17:
		return lend__http_is_name(name, "transfer-encoding", 17);
	default:
		return false;
	}
}

static bool is_token(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!lend__http_is(text[i], LEND__HTTP_TOKEN))
			return false;
	return size > 0;
}

/* Room for @size more bytes of added fields. */
static int reserve_added(struct lend_http_response *response, size_t size)
{
	size_t needed = response->added_size + size, room;
	char *added;

	if (lend_likely(needed <= response->added_room))
		return 0;
	if (needed > LEND__HTTP_ADDED_MAX)
		return -ENOBUFS;
	room = lend_ceil_power_of_two(needed);
	if (room < ADDED_ROOM_MIN)
		room = ADDED_ROOM_MIN;
	added = lend_io_alloc(room);
	if (!added)
		return -ENOMEM;
	if (response->added) {
		memcpy(added, response->added, response->added_size);
		lend_io_free(response->added);
	}
	response->added = added;
	response->added_room = (uint32_t)room;
	return 0;
}

int lend_http_add_header(struct lend_http_response *response, const char *name,
			 const char *value)
{
	size_t name_size = strlen(name), value_size = strlen(value);
	char *at;
	int err;

	lend__http_check_caller(response);
	if (response->begun)
		return -EALREADY;
	if (!is_token(name, name_size) || is_ours(name, name_size) ||
	    !lend__http_is_value(value, value_size))
		return -EINVAL;
	err = reserve_added(response, name_size + value_size + 4);
	if (err)
		return err;
	at = response->added + response->added_size;
	at = put(at, name, name_size);
	at = PUT(at, ": ");
	at = put(at, value, value_size);
	at = PUT(at, "\r\n");
	response->added_size = (uint32_t)(at - response->added);
	return 0;
}

/* "1f\r\n" */
static char *put_chunk_line(char *at, size_t size)
{
	unsigned shift = 60;

	while (shift && !(size >> shift & 15))
		shift -= 4;
	for (;; shift -= 4) {
		*at++ = "0123456789abcdef"[size >> shift & 15];
		if (!shift)
			break;
	}
	return PUT(at, "\r\n");
}

int lend_http_write(struct lend_http_response *response, const void *data,
		    size_t size)
{
	struct lend__http_connection *connection;
	bool chunk, copy = size <= LEND__HTTP_COPY_MAX;
	char *at;

	lend__http_check_caller(response);
	connection = response->connection;
	chunk = response->delivery == LEND__HTTP_IN_CHUNKS;
	if (!response->begun || response->ended || size > response->left)
		return -EINVAL;
	/* Most pieces are gathered, and wait for nothing. */
	lend_yield_if_needed();
	if (response->delivery == LEND__HTTP_WITH_LENGTH)
		response->left -= size;
	/* An empty chunk would be the last one. */
	if (response->silent || !size)
		return connection->out.error;
	at = lend__http_output_reserve(connection,
				       CHUNK_LINE_MAX + 2 + (copy ? size : 0));
	if (!at)
		return connection->out.error;
	response->body_bytes += size;
	if (chunk)
		at = put_chunk_line(at, size);
	if (copy) {
		at = put(at, data, size);
		if (chunk)
			at = PUT(at, "\r\n");
	}
	commit_up_to(connection, at);
	return copy ? 0 :
		      lend__http_output_send(connection, data, size, "\r\n",
					     chunk ? 2 : 0);
}

int lend_http_flush(struct lend_http_response *response)
{
	lend__http_check_caller(response);
	return lend__http_output_flush(response->connection);
}

int lend_http_end(struct lend_http_response *response)
{
	struct lend__http_connection *connection;
	char *at;

	lend__http_check_caller(response);
	connection = response->connection;
	if (!response->begun || response->ended)
		return -EINVAL;
	response->ended = true;
	if (response->delivery == LEND__HTTP_WITH_LENGTH && response->left &&
	    !response->silent) {
		/* The client waits for the rest: only the end of the
		 * connection tells it that there is none. */
		response->keep = false;
		return -EINVAL;
	}
	if (response->delivery == LEND__HTTP_IN_CHUNKS && !response->silent) {
		at = lend__http_output_reserve(connection, 5);
		if (!at)
			return connection->out.error;
		commit_up_to(connection, PUT(at, "0\r\n\r\n"));
	}
	return connection->out.error;
}

bool lend_http_has_begun(const struct lend_http_response *response)
{
	return response->begun;
}

int lend__http_response_refuse(struct lend_http_response *response,
			       unsigned status)
{
	const char *reason = lend__http_reason(status);
	size_t size = strlen(reason);
	char body[64];

	lend_assert(size < sizeof(body));
	memcpy(body, reason, size);
	body[size++] = '\n';
	return lend_http_reply(response, status, "text/plain", body, size);
}
