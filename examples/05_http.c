/*
 * An HTTP server with handlers that wait.
 *
 * You learn: how routes and handlers look, that a handler may suspend while
 * others go on, how to read a body and stream a response, how a server ends.
 *
 *	./05_http [ADDRESS], curl http://127.0.0.1:8080/slow
 *	curl -d 'some text' http://127.0.0.1:8080/upper
 *	curl -X POST http://127.0.0.1:8080/stop
 */
#include <ctype.h>
#include <lend/http.h>
#include <lend/lend.h>
#include <stdio.h>

static void hello(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg)
{
	(void)request, (void)arg;
	lend_http_reply(response, 200, "text/plain", "Hello!\n", 7);
}

/* Counts down, a line every 50 ms. */
static void slow(struct lend_http_request *request,
		 struct lend_http_response *response, void *arg)
{
	(void)request, (void)arg;
	if (lend_http_begin(response, 200, "text/plain", -1))
		return;
	for (int i = 3; i > 0; i--) {
		char line[16];
		int size = snprintf(line, sizeof(line), "%d ...\n", i);

		if (lend_http_write(response, line, (size_t)size) ||
		    lend_http_flush(response) ||
		    lend_sleep(lend_after(50 * LEND_MS)))
			return;
	}
	lend_http_end(response);
}

/* The body comes and goes in pieces, however long it is. */
static void upper(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg)
{
	char piece[4096];
	ssize_t size;

	(void)arg;
	if (lend_http_begin(response, 200, "text/plain", -1))
		return;
	while ((size = lend_http_read(request, piece, sizeof(piece))) > 0) {
		for (ssize_t i = 0; i < size; i++)
			piece[i] = (char)toupper((unsigned char)piece[i]);
		if (lend_http_write(response, piece, (size_t)size))
			return;
	}
	if (!size)
		lend_http_end(response);
}

static void stop(struct lend_http_request *request,
		 struct lend_http_response *response, void *arg)
{
	(void)request;
	lend_http_reply(response, 202, "text/plain", "Goodbye.\n", 9);
	lend_http_drain(arg, lend_after(5 * LEND_S));
}

static int program(void *arg)
{
	char text[LEND_ADDRESS_TEXT_MAX];
	struct lend_http_server *server;
	int err;

	if ((err = lend_http_server_new(NULL, &server)) ||
	    (err = lend_http_route(server, "GET", "/", hello, NULL)) ||
	    (err = lend_http_route(server, "GET", "/slow", slow, NULL)) ||
	    (err = lend_http_route(server, "POST", "/upper", upper, NULL)) ||
	    (err = lend_http_route(server, "POST", "/stop", stop, server)) ||
	    (err = lend_http_listen(server, arg)))
		return err;
	lend_address_format(lend_http_address(server, 0), text);
	printf("listening on http://%s/\n", text);
	fflush(stdout);
	err = lend_http_serve(server);
	lend_http_server_free(server);
	return err;
}

int main(int argc, char **argv)
{
	char *address = argc > 1 ? argv[1] : (char[]){ "127.0.0.1:8080" };
	int err = lend_run(NULL, program, address);

	if (err)
		fprintf(stderr, "05_http: %s\n", lend_error_text(err));
	return err != 0;
}
