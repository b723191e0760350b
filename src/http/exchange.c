/*
 * Exchanges: read a head, find its handler, run it, see that there is one
 * answer and that the next request can be told from this one's body. The
 * connection calls it with the first bytes of a request.
 */
#include "http/exchange.h"

#include <errno.h>
#include <lend/actor.h>
#include <string.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/counter.h"
#include "http/input.h"
#include "http/output.h"
#include "http/server.h"
#include "http/status.h"
#include "http/uri.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/worker.h"

/* A span for a head that did not come in one piece. */
#define HEAD_ROOM_MIN 2048

/* Nothing but empty lines before the request line has come. */
static bool is_blank(const struct lend__http_connection *connection,
		     const struct lend__http_head *head)
{
	return !head->method_name.size &&
	       connection->in.at + head->line == connection->in.end;
}

static int read_more(struct lend__http_connection *connection,
		     uint64_t deadline)
{
	struct lend__http_input *in = &connection->in;
	uint32_t size = in->end - in->at;
	ssize_t res;

	if (in->end >= in->room &&
	    lend__http_input_own(connection, in->at,
				 size < HEAD_ROOM_MIN / 2 ? HEAD_ROOM_MIN :
							    2 * size))
		return -ENOMEM;
	/* The client may wait for the answers to what it sent before. */
	lend__http_output_start(connection);
	res = lend__http_input_more(connection, deadline);
	if (res == -ETIMEDOUT)
		return -LEND__HTTP_REQUEST_TIMEOUT;
	return res < 0 ? (int)res : 0;
}

/* There are more fields than there is room for: is there to be more? */
static bool is_crowded(const struct lend__http_exchange *exchange,
		       const struct lend__http_head *head)
{
	const struct lend_http_server *server =
		exchange->request.connection->server;

	return head->field_count == head->field_capacity &&
	       head->field_capacity < server->limits.field_count_max;
}

/* Have room for as many as are allowed. The parser goes on where it was. */
static bool make_room(struct lend__http_exchange *exchange,
		      struct lend__http_head *head)
{
	uint32_t capacity =
		exchange->request.connection->server->limits.field_count_max;
	struct lend__http_field *fields = lend_io_alloc(capacity *
							sizeof(*fields));

	if (!fields)
		return false;
	memcpy(fields, head->fields, head->field_count * sizeof(*fields));
	exchange->fields = head->fields = fields;
	exchange->field_capacity = head->field_capacity = capacity;
	return true;
}

/* Return: the size of the head; a refusal, from -400 down; or 0 or another
 * error: the connection is to end without a word. */
static int read_head(struct lend__http_exchange *exchange,
		     struct lend__http_connection *connection)
{
	struct lend__http_head *head = &exchange->request.head;
	const struct lend_http_server *server = connection->server;
	const struct lend__http_input *in = &connection->in;
	uint64_t deadline = 0;

	for (;;) {
		int result = lend__http_parse_head(in->buffer.data + in->at,
						   in->end - in->at,
						   &server->limits, head);

		if (lend_likely(result > 0))
			return result;
		if (result == -LEND__HTTP_FIELDS_TOO_LARGE &&
		    is_crowded(exchange, head)) {
			if (!make_room(exchange, head))
				return -LEND__HTTP_UNAVAILABLE;
			continue;
		}
		if (result)
			return result;
		if (!deadline)
			deadline = lend__http_after(
				connection, server->options.header_timeout_ns);
		result = read_more(connection, deadline);
		if (result == -LEND__HTTP_REQUEST_TIMEOUT &&
		    is_blank(connection, head))
			return -ETIMEDOUT;
		if (result)
			return result;
		if (connection->eof)
			return is_blank(connection, head) ?
				       0 :
				       -LEND__HTTP_BAD_REQUEST;
	}
}

static void begin(struct lend__http_exchange *exchange,
		  struct lend__http_connection *connection)
{
	struct lend_http_request *request = &exchange->request;
	struct lend_http_response *response = &exchange->response;
	const struct lend_http_server *server = connection->server;

	/* One by one: the compiler turns a memset() of all of it into a string
	 * instruction, which takes longer than parsing a field does. The head
	 * has an initialiser of its own, so has the decoder of chunks; and both
	 * may be of use: see read_alike(). */
	request->connection = connection;
	request->head_size = 0;
	request->data = NULL;
	request->path = (struct lend_http_text){ NULL, 0 };
	request->query = (struct lend_http_text){ NULL, 0 };
	request->body_max = 0;
	request->body_left = 0;
	request->body_over = false;
	request->continue_due = false;
	request->body_error = 0;
	request->refusal = 0;
	request->decoded_at = 0;
	request->decoded_end = 0;
	request->started_ns = 0;
	if (lend_unlikely(server->options.access != NULL))
		request->started_ns = lend_now();
	memset(response, 0, sizeof(*response));
	response->connection = connection;
	response->request = request;
	exchange->path = NULL;
}

/* Answer with an error, after which the connection is closed. */
static void refuse(struct lend__http_exchange *exchange, unsigned status)
{
	exchange->response.keep = false;
	lend__http_response_refuse(&exchange->response, status);
}

_Static_assert(LEND__HTTP_NEAR * 2 <= LEND_STACK_SIZE_MIN, "Note [whose]");

void lend__http_exchange_check(const void *part)
{
	const struct lend_actor *self = lend__current_actor();
	const struct lend_stacks *stacks;
	int index;

	lend_assert_actor(self);
	stacks = &self->worker->runtime->registry.stacks;
	index = lend__stacks_index(stacks, part);
#ifdef LEND_FIBER_ASAN
	/* It may have moved the frame off the stack. */
	if (index < 0)
		return;
#endif
	lend_assert_own(index == (int)self->index, "a request or response",
			"the handler, before it returns,");
}

/* ---- whose request it is ---- */

static int read_path(struct lend__http_exchange *exchange)
{
	struct lend_http_request *request = &exchange->request;
	struct lend__http_span span = request->head.path;
	const char *path = request->data + span.at;
	size_t size = request->head.normal_size;
	struct lend__http_uri uri;
	int err;

	/* The head stays where it is for as long as the request. */
	if (lend_likely(size)) {
		request->path = (struct lend_http_text){ path, size };
		if (size < span.size)
			request->query = (struct lend_http_text){
				path + size + 1, span.size - size - 1
			};
		return 0;
	}
	lend__http_uri_split(path, span.size, &uri);
	request->query.data = uri.query;
	request->query.size = uri.query ? uri.query_size : 0;
	exchange->path = lend_io_alloc(uri.path_size + 1);
	if (!exchange->path)
		return -LEND__HTTP_UNAVAILABLE;
	err = lend__http_path_normalise(uri.path, uri.path_size, exchange->path,
					uri.path_size + 1, &request->path.size);
	request->path.data = exchange->path;
	return err;
}

/* What no handler has to be asked for. Note [frames] in framing.c. */
__attribute__((noinline)) static void
answer_allow(struct lend__http_exchange *exchange, unsigned status,
	     const struct lend__http_place *place)
{
	struct lend_http_response *response = &exchange->response;
	char text[LEND__HTTP_ALLOW_MAX];

	lend__http_router_allow(&response->connection->server->router, place,
				text);
	lend_http_add_header(response, "Allow", text);
	if (status == LEND__HTTP_NO_CONTENT)
		lend_http_reply(response, status, NULL, NULL, 0);
	else
		lend__http_response_refuse(response, status);
}

/* The handler, or NULL: it has been answered. */
static const struct lend__http_route *
find_route(struct lend__http_exchange *exchange)
{
	struct lend_http_request *request = &exchange->request;
	const struct lend_http_server *server = request->connection->server;
	const struct lend__http_route *route = NULL;
	const struct lend__http_place *place;
	unsigned id = request->head.method;
	struct lend_http_text method;
	int err;

	if (lend_unlikely(request->head.form == LEND__HTTP_ASTERISK_FORM)) {
		answer_allow(exchange, LEND__HTTP_NO_CONTENT, NULL);
		return NULL;
	}
	err = read_path(exchange);
	if (lend_unlikely(err)) {
		refuse(exchange, (unsigned)-err);
		return NULL;
	}
	if (!exchange->repeated)
		exchange->place = lend__http_router_find(&server->router,
							 request->path.data,
							 request->path.size);
	place = exchange->place;
	lend_debug_assert(place == lend__http_router_find(&server->router,
							  request->path.data,
							  request->path.size));
	request->body_max = place && place->has_body_max ?
				    place->body_max :
				    server->options.body_max;
	if (lend_likely(place && id != LEND__HTTP_METHOD_OTHER))
		route = place->by_method[id];
	if (lend_likely(route != NULL))
		return route;
	method = lend_http_method(request);
	if (place && id == LEND__HTTP_METHOD_OTHER)
		route = lend__http_place_route(place, method.data, method.size);
	if (route)
		return route;
	if (id == LEND__HTTP_METHOD_OTHER &&
	    !lend__http_router_knows(&server->router, method.data, method.size))
		lend__http_response_refuse(&exchange->response,
					   LEND__HTTP_NOT_IMPLEMENTED);
	else if (place)
		answer_allow(exchange, LEND__HTTP_METHOD_NOT_ALLOWED, place);
	else
		lend__http_response_refuse(&exchange->response,
					   LEND__HTTP_NOT_FOUND);
	return NULL;
}

/* ---- one exchange ---- */

static void run_handler(struct lend__http_exchange *exchange)
{
	struct lend_http_request *request = &exchange->request;
	struct lend_http_response *response = &exchange->response;
	const struct lend__http_route *route;
	int err = 0;

	if (lend_likely(request->framing.body == LEND__HTTP_BODY_NONE))
		request->body_over = true;
	else
		err = lend__http_request_open_body(request);
	if (lend_unlikely(err)) {
		refuse(exchange, LEND__HTTP_UNAVAILABLE);
		return;
	}
	route = find_route(exchange);
	if (lend_unlikely(!route))
		return;
	if (lend_unlikely(request->framing.length > request->body_max)) {
		refuse(exchange, LEND__HTTP_CONTENT_TOO_LARGE);
		return;
	}
	route->handler(request, response, route->arg);
	if (response->begun) {
		/* An answer to half a request is not to look complete. */
		if (request->body_error)
			response->keep = false;
		else if (!response->ended)
			lend_http_end(response);
	} else if (!request->body_error) {
		lend__http_response_refuse(response, LEND__HTTP_INTERNAL_ERROR);
	} else if (request->refusal) {
		refuse(exchange, request->refusal);
	}
}

/* Note [frames] in framing.c. */
__attribute__((noinline)) static void
end_access(const struct lend__http_exchange *exchange)
{
	const struct lend_http_request *request = &exchange->request;
	const struct lend_http_response *response = &exchange->response;
	const struct lend_http_options *options =
		&request->connection->server->options;
	struct lend__http_span method = request->head.method_name;
	struct lend__http_span target = request->head.target;
	struct lend_http_access access = {
		.client = request->connection->client,
		.method = "",
		.target = "",
		.version_minor = request->head.minor,
		.status = response->status,
		.body_bytes = response->body_bytes,
		.duration_ns = lend_now() - request->started_ns,
	};

	if (request->data) {
		access.method = request->data + method.at;
		access.method_size = method.size;
		access.target = request->data + target.at;
		access.target_size = target.size;
	}
	options->access(&access, options->access_arg);
}

/* It was answered. Can the connection go on? */
static bool end(struct lend__http_exchange *exchange)
{
	struct lend_http_request *request = &exchange->request;
	struct lend_http_response *response = &exchange->response;
	struct lend__http_connection *connection = request->connection;
	struct lend_http_server *server = connection->server;
	bool keep = response->keep && response->begun &&
		    (lend_likely(request->body_over) ||
		     lend__http_request_drop_body(request));
	struct lend__http_counters *counters =
		&lend__http_local_of(connection)->counters;

	/* Unless it has begun the status is 0. */
	lend_counter_add(&counters->responses[response->status / 100], 1);
	if (lend_unlikely(server->options.access != NULL) && response->begun)
		end_access(exchange);
	if (lend_unlikely(response->added != NULL))
		lend_io_free(response->added);
	if (lend_unlikely(exchange->path != NULL))
		lend_io_free(exchange->path);
	/* A client that said it is done, and was heard to the end, will not
	 * send any more. */
	if (lend_unlikely(!keep))
		connection->linger = request->framing.keep_alive ||
				     !request->head_size ||
				     !request->body_over ||
				     connection->in.at < connection->in.end;
	return keep && !connection->out.error;
}

/* Of a batch: the head, if it is like the one before, whose exchange is over;
 * with its framing. Its size, or 0: not that. */
static int read_alike(struct lend__http_exchange *exchange,
		      const struct lend__http_connection *connection)
{
	struct lend_http_request *request = &exchange->request;
	const struct lend__http_input *in = &connection->in;
	struct lend__http_head *head = &request->head;
	const char *data = in->buffer.data + in->at;
	uint32_t size = in->end - in->at, before = request->head_size;

	/* Behind a body its head may be no more. */
	if (request->framing.body != LEND__HTTP_BODY_NONE)
		return 0;
	lend_debug_assert(request->data + before == data);
	/* Where its parts are is told from its beginning. */
	exchange->repeated = size >= before &&
			     memcmp(data, data - before, before) == 0;
	if (exchange->repeated)
		return (int)before;
	return lend__http_parse_alike(data, size, before,
				      &connection->server->limits, head);
}

/* The next head, and what it means. 0; a refusal, from -400 down; or another
 * error: the connection is to end without a word. */
static int read_request(struct lend__http_exchange *exchange,
			struct lend__http_connection *connection)
{
	const struct lend_http_server *server = connection->server;
	struct lend_http_request *request = &exchange->request;
	int alike, result;

	exchange->repeated = false;
	alike = connection->in_batch ? read_alike(exchange, connection) : 0;
	result = alike;
	begin(exchange, connection);
	if (!alike) {
		request->framing = (struct lend__http_framing){ 0 };
		lend__http_head_init(&request->head, exchange->fields,
				     exchange->field_capacity);
		result = read_head(exchange, connection);
	}
	if (lend_unlikely(result <= 0))
		return result ? result : -ENODATA;
	request->data = connection->in.buffer.data + connection->in.at;
	request->head_size = (uint32_t)result;
	connection->in.at += (uint32_t)result;
	return alike ? 0 :
		       lend__http_frame(request->data, &request->head,
					&server->limits, &request->framing);
}

static bool serve_one(struct lend__http_connection *connection,
		      struct lend__http_exchange *exchange)
{
	int err = read_request(exchange, connection);

	if (lend_likely(!err)) {
		exchange->response.keep = exchange->request.framing.keep_alive;
		run_handler(exchange);
	} else if (err <= -LEND__HTTP_BAD_REQUEST) {
		refuse(exchange, (unsigned)-err);
	} else {
		return false;
	}
	return end(exchange);
}

__attribute__((noinline)) bool
lend__http_exchange_serve(struct lend__http_connection *connection)
{
	struct lend__http_exchange exchange;
	bool keep;

	connection->warm = true;
	connection->in_batch = false;
	exchange.fields = exchange.fields_inline;
	exchange.field_capacity = LEND__HTTP_FIELDS_INLINE;
	for (;;) {
		keep = serve_one(connection, &exchange);
		if (!keep || connection->in.at >= connection->in.end)
			break;
		/* Requests of a pipeline are all there, and nobody waits for
		 * anything between them. */
		lend_yield_if_needed();
		connection->in_batch = true;
		connection->actor->owes |= LEND_OWES_CALL;
	}
	if (lend_unlikely(exchange.fields != exchange.fields_inline))
		lend_io_free(exchange.fields);
	if (keep)
		lend__http_input_drop(connection);
	return keep;
}
