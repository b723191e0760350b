/*
 * Goal:   who is robbed, and of whom. Short queues are left to their workers,
 *         unless these begin no turn; long ones are halved, but connections are
 *         not, unless their worker is busy: Note [affinity]. A sentinel looks
 *         often while that pays, and seldom where it does not: Note [lookout].
 * Method: workers without threads; their queues and clocks are set by hand.
 */
#include "crew.h"

/* Longer than a worker may stand still, by far less than it may be slow. */
#define A_WHILE (30 * LEND_US)

/* It comes to safe points meanwhile: it is not slow. */
static bool steal_later(struct lend_worker *thief, uint64_t span_ns)
{
	set_clocks(thief->now_ns + span_ns);
	return lend__worker_steal(thief, LEND_STEAL_PROBES);
}

Test(steal, short_queues_are_left_alone_while_turns_begin, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[2];

	give(victim, 0, 5);
	for (unsigned i = 0; i < 20; i++) {
		cr_expect(!steal_later(thief, A_WHILE));
		give(victim, lend__run_queue_take(&victim->queue)->index, 1);
	}
	cr_expect_eq(length(victim), 5);
}

/* @count completions of @worker's connections have come, and are run; in the
 * middle of that @other looks, which has run its own. */
static void run_batch(struct lend_worker *worker, struct lend_worker *other,
		      unsigned from, unsigned count)
{
	give(worker, from, count);
	for (unsigned i = 0; i < count; i++) {
		if (i == count / 2)
			steal_later(other, A_WHILE);
		cr_expect_not_null(lend__run_queue_take(&worker->queue));
	}
}

/* Each looks at each batch of the other's, and the clocks go on by more than
 * one may stand still, so only the turns that have begun tell it from that. */
Test(steal, connections_in_short_batches_do_not_move, .init = setup,
     .fini = teardown)
{
	struct lend_worker *one = &workers[0], *two = &workers[1];

	for (unsigned requests = 0; requests < 1000; requests += 2 * 7) {
		run_batch(one, two, 0, 7);
		run_batch(two, one, 7, 7);
	}
	cr_expect_eq(atomic_load(&one->steals), 0);
	cr_expect_eq(atomic_load(&two->steals), 0);
}

Test(steal, connections_are_left_to_who_has_reaped_them, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[1];

	set_idle(thief, LEND_LOAD_WHOLE);
	set_idle(victim, LEND_LOAD_WHOLE);
	give_connections(victim, 40);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	atomic_store(&thief->called, victim->index + 1);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	/* Others beside them are halved. */
	give(victim, 40, 20);
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(length(thief), 10);
	cr_expect_eq(length(victim), 50);
}

Test(steal, who_is_busy_is_helped_with_connections, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[1];

	give_connections(victim, 40);
	/* It is as busy. */
	set_idle(thief, 20);
	set_idle(victim, 20);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	/* It has time, but the other one is not busy. */
	set_idle(thief, LEND_LOAD_WHOLE);
	set_idle(victim, LEND_LOAD_QUARTER);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	set_idle(victim, LEND_LOAD_QUARTER - 1);
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(length(thief), 20);
}

/* Whoever is stuck runs nobody, connections or not. */
Test(steal, who_is_slow_keeps_no_connections, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[1];

	give_connections(victim, 40);
	thief->now_ns += 200 * LEND_US;
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(length(thief), 40);
	/* There they are connections, too. */
	cr_expect_eq(lend__affinity_keeps(&thief->affinity), 40);
}

Test(steal, next_ones_are_left_alone_while_turns_begin, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[1];

	/* A pair: at each look there is the same one. */
	lend__run_queue_push_next(&victim->queue, &actors[0]);
	for (unsigned i = 0; i < 20; i++) {
		cr_expect(!steal_later(thief, A_WHILE));
		for (unsigned j = 0; j < 2; j++) {
			struct lend_actor *actor = lend__run_queue_take(
				&victim->queue);

			lend__run_queue_push_next(&victim->queue, actor);
		}
	}
	cr_expect_eq(length(victim), 1);
}

Test(steal, who_stands_still_loses_all, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[3];

	give(victim, 0, 4);
	lend__run_queue_push_next(&victim->queue, &actors[4]);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect(!steal_later(thief, LEND_US));
	cr_expect(steal_later(thief, A_WHILE));
	cr_expect_eq(length(victim), 0);
	cr_expect_eq(length(thief), 5);
	cr_expect_eq(atomic_load(&thief->steals), 5);
}

Test(steal, what_was_stolen_is_no_turn, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[3];

	give(victim, 0, 12);
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(length(victim), 6);
	cr_expect(steal_later(thief, A_WHILE));
	cr_expect_eq(length(victim), 0);
}

/* Whom a third one has robbed of the next to run has begun no turn by that; who
 * comes to it then has not waited yet. */
Test(steal, who_was_robbed_by_another_is_looked_at_anew, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *other = &workers[1];
	struct lend_worker *victim = &workers[2];

	lend__run_queue_push_next(&victim->queue, &actors[0]);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect(!steal_later(other, LEND_US));
	cr_expect(steal_later(other, A_WHILE));
	while (lend__run_queue_take(&other->queue))
		;
	cr_expect(!steal_later(thief, A_WHILE));
	lend__run_queue_push_next(&victim->queue, &actors[1]);
	cr_expect(!steal_later(thief, A_WHILE));
	cr_expect(steal_later(thief, A_WHILE));
}

Test(steal, another_one_comes_into_view, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0];

	/* One goes on, one has nobody left, and one stands still. */
	give(&workers[1], 0, 3);
	give(&workers[2], 3, 3);
	give(&workers[3], 6, 3);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	while (lend__run_queue_take(&workers[2].queue))
		;
	for (unsigned i = 0; i < 1000 && length(&workers[3]); i++) {
		give(&workers[1],
		     lend__run_queue_take(&workers[1].queue)->index, 1);
		steal_later(thief, A_WHILE);
	}
	cr_expect_eq(length(&workers[1]), 3);
	cr_expect_eq(length(&workers[3]), 0);
}

Test(steal, who_is_slow_loses_all_at_once, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[1];

	give(victim, 0, 3);
	actors[3].run_next = &actors[4];
	atomic_store(&victim->inbox, &actors[3]);
	thief->now_ns += 200 * LEND_US;
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(length(thief), 5);
	cr_expect_eq(atomic_load(&thief->steals), 5);
	cr_expect_null(atomic_load(&victim->inbox));
}

/* Nobody is in it, or its worker is about to look at it itself. */
Test(steal, inboxes_that_are_sealed_or_will_be_are_left, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[1];

	thief->now_ns += 200 * LEND_US;
	atomic_store(&victim->inbox, LEND_INBOX_SEALED);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(atomic_load(&victim->inbox), LEND_INBOX_SEALED);
	atomic_store(&victim->inbox, &actors[0]);
	atomic_store(&victim->park_state, LEND_PARK_PARKED);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(atomic_load(&victim->inbox), &actors[0]);
	atomic_store(&victim->park_state, LEND_PARK_RUNNING);
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
}

Test(steal, who_has_called_is_asked_first, .init = setup, .fini = teardown)
{
	for (unsigned caller = 1; caller < WORKERS; caller++) {
		struct lend_worker *thief = &workers[0];

		for (unsigned i = 1; i < WORKERS; i++)
			give(&workers[i], 16 * i, 16);
		atomic_store(&thief->called, caller + 1);
		cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
		cr_expect_eq(length(&workers[caller]), 8);
		cr_expect_eq(atomic_load(&thief->called), 0);
		teardown();
		setup();
	}
}

Test(steal, who_has_called_and_left_is_not_asked, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0];

	give(&workers[3], 0, 16);
	atomic_store(&runtime.workers_count, 3);
	atomic_store(&thief->called, 3 + 1);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(length(&workers[3]), 16);
}

/* Others ask a few, here one. */
Test(steal, sentinel_asks_all, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0];

	for (unsigned i = 0; i < 8 * WORKERS; i++) {
		struct lend_worker *victim = &workers[1 + i % (WORKERS - 1)];

		give(victim, 0, 16);
		thief->lookout.in_vain = true;
		cr_expect(lend__worker_steal(thief, 1));
		cr_expect(!thief->lookout.in_vain);
		while (lend__run_queue_take(&thief->queue))
			;
		while (lend__run_queue_take(&victim->queue))
			;
	}
}

Test(steal, far_ones_are_counted, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0];

	place(1u << 3);
	give(&workers[1], 0, 16);
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(atomic_load(&thief->steals_far), 0);
	while (lend__run_queue_take(&workers[1].queue))
		;
	give(&workers[3], 16, 16);
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
	cr_expect_eq(atomic_load(&thief->steals_far), 8);
}

Test(steal, near_ones_are_robbed_first, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0];

	for (unsigned near = 1; near < WORKERS; near++) {
		/* The others are far. */
		place(~(1u << near | 1u));
		for (unsigned i = 1; i < WORKERS; i++)
			give(&workers[i], 16 * i, 16);
		cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
		cr_expect_eq(length(&workers[near]), 8);
		cr_expect_eq(atomic_load(&thief->steals_far), 0);
		teardown();
		setup();
	}
}

Test(steal, who_is_parked_is_not_asked, .init = setup, .fini = teardown)
{
	struct lend_worker *thief = &workers[0];

	give(&workers[1], 0, 16);
	lend__roster_park(&runtime.roster, 1);
	cr_expect(!lend__worker_steal(thief, LEND_STEAL_PROBES));
	lend__roster_unpark(&runtime.roster, 1);
	cr_expect(lend__worker_steal(thief, LEND_STEAL_PROBES));
}

Test(steal, looks_are_frequent_only_while_they_pay, .init = setup,
     .fini = teardown)
{
	struct lend_worker *thief = &workers[0], *victim = &workers[1];
	uint64_t span_ns, last_ns;

	cr_expect_eq(lend__worker_lookout(thief), LEND_MS);
	give(victim, 0, 1);
	lend__worker_steal(thief, LEND_STEAL_PROBES);
	cr_expect(steal_later(thief, A_WHILE));
	last_ns = lend__worker_lookout(thief);
	cr_expect_lt(last_ns, LEND_MS / 10);
	for (unsigned i = 0; i < 4; i++) {
		thief->lookout.in_vain = true;
		span_ns = lend__worker_lookout(thief);
		cr_expect_eq(span_ns, 2 * last_ns);
		last_ns = span_ns;
		/* Each counts once. */
		cr_expect_eq(lend__worker_lookout(thief), last_ns);
	}
	for (unsigned i = 0; i < 20; i++) {
		thief->lookout.in_vain = true;
		last_ns = lend__worker_lookout(thief);
	}
	cr_expect_geq(last_ns, LEND_MS);
	cr_expect_lt(last_ns, 2 * LEND_MS);
}

Test(steal, nobody_looks_when_all_are_parked, .init = setup, .fini = teardown)
{
	atomic_store(&runtime.parked, WORKERS);
	cr_expect_eq(lend__worker_lookout(&workers[0]), UINT64_MAX);
}
