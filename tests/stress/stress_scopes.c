/*
 * Goal:   P2, C14: whoever cancels whom at whatever moment, no scope loses or
 *         forgets a member, each cleanup is called once, each question ends,
 *         no message is lost or leaked.
 * Method: runtimes of random mode, workers and rings, one after another until
 *         the time is up. In each, trees of scopes grow on all workers, ask
 *         each other, watch each other and fail, while other actors and a
 *         thread of the program's cancel whom they can name.
 *
 * usage: stress_scopes [seed]		(LEND_STRESS_SECONDS: how long; 3)
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define TREES	  6
#define DEPTH_MAX 3
#define NAMES	  64

enum { QUESTION = 1, ANSWER, ENDED, TICK };

static uint64_t seed;
static uint64_t end_ns;

/* Whom anybody may cancel, ask or watch: references as numbers. */
static _Atomic uint64_t names[NAMES];
static _Atomic int living;
static _Atomic int registered, called; /* cleanups */
static _Atomic bool stop_cancelling;
static int silent[2];

struct branch {
	uint64_t random;
	unsigned depth;
};

static lend_ref any_name(uint64_t *random)
{
	uint64_t name = atomic_load(&names[test_random(random) % NAMES]);

	return (lend_ref){ (uint32_t)name, (uint32_t)(name >> 32) };
}

static void publish_name(uint64_t *random)
{
	lend_ref self = lend_self();

	atomic_store(&names[test_random(random) % NAMES],
		     (uint64_t)self.generation << 32 | self.index);
}

static void clean_up(void *arg)
{
	(void)arg;
	CHECK(!lend_is_cancelled());
	CHECK_EQ(lend_yield(), 0);
	atomic_fetch_add(&called, 1);
}

static void count_out(void *arg)
{
	(void)arg;
	atomic_fetch_sub(&living, 1);
}

/* ---- what they do ---- */

static void take_one(uint64_t deadline)
{
	struct lend_msg *msg;
	int err = lend_receive(deadline, &msg);

	if (err) {
		CHECK(err == -ETIMEDOUT || err == -ECANCELED);
		return;
	}
	if (lend_msg_type(msg) == QUESTION) {
		CHECK(lend_msg_is_question(msg));
		/* Not always. */
		if (lend_now() % 4)
			CHECK_IN(lend_reply(msg, ANSWER, &deadline, 8), -ESRCH,
				 0);
	}
	lend_msg_free(msg);
}

static void do_receive(uint64_t *random)
{
	take_one(lend_after(test_random(random) % 200 * LEND_US));
}

static void do_ask(uint64_t *random)
{
	lend_ref other = any_name(random);
	struct lend_msg *reply;
	int err = lend_ask(other, QUESTION, random, 8,
			   lend_after(test_random(random) % 200 * LEND_US),
			   &reply);

	if (err) {
		CHECK(err == -ESRCH || err == -EPIPE || err == -ETIMEDOUT ||
		      err == -ECANCELED || err == -EAGAIN || err == -EDEADLK);
		return;
	}
	CHECK_EQ(lend_msg_type(reply), ANSWER);
	lend_msg_free(reply);
}

static void do_watch(uint64_t *random)
{
	lend_ref other = any_name(random);
	int err = lend_monitor(other, ENDED);

	CHECK(!err || err == -ESRCH);
	if (test_random(random) % 4 == 0)
		CHECK_IN(lend_demonitor(other), -ESRCH, 0);
}

static void do_cancel(uint64_t *random)
{
	if (test_random(random) % 4 == 0)
		CHECK_IN(lend_cancel(any_name(random)), -ESRCH, 0);
}

static void do_recv(uint64_t *random)
{
	char byte;
	long res = lend_recv(silent[0], &byte, 1, 0,
			     lend_after(test_random(random) % 200 * LEND_US));

	CHECK(res == -ETIMEDOUT || res == -ECANCELED);
}

static void do_timer(uint64_t *random)
{
	struct lend_timer *timer;

	CHECK_EQ(lend_timer_start(
			 lend_after(test_random(random) % 100 * LEND_US),
			 test_random(random) % 2 * 50 * LEND_US, TICK, &timer),
		 0);
	take_one(lend_after(LEND_MS));
	if (test_random(random) % 2)
		lend_timer_stop(timer);
}

static void do_block(uint64_t *random)
{
	uint64_t before = lend_deadline_push(
		lend_after(test_random(random) % 100 * LEND_US));

	do_recv(random);
	CHECK_IN(lend_deadline_pop(before), -ETIMEDOUT, 0);
}

static void do_section(uint64_t *random)
{
	uint64_t before = lend_uncancellable_begin();

	CHECK_EQ(lend_sleep(lend_after(test_random(random) % 50 * LEND_US)), 0);
	lend_uncancellable_end(before);
}

static void (*const actions[])(uint64_t *random) = {
	do_receive, do_ask,   do_watch, do_cancel,
	do_recv,    do_timer, do_block, do_section,
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

/* ---- trees ---- */

static int grow(void *arg);

static void spawn_some(struct lend_scope *scope, struct branch *below,
		       uint64_t *random)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct lend_spawn_options how = {
			.worker = (unsigned)(test_random(random) %
					     (test_options.workers + 1)),
			.joinable = test_random(random) % 2,
		};
		int err;

		below[i].random = test_random(random);
		err = lend_scope_spawn(scope, grow, &below[i], &how, NULL);
		CHECK(!err || err == -ECANCELED || err == -EAGAIN ||
		      err == -ENOMEM);
	}
}

static void branch_out(const struct branch *branch, uint64_t *random)
{
	const struct lend_scope_options options = {
		.deadline = test_random(random) % 3 ?
				    0 :
				    lend_after(test_random(random) % 500 *
					       LEND_US),
		.cancel_on_failure = test_random(random) % 2,
		.actors_max = (unsigned)(test_random(random) % 6),
	};
	struct branch below[4];
	struct lend_scope *scope;

	for (unsigned i = 0; i < 4; i++)
		below[i].depth = branch->depth - 1;
	if (!CHECK_EQ(lend_scope_open(&options, &scope), 0))
		return;
	spawn_some(scope, below, random);
	switch (test_random(random) % 4) {
	case 0:
		(void)!lend_scope_join(scope, lend_after(LEND_MS));
		break;
	case 1:
		while (!lend_scope_next(scope, lend_after(LEND_MS), NULL, NULL))
			;
		break;
	case 2:
		CHECK_EQ(lend_scope_cancel(scope), 0);
		break;
	}
	if (test_random(random) % 4 == 0)
		lend_exit(-1); /* @below stays as long as the members */
	lend_scope_close(scope);
}

static int grow(void *arg)
{
	struct branch *branch = arg;
	uint64_t random = branch->random;

	atomic_fetch_add(&living, 1);
	CHECK_EQ(lend_defer(count_out, NULL), 0);
	if (test_random(&random) % 2) {
		atomic_fetch_add(&registered, 1);
		CHECK_EQ(lend_defer(clean_up, NULL), 0);
	}
	publish_name(&random);
	for (int i = 0; i < 4; i++)
		actions[test_random(&random) % ACTIONS](&random);
	if (branch->depth)
		branch_out(branch, &random);
	CHECK_IN(branch->depth, 0, DEPTH_MAX);
	return test_random(&random) % 4 ? 0 : -EIO;
}

static int grow_trees(void *arg)
{
	uint64_t *random = arg;
	struct branch trunks[TREES];

	for (unsigned round = 0; round < 4; round++) {
		struct lend_scope *scope;

		CHECK_EQ(lend_scope_open(NULL, &scope), 0);
		for (unsigned i = 0; i < TREES; i++) {
			trunks[i] = (struct branch){ test_random(random),
						     DEPTH_MAX };
			CHECK_EQ(lend_scope_spawn(scope, grow, &trunks[i], NULL,
						  NULL),
				 0);
		}
		lend_sleep(lend_after(test_random(random) % 3000 * LEND_US));
		lend_scope_close(scope);
		CHECK_EQ(atomic_load(&living), 0);
		CHECK_EQ(atomic_load(&registered), atomic_load(&called));
	}
	return 0;
}

/* ---- one runtime ---- */

static void *cancel_from_outside(void *arg)
{
	struct lend_runtime *runtime = arg;
	uint64_t random = seed + 1;

	while (!atomic_load(&stop_cancelling)) {
		struct lend_msg *reply;

		CHECK_IN(lend_runtime_cancel(runtime, any_name(&random)),
			 -ESRCH, 0);
		if (!lend_runtime_ask(runtime, any_name(&random), QUESTION,
				      &random, 8, lend_after(100 * LEND_US),
				      &reply))
			lend_msg_free(reply);
	}
	return NULL;
}

static int one_runtime(void)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_runtime *runtime;
	uint64_t random = seed;
	pthread_t canceller;
	lend_ref first;
	int value = -1;

	for (unsigned i = 0; i < NAMES; i++)
		atomic_store(&names[i], 0);
	atomic_store(&living, 0);
	atomic_store(&registered, 0);
	atomic_store(&called, 0);
	atomic_store(&stop_cancelling, false);
	test_pair(silent);
	test_random(&random);
	if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
		return -1;
	CHECK_EQ(pthread_create(&canceller, NULL, cancel_from_outside, runtime),
		 0);
	CHECK_EQ(lend_runtime_spawn(runtime, grow_trees, &random, &joinable,
				    &first),
		 0);
	CHECK_EQ(lend_runtime_join(runtime, first, &value), 0);
	CHECK_EQ(value, 0);
	atomic_store(&stop_cancelling, true);
	pthread_join(canceller, NULL);
	lend_runtime_free(runtime);
	close(silent[0]);
	close(silent[1]);
	return 0;
}

static void random_options(uint64_t random)
{
	test_options = (struct lend_options){
		.mode = LEND_RING_BORROWED + (int)(test_random(&random) % 3),
		.workers = 1 + (unsigned)(test_random(&random) % 4),
		.depth = 1u << test_random(&random) % 5,
		.actors_max = 4096,
		.log_level = LEND_LOG_ERROR,
	};
	test_options.rings = test_options.mode == LEND_RING_PRIVATE ?
				     test_options.workers :
				     1 + (unsigned)(test_random(&random) % 4);
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("LEND_STRESS_SECONDS");

	test_init(1, argv, 60);
	seed = test_seed(argc, argv, 1);
	end_ns = lend_after((seconds ? strtoull(seconds, NULL, 0) : 3) *
			    LEND_S);
	/* A seed that is given is run once, to its end. */
	do {
		char name[96];

		random_options(seed);
		snprintf(name, sizeof(name), "%s:%u:%u:%u seed %llu",
			 lend_ring_mode_name(test_options.mode),
			 test_options.workers, test_options.rings,
			 test_options.depth, (unsigned long long)seed);
		test_watchdog(60);
		test_plain(name, one_runtime);
		test_random(&seed);
	} while (lend_now() < end_ns);
	return test_finish();
}
