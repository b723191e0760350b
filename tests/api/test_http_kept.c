/*
 * Goal:   H1, K3: a connection keeps one record for its receives and sends, and
 *         counts once on its descriptor; what a handler needs finds room
 *         beside. Somebody else who closes that is not held up for ever, and
 *         ends the connection: one that waits for a request at once, one that
 *         has a request when it is answered.
 * Method: an actor finds the server's end of a client's connection, and closes
 *         it while the connection waits, and while its handler does; and has
 *         the number again before the connection's actor has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serving.h"

#define DESCRIPTORS 1024
#define ROUNDS	    20

static struct lend_http_server *server;
static lend_ref serving;
static _Atomic bool is_asked, may_answer, is_closed;
static int ends[2]; /* of a pipe that nobody writes to */

static void on_hello(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_reply(response, 200, NULL, "hello", 5);
}

static void on_wait(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	is_asked = true;
	while (!may_answer)
		lend_sleep(lend_after(LEND_MS));
	lend_http_reply(response, 200, NULL, "hello", 5);
}

/* Its actor ends with operations that are to be ended first. */
static void on_leave(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	struct lend_pending *pending;

	(void)request;
	(void)response;
	(void)arg;
	is_asked = true;
	while (!may_answer)
		lend_sleep(lend_after(LEND_MS));
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(lend_read_async(ends[0], lend_io_alloc(1), 1, 0,
					 &pending),
			 0);
	lend_exit(0);
}

/* Each piece of the body is answered at once. */
static void on_flush(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	char piece[64];
	ssize_t size;

	(void)arg;
	lend_http_begin(response, 200, NULL, -1);
	while ((size = lend_http_read(request, piece, sizeof(piece))) > 0) {
		lend_http_write(response, piece, (size_t)size);
		lend_http_flush(response);
	}
}

/* As many fields as an answer often has. */
static void on_fields(struct lend_http_request *request,
		      struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	lend_http_add_header(response, "Cache-Control", "max-age=3600");
	lend_http_add_header(response, "Last-Modified",
			     "Tue, 24 Nov 2026 02:30:00 GMT");
	lend_http_add_header(response, "X-Content-Type-Options", "nosniff");
	lend_http_add_header(response, "Referrer-Policy", "no-referrer");
	lend_http_reply(response, 200, NULL, "fields!", 7);
}

static void begin(void)
{
	is_asked = may_answer = is_closed = false;
	CHECK_EQ(lend_http_server_new(NULL, &server), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/", on_hello, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/wait", on_wait, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/leave", on_leave, NULL), 0);
	CHECK_EQ(lend_http_route(server, "POST", "/flush", on_flush, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/fields", on_fields, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	serving = test_spawn(serve, server);
}

static void end(void)
{
	stop_and_free(server, serving);
}

static int open_client(void)
{
	return test_connect_to(lend_http_address(server, 0));
}

/* The other end of a client's connection, in this process. */
static int find_other_end(int client)
{
	struct sockaddr_in own, peer;
	socklen_t size = sizeof(own);

	CHECK(!getsockname(client, (struct sockaddr *)&own, &size));
	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		size = sizeof(peer);
		if (!getpeername(fd, (struct sockaddr *)&peer, &size) &&
		    peer.sin_family == AF_INET &&
		    peer.sin_port == own.sin_port &&
		    peer.sin_addr.s_addr == own.sin_addr.s_addr)
			return fd;
	}
	return -1;
}

static void send_it(int fd, const char *text)
{
	CHECK_EQ(lend_send_all(fd, text, strlen(text), LEND_FOREVER),
		 strlen(text));
}

/* What comes until @last has, or no more. */
static bool hears(int fd, const char *last)
{
	char text[4096] = "";
	size_t had = 0;

	while (!strstr(text, last)) {
		ssize_t size = lend_recv(fd, text + had, sizeof(text) - 1 - had,
					 0, lend_after(20 * LEND_S));

		if (size <= 0)
			return false;
		had += (size_t)size;
		text[had] = '\0';
	}
	return true;
}

static bool says_hello(int fd)
{
	send_it(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	return hears(fd, "hello");
}

/* No more comes, whichever way it ends. */
static void check_end(int fd)
{
	char byte;

	CHECK(lend_recv(fd, &byte, 1, 0, lend_after(20 * LEND_S)) != 1);
	CHECK_EQ(lend_close(fd), 0);
}

static int one_that_waits_is_ended(void *arg)
{
	(void)arg;
	begin();
	for (unsigned i = 0; i < ROUNDS; i++) {
		int fd = open_client();

		for (unsigned j = 0; j < i; j++)
			CHECK(says_hello(fd));
		/* Not before it waits, or has begun to. */
		if (i % 2)
			lend_sleep(lend_after(5 * LEND_MS));
		else
			CHECK(says_hello(fd));
		CHECK_EQ(lend_close(find_other_end(fd)), 0);
		check_end(fd);
	}
	end();
	return 0;
}

/* Nothing is begun on it any more. */
static void wait_until_closing(int fd)
{
	char byte;

	while (lend_recv(fd, &byte, 1, MSG_DONTWAIT, LEND_FOREVER) != -EBADF)
		lend_sleep(lend_after(LEND_MS));
}

static int close_other_end(void *arg)
{
	int res = lend_close(*(int *)arg);

	is_closed = true;
	return res;
}

/* A handler is at work for @fd, and waits, while @close has begun to close the
 * other end, *@ret_other. */
static lend_ref close_while_asked(int fd, const char *request,
				  lend_actor_fn close, int *ret_other)
{
	lend_ref closer;

	send_it(fd, request);
	for (unsigned i = 0; i < 20000 && !is_asked; i++)
		lend_sleep(lend_after(LEND_MS));
	CHECK(is_asked);
	*ret_other = find_other_end(fd);
	closer = test_spawn(close, ret_other);
	wait_until_closing(*ret_other);
	return closer;
}

static int one_that_is_asked_is_ended_afterwards(void *arg)
{
	(void)arg;
	begin();
	for (unsigned i = 0; i < 5; i++) {
		int fd = open_client(), other;
		lend_ref closer;

		CHECK(says_hello(fd));
		is_asked = may_answer = is_closed = false;
		closer = close_while_asked(
			fd, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n",
			close_other_end, &other);
		/* The connection has nothing in flight, and counts all the
		 * same. */
		CHECK(!is_closed);
		may_answer = true;
		CHECK_EQ(test_join(closer), 0);
		check_end(fd);
	}
	end();
	return 0;
}

/* The number is somebody else's while the connection still ends. */
static int close_and_get_number(void *arg)
{
	int fd = *(int *)arg;
	int res = lend_close(fd);

	return res ? res : fcntl(0, F_DUPFD_CLOEXEC, fd) - fd;
}

static int the_next_owner_keeps_the_number(void *arg)
{
	int fd, other;
	lend_ref closer;

	(void)arg;
	CHECK(!pipe2(ends, O_CLOEXEC));
	begin();
	fd = open_client();
	closer = close_while_asked(fd, "GET /leave HTTP/1.1\r\nHost: a\r\n\r\n",
				   close_and_get_number, &other);
	may_answer = true;
	CHECK_EQ(test_join(closer), 0);
	check_end(fd);
	end();
	CHECK(fcntl(other, F_GETFD) >= 0);
	CHECK(!close(other));
	CHECK(!close(ends[0]) && !close(ends[1]));
	return 0;
}

/* Their sends have the record of their receives in turn with these. */
static int answers_are_flushed_between_receives(void *arg)
{
	static const char head[] = "POST /flush HTTP/1.1\r\nHost: a\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	int fd;

	(void)arg;
	begin();
	fd = open_client();
	for (unsigned i = 0; i < ROUNDS; i++) {
		CHECK(says_hello(fd));
		send_it(fd, head);
		for (unsigned j = 0; j < 5; j++) {
			char text[32], want[8];

			snprintf(want, sizeof(want), "<%u>", i * 5 + j);
			snprintf(text, sizeof(text), "%zx\r\n%s\r\n",
				 strlen(want), want);
			send_it(fd, text);
			CHECK(hears(fd, want));
		}
		send_it(fd, "0\r\n\r\n");
		CHECK(hears(fd, "0\r\n\r\n"));
	}
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

/* Beside the record, a short request and a short answer. */
static int there_is_room_for_fields(void *arg)
{
	struct lend_stats before, after;
	int fd;

	(void)arg;
	begin();
	fd = open_client();
	/* Until it is known that the requests are short. */
	for (unsigned i = 0; i < 2 * ROUNDS; i++)
		CHECK(says_hello(fd));
	lend_stats_read(lend_runtime_current(), &before);
	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		send_it(fd, "GET /fields HTTP/1.1\r\nHost: a\r\n\r\n");
		CHECK(hears(fd, "fields"));
		CHECK(says_hello(fd));
	}
	/* What it had to get it has for as long as it is warm. */
	lend_stats_read(lend_runtime_current(), &after);
	if (after.buffers.count)
		CHECK(after.heap_held <= before.heap_held);
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 120);
	test_actor("one_that_waits_is_ended", one_that_waits_is_ended);
	test_actor("one_that_is_asked_is_ended_afterwards",
		   one_that_is_asked_is_ended_afterwards);
	test_actor("the_next_owner_keeps_the_number",
		   the_next_owner_keeps_the_number);
	test_actor("answers_are_flushed_between_receives",
		   answers_are_flushed_between_receives);
	test_actor("there_is_room_for_fields", there_is_room_for_fields);
	return test_finish();
}
