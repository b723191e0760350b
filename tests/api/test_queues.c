/*
 * Goal:   K6: which queue an actor gets into. It goes on where its completions
 *         are seen, and is sent to another worker only if that is asked for;
 *         and a worker with a long queue calls for another one.
 * Method: the doors between workers are wrapped, and count. Nothing depends on
 *         how long anything takes: what must happen is waited for, and what
 *         must not is counted at the end.
 */
#include <stdatomic.h>

#include "harness/harness.h"
#include "rt/current.h"
#include "rt/worker.h"

#define TALKERS 6
#define TALKS	300
#define CROWD	100
#define CALLS	20

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

int main(int argc, char **argv)
{
	struct lend_options one;

	test_init(argc, argv, 60);
	one = test_one_worker();
	test_actor("they_go_on_where_they_are", they_go_on_where_they_are);
	test_actor_with("a_long_queue_calls", a_long_queue_calls, &one);
	return test_finish();
}
