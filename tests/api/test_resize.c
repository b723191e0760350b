/*
 * Goal:   a change of size that can not be is refused, with a line that says
 *         why; one that can not be had in time is given up, and what was to go
 *         serves as before; of several that want one, one gets it; whose ring
 *         stayed after all watches it.
 * Method: numbers out of range; an actor that spins, or that keeps a claim
 *         open, until the deadline has passed; three actors and a thread that
 *         change sizes at once; threads that can not be started, to whose
 *         workers somebody sends actors meanwhile; an operation on that ring
 *         completes when all workers sleep.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/traffic.h"
#include "harness/harness.h"

static int sleep_long(void *arg)
{
	uint64_t deadline = lend_after(40 * LEND_MS);

	(void)arg;
	CHECK_EQ(lend_sleep(deadline), 0);
	CHECK(lend_now() >= deadline);
	return 0;
}

/* ---- limits, deadlines ---- */

static _Atomic unsigned said;
static char last_line[512];

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	(void)arg;
	(void)level;
	snprintf(last_line, sizeof(last_line), "%s", line);
	atomic_fetch_add(&said, 1);
}

static int what_can_not_be(void *arg)
{
	unsigned workers = lend_runtime_workers(lend_runtime_current());
	unsigned rings = lend_runtime_rings(lend_runtime_current());
	unsigned before = atomic_load(&said);

	(void)arg;
	CHECK_EQ(set_workers(0, SOON), -EINVAL);
	CHECK(strstr(last_line, "the last one stays") != NULL);
	CHECK_EQ(set_rings(0, SOON), -EINVAL);
	CHECK_EQ(set_workers(6, SOON), -E2BIG);
	CHECK(strstr(last_line, "lend_options.workers_max") != NULL);
	CHECK_EQ(set_rings(6, SOON), -E2BIG);
	CHECK_EQ(atomic_load(&said), before + 4);
	if (is_private())
		CHECK_EQ(lend_runtime_set_rings(lend_runtime_current(), 1,
						SOON),
			 -EINVAL);
	CHECK_EQ(lend_runtime_workers(lend_runtime_current()), workers);
	CHECK_EQ(lend_runtime_rings(lend_runtime_current()), rings);
	CHECK_EQ(set_workers(5, SOON), 0);
	CHECK_EQ(set_rings(5, SOON), 0);
	/* Whoever has chosen a worker that is gone by now is not refused. */
	CHECK_EQ(set_workers(1, SOON), 0);
	CHECK_EQ(test_join(test_spawn_on(5, sleep_long, NULL)), 0);
	return 0;
}

/* Pinned until it is there: an idle worker may not take it over. */
static int spin_until_told(void *arg)
{
	(void)arg;
	lend_unpin();
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&stop))
		;
	return 0;
}

/* The worker that spins can not leave; the ring can not be closed before its
 * worker has passed. Afterwards both can. */
static int a_deadline_passes(void *arg)
{
	struct lend_spawn_options options = { .name = "the spinner",
					      .joinable = true,
					      .worker = 3,
					      .pinned = true };
	struct traffic traffic;
	uint64_t before_ns;
	lend_ref spinner;

	(void)arg;
	atomic_store(&stop, false);
	atomic_store(&waiting, 0);
	CHECK_EQ(set_rings(3, SOON), 0);
	CHECK_EQ(set_workers(3, SOON), 0);
	CHECK_EQ(lend_spawn(spin_until_told, NULL, &options, &spinner), 0);
	wait_for(1);
	before_ns = lend_now();
	CHECK_EQ(set_workers(1, lend_after(50 * LEND_MS)), -ETIMEDOUT);
	CHECK_IN(lend_now() - before_ns, 50 * LEND_MS, 20 * LEND_S);
	CHECK_EQ(lend_runtime_workers(lend_runtime_current()), 3);
	if (!is_private()) {
		CHECK_EQ(set_rings(1, lend_after(50 * LEND_MS)), -ETIMEDOUT);
		CHECK_EQ(lend_runtime_rings(lend_runtime_current()), 3);
	}
	atomic_store(&stop, true);
	CHECK_EQ(test_join(spinner), 0);
	/* They serve as before ... */
	start_traffic(&traffic);
	lend_sleep(lend_after(5 * LEND_MS));
	/* ... and can go now. */
	CHECK_EQ(set_workers(1, SOON), 0);
	CHECK_EQ(set_rings(1, SOON), 0);
	stop_traffic(&traffic);
	return 0;
}

static int keep_a_claim_open(void *arg)
{
	struct lend_claim_handle *claim;

	(void)arg;
	if (lend_claim(1, LEND_FOREVER, &claim))
		return -1;
	lend_unpin();
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&stop))
		;
	lend_claim_abandon(claim);
	return 0;
}

/* Whichever ring is to go has an open claim: workers 2 and 3 have one each. */
static int an_open_claim_keeps_its_ring(void *arg)
{
	struct lend_spawn_options options = { .joinable = true,
					      .pinned = true };
	unsigned count = is_private() ? 1 : 2;
	lend_ref keepers[2];

	(void)arg;
	if (test_options.mode == LEND_RING_SHARED)
		return 0; /* its room is reserved: the same, seen above */
	atomic_store(&stop, false);
	atomic_store(&waiting, 0);
	CHECK_EQ(set_rings(2, SOON), 0);
	CHECK_EQ(set_workers(1 + count, SOON), 0);
	for (unsigned i = 0; i < count; i++) {
		options.worker = 2 + i;
		CHECK_EQ(lend_spawn(keep_a_claim_open, NULL, &options,
				    &keepers[i]),
			 0);
	}
	wait_for(count);
	CHECK_EQ(set_rings(1, lend_after(30 * LEND_MS)), -ETIMEDOUT);
	CHECK_EQ(lend_runtime_rings(lend_runtime_current()), 2);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < count; i++)
		CHECK_EQ(test_join(keepers[i]), 0);
	CHECK_EQ(set_rings(1, SOON), 0);
	return 0;
}

/* ---- who does it ---- */

static int change(void *arg)
{
	int err, changes = 0;

	while (!atomic_load(&stop)) {
		err = set_workers(1 + (unsigned)(changes % 3), SOON);
		if (err != -EBUSY && !CHECK_EQ(err, 0))
			break;
		changes += !err;
		lend_sleep(lend_after((uint64_t)(intptr_t)arg * 100 * LEND_US));
	}
	return changes;
}

static _Atomic bool changed;

static void *change_from_outside(void *arg)
{
	int err;

	do
		err = lend_runtime_set_workers(arg, 2, SOON);
	while (err == -EBUSY);
	CHECK_EQ(err, 0);
	atomic_store(&changed, true);
	return NULL;
}

static int one_at_a_time(void *arg)
{
	lend_ref changers[3];
	pthread_t thread;

	(void)arg;
	atomic_store(&stop, false);
	atomic_store(&changed, false);
	for (intptr_t i = 0; i < 3; i++)
		changers[i] = test_spawn(change, (void *)(i + 1));
	CHECK_EQ(pthread_create(&thread, NULL, change_from_outside,
				lend_runtime_current()),
		 0);
	lend_sleep(lend_after(60 * LEND_MS));
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 3; i++)
		CHECK_IN(test_join(changers[i]), 0, INT32_MAX);
	/* Blocked, our worker could be the one that it has to wait for. */
	while (!atomic_load(&changed))
		lend_sleep(lend_after(LEND_MS));
	pthread_join(thread, NULL);
	return 0;
}

/* ---- a thread that never comes ---- */

static _Atomic bool refuses_threads;
static lend_ref sent[4];

static int run_anywhere(void *arg)
{
	(void)arg;
	return 7;
}

/* The worker of the next thread takes what is sent to it by now. */
static void send_to_the_next(void)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct lend_spawn_options options = {
			.worker = 2,
			.joinable = true,
			.pinned = i % 2,
		};

		CHECK_EQ(lend_spawn(run_anywhere, NULL, &options, &sent[i]), 0);
	}
}

/* In front of the C library's. */
__attribute__((visibility("default"))) int
pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
	       void *(*fn)(void *arg), void *arg)
{
	static __typeof__(&pthread_create) next;

	if (atomic_load(&refuses_threads)) {
		send_to_the_next();
		return EAGAIN;
	}
	if (!next)
		next = __extension__(__typeof__(next))
			dlsym(RTLD_NEXT, "pthread_create");
	return next(ret_thread, attributes, fn, arg);
}

static int who_was_sent_to_it_runs_elsewhere(void *arg)
{
	int value;

	(void)arg;
	/* It gets a number that there was before, so that it can be named. */
	CHECK_EQ(set_workers(2, SOON), 0);
	CHECK_EQ(set_workers(1, SOON), 0);
	atomic_store(&refuses_threads, true);
	CHECK_EQ(set_workers(2, SOON), -EAGAIN);
	atomic_store(&refuses_threads, false);
	for (unsigned i = 0; i < 4; i++) {
		value = 0;
		CHECK_EQ(lend_join(sent[i], lend_after(20 * LEND_S), &value),
			 0);
		CHECK_EQ(value, 7);
	}
	CHECK_EQ(set_workers(2, SOON), 0);
	return 0;
}

/* ---- homes ---- */

/* In shared mode three workers have the first ring for a home, two the other.
 */
#define SLEEPY_WORKERS 5
#define SLEEPY_DEPTH   4

static struct lend_runtime *sleepy;
static int quiet[2];

static int fill_a_ring(void *arg)
{
	struct lend_claim_handle *claim;

	(void)arg;
	if (lend_claim(SLEEPY_DEPTH, LEND_FOREVER, &claim))
		return -1;
	atomic_fetch_add(&waiting, 1);
	while (!atomic_load(&stop))
		;
	lend_claim_abandon(claim);
	return 0;
}

static int receive_a_byte(void *arg)
{
	char byte = 0;

	(void)arg;
	atomic_fetch_add(&waiting, 1);
	return lend_recv(quiet[0], &byte, 1, 0, LEND_FOREVER) == 1 ? byte : -1;
}

static lend_ref spawn_pinned(lend_actor_fn fn, uint16_t worker)
{
	const struct lend_spawn_options options = { .joinable = true,
						    .pinned = true,
						    .worker = worker };
	unsigned before = atomic_load(&waiting);
	lend_ref ref = { 0 };

	CHECK_EQ(lend_runtime_spawn(sleepy, fn, NULL, &options, &ref), 0);
	while (atomic_load(&waiting) == before)
		usleep(100);
	return ref;
}

/* The fifth worker has a claim on all of the first ring, and the second is
 * asked to go in vain. What the third worker submits then goes to the second
 * ring, whose own workers sleep; unless one of them is the sentinel, so this
 * takes some rounds to show. */
static void give_up_a_ring_and_use_it(void)
{
	lend_ref filler, receiver;
	int value = 0;

	test_pair(quiet);
	atomic_store(&stop, false);
	filler = spawn_pinned(fill_a_ring, 5);
	CHECK_EQ(lend_runtime_set_rings(sleepy, 1, lend_after(20 * LEND_MS)),
		 -ETIMEDOUT);
	receiver = spawn_pinned(receive_a_byte, 3);
	/* It may not have got so far as to submit: then this shows less. */
	usleep(20000);
	atomic_store(&stop, true);
	CHECK_EQ(lend_runtime_join(sleepy, filler, &value), 0);
	CHECK_EQ(value, 0);
	/* Until the sentinel sleeps, too, and nobody comes by who would help;
	 * again, it may show less. */
	usleep(150000);
	CHECK_EQ(write(quiet[1], "x", 1), 1);
	CHECK_EQ(lend_runtime_join_until(sleepy, receiver,
					 lend_after(20 * LEND_S), &value),
		 0);
	CHECK_EQ(value, 'x');
	close(quiet[0]);
	close(quiet[1]);
}

static int a_ring_that_stays_is_watched(void)
{
	struct lend_options options = test_options;

	options.workers = options.workers_max = SLEEPY_WORKERS;
	options.rings = options.rings_max = 2;
	options.depth = SLEEPY_DEPTH;
	if (!CHECK_EQ(lend_runtime_new(&options, &sleepy), 0))
		return -1;
	for (unsigned i = 0; i < 4 && !test_failures(); i++)
		give_up_a_ring_and_use_it();
	lend_runtime_stop(sleepy);
	lend_runtime_free(sleepy);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options small;

	test_init(argc, argv, 60);
	small = test_options;
	small.workers_max = 5;
	small.rings = is_private() ? small.workers : 2;
	small.rings_max = 5;
	small.log = remember;
	small.log_level = LEND_LOG_ERROR;
	test_actor_with("what can not be", what_can_not_be, &small);
	test_actor("a deadline passes", a_deadline_passes);
	test_actor("an open claim keeps its ring",
		   an_open_claim_keeps_its_ring);
	test_actor("one at a time", one_at_a_time);
	test_actor("who was sent to it runs elsewhere",
		   who_was_sent_to_it_runs_elsewhere);
	if (is_private())
		test_skip("a ring that stays is watched",
			  "each worker has one of its own");
	else
		test_plain("a ring that stays is watched",
			   a_ring_that_stays_is_watched);
	return test_finish();
}
