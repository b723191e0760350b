/*
 * Goal:   H1, P8: requests of a connection that are short are received into
 *         the page of its actor, without a buffer of the runtime's; and none
 *         is lost or cut when one is longer than those before it.
 * Method: a client asks one after the other, with requests of a size to the
 *         byte, which a handler answers with what it has found: the sum of a
 *         field's bytes, and of a body's. Statistics tell how many receives
 *         needed no buffer, and whether any heap took a page of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/outsider.h"
#include "api/serving.h"

/* So many short ones, and the next is expected to be short, too. */
#define LEARNT 16

#define ROOM 512 /* of the longest that is short */

/* An eighth more than these is less than that room, or than half of it. */
#define LONGEST	    455
#define LONGEST_256 227

#define SIZE_MAX_ 6000

static struct lend_http_server *server;
static lend_ref serving;

static unsigned sum(const char *data, size_t size)
{
	unsigned sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = sum * 31 + (unsigned char)data[i];
	return sum;
}

static void on_sum(struct lend_http_request *request,
		   struct lend_http_response *response, void *arg)
{
	struct lend_http_text field;
	char body[SIZE_MAX_], answer[164];
	size_t size = 0;
	ssize_t res;

	(void)arg;
	field = lend_http_header(request, "X");
	while ((res = lend_http_read(request, body + size,
				     sizeof(body) - size)) > 0)
		size += (size_t)res;
	/* So long that it is not gathered at home, too. */
	snprintf(answer, sizeof(answer), "%0100u %08x %08x!", 0,
		 sum(field.data, field.size), sum(body, size));
	lend_http_reply(response, 200, NULL, answer, strlen(answer));
}

static void on_size(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	char body[1024];
	size_t size = (size_t)atoi(lend_http_query(request).data);

	(void)arg;
	memset(body, '.', size);
	body[size - 1] = '!';
	lend_http_reply(response, 200, NULL, body, size);
}

static void begin_with(const struct lend_http_options *options)
{
	CHECK_EQ(lend_http_server_new(options, &server), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/", on_sum, NULL), 0);
	CHECK_EQ(lend_http_route(server, "POST", "/", on_sum, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/size", on_size, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/exit", on_exit_, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	serving = test_spawn(serve, server);
}

static void begin(void)
{
	begin_with(NULL);
}

static void end(void)
{
	stop_and_free(server, serving);
}

static struct lend_stats stats(void)
{
	struct lend_stats stats;

	lend_stats_read(lend_runtime_current(), &stats);
	return stats;
}

/* ---- a client ---- */

static void hear(int fd, char *text, size_t room)
{
	size_t size = 0;
	ssize_t res;

	do {
		res = lend_recv(fd, text + size, room - 1 - size, 0,
				lend_after(20 * LEND_S));
		if (!CHECK(res > 0))
			break;
		size += (size_t)res;
	} while (!memchr(text, '!', size));
	text[size] = '\0';
}

static void send_it(int fd, const char *text, size_t size)
{
	CHECK_EQ(lend_send_all(fd, text, size, LEND_FOREVER), size);
}

static void fill(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + rand() % 26);
}

/* A head of @size bytes for a body of @body, and how the answer begins. */
static void make_head(char *head, size_t size, size_t body, unsigned *ret_sum)
{
	char begin[128];
	size_t used, filled;

	if (body)
		snprintf(
			begin, sizeof(begin),
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\nX: ",
			body);
	else
		snprintf(begin, sizeof(begin),
			 "GET / HTTP/1.1\r\nHost: a\r\nX: ");
	used = strlen(begin);
	filled = size - used - 4;
	CHECK(used + 4 < size);
	memcpy(head, begin, used);
	fill(head + used, filled);
	memcpy(head + used + filled, "\r\n\r\n", 4);
	*ret_sum = sum(head + used, filled);
}

/* Ask with so many bytes of head and body, in @pieces, each of which has
 * arrived before the next one is sent. */
static void ask(int fd, size_t head, size_t body, unsigned pieces)
{
	char text[2 * SIZE_MAX_], answer[1024], want[64];
	size_t at = 0, size = head + body;
	unsigned sum_of_head;

	make_head(text, head, body, &sum_of_head);
	fill(text + head, body);
	snprintf(want, sizeof(want), "%08x %08x!", sum_of_head,
		 sum(text + head, body));
	for (unsigned i = 1; i < pieces; i++) {
		send_it(fd, text + at, size / pieces);
		at += size / pieces;
		lend_sleep(lend_after(2 * LEND_MS));
	}
	send_it(fd, text + at, size - at);
	hear(fd, answer, sizeof(answer));
	if (!CHECK(strstr(answer, want) != NULL))
		printf("head %zu, body %zu, %u pieces: %s\n", head, body,
		       pieces, answer);
}

static void ask_short(int fd, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		ask(fd, 60, 0, 1);
}

/* So long is each from now on, as far as the server knows. */
static void teach(int fd, size_t size)
{
	for (unsigned i = 0; i < 3 * LEARNT; i++)
		ask(fd, size, 0, 1);
}

/* The next one is received where a short one is, though it may not be. */
static void ask_surprisingly(int fd, size_t expected, size_t head, size_t body)
{
	uint64_t before;

	teach(fd, expected);
	before = stats().buffers.spared;
	ask(fd, head, body, 1);
	if (stats().buffers.count)
		CHECK_EQ(stats().buffers.spared - before, 1);
}

/* ---- */

static int short_requests_need_no_buffer(void *arg)
{
	struct lend_stats before, after;
	int fd;

	(void)arg;
	begin();
	fd = test_connect_to(lend_http_address(server, 0));
	ask_short(fd, LEARNT);
	before = stats();
	ask_short(fd, 20);
	after = stats();
	if (after.buffers.count) {
		CHECK_EQ(after.buffers.spared - before.buffers.spared, 20);
		CHECK_EQ(after.buffers.own, before.buffers.own);
		/* There is room for them anyway, also for one in pieces. */
		ask(fd, 200, 0, 3);
		CHECK_EQ(stats().heap_held_peak, 0);
	} else {
		CHECK_EQ(after.buffers.spared, 0);
	}
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

/* @times, with so many bytes, for an answer with a body of so many. */
static void ask_for(int fd, unsigned times, size_t size, size_t body)
{
	char request[ROOM], answer[2048];

	memset(request, 'x', size);
	request[snprintf(request, sizeof(request),
			 "GET /size?%zu HTTP/1.1\r\nHost: a\r\nX: ", body)] =
		'x';
	memcpy(request + size - 4, "\r\n\r\n", 4);
	for (unsigned i = 0; i < times; i++) {
		send_it(fd, request, size);
		hear(fd, answer, sizeof(answer));
	}
}

/* Receives that needed no buffer, for so many requests; their answers are
 * gathered elsewhere, so there is room for any that is short. */
static uint64_t spared_for(int fd, unsigned times, size_t size)
{
	uint64_t before = stats().buffers.spared;

	ask_for(fd, times, size, 900);
	return stats().buffers.spared - before;
}

/* The first few are not known to be short. One that is longer than those before
 * counts at once, and is cut if it is expected to be short. */
static int it_is_learnt_who_is_short(void *arg)
{
	int fd;

	(void)arg;
	begin();
	fd = test_connect_to(lend_http_address(server, 0));
	if (!stats().buffers.count) {
		CHECK_EQ(spared_for(fd, 50, 60), 0);
	} else {
		CHECK_EQ(spared_for(fd, 4, 60), 0);
		CHECK_IN(spared_for(fd, LEARNT, 60), 8, LEARNT - 1);
		CHECK_EQ(spared_for(fd, 20, 60), 20);
		/* It is cut, once. */
		CHECK_EQ(spared_for(fd, 50, ROOM), 1);
		/* It gets nearer, not any further. */
		spared_for(fd, 50, LONGEST);
		CHECK_EQ(spared_for(fd, 5, LONGEST), 5);
		CHECK_EQ(spared_for(fd, 50, LONGEST + 1), 1);
		spared_for(fd, 50, 60);
		/* Cut, so expected to be long for a while. */
		CHECK_EQ(spared_for(fd, 1, 300), 1);
		CHECK_EQ(spared_for(fd, 4, 60), 0);
		/* Not cut: there is room for more than was expected, and then
		 * for as much. */
		spared_for(fd, 50, LONGEST_256 + 1);
		CHECK_EQ(spared_for(fd, 1, 400), 1);
		CHECK_EQ(spared_for(fd, 1, 60), 1);
		CHECK_EQ(spared_for(fd, 10, 400), 10);
		/* A head in pieces is as long as all of them: neither of the
		 * next two is cut. */
		teach(fd, 60);
		ask(fd, 400, 0, 2);
		CHECK_EQ(spared_for(fd, 1, 440), 1);
		CHECK_EQ(spared_for(fd, 1, 60), 1);
	}
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

/* Where both are, if an answer is short, too. */
static int there_is_room_for_answers(void *arg)
{
	uint64_t before;
	int fd;

	(void)arg;
	begin();
	fd = test_connect_to(lend_http_address(server, 0));
	spared_for(fd, 50, LONGEST);
	before = stats().buffers.spared;
	ask_for(fd, 20, LONGEST, 18);
	if (stats().buffers.count)
		CHECK_EQ(stats().buffers.spared - before, 20);
	ask_for(fd, 50, LONGEST_256, 18);
	before = stats().buffers.spared;
	ask_for(fd, 20, LONGEST_256, 18);
	if (stats().buffers.count) {
		CHECK_EQ(stats().buffers.spared - before, 20);
		CHECK_EQ(stats().heap_held_peak, 0);
	}
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

/* After those that it does not resemble, and in pieces. */
static int requests_of_any_size_are_whole(void *arg)
{
	static const size_t sizes[] = {
		100,	      ROOM / 2 - 1, ROOM / 2, ROOM / 2 + 1,
		ROOM - 1,     ROOM,	    ROOM + 1, 2 * ROOM - 1,
		2 * ROOM + 1, 4095,	    4096,     4097,
	};
	static const size_t expected[] = { 60, LONGEST };
	int fd;

	(void)arg;
	begin();
	fd = test_connect_to(lend_http_address(server, 0));
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (unsigned j = 0; j < 2; j++) {
			ask_surprisingly(fd, expected[j], sizes[i], 0);
			/* Behind a head that fits is a body that does not. */
			ask_surprisingly(fd, expected[j], 80, sizes[i]);
			teach(fd, expected[j]);
			ask(fd, sizes[i], 0, 3);
			teach(fd, expected[j]);
			ask(fd, 80, sizes[i], 2);
		}
	}
	for (unsigned i = 0; i < 300; i++) {
		bool with_body = rand() % 4 == 0;

		ask(fd, 80 + (size_t)rand() % (ROOM + 40),
		    with_body ? 1 + (size_t)rand() % (2 * ROOM) : 0, 1);
	}
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

/* Several at once, of which a receive that is short has room for a part. */
static int batches_are_whole(void *arg)
{
	char text[64 * 40], answers[64 * 256];
	const char *get = "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
	size_t size = strlen(get);
	unsigned heard;
	int fd;

	(void)arg;
	begin();
	fd = test_connect_to(lend_http_address(server, 0));
	for (unsigned count = 1; count <= 64; count++) {
		size_t used = 0;
		ssize_t res;

		ask_short(fd, LEARNT);
		for (unsigned i = 0; i < count; i++)
			memcpy(text + i * size, get, size);
		send_it(fd, text, count * size);
		for (heard = 0; heard < count;) {
			res = lend_recv(fd, answers + used,
					sizeof(answers) - used, 0,
					lend_after(20 * LEND_S));
			if (!CHECK(res > 0))
				break;
			for (ssize_t i = 0; i < res; i++)
				heard += answers[used + (size_t)i] == '!';
			used += (size_t)res;
		}
		CHECK_EQ(heard, count);
	}
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

static int open_short(void)
{
	int fd = test_connect_to(lend_http_address(server, 0));

	ask_short(fd, 2 * LEARNT);
	return fd;
}

static void check_end(int fd)
{
	char byte;

	CHECK_EQ(lend_recv(fd, &byte, 1, 0, lend_after(20 * LEND_S)), 0);
	CHECK_EQ(lend_close(fd), 0);
}

/* With a receive under way that has a span of its actor's; or with a request in
 * it. */
static int a_connection_ends_while_it_waits(void *arg)
{
	static const char exit[] = "GET /exit HTTP/1.1\r\nHost: a\r\n\r\n";
	static const struct linger reset = { .l_onoff = 1 };
	int fd;

	(void)arg;
	begin();
	/* By the client, in an orderly way and not. */
	CHECK_EQ(lend_close(open_short()), 0);
	fd = open_short();
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)),
		 0);
	CHECK_EQ(lend_close(fd), 0);
	/* By a handler. */
	fd = open_short();
	send_it(fd, exit, strlen(exit));
	check_end(fd);
	/* And by the server. */
	fd = open_short();
	end();
	check_end(fd);
	return 0;
}

/* Then its actor ends with the receive still to be finished. */
static int a_connection_waits_for_too_long(void *arg)
{
	struct lend_http_options options = { .idle_timeout_ns = 50 * LEND_MS };
	int fds[4];

	(void)arg;
	begin_with(&options);
	for (unsigned i = 0; i < 4; i++)
		fds[i] = open_short();
	for (unsigned i = 0; i < 4; i++)
		check_end(fds[i]);
	end();
	return 0;
}

/* By the kernel, though nobody has asked for that, while it is expected to be
 * short. */
static int a_receive_that_was_ended_is_made_again(void *arg)
{
	int fd;

	(void)arg;
	begin();
	fd = test_connect_to(lend_http_address(server, 0));
	ask_short(fd, LEARNT);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = resubmitted();
		uint64_t deadline = lend_after(20 * LEND_S);

		/* One is the accept. */
		while (resubmitted() - before < 2 && lend_now() < deadline)
			storm();
		CHECK(resubmitted() - before >= 2);
		ask(fd, 100, 0, 1);
		CHECK_EQ(spared_for(fd, 2, 60), stats().buffers.count ? 2 : 0);
	}
	CHECK_EQ(lend_close(fd), 0);
	end();
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 120);
	srand(1);
	test_actor("short_requests_need_no_buffer",
		   short_requests_need_no_buffer);
	test_actor("it_is_learnt_who_is_short", it_is_learnt_who_is_short);
	test_actor("there_is_room_for_answers", there_is_room_for_answers);
	test_actor("requests_of_any_size_are_whole",
		   requests_of_any_size_are_whole);
	test_actor("batches_are_whole", batches_are_whole);
	test_actor("a_connection_ends_while_it_waits",
		   a_connection_ends_while_it_waits);
	test_actor("a_connection_waits_for_too_long",
		   a_connection_waits_for_too_long);
	test_actor("a_receive_that_was_ended_is_made_again",
		   a_receive_that_was_ended_is_made_again);
	return test_finish();
}
