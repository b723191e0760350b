/*
 * Goal:   H1: the head of an answer may be as long as it gets.
 * Method: a server with the longest name that there is answers requests that
 *         want all that a head has, with the longest reason and length; the
 *         library of this build looks whether there was room.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "serving.h"

#define NAME_SIZE 128

static struct lend_http_server *server;

static void on_long(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_begin(response, 431, "text/plain", INT64_MAX);
}

static void on_short(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_reply(response, 431, NULL, "x", 1);
}

static void ask(int fd, const char *method, const char *path,
		const char *length, const char *last)
{
	char request[128], answer[2048] = "", name[NAME_SIZE + 1] = "";
	size_t size = 0;

	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", method,
		 path);
	CHECK_EQ(lend_send_all(fd, request, strlen(request), LEND_FOREVER),
		 strlen(request));
	while (!strstr(answer, last)) {
		ssize_t res = lend_recv(fd, answer + size,
					sizeof(answer) - 1 - size, 0,
					lend_after(20 * LEND_S));

		if (!CHECK(res > 0))
			return;
		size += (size_t)res;
		answer[size] = '\0';
	}
	memset(name, 'n', NAME_SIZE);
	CHECK(strstr(answer, "431 Request Header Fields Too Large\r\n"));
	CHECK(strstr(answer, name));
	CHECK(strstr(answer, "Connection: keep-alive\r\n"));
	CHECK(strstr(answer, length));
}

static int the_longest_has_room(void *arg)
{
	char name[NAME_SIZE + 1] = "";
	struct lend_http_options options = { .server_name = name };
	lend_ref serving;
	int fd;

	(void)arg;
	memset(name, 'n', NAME_SIZE);
	CHECK_EQ(lend_http_server_new(&options, &server), 0);
	CHECK_EQ(lend_http_route(server, "HEAD", "/", on_long, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/short", on_short, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	serving = test_spawn(serve, server);
	fd = test_connect_to(lend_http_address(server, 0));
	for (unsigned i = 0; i < 20; i++) {
		ask(fd, "HEAD", "/",
		    "\r\nContent-Length: 9223372036854775807\r\n", "\r\n\r\n");
		ask(fd, "GET", "/short", "\r\nContent-Length: 1\r\n",
		    "\r\n\r\nx");
	}
	CHECK_EQ(lend_close(fd), 0);
	stop_and_free(server, serving);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("the_longest_has_room", the_longest_has_room);
	return test_finish();
}
