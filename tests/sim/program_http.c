/*
 * The HTTP server with clients that send their requests in pieces and several
 * at once, and check every byte of the answers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "program.h"

#define REQUESTS_MAX 6
#define CLIENTS_MAX  4

struct client {
	const struct lend_address *address;
	unsigned number;
};

static void say_size(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	struct lend_http_text path = lend_http_path(request);
	unsigned size = 0;
	char data[2048];

	(void)arg;
	for (size_t i = strlen("/n/"); i < path.size; i++)
		size = size * 10 + (unsigned)(path.data[i] - '0');
	if (size > sizeof(data))
		size = sizeof(data);
	sim_fill(data, size, size, 0);
	lend_http_reply(response, 200, "text/plain", data, size);
}

/* The body comes back. */
static void say_again(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	char data[256];
	ssize_t size;

	(void)arg;
	lend_http_begin(response, 200, NULL, lend_http_body_size(request));
	while ((size = lend_http_read(request, data, sizeof(data))) > 0)
		if (lend_http_write(response, data, (size_t)size))
			return;
	lend_http_end(response);
}

/* ---- the client ---- */

struct expected {
	size_t size;
	unsigned number; /* of its bytes */
};

static size_t add_request(char *text, struct expected *expected)
{
	size_t size = sim_draw(1, 1200);
	int head;

	expected->size = size;
	if (sim_draw(0, 1)) {
		expected->number = (unsigned)size;
		return (size_t)sprintf(text,
				       "GET /n/%zu HTTP/1.1\r\n"
				       "Host: sim\r\n\r\n",
				       size);
	}
	expected->number = (unsigned)size + 1;
	head = sprintf(text,
		       "POST /echo HTTP/1.1\r\nHost: sim\r\n"
		       "Content-Length: %zu\r\n\r\n",
		       size);
	sim_fill(text + head, size, expected->number, 0);
	return (size_t)head + size;
}

static void send_pieces(int fd, const char *text, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t piece = sim_draw(1, 800);
		ssize_t res;

		if (piece > size - at)
			piece = size - at;
		res = lend_send_all(fd, text + at, piece, LEND_FOREVER);
		SIM_EXPECT(res == (ssize_t)piece, "send: %d", (int)res);
		at += piece;
		if (sim_draw(0, 3) == 0)
			lend_sleep(lend_after(sim_draw(0, 50) * LEND_US));
	}
}

struct input {
	int fd;
	char *data;
	size_t size;
};

static void receive_more(struct input *input)
{
	ssize_t res = lend_recv(input->fd, input->data + input->size, 512, 0,
				LEND_FOREVER);

	SIM_EXPECT(res > 0, "recv: %d", (int)res);
	input->size += (size_t)res;
	input->data[input->size] = '\0';
}

static void check_answer(struct input *input, const struct expected *expected)
{
	static const char field[] = "Content-Length: ";
	const char *end, *length;
	size_t head;

	while (!(end = strstr(input->data, "\r\n\r\n")))
		receive_more(input);
	head = (size_t)(end - input->data) + 4;
	SIM_EXPECT(strncmp(input->data, "HTTP/1.1 200 OK\r\n", 17) == 0,
		   "%.40s", input->data);
	length = strstr(input->data, field);
	SIM_EXPECT(length && length < end &&
			   strtoul(length + strlen(field), NULL, 10) ==
				   expected->size,
		   "%.*s", (int)head, input->data);
	while (input->size < head + expected->size)
		receive_more(input);
	sim_compare(input->data + head, expected->size, expected->number, 0);
	input->size -= head + expected->size;
	memmove(input->data, input->data + head + expected->size,
		input->size + 1);
}

static int sender(void *arg)
{
	const struct input *out = arg;

	send_pieces(out->fd, out->data, out->size);
	return 0;
}

static int client(void *arg)
{
	const struct client *self = arg;
	struct expected expected[REQUESTS_MAX];
	unsigned count = sim_draw(1, REQUESTS_MAX);
	struct input in, out = { 0 };
	lend_ref ref;
	int fd;

	out.data = lend_io_alloc(32768);
	in.data = lend_io_alloc(32768);
	SIM_EXPECT(out.data && in.data, "no memory");
	in.data[0] = '\0';
	in.size = 0;
	do
		fd = socket(AF_INET, SOCK_STREAM, 0);
	while (fd < 0);
	in.fd = out.fd = fd;
	SIM_EXPECT(!lend_connect(
			   fd, (const struct sockaddr *)&self->address->storage,
			   self->address->size, LEND_FOREVER),
		   "connect");
	for (unsigned i = 0; i < count; i++)
		out.size += add_request(out.data + out.size, &expected[i]);
	ref = sim_spawn(sender, &out);
	for (unsigned i = 0; i < count; i++)
		check_answer(&in, &expected[i]);
	sim_join(ref, 0);
	SIM_EXPECT(in.size == 0, "%zu bytes too many", in.size);
	SIM_EXPECT(!lend_close(fd), "close");
	lend_io_free(in.data);
	lend_io_free(out.data);
	return 0;
}

/* ---- the server ---- */

static int serve(void *arg)
{
	return lend_http_serve(arg);
}

static struct lend_http_server *open_server(void)
{
	struct lend_http_server *server;
	int err = lend_http_server_new(NULL, &server);

	SIM_EXPECT(!err, "server: %d", err);
	err = lend_http_route(server, "GET", "/n/", say_size, NULL);
	SIM_EXPECT(!err, "route: %d", err);
	err = lend_http_route(server, "POST", "/echo", say_again, NULL);
	SIM_EXPECT(!err, "route: %d", err);
	do
		err = lend_http_listen(server, "127.0.0.1:0");
	while (err == -EMFILE);
	SIM_EXPECT(!err, "listen: %d", err);
	return server;
}

int sim_program_http(void *arg)
{
	struct lend_http_server *server = open_server();
	struct client self = { lend_http_address(server, 0), sim_number(arg) };
	unsigned count = sim_draw(1, CLIENTS_MAX);
	lend_ref serving = sim_spawn(serve, server), refs[CLIENTS_MAX];

	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(client, &self);
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 0);
	lend_http_drain(server,
			sim_draw(0, 1) ? LEND_NOW : lend_after(10 * LEND_MS));
	sim_join(serving, 0);
	lend_http_server_free(server);
	return 0;
}
