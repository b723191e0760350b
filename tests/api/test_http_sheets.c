/*
 * Goal:   H1, P8: the answers to a batch of requests are gathered in memory
 *         that the connections of a worker use in turn, and so is one long
 *         answer. It is the next one's when they are sent, though the
 *         connection stays and asks for nothing more, and when a handler ends
 *         its actor. Who finds none left serves all the same.
 * Method: one worker, and more connections than it has sheets. Answers that are
 *         gathered in memory of a connection's own show in what all heaps ever
 *         held. That none is left is decided by handlers that wait, with an
 *         answer gathered, until all others do, too.
 */
#include <string.h>

#include "api/serving.h"

/* More than a worker has sheets. */
#define CONNECTIONS 300
#define BATCH	    8
/* More than what is gathered beside the actor's record. */
#define LONG 1000

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* All on one worker. */
static unsigned waiting;

static void on_get(struct lend_http_request *request,
		   struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)arg;
	/* As often as it is counted below, and nowhere else in an answer. */
	lend_http_reply(response, 200, NULL, "!", 1);
}

static void on_long(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	char body[LONG];

	(void)request;
	(void)arg;
	memset(body, '.', sizeof(body));
	body[LONG - 1] = '!';
	lend_http_reply(response, 200, NULL, body, sizeof(body));
}

static void on_wait(struct lend_http_request *request,
		    struct lend_http_response *response, void *arg)
{
	/* For those of the other connections that are at the same place. */
	unsigned end = (waiting / CONNECTIONS + 1) * CONNECTIONS;

	waiting++;
	while (waiting < end)
		lend_yield();
	on_get(request, response, arg);
}

/* ---- a client ---- */

static int open_one(struct lend_http_server *server)
{
	return test_connect_to(lend_http_address(server, 0));
}

static void ask(int fd, const char *request, unsigned count)
{
	char text[1024];
	size_t size = strlen(request);

	for (unsigned i = 0; i < count; i++)
		memcpy(text + i * size, request, size);
	CHECK_EQ(lend_send_all(fd, text, count * size, LEND_FOREVER),
		 count * size);
}

/* Of @count answers, so many; fewer if the connection ends. */
static unsigned hear(int fd, unsigned count)
{
	char text[4096];
	unsigned heard = 0;

	while (heard < count) {
		ssize_t size = lend_recv(fd, text, sizeof(text), 0,
					 LEND_FOREVER);

		if (size <= 0)
			break;
		for (ssize_t i = 0; i < size; i++)
			heard += text[i] == '!';
	}
	return heard;
}

static void close_all(const int *fds)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		CHECK_EQ(lend_close(fds[i]), 0);
}

/* ---- */

/* Each connection asks so often at once, and stays when it is answered. */
static void ask_and_stay(struct lend_http_server *server, const char *request,
			 unsigned count)
{
	int fds[CONNECTIONS];

	for (unsigned i = 0; i < CONNECTIONS; i++) {
		fds[i] = open_one(server);
		ask(fds[i], request, count);
		CHECK_EQ(hear(fds[i], count), count);
	}
	close_all(fds);
}

/* No heap had a span that was not beside its actor's record. */
static void check_heaps(void)
{
	struct lend_stats stats;

	lend_stats_read(lend_runtime_current(), &stats);
	/* Without buffer rings what is received lies in heaps. */
	if (stats.buffers.count)
		CHECK_EQ(stats.heap_held_peak, 0);
}

static void batches_use_memory_in_turn(struct lend_http_server *server)
{
	ask_and_stay(server, GET("/get"), BATCH);
	check_heaps();
}

static void long_ones_use_it_in_turn(struct lend_http_server *server)
{
	ask_and_stay(server, GET("/long"), 1);
	check_heaps();
}

static void exits_leave_it_to_others(struct lend_http_server *server)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		int fd = open_one(server);

		ask(fd, GET("/get") GET("/exit"), 1);
		/* What was gathered is lost. */
		CHECK_IN(hear(fd, BATCH), 0, 1);
		CHECK_EQ(lend_close(fd), 0);
	}
	ask_and_stay(server, GET("/get"), BATCH);
	check_heaps();
}

static void who_finds_none_serves_all_the_same(struct lend_http_server *server)
{
	int fds[CONNECTIONS];

	waiting = 0;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		fds[i] = open_one(server);
		ask(fds[i], GET("/wait"), BATCH);
	}
	for (unsigned i = 0; i < CONNECTIONS; i++)
		CHECK_EQ(hear(fds[i], BATCH), BATCH);
	CHECK_EQ(waiting, CONNECTIONS * BATCH);
	close_all(fds);
}

static int with_server(void *arg)
{
	void (*const *check)(struct lend_http_server *) = arg;
	struct lend_http_server *server;
	lend_ref serving;

	if (!CHECK_EQ(lend_http_server_new(NULL, &server), 0))
		return -1;
	CHECK_EQ(lend_http_route(server, "GET", "/get", on_get, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/long", on_long, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/exit", on_exit_, NULL), 0);
	CHECK_EQ(lend_http_route(server, "GET", "/wait", on_wait, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	serving = test_spawn(serve, server);
	(*check)(server);
	stop_and_free(server, serving);
	return 0;
}

#define TEST(check)                                                            \
	static int test_##check(void *arg)                                     \
	{                                                                      \
		void (*fn)(struct lend_http_server *) = check;                 \
                                                                               \
		(void)arg;                                                     \
		return with_server(&fn);                                       \
	}

TEST(batches_use_memory_in_turn)
TEST(long_ones_use_it_in_turn)
TEST(exits_leave_it_to_others)
TEST(who_finds_none_serves_all_the_same)

int main(int argc, char **argv)
{
	struct lend_options one;

	test_init(argc, argv, 120);
	one = test_one_worker();
	test_actor_with("batches_use_memory_in_turn",
			test_batches_use_memory_in_turn, &one);
	test_actor_with("long_ones_use_it_in_turn",
			test_long_ones_use_it_in_turn, &one);
	test_actor_with("exits_leave_it_to_others",
			test_exits_leave_it_to_others, &one);
	test_actor_with("who_finds_none_serves_all_the_same",
			test_who_finds_none_serves_all_the_same, &one);
	return test_finish();
}
