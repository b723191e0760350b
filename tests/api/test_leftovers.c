/*
 * Goal:   K15: what an actor leaves behind is noticed at its end: claims,
 *         handles, series, buffers and timers are given back, and reported with
 *         the place that they come from; descriptors that nobody has closed are
 *         reported when the runtime ends.
 * Method: lines of the log are kept, and the place in each is compared with the
 *         function that has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define LINES_MAX 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[LINES_MAX][512];
static unsigned lines_count;

static void keep_line(enum lend_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	pthread_mutex_lock(&lock);
	/* Stalls are the machine's. */
	if (lines_count < LINES_MAX &&
	    (strstr(line, " leaves ") || strstr(line, "open")))
		snprintf(lines[lines_count++], sizeof(lines[0]), "%s", line);
	pthread_mutex_unlock(&lock);
}

/* How many lines have both. */
static unsigned count_lines(const char *text, const char *more)
{
	unsigned count = 0;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < lines_count; i++)
		count += strstr(lines[i], text) && strstr(lines[i], more);
	pthread_mutex_unlock(&lock);
	return count;
}

static void print_lines(void)
{
	for (unsigned i = 0; i < lines_count; i++)
		fprintf(stderr, "  %s\n", lines[i]);
}

#define NOINLINE __attribute__((noinline))

NOINLINE static void begin_a_claim(void)
{
	struct lend_claim_handle *claim;

	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	io_uring_prep_nop(lend_claim_sqe(claim, 0));
}

NOINLINE static void begin_a_receive(int fd)
{
	static char byte;
	struct lend_pending *pending;

	CHECK_EQ(lend_recv_async(fd, &byte, 1, 0, &pending), 0);
}

NOINLINE static void begin_and_abandon(int fd)
{
	static char byte;
	struct lend_pending *pending;

	CHECK_EQ(lend_recv_async(fd, &byte, 1, 0, &pending), 0);
	lend_pending_abandon(pending);
}

NOINLINE static void begin_a_series(int fd)
{
	struct lend_series *series;

	CHECK_EQ(lend_series_open(fd, LEND_SERIES_RECV, NULL, &series), 0);
	CHECK_EQ(lend_series_next(series, LEND_NOW, NULL), -ETIMEDOUT);
}

NOINLINE static void begin_a_timer(void)
{
	struct lend_timer *timer;

	CHECK_EQ(lend_timer_start(lend_after(3600 * LEND_S), 0, 1, &timer), 0);
}

static int leave_all(void *arg)
{
	const int *fds = arg;

	begin_a_receive(fds[0]);
	begin_and_abandon(fds[1]);
	begin_a_series(fds[2]);
	begin_a_timer();
	/* Last: nothing else may be claimed meanwhile. */
	begin_a_claim();
	return 0;
}

static int leave_nothing(void *arg)
{
	const int *fds = arg;
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	struct lend_series *series;
	struct lend_timer *timer;
	char byte;

	CHECK_EQ(lend_recv_async(fds[0], &byte, 1, 0, &pending), 0);
	lend_pending_free(pending);
	CHECK_EQ(lend_series_open(fds[2], LEND_SERIES_RECV, NULL, &series), 0);
	lend_series_close(series);
	CHECK_EQ(lend_timer_start(lend_after(3600 * LEND_S), 0, 1, &timer), 0);
	lend_timer_stop(timer);
	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	lend_claim_abandon(claim);
	return 0;
}

static lend_ref spawn_named(const char *name, lend_actor_fn fn, void *arg)
{
	const struct lend_spawn_options options = { .name = name,
						    .joinable = true };
	lend_ref ref = { 0 };

	CHECK_EQ(lend_spawn(fn, arg, &options, &ref), 0);
	return ref;
}

static int spawn_both(void *arg)
{
	int fds[3], others[3];

	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		int pair[2];

		test_pair(pair);
		fds[i] = pair[0];
		others[i] = pair[1];
	}
	CHECK_EQ(test_join(spawn_named("tidy", leave_nothing, fds)), 0);
	CHECK_EQ(test_join(spawn_named("messy", leave_all, fds)), 0);
	/* Nothing is in flight any more: closing has nobody to end, and what
	 * comes is for whoever asks next. */
	for (unsigned i = 0; i < 3; i++) {
		char byte = 0;

		CHECK_EQ(lend_send(others[i], "x", 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(lend_recv(fds[i], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(byte, 'x');
		CHECK_EQ(lend_close(fds[i]), 0);
		CHECK_EQ(lend_close(others[i]), 0);
	}
	return 0;
}

static int run_reporting(lend_actor_fn fn, bool reports)
{
	struct lend_options options = test_options;

	options.log = keep_line;
	options.report_leaks = reports;
	lines_count = 0;
	return lend_run(&options, fn, NULL);
}

static int what_is_left_is_reported(void)
{
	CHECK_EQ(run_reporting(spawn_both, true), 0);
	CHECK_EQ(count_lines("actor tidy", ""), 0);
	CHECK_EQ(count_lines("actor messy", "an open claim"), 1);
	CHECK_EQ(count_lines("claim", "begun at begin_a_claim+"), 1);
	CHECK_EQ(count_lines("the handle of recv", "begun at begin_a_receive+"),
		 1);
	CHECK_EQ(count_lines("begin_and_abandon", ""), 0);
	CHECK_EQ(count_lines("open series", "begun at begin_a_series+"), 1);
	CHECK_EQ(count_lines("a timer", "begun at begin_a_timer+"), 1);
	/* Who called it, too. */
	CHECK_EQ(count_lines("actor messy", "< leave_all+"), 4);
	CHECK_EQ(lines_count, 4);
	if (test_failures())
		print_lines();
	/* Only on request. */
	CHECK_EQ(run_reporting(spawn_both, false), 0);
	CHECK_EQ(lines_count, 0);
	return 0;
}

static int take_a_buffer(void *arg)
{
	struct lend_buffer buffer;

	CHECK_EQ(lend_recv_buffer((int)(intptr_t)arg, LEND_FOREVER, &buffer),
		 1);
	/* Memory of its own is no loan. */
	return buffer.origin ? 1 : 0;
}

static int leave_a_buffer(void *arg)
{
	static bool lent;
	int fds[2];

	(void)arg;
	test_pair(fds);
	CHECK_EQ(lend_send(fds[1], "x", 1, 0, LEND_FOREVER), 1);
	lent = test_join(spawn_named("reader", take_a_buffer,
				     (void *)(intptr_t)fds[0])) > 0;
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	CHECK_EQ(count_lines("actor reader", "leaves 1 buffers"), lent);
	return 0;
}

static int buffers_that_are_left_are_reported(void)
{
	return run_reporting(leave_a_buffer, true);
}

/* ---- descriptors that are open at the end ---- */

enum {
	BY_SOCKET,
	BY_OPEN,
	BY_ASYNC,
	BY_ACCEPT,
	BY_SERIES,
	BY_MESSAGE,
	BY_PROCESS,
	KINDS
};
static int left[KINDS], connected[2];

/* A call in the last place has no frame of its caller. */
#define BE_A_FRAME(x) __asm__ volatile("" : "+r"(x))

NOINLINE static int open_a_socket(void)
{
	int fd = lend_socket(AF_INET, SOCK_STREAM, 0, LEND_FOREVER);

	BE_A_FRAME(fd);
	return fd;
}

NOINLINE static int open_a_file(void)
{
	int fd = lend_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0, LEND_FOREVER);

	BE_A_FRAME(fd);
	return fd;
}

NOINLINE static int open_by_handle(void)
{
	struct lend_pending *pending;
	int fd = -1;

	if (CHECK_EQ(lend_openat_async(AT_FDCWD, "/dev/null", O_RDONLY, 0,
				       &pending),
		     0)) {
		fd = lend_pending_await(pending, LEND_FOREVER);
		lend_pending_free(pending);
	}
	return fd;
}

NOINLINE static int accept_one(int listener)
{
	int fd = lend_accept(listener, NULL, NULL, LEND_FOREVER);

	BE_A_FRAME(fd);
	return fd;
}

NOINLINE static int accept_of_series(int listener)
{
	struct lend_series *series;
	int fd = -1;

	if (CHECK_EQ(lend_series_open(listener, LEND_SERIES_ACCEPT, NULL,
				      &series),
		     0)) {
		fd = (int)lend_series_next(series, LEND_FOREVER, NULL);
		lend_series_close(series);
	}
	return fd;
}

NOINLINE static int receive_one(void)
{
	unsigned count = 1;
	int pair[2], fd = -1;
	char byte;

	test_pair(pair);
	CHECK_EQ(lend_send_fds(pair[1], "x", 1, &pair[0], 1, LEND_FOREVER), 1);
	CHECK_EQ(lend_recv_fds(pair[0], &byte, 1, &fd, &count, LEND_FOREVER),
		 1);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return fd;
}

NOINLINE static int pipe_of_child(void)
{
	const struct lend_process_options options = { .out = LEND_STDIO_PIPE };
	char *argv[] = { (char *)"true", NULL };
	struct lend_process process = { .out = -1 };
	int fd = -1;

	if (CHECK_EQ(lend_process_spawn("true", argv, &options, LEND_FOREVER,
					&process),
		     0)) {
		CHECK_EQ(lend_process_wait(&process, LEND_FOREVER, NULL), 0);
		fd = process.out;
		process.out = -1;
		lend_process_close(&process);
	}
	return fd;
}

static int close_it(void *arg)
{
	return lend_close((int)(intptr_t)arg);
}

static int open_many(void *arg)
{
	uint16_t port;
	int listener = test_listen(8, &port), fd;

	(void)arg;
	left[BY_SOCKET] = open_a_socket();
	left[BY_OPEN] = open_a_file();
	left[BY_ASYNC] = open_by_handle();
	connected[0] = test_connect(port);
	left[BY_ACCEPT] = accept_one(listener);
	connected[1] = test_connect(port);
	left[BY_SERIES] = accept_of_series(listener);
	left[BY_MESSAGE] = receive_one();
	left[BY_PROCESS] = pipe_of_child();
	/* These are no news: closed by itself, by another actor to which the
	 * number was handed, and by others than the library. */
	CHECK_EQ(lend_close(open_a_socket()), 0);
	CHECK_EQ(test_join(test_spawn(close_it,
				      (void *)(intptr_t)open_a_socket())),
		 0);
	fd = open_a_socket();
	CHECK_EQ(close(fd), 0);
	/* The number is another file's now. */
	CHECK_EQ(dup3(listener, fd, O_CLOEXEC), fd);
	CHECK_EQ(close(fd), 0);
	return lend_close(listener);
}

static int keep_one_open(void *arg)
{
	(void)arg;
	left[0] = open_a_file();
	CHECK_EQ(lend_keep_open(left[0]), 0);
	return 0;
}

static int open_descriptors_are_reported(void)
{
	static const char *const places[KINDS] = {
		"open_a_socket+", "open_a_file+",      "open_by_handle+",
		"accept_one+",	  "accept_of_series+", "receive_one+",
		"pipe_of_child+",
	};

	CHECK_EQ(run_reporting(open_many, true), 0);
	for (unsigned i = 0; i < KINDS; i++) {
		char text[64];

		snprintf(text, sizeof(text), "descriptor %d is open", left[i]);
		CHECK_EQ(count_lines(text, places[i]), 1);
		CHECK_EQ(count_lines(text, "actor main #0 opened it at"), 1);
		CHECK_EQ(close(left[i]), 0);
	}
	CHECK_EQ(count_lines("7 descriptors", "still open"), 1);
	CHECK_EQ(lines_count, KINDS + 1);
	if (test_failures())
		print_lines();
	close(connected[0]);
	close(connected[1]);
	CHECK_EQ(run_reporting(keep_one_open, true), 0);
	CHECK_EQ(lines_count, 0);
	CHECK_EQ(close(left[0]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("what is left is reported", what_is_left_is_reported);
	test_plain("buffers that are left are reported",
		   buffers_that_are_left_are_reported);
	test_plain("open descriptors are reported",
		   open_descriptors_are_reported);
	return test_finish();
}
