/*
 * Goal:   K6: a queue that is long calls a parked worker, one at a time, and
 * one that was woken calls the next only if there is more work. Connections
 *         call nobody, unless their worker is busy: Note [affinity].
 * Method: workers without threads; their queues and clocks are set by hand.
 */
#include "crew.h"

static void park(struct lend_worker *worker)
{
	atomic_fetch_add(&runtime.parked, 1);
	lend__roster_park(&runtime.roster, worker->index);
	atomic_store(&worker->park_state, LEND_PARK_PARKED);
}

/* One that was woken and does not know yet; its event descriptor is empty
 * afterwards. NULL: nobody was. More than one must not be. */
static struct lend_worker *find_woken(void)
{
	struct lend_worker *woken = NULL;

	for (unsigned i = 0; i < WORKERS; i++) {
		eventfd_t count = 0;

		if (eventfd_read(workers[i].event_fd, &count))
			continue;
		cr_expect_eq(count, 1);
		cr_expect_null(woken, "two were woken");
		woken = &workers[i];
	}
	return woken;
}

Test(call, near_ones_are_woken_first, .init = setup, .fini = teardown)
{
	for (unsigned near = 1; near < WORKERS; near++) {
		place(~(1u << near | 1u));
		for (unsigned i = 1; i < WORKERS; i++)
			park(&workers[i]);
		lend__worker_wake_one(&workers[0]);
		cr_expect_eq(find_woken(), &workers[near]);
		for (unsigned i = 1; i < WORKERS; i++)
			lend__roster_unpark(&runtime.roster, i);
		atomic_store(&runtime.parked, 0);
	}
}

static void unpark(struct lend_worker *worker)
{
	atomic_fetch_sub(&runtime.parked, 1);
	lend__roster_unpark(&runtime.roster, worker->index);
	atomic_store(&worker->park_state, LEND_PARK_RUNNING);
}

static void share(struct lend_worker *worker)
{
	lend__worker_share(worker, length(worker));
}

/* @count actors become runnable on the first worker, the others are parked:
 * how many of them are woken, if each that is takes what it can, and goes on as
 * workers do? */
static unsigned count_woken(unsigned count)
{
	struct lend_worker *worker = &workers[0];
	unsigned woken = 0;

	for (unsigned i = 1; i < WORKERS; i++)
		park(&workers[i]);
	give(worker, 0, count);
	share(worker);
	while ((worker = find_woken())) {
		woken++;
		unpark(worker);
		if (lend__worker_steal(worker, LEND_STEAL_PROBES))
			share(worker);
	}
	return woken;
}

Test(call, one_is_woken_and_wakes_the_next_while_there_is_more, .init = setup,
     .fini = teardown)
{
	/* 64 are halved, the second has 32 and calls a third, whose 16 are too
	 * few to call a fourth. */
	cr_expect_eq(count_woken(64), 2);
	cr_expect_eq(length(&workers[0]), 32);
}

Test(call, who_takes_what_is_left_wakes_nobody, .init = setup, .fini = teardown)
{
	cr_expect_eq(count_woken(LEND_WAKE_LENGTH + 1), 1);
}

Test(call, few_wake_nobody, .init = setup, .fini = teardown)
{
	cr_expect_eq(count_woken(LEND_WAKE_LENGTH), 0);
}

Test(call, who_is_woken_in_vain_wakes_nobody, .init = setup, .fini = teardown)
{
	struct lend_worker *worker;

	for (unsigned i = 1; i < WORKERS; i++)
		park(&workers[i]);
	give(&workers[0], 0, ACTORS);
	share(&workers[0]);
	/* They have ended by the time at which it is there. */
	while (lend__run_queue_take(&workers[0].queue))
		;
	worker = find_woken();
	cr_assert_not_null(worker);
	unpark(worker);
	cr_expect(!lend__worker_steal(worker, LEND_STEAL_PROBES));
	share(worker);
	cr_expect_null(find_woken());
}

/* Who is woken by a worker that has @count connections to run, and is @idle?
 * The second one has been parked for a while, the third for longer. */
static struct lend_worker *find_called(unsigned count, unsigned idle)
{
	struct lend_worker *worker = &workers[0];

	set_idle(worker, idle);
	for (unsigned i = 1; i < WORKERS; i++)
		park(&workers[i]);
	set_idle(&workers[1], LEND_LOAD_QUARTER);
	lend__load_park(&workers[2].load, worker->now_ns - LEND_LOAD_WINDOW_NS);
	give_connections(worker, count);
	share(worker);
	return find_woken();
}

Test(call, connections_call_nobody, .init = setup, .fini = teardown)
{
	cr_expect_null(find_called(40, LEND_LOAD_QUARTER));
	/* Those beside them do when they are many. */
	give(&workers[0], 40, LEND_WAKE_LENGTH);
	share(&workers[0]);
	cr_expect_null(find_woken());
	give(&workers[0], 40 + LEND_WAKE_LENGTH, 1);
	share(&workers[0]);
	cr_expect_not_null(find_woken());
}

Test(call, connections_of_a_busy_one_call_who_is_idle, .init = setup,
     .fini = teardown)
{
	/* Wherever it begins to look: for the others there is no quarter
	 * between them. */
	for (unsigned i = 0; i < 2 * WORKERS; i++) {
		workers[0].random = i * 2654435761u;
		cr_expect_eq(find_called(40, LEND_LOAD_QUARTER - 1),
			     &workers[2]);
		for (unsigned j = 1; j < WORKERS; j++)
			unpark(&workers[j]);
		while (lend__run_queue_take(&workers[0].queue))
			;
	}
}

Test(call, few_connections_of_a_busy_one_call_nobody, .init = setup,
     .fini = teardown)
{
	cr_expect_null(find_called(LEND_WAKE_LENGTH, 0));
}
