/*
 * Goal:   who waits for what is told: by lend_report() at any time, and in the
 *         log when nothing can run any more.
 * Method: each actor is asked for until the report has it as it should be,
 *         as nobody knows when it has gone to sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reported.h"

/* It waits, and the report has counted some of that. */
static void wait_until_told_for_long(const char *who)
{
	uint64_t end_ns = lend_after(NEVER);

	while (has_line(report(), who, ", for 0.000 s") && lend_now() < end_ns)
		lend_sleep(lend_after(LEND_MS));
	CHECK(!has_line(report(), who, ", for 0.000 s"));
}

/* ---- lend_report() ---- */

static int sleep_for_long(void *arg)
{
	(void)arg;
	return lend_sleep(lend_after(3600 * LEND_S)) == -ECANCELED ? 0 : -1;
}

static int ask(void *arg)
{
	const lend_ref *whom = arg;
	struct lend_msg *answer;
	int err = lend_ask(*whom, 1, NULL, 0, LEND_FOREVER, &answer);

	return err == -ECANCELED ? 0 : -1;
}

static int receive_bytes(void *arg)
{
	char byte;

	return lend_recv((int)(intptr_t)arg, &byte, 1, 0, LEND_FOREVER) ==
			       -ECANCELED ?
		       0 :
		       -1;
}

static int each_kind_of_waiting(void *arg)
{
	lend_ref refs[5];
	char text[64];
	int fds[2];

	(void)arg;
	test_pair(fds);
	refs[0] = spawn_named(sleep_for_long, NULL, "dozer");
	refs[1] = spawn_named(receive, NULL, "reader");
	refs[2] = spawn_named(join, &refs[0], "joiner");
	refs[3] = spawn_named(ask, &refs[0], "asker");
	refs[4] = spawn_named(receive_bytes, (void *)(intptr_t)fds[0], "ear");
	wait_for_line("actor dozer #", "sleeps, for ");
	wait_for_line("actor reader #", "waits for a message, for ");
	snprintf(text, sizeof(text), "waits for the end of actor dozer #%u",
		 refs[0].index);
	wait_for_line("actor joiner #", text);
	snprintf(text, sizeof(text), "waits for an answer of actor dozer #%u",
		 refs[0].index);
	wait_for_line("actor asker #", text);
	snprintf(text, sizeof(text), "waits for recv on descriptor %d", fds[0]);
	wait_for_line("actor ear #", text);
	wait_for_line("actor reader #", "spawned in spawn_named+0x");
	wait_for_line("actor reader #", " KiB of stack touched");
	wait_for_line("actor main #", "runs, or is about to");
	wait_for_line("worker ", " s ago; it runs, or ran last, actor main #");
	if (test_options.workers > 1)
		wait_for_line("worker ", " is parked");
	wait_until_told_for_long("actor dozer #");
	CHECK(!strstr(report(), "they wait for each other"));
	for (unsigned i = 5; i--;) {
		CHECK_EQ(lend_cancel(refs[i]), 0);
		CHECK_EQ(test_join(refs[i]), 0);
	}
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* Others wait for who writes it. */
static int nobody_has_to_read_it(void *arg)
{
	static const char page[4096];
	char *taken = malloc(sizeof(page));
	int pipes[2];

	(void)arg;
	CHECK(taken != NULL);
	CHECK_EQ(pipe2(pipes, O_CLOEXEC), 0);
	CHECK(fcntl(pipes[1], F_SETPIPE_SZ, sizeof(page)) > 0);
	CHECK_EQ(write(pipes[1], page, sizeof(page)), sizeof(page));
	lend_report(NULL, pipes[1]);
	CHECK_EQ(read(pipes[0], taken, sizeof(page)), sizeof(page));
	CHECK(!memcmp(taken, page, sizeof(page)));
	lend_report(NULL, pipes[1]);
	CHECK(read(pipes[0], taken, sizeof(page)) > 0);
	CHECK(!memcmp(taken, "lend: ", 6));
	close(pipes[0]);
	close(pipes[1]);
	free(taken);
	return 0;
}

/* There is none whose it could be. */
static int nothing_outside_of_actors(void)
{
	struct lend_stats stats = { .workers = 1 };
	struct lend_ring_stats ring;

	CHECK_EQ(strlen(report()), 0);
	lend_stats_read(NULL, &stats);
	CHECK_EQ(stats.workers, 0);
	CHECK_EQ(lend_stats_read_ring(NULL, 0, &ring), -EINVAL);
	return 0;
}

/* ---- servers ---- */

static int serve(void *arg)
{
	return lend_http_serve(arg) == -ECANCELED ? 0 : -1;
}

/* One connection is all it takes, so it does not accept another one. */
static int servers_wait_for_something(void *arg)
{
	const struct lend_http_options options = { .connections_max = 1 };
	struct lend_http_server *server;
	lend_ref ref;
	int fd;

	(void)arg;
	CHECK_EQ(lend_http_server_new(&options, &server), 0);
	CHECK_EQ(lend_http_listen(server, "127.0.0.1:0"), 0);
	ref = spawn_named(serve, server, "host");
	wait_for_line("actor host #", "waits for the end of its HTTP server");
	fd = test_connect_to(lend_http_address(server, 0));
	wait_for_line("actor http accept #", "waits for a connection to end");
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(test_join(ref), 0);
	lend_http_server_free(server);
	return lend_close(fd);
}

/* ---- names ---- */

/* Nobody's name begins a line of its own, or talks to a terminal. */
static int names_stay_in_their_line(void *arg)
{
	lend_ref ref = spawn_named(receive, NULL,
				   "two\nlines \033[31m\x7f \xc3\xa4");

	(void)arg;
	wait_for_line("actor two?lines ?[31m? \xc3\xa4 #",
		      "waits for a message, for ");
	CHECK_EQ(lend_cancel(ref), 0);
	return test_join(ref);
}

/* ---- deadlocks ---- */

static _Atomic bool told_nothing;
static _Atomic bool told_circle;
static _Atomic bool told_line;
static _Atomic bool told_at_all;
static struct lend_runtime *_Atomic runtime_now;
static _Atomic uint64_t victim;

static void listen_to_log(enum lend_log_level level, const char *line,
			  void *arg)
{
	(void)arg;
	if (strstr(line, "nothing can run any more")) {
		atomic_store(&told_at_all, true);
		if (level == LEND_LOG_WARNING)
			atomic_store(&told_nothing, true);
	}
	if (strstr(line, "they wait for each other: left #") &&
	    strstr(line, " -> right #"))
		atomic_store(&told_circle, true);
	if (strstr(line, "actor left #") &&
	    strstr(line, "waits for the end of actor right #"))
		atomic_store(&told_line, true);
}

static void listen_anew(void)
{
	atomic_store(&told_nothing, false);
	atomic_store(&told_circle, false);
	atomic_store(&told_line, false);
	atomic_store(&told_at_all, false);
	atomic_store(&victim, 0);
}

/* Until the deadlock was told; then it is ended from outside. */
static void *end_the_deadlock(void *arg)
{
	uint64_t end_ns = lend_after(NEVER);
	uint64_t ref;

	(void)arg;
	while (!(atomic_load(&told_nothing) && atomic_load(&told_circle) &&
		 atomic_load(&told_line)) &&
	       lend_now() < end_ns)
		usleep(1000);
	while (!(ref = atomic_load(&victim)))
		usleep(1000);
	CHECK_EQ(lend_runtime_cancel(atomic_load(&runtime_now),
				     (lend_ref){ (uint32_t)ref,
						 (uint32_t)(ref >> 32) }),
		 0);
	return NULL;
}

static int join_each_other(void *arg)
{
	static lend_ref circle[2];

	(void)arg;
	spawn_circle(circle);
	atomic_store(&runtime_now, lend_runtime_current());
	atomic_store(&victim,
		     (uint64_t)circle[0].generation << 32 | circle[0].index);
	CHECK_EQ(lend_join(circle[0], LEND_FOREVER, NULL), 0);
	/* Its end is one's own reason to go on. */
	(void)!lend_join(circle[1], LEND_FOREVER, NULL);
	return 0;
}

static int a_circle(void)
{
	struct lend_options options = test_options;
	pthread_t thread;
	int value;

	listen_anew();
	pthread_create(&thread, NULL, end_the_deadlock, NULL);
	value = lend_run(&options, join_each_other, NULL);
	pthread_join(thread, NULL);
	CHECK(atomic_load(&told_circle));
	CHECK(atomic_load(&told_line));
	return value;
}

/* An operation is pending all the time, so nothing may be said. */
static int wait_for_a_byte(void *arg)
{
	char byte;

	CHECK_EQ(lend_recv((int)(intptr_t)arg, &byte, 1, 0, LEND_FOREVER), 1);
	CHECK(!atomic_load(&told_at_all));
	return 0;
}

/* After many looks of the watchdog; more of them are as good. */
static void *send_late(void *arg)
{
	usleep((useconds_t)(20 * test_options.watchdog_ns / LEND_US));
	CHECK_EQ(write((int)(intptr_t)arg, "l", 1), 1);
	return NULL;
}

static int no_deadlock(void)
{
	struct lend_options options = test_options;
	pthread_t thread;
	int fds[2], value;

	listen_anew();
	test_pair(fds);
	pthread_create(&thread, NULL, send_late, (void *)(intptr_t)fds[1]);
	value = lend_run(&options, wait_for_a_byte, (void *)(intptr_t)fds[0]);
	pthread_join(thread, NULL);
	close(fds[0]);
	close(fds[1]);
	return value;
}

/* What sleeps is not dead either. */
static int sleep_for_a_while(void *arg)
{
	(void)arg;
	CHECK_EQ(lend_sleep(lend_after(20 * test_options.watchdog_ns)), 0);
	CHECK(!atomic_load(&told_at_all));
	return 0;
}

static int no_deadlock_either(void)
{
	struct lend_options options = test_options;

	listen_anew();
	return lend_run(&options, sleep_for_a_while, NULL);
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 120);
	test_options.watchdog_ns = 20 * LEND_MS;
	test_options.log = listen_to_log;
	test_options.log_level = LEND_LOG_INFO;
	test_actor("each kind of waiting is told", each_kind_of_waiting);
	test_actor("nobody has to read it", nobody_has_to_read_it);
	test_plain("outside of actors nothing is told",
		   nothing_outside_of_actors);
	test_actor("servers say what they wait for",
		   servers_wait_for_something);
	test_actor("names stay in their line", names_stay_in_their_line);
	test_plain("a circle of joins is told", a_circle);
	test_plain("who waits for an operation is in no deadlock", no_deadlock);
	test_plain("who sleeps is in no deadlock", no_deadlock_either);
	return test_finish();
}
