/*
 * Goal:   an actor that is made runnable is queued by what has made it so: one
 *         for which slots are kept comes before all others, one that the
 *         running actor has woken is the next, one that gave way comes behind
 *         those that have something new; pinned ones are among the pinned.
 * Method: a worker without a thread, and records of actors without fibers.
 */
#include "rt/worker.h"

#include <criterion/criterion.h>

#include "rt/runtime.h"

#define ACTORS 12

static struct lend_runtime runtime;
static struct lend_worker workers[2];
static struct lend_actor actors[ACTORS];

static void setup(void)
{
	for (unsigned i = 0; i < 2; i++) {
		workers[i].runtime = &runtime;
		workers[i].index = i;
		cr_assert_eq(lend__run_queue_init(&workers[i].queue), 0);
	}
	for (unsigned i = 0; i < ACTORS; i++)
		actors[i].index = i;
	/* Some actor wakes the others. */
	workers[0].running = &actors[ACTORS - 1];
}

static void teardown(void)
{
	for (unsigned i = 0; i < 2; i++)
		lend__run_queue_fini(&workers[i].queue);
}

static void expect_next(unsigned index)
{
	struct lend_actor *actor = lend__run_queue_take(&workers[0].queue);

	cr_assert_not_null(actor);
	cr_expect_eq(actor->index, index);
}

static void expect_nobody(void)
{
	cr_expect_null(lend__run_queue_take(&workers[0].queue));
}

/* So many turns are earned, that actors may come out of turn. */
static void earn(unsigned turns)
{
	for (unsigned i = 0; i < turns; i++) {
		lend__worker_enqueue(&workers[0], &actors[ACTORS - 2]);
		expect_next(ACTORS - 2);
	}
}

Test(worker, who_has_slots_kept_for_it_comes_first, .init = setup,
     .fini = teardown)
{
	void (*const ways[])(struct lend_worker *, struct lend_actor *) = {
		lend__worker_enqueue,
		lend__worker_enqueue_woken,
		lend__worker_enqueue_yielded,
	};

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		earn(2);
		lend__worker_enqueue(&workers[0], &actors[1]);
		lend__worker_enqueue_yielded(&workers[0], &actors[2]);
		atomic_store(&actors[3].urgent, true);
		ways[i](&workers[0], &actors[3]);
		/* For once. */
		cr_expect(!atomic_load(&actors[3].urgent));
		expect_next(3);
		lend__worker_enqueue(&workers[0], &actors[3]);
		expect_next(1);
		expect_next(3);
		expect_next(2);
		expect_nobody();
	}
}

Test(worker, who_gave_way_comes_last, .init = setup, .fini = teardown)
{
	lend__worker_enqueue_yielded(&workers[0], &actors[0]);
	lend__worker_enqueue(&workers[0], &actors[1]);
	lend__worker_enqueue(&workers[0], &actors[2]);
	expect_next(1);
	expect_next(2);
	expect_next(0);
	expect_nobody();
}

Test(worker, who_was_woken_is_the_next, .init = setup, .fini = teardown)
{
	earn(1);
	lend__worker_enqueue(&workers[0], &actors[0]);
	lend__worker_enqueue_woken(&workers[0], &actors[1]);
	/* Those that come later keep their order. */
	lend__worker_enqueue_woken(&workers[0], &actors[2]);
	expect_next(1);
	expect_next(0);
	expect_next(2);
	/* By a completion, while no actor runs. */
	earn(1);
	workers[0].running = NULL;
	lend__worker_enqueue(&workers[0], &actors[0]);
	lend__worker_enqueue_woken(&workers[0], &actors[1]);
	expect_next(0);
	expect_next(1);
	expect_nobody();
}

Test(worker, pinned_ones_keep_apart, .init = setup, .fini = teardown)
{
	actors[0].pinned_to = actors[1].pinned_to = &workers[0];
	lend__worker_enqueue(&workers[0], &actors[0]);
	atomic_store(&actors[1].urgent, true);
	lend__worker_enqueue(&workers[0], &actors[1]);
	cr_expect(!atomic_load(&actors[1].urgent));
	cr_expect_eq(lend__run_queue_steal_all(&workers[1].queue,
					       &workers[0].queue),
		     0);
	expect_next(1);
	expect_next(0);
	expect_nobody();
	actors[0].pinned_to = actors[1].pinned_to = NULL;
}

/* Note [ahead] in actor/actor.h: a guess at whom it will wake. */
Test(worker, whom_the_running_actor_has_woken_is_remembered, .init = setup,
     .fini = teardown)
{
	struct lend_actor *waker = workers[0].running;

	earn(1);
	lend__worker_enqueue_woken(&workers[0], &actors[1]);
	cr_expect_eq(atomic_load(&waker->ahead), &actors[1]);
	lend__worker_enqueue_woken(&workers[0], &actors[2]);
	cr_expect_eq(atomic_load(&waker->ahead), &actors[2]);
	/* Not of its own doing. */
	lend__worker_enqueue(&workers[0], &actors[3]);
	workers[0].running = NULL;
	lend__worker_enqueue_woken(&workers[0], &actors[4]);
	cr_expect_eq(atomic_load(&waker->ahead), &actors[2]);
	for (unsigned i = 1; i <= 4; i++)
		expect_next(i);
	expect_nobody();
}
