/*
 * Goal:   a call about something that is another actor's ends a program that
 *         makes it, with a line that names the call, who made it, and who may;
 *         so it does on a thread that runs no actors. A handler that has much
 *         on its stack is none of those.
 * Method: each call in a child process, by an actor or a thread of the pool for
 *         which the owner waits. Its last words and its signal are looked at.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

#define LONG_NS (60 * LEND_S)

static struct lend_pending *pending;
static struct lend_series *series;
static struct lend_listener *listener;
static struct lend_claim_handle *claim;
static struct lend_buffer buffer;
static struct lend_http_request *request;
static struct lend_http_response *response;
static char byte;

/* ---- what the owner does before ---- */

static void make_pending(void)
{
	CHECK_EQ(lend_timeout_async(lend_after(LONG_NS), &pending), 0);
}

static void make_series(void)
{
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_EQ(lend_series_open(fds[0], LEND_SERIES_RECV, NULL, &series), 0);
}

static void make_listener(void)
{
	CHECK_EQ(lend_listener_open("127.0.0.1:0", 0, &listener), 0);
	CHECK_EQ(lend_listener_accept(listener, LEND_NOW), -ETIMEDOUT);
}

static void make_claim(void)
{
	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
}

static void make_buffer(void)
{
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	CHECK_EQ(send(fds[1], "x", 1, 0), 1);
	CHECK_EQ(lend_recv_buffer(fds[0], LEND_FOREVER, &buffer), 1);
}

/* ---- what others do then ---- */

static void call_pending_await(void)
{
	(void)!lend_pending_await(pending, LEND_NOW);
}

static void call_pending_await_any(void)
{
	(void)!lend_pending_await_any(&pending, 1, LEND_NOW);
}

static void call_pending_await_all(void)
{
	(void)!lend_pending_await_all(&pending, 1, LEND_NOW);
}

static void call_pending_done(void)
{
	lend_pending_done(pending);
}

static void call_pending_result(void)
{
	(void)!lend_pending_result(pending);
}

static void call_pending_notify(void)
{
	lend_pending_notify(pending, 1);
}

static void call_pending_cancel(void)
{
	lend_pending_cancel(pending);
}

static void call_pending_abandon(void)
{
	lend_pending_abandon(pending);
}

static void call_pending_free(void)
{
	lend_pending_free(pending);
}

static void call_series_next(void)
{
	struct lend_series_result result;

	(void)!lend_series_next(series, LEND_NOW, &result);
}

static void call_series_pause(void)
{
	lend_series_pause(series);
}

static void call_series_close(void)
{
	lend_series_close(series);
}

static void call_listener_accept(void)
{
	(void)!lend_listener_accept(listener, LEND_NOW);
}

static void call_listener_pause(void)
{
	lend_listener_pause(listener);
}

static void call_listener_close(void)
{
	lend_listener_close(listener);
}

static void call_claim_commit(void)
{
	(void)!lend_claim_commit(claim, &pending);
}

static void call_claim_run(void)
{
	int result;

	(void)!lend_claim_run(claim, &result);
}

static void call_claim_abandon(void)
{
	lend_claim_abandon(claim);
}

static void call_buffer_release(void)
{
	lend_buffer_release(&buffer);
}

static void call_http_read(void)
{
	(void)!lend_http_read(request, &byte, 1);
}

static void call_http_reply(void)
{
	lend_http_reply(response, 200, NULL, NULL, 0);
}

static void call_http_add_header(void)
{
	lend_http_add_header(response, "X", "y");
}

static void call_http_begin(void)
{
	lend_http_begin(response, 200, NULL, -1);
}

static void call_http_write(void)
{
	lend_http_write(response, "x", 1);
}

static void call_http_flush(void)
{
	lend_http_flush(response);
}

static void call_http_end(void)
{
	lend_http_end(response);
}

static const struct call {
	void (*prepare)(void); /* NULL: in a handler */
	void (*fn)(void);
	const char *name;
	const char *thing;
} calls[] = {
#define CALL(before, name, thing)                                              \
	{                                                                      \
		before, call_##name, "lend_" #name "()", thing                 \
	}
	CALL(make_pending, pending_await, "a handle"),
	CALL(make_pending, pending_await_any, "a handle"),
	CALL(make_pending, pending_await_all, "a handle"),
	CALL(make_pending, pending_done, "a handle"),
	CALL(make_pending, pending_result, "a handle"),
	CALL(make_pending, pending_notify, "a handle"),
	CALL(make_pending, pending_cancel, "a handle"),
	CALL(make_pending, pending_abandon, "a handle"),
	CALL(make_pending, pending_free, "a handle"),
	CALL(make_series, series_next, "a series"),
	CALL(make_series, series_pause, "a series"),
	CALL(make_series, series_close, "a series"),
	CALL(make_listener, listener_accept, "a listener"),
	CALL(make_listener, listener_pause, "a listener"),
	CALL(make_listener, listener_close, "a listener"),
	CALL(make_claim, claim_commit, "a claim"),
	CALL(make_claim, claim_run, "a claim"),
	CALL(make_claim, claim_abandon, "a claim"),
	CALL(make_buffer, buffer_release, "a buffer"),
	CALL(NULL, http_read, "a request or response"),
	CALL(NULL, http_reply, "a request or response"),
	CALL(NULL, http_add_header, "a request or response"),
	CALL(NULL, http_begin, "a request or response"),
	CALL(NULL, http_write, "a request or response"),
	CALL(NULL, http_flush, "a request or response"),
	CALL(NULL, http_end, "a request or response"),
};

#define CALLS (sizeof(calls) / sizeof(*calls))

static const struct call *to_make;
static bool by_thread;

/* ---- in the child ---- */

static int make_call(void *arg)
{
	(void)arg;
	to_make->fn();
	return 0;
}

static void have_it_called(void)
{
	if (by_thread)
		(void)!lend_blocking(make_call, NULL, LEND_FOREVER, NULL);
	else
		test_join(test_spawn(make_call, NULL));
}

static int own_and_call(void *arg)
{
	(void)arg;
	to_make->prepare();
	have_it_called();
	return 0;
}

static void keep(struct lend_http_request *in, struct lend_http_response *out)
{
	request = in;
	response = out;
}

static void waits(struct lend_http_request *in, struct lend_http_response *out,
		  void *arg)
{
	(void)arg;
	keep(in, out);
	have_it_called();
}

static void answers(struct lend_http_request *in,
		    struct lend_http_response *out, void *arg)
{
	(void)arg;
	keep(in, out);
	CHECK_EQ(lend_http_reply(out, 200, NULL, "ok", 2), 0);
}

/* More than is looked at in a hurry. */
static void answers_from_afar(struct lend_http_request *in,
			      struct lend_http_response *out, void *arg)
{
	volatile char room[20000];
	char body[3];

	(void)arg;
	room[0] = 'k';
	room[sizeof(room) - 1] = 'o';
	CHECK_EQ(lend_http_read(in, body, sizeof(body)), 0);
	CHECK_EQ(lend_http_add_header(out, "X", "y"), 0);
	CHECK_EQ(lend_http_begin(out, 200, NULL, 2), 0);
	body[0] = room[sizeof(room) - 1];
	body[1] = room[0];
	CHECK_EQ(lend_http_write(out, body, 2), 0);
	CHECK_EQ(lend_http_flush(out), 0);
	CHECK_EQ(lend_http_end(out), 0);
}

static int serve(void *arg)
{
	return lend_http_serve(arg);
}

/* One request, of the first actor's. */
static void ask(lend_http_handler handler, bool then_call)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct lend_http_server *server;
	char answer[512] = "";
	lend_ref serving;
	ssize_t size;
	int fd;

	CHECK_EQ(lend_http_server_new(NULL, &server), 0);
	CHECK_EQ(lend_http_route(server, NULL, "/", handler, NULL), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	serving = test_spawn(serve, server);
	fd = test_connect_to(lend_http_address(server, 0));
	CHECK_EQ(lend_send_all(fd, text, sizeof(text) - 1, LEND_FOREVER),
		 sizeof(text) - 1);
	do {
		size = lend_recv(fd, answer + strlen(answer),
				 sizeof(answer) - 1 - strlen(answer), 0,
				 lend_after(LONG_NS));
		CHECK(size > 0);
	} while (size > 0 && !strstr(answer, "ok"));
	if (then_call)
		to_make->fn();
	CHECK_EQ(lend_close(fd), 0);
	lend_http_stop(server);
	CHECK_EQ(test_join(serving), 0);
	lend_http_server_free(server);
}

static int ask_who_waits(void *arg)
{
	(void)arg;
	ask(waits, false);
	return 0;
}

static int ask_and_answer_it(void *arg)
{
	(void)arg;
	ask(answers, true);
	return 0;
}

static int release_again(void *arg)
{
	struct lend_buffer copy;

	(void)arg;
	make_buffer();
	copy = buffer;
	lend_buffer_release(&buffer);
	lend_buffer_release(&buffer);
	lend_buffer_release(&copy);
	return 0;
}

/* ---- what it said ---- */

static void look(lend_actor_fn fn)
{
	char words[1024], text[128];
	int status = test_in_child(fn, words, sizeof(words));

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	if (by_thread) {
		snprintf(text, sizeof(text), "%s was called outside an actor, ",
			 to_make->name);
		CHECK(test_says(words, text));
		CHECK(test_says(words, "on a thread that runs no actors"));
		return;
	}
	snprintf(text, sizeof(text), "%s was called by actor ", to_make->name);
	CHECK(test_says(words, text));
	snprintf(text, sizeof(text), "with %s that is not its own: only the ",
		 to_make->thing);
	CHECK(test_says(words, text));
}

static void look_at_all(void)
{
	for (size_t i = 0; i < CALLS; i++) {
		to_make = &calls[i];
		look(to_make->prepare ? own_and_call : ask_who_waits);
	}
}

static int others_are_told(void)
{
	by_thread = false;
	look_at_all();
	return 0;
}

static int threads_are_told(void)
{
	by_thread = true;
	look_at_all();
	return 0;
}

static int late_answers_are_told(void)
{
	by_thread = false;
	for (size_t i = 0; i < CALLS; i++) {
		to_make = &calls[i];
		if (!to_make->prepare)
			look(ask_and_answer_it);
	}
	return 0;
}

static int a_buffer_is_released_once(void)
{
	static const struct call again = CALL(NULL, buffer_release, "a buffer");

	by_thread = false;
	to_make = &again;
	look(release_again);
	return 0;
}

static int handlers_may_have_much(void *arg)
{
	(void)arg;
	ask(answers_from_afar, false);
	return 0;
}

/* These say so by their result, and the server goes on. */
static int a_server_serves_once(void *arg)
{
	struct lend_http_server *server;
	lend_ref serving;

	(void)arg;
	CHECK_EQ(lend_http_server_new(NULL, &server), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	CHECK_EQ(lend_http_listen(server, NULL), -EINVAL);
	serving = test_spawn(serve, server);
	while (lend_http_route(server, NULL, "/", answers, NULL) != -EBUSY)
		lend_yield();
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), -EBUSY);
	CHECK_EQ(lend_http_serve(server), -EBUSY);
	lend_http_stop(server);
	CHECK_EQ(test_join(serving), 0);
	/* What it had listened on is closed. */
	CHECK_EQ(lend_http_serve(server), -EINVAL);
	lend_http_server_free(server);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("others_are_told", others_are_told);
	test_plain("threads_are_told", threads_are_told);
	test_plain("late_answers_are_told", late_answers_are_told);
	test_plain("a_buffer_is_released_once", a_buffer_is_released_once);
	test_actor("handlers_may_have_much", handlers_may_have_much);
	test_actor("a_server_serves_once", a_server_serves_once);
	return test_finish();
}
