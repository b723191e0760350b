/*
 * Scenarios of servers: a listener, and HTTP from the first to the last byte.
 * A server serves on whatever failed: so the client tries until it is served.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault/inject.h"
#include "fault/scenario.h"
#include "harness/harness.h"

/* A client that fails may try so often. */
#define ATTEMPTS 10

static uint16_t port_of(const struct lend_address *address)
{
	return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
}

/* ---- a listener ---- */

static struct lend_listener *listener;

static int acceptor(void *arg)
{
	(void)arg;
	for (int served = 0; served < 3;) {
		int fd = lend_listener_accept(listener, LEND_FOREVER);

		if (!FINE(fd)) {
			if (lend_is_cancelled())
				break;
			continue;
		}
		served++;
		if (served == 2)
			lend_listener_pause(listener);
		(void)FINE_WITH_PEER(
			lend_send(fd, "welcome", 7, 0, LEND_FOREVER));
		CLOSE(fd);
	}
	listener = lend_listener_close(listener);
	return 0;
}

static int listen_and_accept(void *arg)
{
	lend_ref server;
	uint16_t port;
	int clients[3];

	(void)arg;
	if (!FINE(lend_listener_open("127.0.0.1:0", 8, &listener)))
		return 0;
	port = port_of(lend_listener_address(listener));
	server = scenario_spawn(acceptor, NULL);
	if (!server.generation) {
		listener = lend_listener_close(listener);
		return 0;
	}
	/* The kernel does these: the test's own calls are not the library's. */
	for (int i = 0; i < 3; i++) {
		clients[i] = test_connect(port);
		(void)FINE(lend_yield());
	}
	scenario_join(server);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	return 0;
}

static int unix_listener(void *arg)
{
	char text[64];

	(void)arg;
	snprintf(text, sizeof(text), "unix:/tmp/lend-fault-%d.sock", getpid());
	for (int i = 0; i < 2; i++) {
		struct lend_listener *mine;

		if (FINE(lend_listener_open(text, 8, &mine)))
			lend_listener_close(mine);
	}
	return 0;
}

/* ---- HTTP ---- */

static void say_hello(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	char body[64];
	long size = lend_http_read(request, body, sizeof(body));

	(void)arg;
	if (!FINE_WITH_PEER(size))
		return;
	(void)FINE_WITH_PEER(
		lend_http_reply(response, 200, "text/plain", "hello\n", 6));
}

static int serve(void *arg)
{
	/* What was refused is not refused for ever. */
	for (unsigned i = 0; i < ATTEMPTS; i++)
		if (FINE(lend_http_serve(arg)) || lend_is_cancelled())
			return 0;
	CHECK(!"it serves");
	return 0;
}

/* Until @text is in @answer. Whatever fails, the server answers or closes. */
static bool receive_until(int fd, const char *text, char *answer, size_t size,
			  size_t *had)
{
	while (!strstr(answer, text)) {
		long res = lend_recv(fd, answer + *had, size - 1 - *had, 0,
				     LEND_FOREVER);

		if (!FINE_WITH_PEER(res) || !res)
			return false;
		*had += (size_t)res;
		answer[*had] = '\0';
	}
	return true;
}

static bool ask(int fd)
{
	static const char request[] = "POST /hello HTTP/1.1\r\nHost: x\r\n"
				      "Content-Length: 3\r\n\r\nabc";
	char answer[1024];

	for (int i = 0; i < 3; i++) {
		size_t had = 0;
		long res = lend_send_all(fd, request, sizeof(request) - 1,
					 LEND_FOREVER);

		if (!FINE_WITH_PEER(res))
			return false;
		answer[0] = '\0';
		if (!receive_until(fd, "\r\n\r\n", answer, sizeof(answer),
				   &had))
			return false;
		/* A refusal is an answer, too. */
		if (strncmp(answer, "HTTP/1.1 200", 12))
			return false;
		if (!receive_until(fd, "hello\n", answer, sizeof(answer), &had))
			return false;
	}
	return true;
}

static bool visit(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served;

	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	served = FINE_WITH_PEER(lend_connect(fd, (struct sockaddr *)&address,
					     sizeof(address), LEND_FOREVER)) &&
		 ask(fd);
	CLOSE(fd);
	return served;
}

static int http(void *arg)
{
	struct lend_http_options options = { 0 };
	struct lend_http_server *server = NULL;
	lend_ref server_actor;
	int attempts = 0;

	(void)arg;
	if (!FINE(lend_http_server_new(&options, &server)))
		return 0;
	if (!FINE(lend_http_route(server, "POST", "/hello", say_hello, NULL)) ||
	    !FINE(lend_http_listen(server, "127.0.0.1:0")))
		goto out;
	server_actor = scenario_spawn(serve, server);
	if (!server_actor.generation)
		goto out;
	while (!visit(port_of(lend_http_address(server, 0))) &&
	       ++attempts < ATTEMPTS)
		(void)FINE(lend_sleep(lend_after(LEND_MS)));
	if (!CHECK(attempts < ATTEMPTS))
		fprintf(stderr, "the server is dead after %s of %s\n",
			lend_error_name(inject_error()), inject_where());
	lend_http_stop(server);
	scenario_join(server_actor);
out:
	lend_http_server_free(server);
	return 0;
}

const struct scenario scenarios_of_servers[] = {
	{ .name = "listener", .fn = listen_and_accept },
	{ .name = "unix-listener", .fn = unix_listener },
	{ .name = "http", .fn = http },
	{ 0 },
};
