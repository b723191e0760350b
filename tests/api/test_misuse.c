/*
 * Goal:   a call that only actors may make ends a program that makes it
 *         elsewhere, with a line that names the call and says what to do.
 * Method: each call in a child process, on a thread that is no worker; and one
 *         in a log function that a worker calls, not an actor. Its last words
 *         and its signal are looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

/* A worker comes to no safe point for so long and logs that afterwards. */
#define STALL_NS (20 * LEND_MS)

static char byte;
static struct lend_pending *pending;

static void nothing(void *arg)
{
	(void)arg;
}

static int blocks(void *arg)
{
	(void)arg;
	return 0;
}

static void call_yield(void)
{
	lend_yield();
}

static void call_yield_if_needed(void)
{
	lend_yield_if_needed();
}

static void call_sleep(void)
{
	lend_sleep(LEND_NOW);
}

static void call_park(void)
{
	(void)!lend_park(LEND_NOW);
}

static void call_exit(void)
{
	lend_exit(0);
}

static void call_join(void)
{
	(void)!lend_join((lend_ref){ 0, 0 }, LEND_NOW, NULL);
}

static void call_receive(void)
{
	struct lend_msg *msg;

	(void)!lend_receive(LEND_NOW, &msg);
}

static void call_ask(void)
{
	struct lend_msg *answer;

	(void)!lend_ask((lend_ref){ 0, 0 }, 0, NULL, 0, LEND_NOW, &answer);
}

static void call_monitor(void)
{
	(void)!lend_monitor((lend_ref){ 0, 0 }, 0);
}

static void call_pin(void)
{
	lend_pin();
}

static void call_keep_fp_modes(void)
{
	lend_keep_fp_modes(true);
}

static void call_scope_open(void)
{
	struct lend_scope *scope;

	(void)!lend_scope_open(NULL, &scope);
}

static void call_deadline_pop(void)
{
	lend_deadline_pop(LEND_FOREVER);
}

static void call_uncancellable_end(void)
{
	lend_uncancellable_end(LEND_FOREVER);
}

static void call_defer(void)
{
	(void)!lend_defer(nothing, NULL);
}

static void call_timer_start(void)
{
	struct lend_timer *timer;

	(void)!lend_timer_start(LEND_NOW, 0, 0, &timer);
}

static void call_blocking(void)
{
	(void)!lend_blocking(blocks, NULL, LEND_NOW, NULL);
}

static void call_io_alloc(void)
{
	(void)!lend_io_alloc(1);
}

static void call_io_free(void)
{
	lend_io_free(&byte);
}

static void call_defer_close(void)
{
	(void)!lend_defer_close(STDIN_FILENO);
}

static void call_close(void)
{
	(void)!lend_close(-1);
}

static void call_series_open(void)
{
	struct lend_series *series;

	(void)!lend_series_open(STDIN_FILENO, LEND_SERIES_RECV, NULL, &series);
}

static void call_listener_accept(void)
{
	struct lend_listener *listener;

	CHECK_EQ(lend_listener_open("127.0.0.1:0", 0, &listener), 0);
	(void)!lend_listener_accept(listener, LEND_NOW);
}

static void call_buffer_release(void)
{
	struct lend_buffer buffer = { .data = NULL };

	lend_buffer_release(&buffer);
}

static void call_http_serve(void)
{
	struct lend_http_server *server;

	CHECK_EQ(lend_http_server_new(NULL, &server), 0);
	(void)!lend_http_serve(server);
}

static void call_claim(void)
{
	struct lend_claim_handle *claim;

	(void)!lend_claim(1, LEND_NOW, &claim);
}

/* Operations: those of the table ask in one place, which has no name. */
static void call_recv(void)
{
	(void)!lend_recv(STDIN_FILENO, &byte, 1, 0, LEND_NOW);
}

static void call_recv_buffer(void)
{
	struct lend_buffer buffer;

	(void)!lend_recv_buffer(STDIN_FILENO, LEND_NOW, &buffer);
}

static void call_sendfile(void)
{
	(void)!lend_sendfile(STDOUT_FILENO, STDIN_FILENO, NULL, 1, LEND_NOW);
}

static void call_pending_await_all(void)
{
	(void)!lend_pending_await_all(&pending, 1, LEND_NOW);
}

static void call_write_async(void)
{
	(void)!lend_write_async(STDIN_FILENO, &byte, 1, 0, &pending);
}

static void call_statx(void)
{
	struct statx status;

	(void)!lend_statx(AT_FDCWD, "/", 0, STATX_SIZE, &status, LEND_NOW);
}

static void call_unlinkat_async(void)
{
	(void)!lend_unlinkat_async(AT_FDCWD, "/", 0, &pending);
}

/* By way of lend_blocking_owned(). */
static void call_getaddrinfo(void)
{
	struct addrinfo *found;

	(void)!lend_getaddrinfo("localhost", "1", NULL, LEND_NOW, &found);
}

#define CALL(name, instead)                                                    \
	{                                                                      \
		call_##name, "lend_" #name "()", instead                       \
	}

static const struct call {
	void (*fn)(void);
	const char *name;
	const char *instead; /* NULL: nothing */
} calls[] = {
	CALL(yield, "sched_yield()"),
	CALL(yield_if_needed, NULL),
	CALL(sleep, "nanosleep()"),
	CALL(park, NULL),
	CALL(exit, NULL),
	CALL(join, "lend_runtime_join()"),
	CALL(receive, NULL),
	CALL(ask, "lend_runtime_ask()"),
	CALL(monitor, NULL),
	CALL(pin, NULL),
	CALL(keep_fp_modes, NULL),
	CALL(scope_open, NULL),
	CALL(deadline_pop, NULL),
	CALL(uncancellable_end, NULL),
	CALL(defer, NULL),
	CALL(timer_start, NULL),
	CALL(blocking, NULL),
	CALL(io_alloc, NULL),
	CALL(io_free, "lend_runtime_io_free()"),
	CALL(defer_close, NULL),
	CALL(close, "lend_runtime_close()"),
	CALL(series_open, NULL),
	CALL(listener_accept, NULL),
	CALL(buffer_release, NULL),
	CALL(http_serve, NULL),
	CALL(claim, NULL),
	CALL(recv, NULL),
	CALL(recv_buffer, NULL),
	CALL(sendfile, NULL),
	CALL(pending_await_all, NULL),
	CALL(write_async, NULL),
	CALL(statx, NULL),
	CALL(unlinkat_async, NULL),
	CALL(getaddrinfo, NULL),
};

#define CALLS (sizeof(calls) / sizeof(*calls))

static const struct call *to_make;

static void *make_call(void *arg)
{
	(void)arg;
	to_make->fn();
	return NULL;
}

/* ---- in the child ---- */

static int on_a_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	if (pthread_create(&thread, NULL, make_call, NULL) ||
	    pthread_join(thread, NULL))
		return 1;
	return 0;
}

static atomic_bool armed;

static void log_line(enum lend_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
	/* What an actor has logged is its call. */
	if (atomic_load(&armed) && !lend_self().generation)
		to_make->fn();
}

static int stall(void *arg)
{
	uint64_t end = lend_after(STALL_NS);

	(void)arg;
	atomic_store(&armed, true);
	while (lend_now() < end)
		;
	/* The worker looks at the clock when it has nothing else to do. */
	lend_sleep(lend_after(LEND_S));
	return 0;
}

/* ---- what it said ---- */

static void look(const struct call *call, int status, const char *words)
{
	char begin[96];

	snprintf(begin, sizeof(begin), "%s was called outside an actor, ",
		 call->name);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(test_says(words, begin));
	CHECK(test_says(words, "call it in an actor"));
	if (call->instead)
		CHECK(test_says(words, call->instead));
}

static int threads_are_told(void)
{
	char words[1024];

	for (size_t i = 0; i < CALLS; i++) {
		int status;

		to_make = &calls[i];
		status = test_in_child(on_a_thread, words, sizeof(words));
		look(to_make, status, words);
		CHECK(test_says(words, "on a thread that runs no actors"));
	}
	return 0;
}

static int workers_are_told(void)
{
	const struct lend_options before = test_options;
	char words[1024];
	int status;

	test_options = test_one_worker();
	test_options.stall_ns = LEND_MS;
	test_options.log_level = LEND_LOG_DEBUG;
	test_options.log = log_line;
	to_make = &calls[0];
	status = test_in_child(stall, words, sizeof(words));
	look(to_make, status, words);
	CHECK(test_says(words, "in a function that a worker calls"));
	test_options = before;
	return 0;
}

/* These say so by their result, and the program goes on. */
static int some_return_an_error(void)
{
	const lend_ref nobody = { 0, 0 };

	CHECK_EQ(lend_spawn(blocks, NULL, NULL, NULL), -EINVAL);
	CHECK_EQ(lend_tell(nobody, 0, NULL, 0), -ESRCH);
	CHECK_EQ(lend_tell_wait(nobody, 0, NULL, 0, LEND_NOW), -EINVAL);
	CHECK_EQ(lend_unpark(nobody), -ESRCH);
	CHECK_EQ(lend_cancel(nobody), -ESRCH);
	CHECK(!lend_is_cancelled());
	CHECK(!lend_may_suspend());
	CHECK_EQ(lend_self().generation, 0);
	lend_trim();
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("threads_are_told", threads_are_told);
	test_plain("workers_are_told", workers_are_told);
	test_plain("some_return_an_error", some_return_an_error);
	return test_finish();
}
