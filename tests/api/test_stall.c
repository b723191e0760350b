/*
 * Goal:   an actor that computes for long delays nobody but those on its own
 *         worker for a moment; a runtime with nothing to do uses no CPU.
 * Method: an echo between two actors is timed while another spins, under each
 *         condition that has its own way of being noticed; CPU time is read
 *         before and after a second of idleness. Bounds are generous.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define SPIN	(200 * LEND_MS)
#define BOUND	(60 * LEND_MS)
#define ECHOERS 6

static _Atomic bool stop;
static _Atomic unsigned started;

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	while (lend_recv(fd, &byte, 1, 0, LEND_FOREVER) == 1)
		if (lend_send(fd, &byte, 1, 0, LEND_FOREVER) != 1)
			break;
	return lend_close(fd);
}

/* The worst round trip, in microseconds. */
static int measure(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t worst = 0;

	atomic_fetch_add(&started, 1);
	while (!atomic_load(&stop)) {
		uint64_t before = lend_now(), took;
		char byte = 'e';

		if (lend_send(fd, &byte, 1, 0, LEND_FOREVER) != 1 ||
		    lend_recv(fd, &byte, 1, 0, LEND_FOREVER) != 1)
			break;
		took = lend_now() - before;
		worst = took > worst ? took : worst;
		lend_sleep(lend_after(LEND_MS));
	}
	lend_close(fd);
	return (int)(worst / LEND_US);
}

struct echoers {
	lend_ref clients[ECHOERS];
	lend_ref servers[ECHOERS];
};

static void start_echoers(struct echoers *echoers)
{
	atomic_store(&stop, false);
	atomic_store(&started, 0);
	for (unsigned i = 0; i < ECHOERS; i++) {
		unsigned worker = 1 + i % test_options.workers;
		int pair[2];

		test_pair(pair);
		echoers->clients[i] = test_spawn_on(worker, measure,
						    (void *)(intptr_t)pair[0]);
		echoers->servers[i] = test_spawn_on(worker, echo,
						    (void *)(intptr_t)pair[1]);
	}
	while (atomic_load(&started) < ECHOERS)
		lend_yield();
}

static void stop_echoers(const struct echoers *echoers)
{
	int worst = 0;

	atomic_store(&stop, true);
	for (int i = 0; i < ECHOERS; i++) {
		int us = test_join(echoers->clients[i]);

		worst = us > worst ? us : worst;
		CHECK_EQ(test_join(echoers->servers[i]), 0);
	}
	printf("     worst round trip %d us\n", worst);
	if (!test_is_slow())
		CHECK_IN(worst, 0, BOUND / LEND_US);
}

static int spin(void *arg)
{
	(void)arg;
	test_spin(SPIN);
	return 0;
}

static int spinner_among_busy(void *arg)
{
	struct echoers echoers;

	(void)arg;
	start_echoers(&echoers);
	lend_sleep(lend_after(20 * LEND_MS));
	for (unsigned i = 1; i <= 2; i++)
		CHECK_EQ(test_join(test_spawn_on(i, spin, NULL)), 0);
	stop_echoers(&echoers);
	return 0;
}

static int sleep_then_spin(void *arg)
{
	(void)arg;
	lend_sleep(lend_after(400 * LEND_MS));
	test_spin(SPIN);
	return 0;
}

/* One round trip while everybody else sleeps or spins. */
static int one_late_echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t worst = 0;
	char byte;

	for (int i = 0; i < 3; i++) {
		uint64_t sent;

		if (lend_recv(fd, &sent, sizeof(sent), 0, LEND_FOREVER) !=
		    sizeof(sent))
			break;
		sent = lend_now() - sent;
		worst = sent > worst ? sent : worst;
	}
	CHECK_EQ(lend_recv(fd, &byte, 1, 0, LEND_FOREVER), 0);
	lend_close(fd);
	return (int)(worst / LEND_US);
}

static void *send_late(void *arg)
{
	int fd = (int)(intptr_t)arg;

	usleep(450000);
	for (int i = 0; i < 3; i++) {
		uint64_t now = lend_now();

		CHECK_EQ(write(fd, &now, sizeof(now)), sizeof(now));
		usleep(30000);
	}
	close(fd);
	return NULL;
}

/* All have been idle for long when a timer wakes one that then spins: somebody
 * has to notice, though nobody was watching. Data comes from outside. */
static int spinner_after_idleness(void *arg)
{
	lend_ref spinner, echo_ref;
	int pair[2], worst;
	pthread_t outside;

	(void)arg;
	test_pair(pair);
	pthread_create(&outside, NULL, send_late, (void *)(intptr_t)pair[0]);
	echo_ref = test_spawn_on(1, one_late_echo, (void *)(intptr_t)pair[1]);
	spinner = test_spawn_on(1, sleep_then_spin, NULL);
	CHECK_EQ(test_join(spinner), 0);
	worst = test_join(echo_ref);
	pthread_join(outside, NULL);
	printf("     latest receive %d us\n", worst);
	if (!test_is_slow())
		CHECK_IN(worst, 0, BOUND / LEND_US);
	return 0;
}

/* What was queued behind the spinner goes on elsewhere. */
static int note_time(void *arg)
{
	*(_Atomic uint64_t *)arg = lend_now();
	return 0;
}

static int spawn_and_spin(void *arg)
{
	CHECK_EQ(lend_spawn(note_time, arg, NULL, NULL), 0);
	test_spin(SPIN);
	return 0;
}

static int queue_behind_spinner(void *arg)
{
	static _Atomic uint64_t when;
	uint64_t before = lend_now();

	(void)arg;
	atomic_store(&when, 0);
	CHECK_EQ(test_join(test_spawn_on(2, spawn_and_spin, (void *)&when)), 0);
	CHECK(atomic_load(&when) != 0);
	if (!test_is_slow())
		CHECK_IN(atomic_load(&when) - before, 0, BOUND);
	return 0;
}

#define ALL_WORKERS 4
#define HERD	    12

static _Atomic unsigned running;

/* Computes until all workers do. */
static int compute_with_all(void *arg)
{
	uint64_t end = lend_after(LEND_S);

	(void)arg;
	atomic_fetch_add(&running, 1);
	while (atomic_load(&running) < ALL_WORKERS && lend_now() < end)
		;
	return 0;
}

/* All have been idle for long when one gets a lot to do. Who is woken then, and
 * takes some of it, is as stuck as the first: somebody has to be awake for the
 * rest. */
static int herd_after_idleness(void *arg)
{
	lend_ref herd[HERD];
	uint64_t before;

	(void)arg;
	atomic_store(&running, 0);
	lend_sleep(lend_after(400 * LEND_MS));
	before = lend_now();
	for (unsigned i = 0; i < HERD; i++)
		herd[i] = test_spawn(compute_with_all, NULL);
	for (unsigned i = 0; i < HERD; i++)
		CHECK_EQ(test_join(herd[i]), 0);
	if (!test_is_slow())
		CHECK_IN(lend_now() - before, 0, LEND_S / 2);
	return 0;
}

static void watch_over_a_herd(void)
{
	struct lend_options options = test_options;

	options.workers = ALL_WORKERS;
	options.rings = ALL_WORKERS;
	test_actor_with("herd_after_idleness", herd_after_idleness, &options);
}

/* Keeps a worker from ever being idle. */
static int yield_until_stopped(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		lend_yield();
	return 0;
}

/* Nobody is parked, so nobody keeps watch: who is busy must look, too. */
static int spinner_among_never_idle(void *arg)
{
	struct lend_stats before, after;
	struct echoers echoers;
	lend_ref busy[8];
	unsigned n = test_options.workers < 8 ? test_options.workers : 8;

	(void)arg;
	start_echoers(&echoers);
	for (unsigned i = 0; i < n; i++)
		busy[i] = test_spawn_on(1 + i, yield_until_stopped, NULL);
	lend_sleep(lend_after(20 * LEND_MS));
	lend_stats_read(NULL, &before);
	/* One of the two has echoers, wherever they have been taken. */
	for (unsigned i = 1; i <= 2; i++)
		CHECK_EQ(test_join(test_spawn_on(i, spin, NULL)), 0);
	lend_stats_read(NULL, &after);
	if (test_options.mode == LEND_RING_BORROWED)
		CHECK(after.total.seized > before.total.seized);
	stop_echoers(&echoers);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(test_join(busy[i]), 0);
	return 0;
}

/* ---- kicks by signal ---- */

/* With a signal private rings are no exception. */
static void kicked_by_signal(void)
{
	struct lend_options options = test_options;

	options.kick_signal = SIGURG;
	test_actor_with("kicked_by_signal", spinner_among_busy, &options);
}

static void handle_nothing(int signal_number)
{
	(void)signal_number;
}

static int signals_of_the_program(void)
{
	struct lend_options options = test_options;
	struct lend_runtime *runtime;

	options.kick_signal = SIGUSR2;
	signal(SIGUSR2, handle_nothing);
	CHECK_EQ(lend_runtime_new(&options, &runtime), -EBUSY);
	CHECK(signal(SIGUSR2, SIG_DFL) == handle_nothing);
	options.kick_signal = SIGKILL;
	CHECK_EQ(lend_runtime_new(&options, &runtime), -EINVAL);
	options.kick_signal = 12345;
	CHECK_EQ(lend_runtime_new(&options, &runtime), -EINVAL);
	return 0;
}

/* ---- telling ---- */

static _Atomic unsigned lines_with_hog;

static void look_for_hog(enum lend_log_level level, const char *line, void *arg)
{
	(void)arg;
	if (level == LEND_LOG_WARNING && strstr(line, "safe point") &&
	    strstr(line, "actor hog #"))
		atomic_fetch_add(&lines_with_hog, 1);
}

static int stall_is_told(void *arg)
{
	struct lend_spawn_options options = {
		.joinable = true,
		.name = "hog",
		.worker = test_options.workers,
	};
	struct lend_stats stats;
	lend_ref hog;

	(void)arg;
	atomic_store(&lines_with_hog, 0);
	lend_sleep(lend_after(20 * LEND_MS));
	CHECK_EQ(lend_spawn(spin, NULL, &options, &hog), 0);
	CHECK_EQ(test_join(hog), 0);
	/* It is told at the next safe point of its worker. */
	for (int i = 0; i < 100; i++) {
		lend_sleep(lend_after(LEND_MS));
		lend_stats_read(NULL, &stats);
		if (stats.longest_stall_ns >= SPIN)
			break;
	}
	CHECK_IN(stats.stalls, 1, 1000);
	CHECK(stats.longest_stall_ns >= SPIN);
	CHECK(stats.stalled_ns >= stats.longest_stall_ns);
	if (test_options.workers > 1)
		CHECK_EQ(atomic_load(&lines_with_hog), 1);
	return 0;
}

static void tell_about_stalls(void)
{
	struct lend_options options = test_options;

	options.log = look_for_hog;
	test_actor_with("stall_is_told", stall_is_told, &options);
}

/* ---- idleness ---- */

static int receive_for_ever(void *arg)
{
	struct lend_buffer buffer;
	int fd = (int)(intptr_t)arg;
	long res;

	atomic_fetch_add(&started, 1);
	res = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
	lend_close(fd);
	return (int)res;
}

static int idle_costs_nothing(void *arg)
{
	static lend_ref refs[1000];
	static int others[1000];
	uint64_t cpu_ns;

	(void)arg;
	atomic_store(&started, 0);
	for (int i = 0; i < 1000; i++) {
		int pair[2];

		test_pair(pair);
		others[i] = pair[0];
		refs[i] = test_spawn_on(1 + (unsigned)i % test_options.workers,
					receive_for_ever,
					(void *)(intptr_t)pair[1]);
	}
	while (atomic_load(&started) < 1000)
		lend_yield();
	lend_sleep(lend_after(300 * LEND_MS));
	cpu_ns = test_cpu_ns();
	lend_sleep(lend_after(LEND_S));
	cpu_ns = test_cpu_ns() - cpu_ns;
	printf("     %llu us of CPU in a second\n",
	       (unsigned long long)cpu_ns / 1000);
	if (!test_is_slow())
		CHECK_IN(cpu_ns, 0, 20 * LEND_MS);
	/* And it is still awake. */
	for (int i = 0; i < 1000; i++)
		close(others[i]);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

/* Rings change hands in a stall; idle long after it, all of them are watched.
 */
static int watched_after_stall(void *arg)
{
	static lend_ref refs[64];
	static int others[64];

	(void)arg;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 64; i++) {
			int pair[2];

			test_pair(pair);
			others[i] = pair[0];
			refs[i] = test_spawn_on(
				1 + (unsigned)i % test_options.workers,
				receive_for_ever, (void *)(intptr_t)pair[1]);
		}
		lend_yield();
		CHECK_EQ(test_join(test_spawn_on(1 + (unsigned)round % 2, spin,
						 NULL)),
			 0);
		/* Until nobody looks after anybody. */
		lend_sleep(lend_after(150 * LEND_MS));
		for (int i = 0; i < 64; i++)
			close(others[i]);
		for (int i = 0; i < 64; i++)
			CHECK_EQ(test_join(refs[i]), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const char one[] = "there is nobody else to go on";
	static const char own[] = "a private ring waits for its owner";
	const char *reason;

	test_init(argc, argv, 30);
	reason = test_options.workers < 2		? one :
		 test_options.mode == LEND_RING_PRIVATE ? own :
							  NULL;
	if (reason) {
		test_skip("spinner_among_busy", reason);
		test_skip("spinner_after_idleness", reason);
		test_skip("spinner_among_never_idle", reason);
	} else {
		test_actor("spinner_among_busy", spinner_among_busy);
		test_actor("spinner_after_idleness", spinner_after_idleness);
		test_actor("spinner_among_never_idle",
			   spinner_among_never_idle);
	}
	if (test_options.workers < 2)
		test_skip("kicked_by_signal", one);
	else
		kicked_by_signal();
	test_plain("signals_of_the_program", signals_of_the_program);
	tell_about_stalls();
	if (test_options.workers < 2) {
		test_skip("queue_behind_spinner", one);
	} else {
		test_actor("queue_behind_spinner", queue_behind_spinner);
		test_actor("watched_after_stall", watched_after_stall);
	}
	watch_over_a_herd();
	test_actor("idle_costs_nothing", idle_costs_nothing);
	return test_finish();
}
