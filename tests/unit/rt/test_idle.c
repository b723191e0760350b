/*
 * Goal:   K6: however many wake a parked worker, one of them writes to its
 *         event descriptor, once; one that is at work gets none; of several
 *         parked workers one is woken, if one is asked for.
 * Method: workers without threads, in the states that parking brings them to;
 *         the event descriptor counts.
 */
#include "rt/worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rt/runtime.h"

#define WORKERS 4
#define WAKERS	4
#define PARKS	200000

static struct lend_runtime runtime;
static struct lend_worker workers[WORKERS];
static unsigned woke[WAKERS];
static _Atomic bool enough;

static void setup(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].runtime = &runtime;
		workers[i].index = i;
		workers[i].event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		cr_assert_geq(workers[i].event_fd, 0);
	}
	runtime.workers = workers;
	runtime.roster.topology = lend__topology();
	atomic_init(&runtime.workers_count, WORKERS);
}

static void teardown(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		close(workers[i].event_fd);
}

static void park(struct lend_worker *worker)
{
	atomic_fetch_add(&runtime.parked, 1);
	lend__roster_park(&runtime.roster, worker->index);
	atomic_store(&worker->park_state, LEND_PARK_PARKED);
}

/* Since the last look. */
static unsigned writes_to(const struct lend_worker *worker)
{
	eventfd_t count = 0;

	if (eventfd_read(worker->event_fd, &count))
		cr_assert_eq(errno, EAGAIN);
	return (unsigned)count;
}

/* One of them parks the worker again as soon as it was woken, and then wakes it
 * like the others: so they meet. */
static void *wake_often(void *arg)
{
	unsigned sum = 0;

	for (unsigned parks = 0; arg == &woke[0] && parks < PARKS;) {
		if (atomic_load(&workers[0].park_state) != LEND_PARK_PARKED) {
			park(&workers[0]);
			parks++;
		}
		sum += lend__worker_wake(&workers[0]);
	}
	if (arg == &woke[0])
		atomic_store(&enough, true);
	while (!atomic_load(&enough))
		sum += lend__worker_wake(&workers[0]);
	/* The last of all is woken for certain. */
	sum += lend__worker_wake(&workers[0]);
	*(unsigned *)arg = sum;
	return NULL;
}

Test(idle, many_wakes_of_a_parked_worker_are_one_write, .init = setup,
     .fini = teardown, .timeout = 120)
{
	pthread_t threads[WAKERS];
	unsigned sum = 0;

	for (unsigned i = 0; i < WAKERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, wake_often,
					    &woke[i]),
			     0);
	for (unsigned i = 0; i < WAKERS; i++) {
		pthread_join(threads[i], NULL);
		sum += woke[i];
	}
	cr_expect_eq(sum, PARKS, "%u were told that they woke it", sum);
	cr_expect_eq(writes_to(&workers[0]), PARKS);
	cr_expect_eq(atomic_load(&workers[0].wakes), PARKS);
}

Test(idle, a_thousand_wakes_of_a_parked_worker_are_one_write, .init = setup,
     .fini = teardown)
{
	unsigned sum = 0;

	park(&workers[0]);
	for (unsigned i = 0; i < 1000; i++)
		sum += lend__worker_wake(&workers[0]);
	cr_expect_eq(sum, 1);
	cr_expect_eq(writes_to(&workers[0]), 1);
}

Test(idle, who_is_at_work_or_woken_already_is_not_written_to, .init = setup,
     .fini = teardown)
{
	cr_expect(!lend__worker_wake(&workers[0]));
	park(&workers[0]);
	cr_expect(lend__worker_wake(&workers[0]));
	cr_expect(!lend__worker_wake(&workers[0]));
	cr_expect_eq(writes_to(&workers[0]), 1);
	atomic_store(&workers[0].park_state, LEND_PARK_RUNNING);
	cr_expect(!lend__worker_wake(&workers[0]));
	cr_expect_eq(writes_to(&workers[0]), 0);
	cr_expect_eq(atomic_load(&workers[0].wakes), 1);
}

static unsigned writes_to_all(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		sum += writes_to(&workers[i]);
	return sum;
}

Test(idle, one_of_several_is_woken_at_a_time, .init = setup, .fini = teardown)
{
	lend__worker_wake_one(&workers[0]);
	cr_expect_eq(writes_to_all(), 0);
	for (unsigned i = 1; i < WORKERS; i++)
		park(&workers[i]);
	for (unsigned i = 1; i < WORKERS; i++) {
		lend__worker_wake_one(&workers[0]);
		cr_expect_eq(writes_to_all(), 1);
	}
	/* All have been woken, though none of them knows yet. */
	lend__worker_wake_one(&workers[0]);
	cr_expect_eq(writes_to_all(), 0);
}

Test(idle, all_that_are_parked_are_woken_once_if_asked_for, .init = setup,
     .fini = teardown)
{
	for (unsigned i = 1; i < WORKERS; i++)
		park(&workers[i]);
	cr_expect(lend__worker_wake(&workers[2]));
	lend__worker_wake_all(&runtime);
	for (unsigned i = 0; i < WORKERS; i++)
		cr_expect_eq(writes_to(&workers[i]), i > 0);
}
