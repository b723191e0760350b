/*
 * Goal:   H1, K5, P8: a connection whose bytes have all come leaves room for
 *         the others on its worker: between requests of a pipeline, between
 *         the reads of a body that is there, chunked or not, and between the
 *         writes of an answer that is gathered.
 * Method: one worker, with an actor that has a turn whenever somebody lets it.
 *         Each step of a handler takes longer than a turn is meant to (it looks
 *         at the clock until it has); what counts is how many steps are done in
 *         a row without a turn of the other one. Everything a handler reads is
 *         sent at once, so that no step has to wait for anything.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/serving.h"

#define STEPS 60
/* Longer than a turn, which is some 10 us. */
#define STEP_NS (20 * LEND_US)
/* lend_yield_if_needed() looks at the clock at the second call of a turn, and
 * at the third, fifth, ninth ... again. */
#define ROW_MAX 8

/* All on one worker. */
static unsigned steps;	 /* of handlers */
static unsigned row;	 /* of them since the other's last turn */
static unsigned longest; /* of these rows */
static bool over;

static int have_turns(void *arg)
{
	(void)arg;
	while (!over) {
		row = 0;
		lend_yield();
	}
	return 0;
}

static void step(void)
{
	uint64_t end_ns = lend_now() + STEP_NS;

	while (lend_now() < end_ns)
		;
	steps++;
	if (++row > longest)
		longest = row;
}

/* ---- handlers ---- */

static void on_step(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	step();
	lend_http_reply(response, 200, NULL, ".", 1);
}

static void on_read(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	char byte;

	(void)arg;
	while (lend_http_read(request, &byte, 1) == 1)
		step();
	lend_http_reply(response, 200, NULL, "end", 3);
}

static void on_write(struct lend_http_request *request,
		     struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	CHECK_EQ(lend_http_begin(response, 200, NULL, STEPS), 0);
	for (unsigned i = 0; i < STEPS; i++) {
		step();
		CHECK_EQ(lend_http_write(response, ".", 1), 0);
	}
	CHECK_EQ(lend_http_end(response), 0);
}

/* ---- a client ---- */

/* Send all of @text in one go, and wait for the end of what is answered. */
static void converse(const struct lend_address *address, const char *text)
{
	char answers[4096];
	ssize_t size;
	int fd = test_connect_to(address);

	CHECK_EQ(lend_send_all(fd, text, strlen(text), LEND_FOREVER),
		 strlen(text));
	do
		size = lend_recv(fd, answers, sizeof(answers), 0, LEND_FOREVER);
	while (size > 0);
	CHECK_EQ(size, 0);
	CHECK_EQ(lend_close(fd), 0);
}

static int check(const char *text)
{
	struct lend_http_server *server;
	lend_ref other, serving;

	steps = row = longest = 0;
	over = false;
	if (!CHECK_EQ(lend_http_server_new(NULL, &server), 0))
		return -1;
	CHECK_EQ(lend_http_route(server, "GET", "/step", on_step, NULL), 0);
	CHECK_EQ(lend_http_route(server, "POST", "/read", on_read, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/write", on_write, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	other = test_spawn(have_turns, NULL);
	serving = test_spawn(serve, server);
	converse(lend_http_address(server, 0), text);
	lend_http_stop(server);
	CHECK_EQ(test_join(serving), 0);
	over = true;
	CHECK_EQ(test_join(other), 0);
	lend_http_server_free(server);
	printf("%u steps, %u in a row at most\n", steps, longest);
	CHECK_EQ(steps, STEPS);
	CHECK_IN(longest, 1, ROW_MAX);
	return 0;
}

static char text[4096];

static void add(const char *piece)
{
	size_t used = strlen(text), size = strlen(piece);

	CHECK(used + size < sizeof(text));
	memcpy(text + used, piece, size + 1);
}

static int requests_of_a_pipeline_leave_room(void *arg)
{
	(void)arg;
	text[0] = '\0';
	for (unsigned i = 1; i < STEPS; i++)
		add("GET /step HTTP/1.1\r\nHost: a\r\n\r\n");
	add("GET /step HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	return check(text);
}

static int reads_of_a_body_leave_room(void *arg)
{
	char head[128];

	(void)arg;
	snprintf(head, sizeof(head),
		 "POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		 "Content-Length: %u\r\n\r\n",
		 STEPS);
	strcpy(text, head);
	for (unsigned i = 0; i < STEPS; i++)
		add("x");
	return check(text);
}

static int reads_of_tiny_chunks_leave_room(void *arg)
{
	(void)arg;
	strcpy(text, "POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < STEPS; i++)
		add("1\r\nx\r\n");
	add("0\r\n\r\n");
	return check(text);
}

static int writes_of_an_answer_leave_room(void *arg)
{
	(void)arg;
	return check("GET /write HTTP/1.1\r\nHost: a\r\n"
		     "Connection: close\r\n\r\n");
}

int main(int argc, char **argv)
{
	struct lend_options one;

	test_init(argc, argv, 120);
	one = test_one_worker();
	test_actor_with("requests_of_a_pipeline_leave_room",
			requests_of_a_pipeline_leave_room, &one);
	test_actor_with("reads_of_a_body_leave_room",
			reads_of_a_body_leave_room, &one);
	test_actor_with("reads_of_tiny_chunks_leave_room",
			reads_of_tiny_chunks_leave_room, &one);
	test_actor_with("writes_of_an_answer_leave_room",
			writes_of_an_answer_leave_room, &one);
	return test_finish();
}
