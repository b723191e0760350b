/*
 * The routes of --demo: small handlers that show what one can write, and one
 * that shows what one should not.
 */
#include "demo.h"

#include <lend/actor.h>
#include <lend/io.h>
#include <stdio.h>
#include <string.h>

#define TEXT_PLAIN   "text/plain; charset=utf-8"
#define SLEEP_MS_MAX 600000
#define SPIN_US_MAX  60000000
#define ECHO_CHUNK   ((size_t)16 * 1024)

static void plaintext(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_reply(response, 200, "text/plain", "Hello, World!", 13);
}

static void json(struct lend_http_request *request,
		 struct lend_http_response *response, void *arg)
{
	static const char body[] = "{\"message\":\"Hello, World!\"}";

	(void)request;
	(void)arg;
	lend_http_reply(response, 200, "application/json", body,
			sizeof(body) - 1);
}

/*
 * Send the body back while it comes. However long it is, one chunk of it is in
 * memory: a client that only reads when it has sent everything will wait for
 * us, and we for it, until the write times out.
 *
 * The type is not the request's: a page could otherwise have a browser show
 * what it made up as if it came from here.
 */
static void echo(struct lend_http_request *request,
		 struct lend_http_response *response, void *arg)
{
	char *buffer = lend_io_alloc(ECHO_CHUNK);
	ssize_t size;

	(void)arg;
	if (!buffer) {
		lend_http_reply(response, 503, TEXT_PLAIN, "no memory\n", 10);
		return;
	}
	/* The first piece before the answer begins: what is wrong with the
	 * body by then still gets its own status. */
	size = lend_http_read(request, buffer, ECHO_CHUNK);
	if (size >= 0 &&
	    !lend_http_begin(response, 200, "application/octet-stream",
			     lend_http_body_size(request))) {
		while (size > 0 &&
		       !lend_http_write(response, buffer, (size_t)size))
			size = lend_http_read(request, buffer, ECHO_CHUNK);
		if (size == 0)
			lend_http_end(response);
	}
	lend_io_free(buffer);
}

/* A parameter that is a number up to @max; otherwise 400 is answered. */
static bool number_get(struct lend_http_request *request,
		       struct lend_http_response *response, const char *name,
		       unsigned max, unsigned *ret_value)
{
	struct lend_http_text text = lend_http_parameter(request, name);
	bool is_valid = text.data && text.size;
	uint64_t value = 0;
	char line[96];
	int size;

	for (size_t i = 0; is_valid && i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9') {
			is_valid = false;
			break;
		}
		value = value * 10 + (uint64_t)(text.data[i] - '0');
		is_valid = value <= max;
	}
	if (is_valid) {
		*ret_value = (unsigned)value;
		return true;
	}
	size = snprintf(line, sizeof(line),
			"give ?%s=N with a number from 0 to %u\n", name, max);
	lend_http_reply(response, 400, TEXT_PLAIN, line, (size_t)size);
	return false;
}

static void sleep_ms(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	char line[64];
	unsigned ms;
	int size;

	(void)arg;
	if (!number_get(request, response, "ms", SLEEP_MS_MAX, &ms))
		return;
	if (lend_sleep(lend_after(ms * LEND_MS)))
		return; /* the server stops */
	size = snprintf(line, sizeof(line), "slept %u ms\n", ms);
	lend_http_reply(response, 200, TEXT_PLAIN, line, (size_t)size);
}

/* What a misbehaving handler does: it computes and never lets go. */
static void spin_us(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	uint64_t end;
	char line[64];
	unsigned us;
	int size;

	(void)arg;
	if (!number_get(request, response, "us", SPIN_US_MAX, &us))
		return;
	end = lend_after(us * LEND_US);
	while (lend_now() < end)
		;
	size = snprintf(line, sizeof(line), "spun for %u us\n", us);
	lend_http_reply(response, 200, TEXT_PLAIN, line, (size_t)size);
}

int demo_routes(struct lend_http_server *server)
{
	static const struct {
		const char *method;
		const char *path;
		lend_http_handler handler;
	} routes[] = {
		{ "GET", "/plaintext", plaintext },
		{ "GET", "/json", json },
		{ "POST", "/echo", echo },
		{ "GET", "/sleep", sleep_ms },
		{ "GET", "/spin", spin_us },
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(routes) / sizeof(routes[0]); i++)
		err = lend_http_route(server, routes[i].method, routes[i].path,
				      routes[i].handler, NULL);
	if (!err)
		err = lend_http_route_body_max(server, "/echo", UINT64_MAX);
	return err;
}
