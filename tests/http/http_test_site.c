/* See http_test_site.h. */
#include "http_test_site.h"

#include <errno.h>
#include <inttypes.h>
#include <lend/lend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG_SIZE (200 << 10)
#define PIECES	 64

static const char hello[] = "Hello, World!";
static char big[BIG_SIZE];

static void on_root(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	(void)arg;
	if (lend_http_path(request).size > 1)
		lend_http_reply(response, 404, "text/plain", "none\n", 5);
	else
		lend_http_reply(response, 200, "text/plain", "root\n", 5);
}

static void on_plaintext(struct lend_http_request *request,
			 struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_reply(response, 200, "text/plain", hello, sizeof(hello) - 1);
}

/* The body back, while it comes. */
static void on_echo(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	struct lend_http_text type = lend_http_header(request, "Content-Type");
	char name[64] = "application/octet-stream";
	char piece[4096];
	ssize_t size;

	(void)arg;
	if (type.data && type.size < sizeof(name)) {
		memcpy(name, type.data, type.size);
		name[type.size] = '\0';
	}
	/* What is wrong with the first piece can still be answered. */
	size = lend_http_read(request, piece, sizeof(piece));
	if (size < 0)
		return;
	if (lend_http_begin(response, 200, name, lend_http_body_size(request)))
		return;
	while (size > 0) {
		if (lend_http_write(response, piece, (size_t)size))
			return;
		size = lend_http_read(request, piece, sizeof(piece));
	}
}

/* The body's size, once all of it was read. */
static void on_count(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	char piece[4096], text[32];
	uint64_t total = 0;
	ssize_t size;

	(void)arg;
	while ((size = lend_http_read(request, piece, sizeof(piece))) > 0)
		total += (uint64_t)size;
	if (size < 0)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", total);
	lend_http_reply(response, 200, "text/plain", text, strlen(text));
}

static void on_ignore(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_reply(response, 200, "text/plain", "ignored\n", 8);
}

static void on_big(struct lend_http_request *request,
		   struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_reply(response, 200, "application/octet-stream", big,
			sizeof(big));
}

/* The same bytes in pieces; the size of them is the parameter "size", and with
 * the parameter "length" the client is told how many come. */
static void on_pieces(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	struct lend_http_text text = lend_http_parameter(request, "size");
	size_t size = text.size ? (size_t)strtoul(text.data, NULL, 10) : 0;
	bool length = lend_http_parameter(request, "length").data;

	(void)arg;
	if (!size || size * PIECES > sizeof(big))
		size = sizeof(big) / PIECES;
	lend_http_add_header(response, "X-Pieces", "yes");
	if (lend_http_begin(response, 200, "application/octet-stream",
			    length ? (int64_t)(size * PIECES) : -1))
		return;
	for (size_t i = 0; i < PIECES; i++)
		if (lend_http_write(response, big + i * size, size))
			return;
	lend_http_end(response);
}

static void on_status(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	struct lend_http_text code = lend_http_parameter(request, "code");

	(void)arg;
	lend_http_reply(response,
			code.data ? (unsigned)strtoul(code.data, NULL, 10) :
				    204,
			"text/plain", "body\n", 5);
}

/* "count" fields whose values have "size" bytes; the body says how many were
 * taken, and the first error. */
static void on_fields(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	struct lend_http_text count = lend_http_parameter(request, "count");
	struct lend_http_text size = lend_http_parameter(request, "size");
	size_t value_size = size.size ? strtoul(size.data, NULL, 10) : 1;
	unsigned taken = 0;
	char name[32], value[5000], text[64];
	int err = 0;

	(void)arg;
	if (value_size >= sizeof(value) || !count.size)
		return;
	for (unsigned i = 0; i < strtoul(count.data, NULL, 10); i++) {
		int result;

		memset(value, 'a' + (int)(i % 26), value_size);
		value[value_size] = '\0';
		snprintf(name, sizeof(name), "X-Field-%u", i);
		result = lend_http_add_header(response, name, value);
		taken += !result;
		if (!err)
			err = result;
	}
	snprintf(text, sizeof(text), "%u %s", taken,
		 err ? lend_error_name(err) : "0");
	lend_http_reply(response, 200, "text/plain", text, strlen(text));
}

/* The field that the query names is added, if it may be: the body says what
 * came of it. */
static void on_name(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	struct lend_http_text query = lend_http_query(request);
	char name[64];
	const char *text;
	int err;

	(void)arg;
	snprintf(name, sizeof(name), "%.*s", (int)query.size, query.data);
	err = lend_http_add_header(response, name, "value");
	text = err ? lend_error_name(err) : "0";
	lend_http_reply(response, 200, "text/plain", text, strlen(text));
}

/* A body of as many bytes as the query says; for HEAD. */
static void on_length(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	struct lend_http_text bytes = lend_http_query(request);

	(void)arg;
	if (bytes.data &&
	    lend_http_begin(response, 200, NULL,
			    (int64_t)strtoull(bytes.data, NULL, 10)))
		abort();
}

/* Of the type that is the request's body. */
static void on_type(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	char type[256];
	size_t size = 0;
	ssize_t res;

	(void)arg;
	/* It comes in pieces where a buffer of the ring ends in it. */
	while ((res = lend_http_read(request, type + size,
				     sizeof(type) - 1 - size)) > 0)
		size += (size_t)res;
	type[size] = '\0';
	if (lend_http_reply(response, 200, type, "yes\n", 4) == -EINVAL)
		lend_http_reply(response, 200, NULL, "no\n", 3);
}

static void on_slow(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	struct lend_http_text text = lend_http_parameter(request, "ms");
	uint64_t ms = text.data ? strtoul(text.data, NULL, 10) : 100;

	(void)arg;
	if (lend_sleep(lend_after(ms * LEND_MS)))
		return;
	lend_http_reply(response, 200, "text/plain", "slow\n", 5);
}

/* path | query | parameter a | Host */
static void on_show(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	struct lend_http_text path = lend_http_path(request);
	struct lend_http_text query = lend_http_query(request);
	struct lend_http_text a = lend_http_parameter(request, "a");
	struct lend_http_text host = lend_http_header(request, "hOST");
	char text[1024];
	int size = snprintf(text, sizeof(text), "%.*s|%.*s|%.*s|%.*s\n",
			    (int)path.size, path.data, (int)query.size,
			    query.data ? query.data : "", (int)a.size,
			    a.data ? a.data : "", (int)host.size,
			    host.data ? host.data : "");

	(void)arg;
	lend_http_reply(response, 200, "text/plain", text,
			size < (int)sizeof(text) ? (size_t)size :
						   sizeof(text) - 1);
}

static void on_silent(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)response;
	(void)arg;
}

/* What handlers should not do, and must not harm others with. */
static void on_exit_actor(struct lend_http_request *request,
			  struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_begin(response, 200, NULL, 100);
	lend_exit(1);
}

static void on_cancel(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_cancel(lend_self());
	lend_http_reply(response, 200, NULL, "late\n", 5);
}

static void on_short(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_begin(response, 200, "text/plain", 10);
	lend_http_write(response, "short", 5);
}

int http_test_site_route(struct lend_http_server *server)
{
	static const struct {
		const char *method;
		const char *path;
		lend_http_handler handler;
	} routes[] = {
		{ "GET", "/", on_root },
		{ "GET", "/plaintext", on_plaintext },
		{ "POST", "/echo", on_echo },
		{ "PUT", "/echo", on_echo },
		{ "POST", "/count", on_count },
		{ "POST", "/small", on_count },
		{ "POST", "/ignore", on_ignore },
		{ "GET", "/big", on_big },
		{ "GET", "/pieces", on_pieces },
		{ "GET", "/status", on_status },
		{ "GET", "/fields", on_fields },
		{ "GET", "/name", on_name },
		{ "GET", "/length", on_length },
		{ "POST", "/type", on_type },
		{ "GET", "/slow", on_slow },
		{ NULL, "/show/", on_show },
		{ NULL, "/of-twins/one/the-pair", on_show },
		{ NULL, "/of-twins/two/the-pair", on_show },
		{ "GET", "/of-twins/two/and-more/the-pair", on_show },
		{ "PURGE", "/purge", on_ignore },
		{ "GET", "/silent", on_silent },
		{ "GET", "/exit", on_exit_actor },
		{ "GET", "/cancel", on_cancel },
		{ "GET", "/short", on_short },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
	for (size_t i = 0; !err && i < sizeof(routes) / sizeof(routes[0]); i++)
		err = lend_http_route(server, routes[i].method, routes[i].path,
				      routes[i].handler, NULL);
	if (!err)
		err = lend_http_route_body_max(server, "/small", 100);
	if (!err)
		err = lend_http_route_body_max(server, "/count", UINT64_MAX);
	return err;
}
