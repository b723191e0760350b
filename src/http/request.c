/*
 * Requests as handlers see them: see include/lend/http.h. What the head says
 * was found by the parser; here it is handed out, and the body is read.
 */
#include <errno.h>
#include <lend/actor.h>
#include <string.h>

#include "base/check.h"
#include "http/exchange.h"
#include "http/input.h"
#include "http/output.h"
#include "http/server.h"
#include "http/status.h"
#include "http/uri.h"

/* Room behind the head for chunks that come, and so what is decoded in one go:
 * chunks of a byte take 2 ns a byte, so that is a turn's length at most. */
#define CHUNKS_ROOM 8192

/* What of a body nobody read is received and dropped to keep a connection:
 * more costs more than a new connection does. */
#define DROP_MAX 65536

/* Bytes a time when dropping; on the stack. */
#define DROP_PIECE 2048

static struct lend_http_text text(const struct lend_http_request *request,
				  struct lend__http_span span)
{
	return (struct lend_http_text){ request->data + span.at, span.size };
}

struct lend_http_text lend_http_method(const struct lend_http_request *request)
{
	return text(request, request->head.method_name);
}

struct lend_http_text lend_http_target(const struct lend_http_request *request)
{
	return text(request, request->head.target);
}

struct lend_http_text lend_http_path(const struct lend_http_request *request)
{
	return request->path;
}

struct lend_http_text lend_http_query(const struct lend_http_request *request)
{
	return request->query;
}

struct lend_http_text
lend_http_parameter(const struct lend_http_request *request, const char *name)
{
	struct lend_http_text value = { NULL, 0 };

	if (!request->query.data || !*name ||
	    !lend__http_query_find(request->query.data, request->query.size,
				   name, &value.data, &value.size))
		return (struct lend_http_text){ NULL, 0 };
	return value;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_name(const char *field, const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (lower(field[i]) != lower(name[i]))
			return false;
	return true;
}

struct lend_http_text lend_http_header(const struct lend_http_request *request,
				       const char *name)
{
	const struct lend__http_head *head = &request->head;
	size_t size = strlen(name);

	for (uint32_t i = 0; i < head->field_count; i++) {
		const struct lend__http_field *field = &head->fields[i];

		if (field->name_size == size &&
		    is_name(request->data + field->name, name, size))
			return text(request,
				    (struct lend__http_span){
					    field->value, field->value_size });
	}
	return (struct lend_http_text){ NULL, 0 };
}

int64_t lend_http_body_size(const struct lend_http_request *request)
{
	switch ((enum lend__http_body)request->framing.body) {
	case LEND__HTTP_BODY_CHUNKED:
		return -1;
	case LEND__HTTP_BODY_LENGTH:
		return (int64_t)request->framing.length;
	case LEND__HTTP_BODY_NONE:
		break;
	}
	return 0;
}

bool lend_http_is_head(const struct lend_http_request *request)
{
	return request->head.method == LEND__HTTP_HEAD;
}

/* ---- the body ---- */

int lend__http_request_open_body(struct lend_http_request *request)
{
	struct lend__http_connection *connection = request->connection;
	struct lend__http_input *in = &connection->in;
	uint32_t keep = in->at - request->head_size;
	uint32_t room = in->end - keep;
	int err;

	request->continue_due = request->framing.expect_continue;
	switch ((enum lend__http_body)request->framing.body) {
	case LEND__HTTP_BODY_NONE:
		return 0;
	case LEND__HTTP_BODY_LENGTH:
		request->body_left = request->framing.length;
		if (in->end - in->at >= request->body_left)
			return 0;
		break;
	case LEND__HTTP_BODY_CHUNKED:
		memset(&request->chunked, 0, sizeof(request->chunked));
		request->decoded_at = request->decoded_end = 0;
		room += CHUNKS_ROOM;
		break;
	}
	/* The head has to stay where it is while more comes in. */
	err = lend__http_input_own(connection, keep, room);
	if (!err)
		request->data = in->buffer.data;
	return err;
}

static int end_body(struct lend_http_request *request, int error,
		    unsigned refusal)
{
	request->body_error = error;
	request->refusal = refusal;
	return error;
}

/* What a receive of the body that brought nothing means. */
static int no_body(struct lend_http_request *request, ssize_t res)
{
	if (res == 0)
		return end_body(request, -ECONNRESET, LEND__HTTP_BAD_REQUEST);
	if (res == -ETIMEDOUT)
		return end_body(request, -ETIMEDOUT,
				LEND__HTTP_REQUEST_TIMEOUT);
	return end_body(request, (int)res, 0);
}

/* Before we wait for the body: answers to earlier requests, and 100. */
static void before_wait(struct lend_http_request *request)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct lend__http_connection *connection = request->connection;

	if (request->continue_due) {
		char *at = lend__http_output_reserve(connection,
						     sizeof(line) - 1);

		if (at) {
			memcpy(at, line, sizeof(line) - 1);
			lend__http_output_commit(connection, sizeof(line) - 1);
		}
		request->continue_due = false;
	}
	lend__http_output_start(connection);
}

static uint64_t body_deadline(const struct lend_http_request *request)
{
	return lend__http_after(
		request->connection,
		request->connection->server->options.body_timeout_ns);
}

static ssize_t read_length(struct lend_http_request *request, void *buffer,
			   size_t size)
{
	struct lend__http_connection *connection = request->connection;
	struct lend__http_input *in = &connection->in;
	ssize_t res = in->end - in->at;

	if (size > request->body_left)
		size = request->body_left;
	if (res) {
		if ((size_t)res > size)
			res = (ssize_t)size;
		memcpy(buffer, in->buffer.data + in->at, (size_t)res);
		in->at += (uint32_t)res;
		request->continue_due = false;
	} else {
		before_wait(request);
		res = lend__http_input_direct(connection, buffer, size,
					      body_deadline(request));
		if (res <= 0)
			return no_body(request, res);
	}
	request->body_left -= (size_t)res;
	if (!request->body_left)
		request->body_over = true;
	return res;
}

/* Decode what is there; receive if nothing is. */
static int decode_more(struct lend_http_request *request)
{
	struct lend__http_connection *connection = request->connection;
	struct lend__http_limits limits = connection->server->limits;
	struct lend__http_input *in = &connection->in;
	size_t used, body;
	int result;

	if (in->at == in->end) {
		ssize_t res;

		in->at = in->end = request->head_size;
		before_wait(request);
		res = lend__http_input_more(connection, body_deadline(request));
		if (res <= 0)
			return no_body(request, res);
	}
	request->continue_due = false;
	limits.body_max = request->body_max;
	result = lend__http_chunked_decode(&request->chunked, &limits,
					   in->buffer.data + in->at,
					   in->end - in->at, &used, &body);
	request->decoded_at = in->at;
	request->decoded_end = in->at + (uint32_t)body;
	in->at += (uint32_t)used;
	if (result == -LEND__HTTP_CONTENT_TOO_LARGE)
		return end_body(request, -EFBIG, LEND__HTTP_CONTENT_TOO_LARGE);
	if (result < 0)
		return end_body(request, -EBADMSG, (unsigned)-result);
	request->body_over = result == 1;
	return 0;
}

static ssize_t read_chunks(struct lend_http_request *request, void *buffer,
			   size_t size)
{
	size_t there;

	while (request->decoded_at == request->decoded_end) {
		int err;

		if (request->body_over)
			return 0;
		err = decode_more(request);
		if (err)
			return err;
	}
	there = request->decoded_end - request->decoded_at;
	if (size > there)
		size = there;
	memcpy(buffer,
	       request->connection->in.buffer.data + request->decoded_at, size);
	request->decoded_at += (uint32_t)size;
	return (ssize_t)size;
}

ssize_t lend_http_read(struct lend_http_request *request, void *buffer,
		       size_t size)
{
	lend__http_check_caller(request);
	if (!size)
		return -EINVAL;
	if (request->body_error)
		return request->body_error;
	/* All of it may be there, and be read byte by byte. */
	lend_yield_if_needed();
	if (request->framing.body == LEND__HTTP_BODY_CHUNKED)
		return read_chunks(request, buffer, size);
	if (request->body_over)
		return 0;
	return read_length(request, buffer, size);
}

__attribute__((noinline)) static bool
drop_pieces(struct lend_http_request *request)
{
	char piece[DROP_PIECE];
	uint64_t end_ns = body_deadline(request);
	size_t dropped = 0;

	/* To the byte, so that it is no matter in what pieces it came. */
	while (dropped <= DROP_MAX &&
	       lend__http_now(request->connection) < end_ns) {
		size_t size = DROP_MAX + 1 - dropped;
		ssize_t res = lend_http_read(
			request, piece,
			size < sizeof(piece) ? size : sizeof(piece));

		if (res <= 0)
			return res == 0;
		dropped += (size_t)res;
	}
	return false;
}

bool lend__http_request_drop_body(struct lend_http_request *request)
{
	/* A client that was never told to continue may or may not send it. */
	if (request->body_error || request->continue_due)
		return false;
	return request->body_left <= DROP_MAX && drop_pieces(request);
}
