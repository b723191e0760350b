/*
 * Goal:   K6: which queue an actor gets into. It goes on where its completions
 *         are seen, and is sent to another worker only if that is asked for;
 *         a worker with a long queue calls for another one; and one whose only
 *         actor writes without end takes from it. Of a queue it is known how
 *         many completions have put there, while turns are short; and of the
 *         worker for how much of its time it is idle.
 * Method: the doors between workers are wrapped, and count. Nothing depends on
 *         how long anything takes: what must happen is waited for, and what
 *         must not is counted at the end.
 */
#include <stdatomic.h>
#include <unistd.h>

#include "harness/harness.h"
#include "rt/current.h"
#include "rt/worker.h"

#define TALKERS 6
#define TALKS	300
#define CROWD	100
#define CALLS	20
#define WRITES	10000
#define ROUNDS	3

static _Atomic unsigned sent, called;

void __real_lend__worker_send(struct lend_worker *worker,
			      struct lend_actor *actor);
void __wrap_lend__worker_send(struct lend_worker *worker,
			      struct lend_actor *actor);
void __real_lend__worker_wake_one(struct lend_worker *worker);
void __wrap_lend__worker_wake_one(struct lend_worker *worker);
void __wrap_lend__worker_send(struct lend_worker *worker,
			      struct lend_actor *actor)
{
	/* Other threads have no queue of their own. */
	if (lend__current_worker())
		atomic_fetch_add(&sent, 1);
	__real_lend__worker_send(worker, actor);
}

void __wrap_lend__worker_wake_one(struct lend_worker *worker)
{
	if (lend__run_queue_length(&worker->queue) > LEND_WAKE_LENGTH)
		atomic_fetch_add(&called, 1);
	__real_lend__worker_wake_one(worker);
}

/* ---- */

static _Atomic unsigned begun, done;
static _Atomic bool go, stop;

static int talk_to_oneself(void *arg)
{
	char byte = 'x';
	int fds[2];

	(void)arg;
	test_pair(fds);
	atomic_fetch_add(&begun, 1);
	while (!atomic_load(&go))
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	for (unsigned i = 0; i < TALKS; i++) {
		CHECK_EQ(lend_send(fds[0], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(lend_recv(fds[1], &byte, 1, 0, LEND_FOREVER), 1);
	}
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	atomic_fetch_add(&done, 1);
	return 0;
}

static int they_go_on_where_they_are(void *arg)
{
	lend_ref refs[TALKERS];

	(void)arg;
	atomic_store(&begun, 0);
	atomic_store(&done, 0);
	atomic_store(&go, false);
	for (unsigned i = 0; i < TALKERS; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers,
					talk_to_oneself, NULL);
	while (atomic_load(&begun) < TALKERS)
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	/* From here on nobody is to be sent anywhere. */
	atomic_store(&sent, 0);
	atomic_store(&go, true);
	while (atomic_load(&done) < TALKERS)
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	CHECK_EQ(atomic_load(&sent), 0);
	for (unsigned i = 0; i < TALKERS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

static int yield_until_stopped(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		lend_yield();
	return 0;
}

/* With one worker nobody else can be asked for, whatever the reason. */
static int a_long_queue_calls(void *arg)
{
	lend_ref refs[CROWD];

	(void)arg;
	atomic_store(&called, 0);
	atomic_store(&stop, false);
	for (unsigned i = 0; i < CROWD; i++)
		refs[i] = test_spawn(yield_until_stopped, NULL);
	while (atomic_load(&called) < CALLS)
		lend_yield();
	atomic_store(&stop, true);
	for (unsigned i = 0; i < CROWD; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

static _Atomic bool are_there, taken;

static int wander_until_stopped(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		if (lend__current_worker()->index == 1)
			atomic_store(&taken, true);
		lend_yield();
	}
	return 0;
}

static int crowd_one_worker(void *arg)
{
	lend_ref refs[CROWD];

	(void)arg;
	while (!atomic_load(&begun))
		lend_yield();
	for (unsigned i = 0; i < CROWD; i++)
		refs[i] = test_spawn(wander_until_stopped, NULL);
	atomic_store(&are_there, true);
	for (unsigned i = 0; i < CROWD; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

/* What it writes is over at once, and nobody else is to run there: it would go
 * on without end, and leave the other worker alone with its crowd. */
static int write_until_taken(void *arg)
{
	char byte = 'x';
	int fds[2];

	(void)arg;
	test_pair(fds);
	for (unsigned i = 0; i < WRITES && !atomic_load(&taken);) {
		CHECK_EQ(lend_send(fds[0], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(read(fds[1], &byte, 1), 1);
		atomic_store(&begun, 1);
		i += atomic_load(&are_there);
	}
	CHECK(atomic_load(&taken));
	atomic_store(&stop, true);
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	return 0;
}

static int who_writes_takes_from_others(void *arg)
{
	lend_ref crowd, writer;

	(void)arg;
	atomic_store(&begun, 0);
	atomic_store(&stop, false);
	crowd = test_spawn_pinned(1, crowd_one_worker, NULL);
	writer = test_spawn_pinned(2, write_until_taken, NULL);
	CHECK_EQ(test_join(writer), 0);
	CHECK_EQ(test_join(crowd), 0);
	return 0;
}

static _Atomic unsigned told, answered;
static bool is_long;

/* The first in each round tells how many completions have come before it. */
static int listen_until_stopped(void *arg)
{
	static uint64_t round;
	const struct lend_worker *worker;
	uint64_t began_ns;
	char byte;

	while (lend_recv(*(int *)arg, &byte, 1, 0, LEND_FOREVER) == 1) {
		worker = lend__current_worker();
		if (round != atomic_load(&worker->switches) + 1) {
			round = atomic_load(&worker->switches) + 1;
			atomic_fetch_add(
				&told, lend__affinity_keeps(&worker->affinity));
		}
		began_ns = lend_now();
		while (is_long && lend_now() - began_ns < 100 * LEND_US)
			;
		atomic_fetch_add(&answered, 1);
	}
	return 0;
}

/* All that the kernel has for them then comes in few polls, or in one. */
static void talk_to_all(int fds[CROWD][2])
{
	char byte = 'x';

	atomic_store(&answered, 0);
	for (unsigned i = 0; i < CROWD; i++)
		CHECK_EQ(write(fds[i][0], &byte, 1), 1);
	while (atomic_load(&answered) < CROWD)
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	/* Their round may have been this one's. */
	CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
}

static int connections_are_told_from_others(void *arg)
{
	struct lend_worker *worker = lend__current_worker();
	lend_ref refs[CROWD];
	int fds[CROWD][2];

	(void)arg;
	for (unsigned i = 0; i < CROWD; i++) {
		test_pair(fds[i]);
		refs[i] = test_spawn(listen_until_stopped, &fds[i][1]);
	}
	CHECK_EQ(lend_sleep(lend_after(10 * LEND_MS)), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		worker->affinity.long_turns = false;
		atomic_store(&told, 0);
		talk_to_all(fds);
		/* They may have been long on a machine that is slow. */
		CHECK(atomic_load(&told) == CROWD ||
		      worker->affinity.long_turns);
	}
	is_long = true;
	talk_to_all(fds);
	CHECK(worker->affinity.long_turns);
	atomic_store(&told, 0);
	talk_to_all(fds);
	CHECK_EQ(atomic_load(&told), 0);
	for (unsigned i = 0; i < CROWD; i++) {
		CHECK_EQ(close(fds[i][0]), 0);
		CHECK_EQ(test_join(refs[i]), 0);
		CHECK_EQ(close(fds[i][1]), 0);
	}
	return 0;
}

static int load_is_told(void *arg)
{
	struct lend_worker *worker = lend__current_worker();
	const struct lend_load *load = &worker->load;

	(void)arg;
	do {
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
		CHECK(load->parked_ns <= lend_now() - load->began_ns);
	} while (lend__load_is_busy(load, lend_now()));
	while (!lend__load_is_busy(load, lend_now()))
		lend_yield();
	return 0;
}

/* Nobody is called stuck, from whom others take, too. */
static struct lend_options two_workers(void)
{
	struct lend_options two = test_one_worker();

	two.workers = two.workers_max = 2;
	two.stall_ns = 10 * LEND_S;
	return two;
}

int main(int argc, char **argv)
{
	struct lend_options one, two;

	test_init(argc, argv, 60);
	one = test_one_worker();
	test_actor("they_go_on_where_they_are", they_go_on_where_they_are);
	test_actor_with("a_long_queue_calls", a_long_queue_calls, &one);
	test_actor_with("connections_are_told_from_others",
			connections_are_told_from_others, &one);
	test_actor_with("load_is_told", load_is_told, &one);
	two = two_workers();
	test_actor_with("who_writes_takes_from_others",
			who_writes_takes_from_others, &two);
	return test_finish();
}
