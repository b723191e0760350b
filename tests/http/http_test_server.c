/*
 * A server for tests of HTTP, on the public API alone.
 *
 * It prints the addresses it listens on, a line each, then "ready". SIGTERM
 * drains it, SIGINT stops it; at the end it prints its counters, and fails if
 * a connection was not counted out.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <lend/lend.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#define BIG_SIZE    (200 << 10)
#define DRAIN_NS    (2 * LEND_S)
#define PIECES	    64
#define LISTENS_MAX 4

static const char hello[] = "Hello, World!";
static char big[BIG_SIZE];
static struct lend_http_server *server;
static const char *listens[LISTENS_MAX] = { "127.0.0.1:0" };
static struct lend_http_options http;
static bool log_access;
static int signals;

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

static void on_access(const struct lend_http_access *access, void *arg)
{
	(void)arg;
	fprintf(stderr, "access %s %.*s %.*s %u %" PRIu64 "\n", access->client,
		(int)access->method_size, access->method,
		(int)access->target_size, access->target, access->status,
		access->body_bytes);
}

static int route_all(void)
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

	for (size_t i = 0; !err && i < sizeof(routes) / sizeof(routes[0]); i++)
		err = lend_http_route(server, routes[i].method, routes[i].path,
				      routes[i].handler, NULL);
	if (!err)
		err = lend_http_route_body_max(server, "/small", 100);
	if (!err)
		err = lend_http_route_body_max(server, "/count", UINT64_MAX);
	return err;
}

static int watch_signals(void *arg)
{
	struct signalfd_siginfo info;

	(void)arg;
	while (lend_read(signals, &info, sizeof(info), -1, LEND_FOREVER) > 0) {
		if (info.ssi_signo == SIGTERM)
			lend_http_drain(server, lend_after(DRAIN_NS));
		else
			lend_http_stop(server);
	}
	return 0;
}

static int program(void *arg)
{
	struct lend_http_stats stats;
	char text[LEND_ADDRESS_TEXT_MAX];
	int err = lend_spawn(watch_signals, NULL, NULL, NULL);

	(void)arg;
	for (unsigned i = 0; !err && i < LISTENS_MAX && listens[i]; i++) {
		err = lend_http_listen(server, listens[i]);
		if (err)
			break;
		lend_address_format(lend_http_address(server, i), text);
		printf("%s\n", text);
	}
	if (err)
		return err;
	printf("ready\n");
	fflush(stdout);
	err = lend_http_serve(server);
	lend_http_stats_read(server, &stats);
	printf("accepted %" PRIu64 " open %" PRIu64 " requests %" PRIu64
	       " errors %" PRIu64 "\n",
	       stats.connections_accepted, stats.connections_open,
	       stats.requests, stats.accept_errors);
	if (!err && stats.connections_open)
		err = -EBUSY;
	return err;
}

static uint64_t milliseconds(const char *text)
{
	return strtoul(text, NULL, 10) * LEND_MS;
}

static enum lend_ring_mode mode_of(const char *text)
{
	if (strcmp(text, "private") == 0)
		return LEND_RING_PRIVATE;
	if (strcmp(text, "shared") == 0)
		return LEND_RING_SHARED;
	return LEND_RING_BORROWED;
}

static void read_options(int argc, char **argv, struct lend_options *options)
{
	static const struct option names[] = {
		{ "mode", 1, NULL, 'm' },
		{ "workers", 1, NULL, 'w' },
		{ "rings", 1, NULL, 'r' },
		{ "depth", 1, NULL, 'd' },
		{ "buffers", 1, NULL, 'b' },
		{ "listen", 1, NULL, 'l' },
		{ "header-ms", 1, NULL, 'H' },
		{ "body-ms", 1, NULL, 'B' },
		{ "write-ms", 1, NULL, 'W' },
		{ "idle-ms", 1, NULL, 'I' },
		{ "connections-max", 1, NULL, 'c' },
		{ "shared-buffers", 0, NULL, 's' },
		{ "access", 0, NULL, 'a' },
		{ "length-required", 0, NULL, 'L' },
		{ "fields", 1, NULL, 'f' },
		{ 0 },
	};
	unsigned listen_count = 0;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 'm':
			options->mode = mode_of(optarg);
			break;
		case 'w':
			options->workers = (unsigned)number;
			break;
		case 'r':
			options->rings = (unsigned)number;
			break;
		case 'd':
			options->depth = (unsigned)number;
			break;
		case 'b':
			options->buffers = (unsigned)number;
			break;
		case 'H':
			http.header_timeout_ns = milliseconds(optarg);
			break;
		case 'B':
			http.body_timeout_ns = milliseconds(optarg);
			break;
		case 'W':
			http.write_timeout_ns = milliseconds(optarg);
			break;
		case 'I':
			http.idle_timeout_ns = milliseconds(optarg);
			break;
		case 'c':
			http.connections_max = (unsigned)number;
			break;
		case 'f':
			http.header_count_max = (unsigned)number;
			break;
		case 'L':
			http.length_required = true;
			break;
		case 's':
			options->shared_buffers = true;
			break;
		case 'a':
			log_access = true;
			break;
		case 'l':
			if (listen_count < LISTENS_MAX)
				listens[listen_count++] = optarg;
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	struct lend_options options = { 0 };
	char why[256];
	sigset_t set;
	int err;

	read_options(argc, argv, &options);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
	if (log_access)
		http.access = on_access;
	err = lend_http_server_new(&http, &server);
	if (!err)
		err = route_all();
	if (!err)
		err = lend_run(&options, program, NULL);
	lend_http_server_free(server);
	if (err < 0) {
		lend_explain(err, why, sizeof(why));
		fprintf(stderr, "http_test_server: %s\n", why);
	}
	return err ? 1 : 0;
}
