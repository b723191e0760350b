/*
 * Goal:   an actor that computes for long delays nobody else for good: what is
 *         on its worker goes on elsewhere while it computes; and it is told.
 * Method: the actor computes until it sees that the others have gone on, under
 *         each condition that has its own way of being noticed. How long that
 *         takes is the benchmarks' business: here it is only printed, as a
 *         machine may be away for any time.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define ECHOERS 6
#define SPIN	(200 * LEND_MS)

/* Who has not been rescued by then never will be. */
#define NEVER (20 * LEND_S)

static _Atomic bool stop;
static _Atomic unsigned started;
static _Atomic unsigned trips[ECHOERS]; /* there and back */

static int echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	while (lend_recv(fd, &byte, 1, 0, LEND_FOREVER) == 1)
		if (lend_send(fd, &byte, 1, 0, LEND_FOREVER) != 1)
			break;
	return lend_close(fd);
}

static int ends[ECHOERS];

static int go_there_and_back(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;
	int fd = ends[me];

	atomic_fetch_add(&started, 1);
	while (!atomic_load(&stop)) {
		char byte = 'e';

		if (lend_send(fd, &byte, 1, 0, LEND_FOREVER) != 1 ||
		    lend_recv(fd, &byte, 1, 0, LEND_FOREVER) != 1)
			return -1;
		atomic_fetch_add(&trips[me], 1);
		lend_sleep(lend_after(LEND_MS));
	}
	return lend_close(fd);
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
		ends[i] = pair[0];
		echoers->clients[i] = test_spawn_on(worker, go_there_and_back,
						    (void *)(uintptr_t)i);
		echoers->servers[i] = test_spawn_on(worker, echo,
						    (void *)(intptr_t)pair[1]);
	}
	while (atomic_load(&started) < ECHOERS)
		lend_yield();
}

static void stop_echoers(const struct echoers *echoers)
{
	atomic_store(&stop, true);
	for (int i = 0; i < ECHOERS; i++) {
		CHECK_EQ(test_join(echoers->clients[i]), 0);
		CHECK_EQ(test_join(echoers->servers[i]), 0);
	}
}

/* Two trips each, as the first may have been over but for the counting. */
static bool all_went_on(const unsigned before[ECHOERS])
{
	for (unsigned i = 0; i < ECHOERS; i++)
		if (atomic_load(&trips[i]) < before[i] + 2)
			return false;
	return true;
}

static int told(const char *what, uint64_t since_ns, bool rescued)
{
	printf("     %s after %llu us\n", rescued ? what : "given up",
	       (unsigned long long)(lend_now() - since_ns) / LEND_US);
	return rescued ? 0 : -ETIMEDOUT;
}

static int spin_until_all_went_on(void *arg)
{
	uint64_t begin_ns = lend_now();
	unsigned before[ECHOERS];

	(void)arg;
	for (unsigned i = 0; i < ECHOERS; i++)
		before[i] = atomic_load(&trips[i]);
	while (!all_went_on(before))
		if (lend_now() - begin_ns > NEVER)
			return told("", begin_ns, false);
	return told("all have gone on", begin_ns, true);
}

static int spinner_among_busy(void *arg)
{
	struct echoers echoers;

	(void)arg;
	start_echoers(&echoers);
	lend_sleep(lend_after(20 * LEND_MS));
	for (unsigned i = 1; i <= 2; i++)
		CHECK_EQ(test_join(test_spawn_on(i, spin_until_all_went_on,
						 NULL)),
			 0);
	stop_echoers(&echoers);
	return 0;
}

#define LATE 3

static _Atomic bool spins;
static _Atomic unsigned late;

static int sleep_then_spin(void *arg)
{
	uint64_t begin_ns;

	(void)arg;
	lend_sleep(lend_after(400 * LEND_MS));
	atomic_store(&spins, true);
	begin_ns = lend_now();
	while (atomic_load(&late) < LATE)
		if (lend_now() - begin_ns > NEVER)
			return told("", begin_ns, false);
	return told("the last came", begin_ns, true);
}

static int receive_late(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	while (lend_recv(fd, &byte, 1, 0, LEND_FOREVER) == 1)
		atomic_fetch_add(&late, 1);
	return lend_close(fd);
}

/* One after the other, once everybody else sleeps or spins. */
static void *send_late(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t end_ns = lend_after(2 * NEVER);

	while (!atomic_load(&spins) && lend_now() < end_ns)
		usleep(1000);
	for (unsigned i = 0; i < LATE; i++) {
		CHECK_EQ(write(fd, "l", 1), 1);
		while (atomic_load(&late) == i && lend_now() < end_ns)
			usleep(1000);
	}
	close(fd);
	return NULL;
}

/* All have been idle for long when a timer wakes one that then spins: somebody
 * has to notice, though nobody was watching. Data comes from outside. */
static int spinner_after_idleness(void *arg)
{
	lend_ref spinner, receiver;
	pthread_t outside;
	int pair[2];

	(void)arg;
	atomic_store(&spins, false);
	atomic_store(&late, 0);
	test_pair(pair);
	pthread_create(&outside, NULL, send_late, (void *)(intptr_t)pair[0]);
	receiver = test_spawn_on(1, receive_late, (void *)(intptr_t)pair[1]);
	spinner = test_spawn_on(1, sleep_then_spin, NULL);
	CHECK_EQ(test_join(spinner), 0);
	CHECK_EQ(test_join(receiver), 0);
	pthread_join(outside, NULL);
	return 0;
}

/* What was queued behind the spinner goes on elsewhere. */
static int set_flag(void *arg)
{
	atomic_store((_Atomic bool *)arg, true);
	return 0;
}

static int spawn_and_spin(void *arg)
{
	uint64_t begin_ns = lend_now();
	_Atomic bool *ran = arg;

	CHECK_EQ(lend_spawn(set_flag, arg, NULL, NULL), 0);
	while (!atomic_load(ran))
		if (lend_now() - begin_ns > NEVER)
			return told("", begin_ns, false);
	return told("the next ran", begin_ns, true);
}

static int queue_behind_spinner(void *arg)
{
	static _Atomic bool ran;

	(void)arg;
	atomic_store(&ran, false);
	CHECK_EQ(test_join(test_spawn_on(2, spawn_and_spin, (void *)&ran)), 0);
	return 0;
}

#define ALL_WORKERS 4
#define HERD	    12

static _Atomic unsigned running;

/* Computes until all workers do. */
static int compute_with_all(void *arg)
{
	uint64_t end = lend_after(NEVER);

	(void)arg;
	atomic_fetch_add(&running, 1);
	while (atomic_load(&running) < ALL_WORKERS)
		if (lend_now() >= end)
			return -ETIMEDOUT;
	return 0;
}

/* All have been idle for long when one gets a lot to do. Who is woken then, and
 * takes some of it, is as stuck as the first: somebody has to be awake for the
 * rest. */
static int herd_after_idleness(void *arg)
{
	lend_ref herd[HERD];

	(void)arg;
	atomic_store(&running, 0);
	lend_sleep(lend_after(400 * LEND_MS));
	for (unsigned i = 0; i < HERD; i++)
		herd[i] = test_spawn(compute_with_all, NULL);
	for (unsigned i = 0; i < HERD; i++)
		CHECK_EQ(test_join(herd[i]), 0);
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

static uint64_t recalled(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.total.recalled;
}

/* With an operation in flight on a ring that its worker has borrowed. The ring
 * is asked back; whether it is taken then, or given, depends on where its
 * holder is at that moment. */
static int spin_with_ring(void *arg)
{
	uint64_t before = recalled(), begin_ns = lend_now();
	struct lend_claim_handle *claim;
	struct lend_pending *pending;
	int pair[2], res;

	(void)arg;
	test_pair(pair);
	if (lend_claim(1, LEND_FOREVER, &claim))
		return -1;
	io_uring_prep_poll_add(lend_claim_sqe(claim, 0), pair[0], POLLIN);
	if (lend_claim_commit(claim, &pending))
		return -1;
	res = spin_until_all_went_on(NULL);
	while (!res && test_options.mode == LEND_RING_BORROWED &&
	       recalled() == before)
		if (lend_now() - begin_ns > NEVER)
			res = told("", begin_ns, false);
	close(pair[1]);
	CHECK(lend_pending_await(pending, LEND_FOREVER) > 0);
	lend_pending_free(pending);
	close(pair[0]);
	return res;
}

/* Nobody is parked, so nobody keeps watch: who is busy must look, too. */
static int spinner_among_never_idle(void *arg)
{
	struct echoers echoers;
	lend_ref busy[8];
	unsigned n = test_options.workers < 8 ? test_options.workers : 8;

	(void)arg;
	start_echoers(&echoers);
	for (unsigned i = 0; i < n; i++)
		busy[i] = test_spawn_on(1 + i, yield_until_stopped, NULL);
	lend_sleep(lend_after(20 * LEND_MS));
	for (unsigned i = 1; i <= 2; i++)
		CHECK_EQ(test_join(test_spawn_on(i, spin_with_ring, NULL)), 0);
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

static int spin(void *arg)
{
	(void)arg;
	test_spin(SPIN);
	return 0;
}

/* Others than the hog's are counted, too: the machine may stop a worker. */
static bool is_counted(const struct lend_stats *stats, unsigned stalls)
{
	return stats->stalls >= stalls && stats->longest_stall_ns >= SPIN &&
	       stats->stalled_ns >= stats->longest_stall_ns;
}

/* A stall is told once its worker is at a safe point again. A worker writes a
 * line at most once in a second, which names whom another worker has seen; so
 * one that is at it again and again will be named. */
static int stall_is_told(void *arg)
{
	struct lend_spawn_options options = {
		.joinable = true,
		.name = "hog",
		.worker = test_options.workers,
	};
	uint64_t begin_ns = lend_now();
	bool alone = test_options.workers == 1;
	unsigned stalls = 0;
	struct lend_stats stats;
	lend_ref hog;

	(void)arg;
	atomic_store(&lines_with_hog, 0);
	lend_sleep(lend_after(20 * LEND_MS));
	do {
		CHECK_EQ(lend_spawn(spin, NULL, &options, &hog), 0);
		CHECK_EQ(test_join(hog), 0);
		stalls++;
		do {
			lend_yield();
			lend_stats_read(NULL, &stats);
		} while (!is_counted(&stats, stalls) &&
			 lend_now() - begin_ns < NEVER);
	} while (!alone && !atomic_load(&lines_with_hog) &&
		 lend_now() - begin_ns < NEVER);
	CHECK(is_counted(&stats, stalls));
	if (!alone)
		CHECK_IN(atomic_load(&lines_with_hog), 1,
			 test_options.workers *
				 (1 + (lend_now() - begin_ns) / LEND_S));
	return 0;
}

static void tell_about_stalls(void)
{
	struct lend_options options = test_options;

	options.log = look_for_hog;
	test_actor_with("stall_is_told", stall_is_told, &options);
}

int main(int argc, char **argv)
{
	static const char one[] = "there is nobody else to go on";
	static const char own[] = "a private ring waits for its owner";
	const char *reason;

	test_init(argc, argv, 100);
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
	if (test_options.workers < 2)
		test_skip("queue_behind_spinner", one);
	else
		test_actor("queue_behind_spinner", queue_behind_spinner);
	watch_over_a_herd();
	return test_finish();
}
