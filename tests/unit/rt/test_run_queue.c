/*
 * Goal:   K5, H9: a runnable actor waits for a bounded number of turns,
 * whatever the others do: Note [fair]. Lanes are first in, first out, beyond
 * the room of their rings, too; thieves take the oldest, of them half, or
 *         everybody, but for those that are pinned.
 * Method: a run queue of records without fibers. Whoever is taken comes back at
 *         once, in the place that is worst for the one that waits.
 */
#include "rt/run_queue.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "actor/actor.h"
#include "run_queue_places.h"

#define CROWD 1000
/* The longest queue that is left alone. */
#define SHORT 7

static struct lend_run_queue queue, other;
static struct lend_actor actors[4 * CROWD];

static void init(void)
{
	cr_assert_eq(lend__run_queue_init(&queue), 0);
	cr_assert_eq(lend__run_queue_init(&other), 0);
	for (unsigned i = 0; i < 4 * CROWD; i++)
		actors[i].index = i;
}

static void fini(void)
{
	cr_expect(!lend__run_queue_has_work(&queue));
	cr_expect(!lend__run_queue_has_work(&other));
	lend__run_queue_fini(&queue);
	lend__run_queue_fini(&other);
}

static void empty(struct lend_run_queue *full)
{
	while (lend__run_queue_take(full))
		;
}

static void push(enum lend_run_lane lane, unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++)
		lend__run_queue_push(&queue, lane, &actors[i]);
}

static void expect_order(struct lend_run_queue *from, unsigned first,
			 unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		struct lend_actor *actor = lend__run_queue_take(from);

		cr_assert_not_null(actor);
		cr_assert_eq(actor->index, i);
	}
}

Test(run_queue, lanes_keep_their_order_beyond_their_rings, .init = init,
     .fini = fini)
{
	for (int lane = 0; lane < LEND_RUN_LANES; lane++) {
		push(lane, 0, 3 * CROWD);
		cr_expect_eq(lend__run_queue_length(&queue), 3 * CROWD);
		expect_order(&queue, 0, CROWD);
		push(lane, 3 * CROWD, CROWD / 2);
		expect_order(&queue, CROWD, CROWD);
		/* The ring was refilled, and others are still in the list. */
		push(lane, 3 * CROWD + CROWD / 2, CROWD / 2);
		expect_order(&queue, 2 * CROWD, 2 * CROWD);
		cr_expect_null(lend__run_queue_take(&queue));
	}
	cr_expect_gt(atomic_load(&queue.overflows), 0);
}

/* ---- the bound ---- */

static void put(struct lend_actor *actor, enum place place)
{
	if (place == PLACE_PINNED)
		lend__run_queue_push_pinned(&queue, actor, false);
	else if (place == PLACE_NEXT)
		lend__run_queue_push_next(&queue, actor);
	else
		lend__run_queue_push(&queue, (enum lend_run_lane)place, actor);
}

/* How many turns actors[0] waits in @place behind @before others, while each
 * of the other places always has somebody; after @warm turns. */
static unsigned wait_in(enum place place, unsigned before, bool pinned,
			unsigned warm)
{
	enum place at[CROWD + PLACES] = { 0 };
	unsigned count = 1, turns = 0;

	for (int i = 0; i < PLACES; i++)
		if (i != (int)place && (pinned || i != PLACE_PINNED))
			at[count++] = (enum place)i;
	for (unsigned i = 1; i < count; i++)
		put(&actors[i], at[i]);
	for (; warm; warm--) {
		struct lend_actor *actor = lend__run_queue_take(&queue);

		put(actor, at[actor->index]);
	}
	for (unsigned i = 0; i < before; i++, count++) {
		at[count] = place;
		put(&actors[count], place);
	}
	put(&actors[0], place);
	for (;;) {
		struct lend_actor *actor = lend__run_queue_take(&queue);

		cr_assert_not_null(actor);
		turns++;
		if (!actor->index)
			break;
		put(actor, at[actor->index]);
	}
	empty(&queue);
	return turns;
}

Test(run_queue, whoever_waits_has_its_turn_in_bounded_time, .init = init,
     .fini = fini, .timeout = 60)
{
	static const unsigned crowds[] = { 0, 1, 7, 63, CROWD - 1 };

	for (int place = 0; place < PLACES; place++)
		for (unsigned i = 0; i < 5 * 2 * 40; i++) {
			unsigned before = crowds[i % 5];
			bool pinned = i / 5 % 2 || place == PLACE_PINNED;
			unsigned warm = i / 10, turns, most;

			/* Only one can be next. */
			if (place == PLACE_NEXT && before)
				continue;
			turns = wait_in((enum place)place, before, pinned,
					warm);
			/* One is in READY at any time. */
			most = place_bound((enum place)place, before, pinned,
					   1);
			cr_expect_leq(
				turns, most,
				"%s behind %u%s: %u turns, not %u at most",
				place_names[place], before,
				pinned ? ", others pinned" : "", turns, most);
			cr_expect_gt(turns, before);
			if (before == CROWD - 1 && !warm)
				printf("%s behind %u%s: %u turns, %u at most\n",
				       place_names[place], before,
				       pinned ? ", others pinned" : "", turns,
				       most);
		}
}

Test(run_queue, two_that_wake_each_other_have_every_second_turn, .init = init,
     .fini = fini)
{
	unsigned turns[CROWD] = { 0 };

	/* [0] and [1] wake each other; the others wait for their turn. */
	push(LEND_RUN_READY, 2, CROWD - 2);
	lend__run_queue_push_next(&queue, &actors[0]);
	for (unsigned i = 0; i < 10 * CROWD; i++) {
		struct lend_actor *actor = lend__run_queue_take(&queue);

		turns[actor->index]++;
		if (actor->index < 2)
			lend__run_queue_push_next(&queue,
						  &actors[1 - actor->index]);
		else
			lend__run_queue_push(&queue, LEND_RUN_READY, actor);
	}
	/* Every second turn, in the long run, and not all of them. */
	cr_expect_leq(turns[0] + turns[1],
		      10 * CROWD / 2 + LEND_RUN_CREDIT_MAX);
	for (unsigned i = 2; i < CROWD; i++)
		cr_expect_geq(turns[i], 4);
	empty(&queue);
}

Test(run_queue, who_yields_is_behind_everybody, .init = init, .fini = fini)
{
	unsigned spawned = 1;

	/* [0] spawns 30 and yields, again and again. */
	lend__run_queue_push(&queue, LEND_RUN_YIELDED, &actors[0]);
	for (unsigned rounds = 0; rounds < 100;) {
		struct lend_actor *actor = lend__run_queue_take(&queue);
		unsigned length = lend__run_queue_length(&queue);

		if (actor->index)
			continue;
		cr_assert_eq(length, 0, "%u have not run", length);
		push(LEND_RUN_READY, spawned, 30);
		lend__run_queue_push(&queue, LEND_RUN_YIELDED, actor);
		spawned = 1 + (spawned + 29) % 3000;
		rounds++;
	}
	empty(&queue);
}

Test(run_queue, messages_overtake_those_that_yield, .init = init, .fini = fini)
{
	/* A cycle of 100 that yield has begun when one comes. */
	push(LEND_RUN_YIELDED, 1, 100);
	expect_order(&queue, 1, 10);
	push(LEND_RUN_READY, 0, 1);
	expect_order(&queue, 0, 1);
	expect_order(&queue, 11, 90);
}

Test(run_queue, a_cycle_begins_when_both_lanes_have_somebody, .init = init,
     .fini = fini)
{
	/* There is none yet. */
	push(LEND_RUN_YIELDED, 0, 20);
	expect_order(&queue, 0, 10);
	push(LEND_RUN_READY, 100, 10);
	expect_order(&queue, 100, 1);
	/* These were not there when it began. */
	push(LEND_RUN_READY, 200, 5 * LEND_RUN_READY_MAX);
	expect_order(&queue, 101, 9);
	for (unsigned i = 0; i < 5; i++) {
		expect_order(&queue, 200 + i * LEND_RUN_READY_MAX,
			     LEND_RUN_READY_MAX);
		expect_order(&queue, 10 + i, 1);
	}
	/* It goes on though one lane is empty. */
	expect_order(&queue, 15, 2);
	push(LEND_RUN_READY, 100, 2 * LEND_RUN_READY_MAX);
	expect_order(&queue, 100, LEND_RUN_READY_MAX);
	expect_order(&queue, 17, 1);
	expect_order(&queue, 100 + LEND_RUN_READY_MAX, LEND_RUN_READY_MAX);
	expect_order(&queue, 18, 2);
	/* Those who were alone then were counted: it is over. */
	push(LEND_RUN_YIELDED, 20, 1);
	push(LEND_RUN_READY, 100, 2 * LEND_RUN_READY_MAX);
	expect_order(&queue, 100, 2 * LEND_RUN_READY_MAX);
	expect_order(&queue, 20, 1);
}

/* ---- stealing ---- */

Test(run_queue, thieves_take_the_older_half, .init = init, .fini = fini)
{
	push(LEND_RUN_READY, 0, 40);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 0), 20);
	expect_order(&other, 0, 20);
	expect_order(&queue, 20, 20);
	/* Of each lane as much as there is more of it. */
	push(LEND_RUN_READY, 0, 10);
	push(LEND_RUN_YIELDED, 10, 30);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 0), 20);
	cr_expect_eq(lend__lane_length(&queue.lanes[LEND_RUN_READY]), 5);
	cr_expect_eq(lend__lane_length(&queue.lanes[LEND_RUN_YIELDED]), 15);
	empty(&queue);
	empty(&other);
	/* Of a long one no more than a batch, */
	push(LEND_RUN_YIELDED, 0, 2 * CROWD);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 0),
		     LEND_RUN_STEAL_MAX);
	expect_order(&other, 0, LEND_RUN_STEAL_MAX);
	expect_order(&queue, LEND_RUN_STEAL_MAX,
		     2 * CROWD - LEND_RUN_STEAL_MAX);
	/* and of a short one nothing. */
	push(LEND_RUN_READY, 0, SHORT);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 0), 0);
	push(LEND_RUN_YIELDED, SHORT, 1);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 0),
		     (SHORT + 1) / 2);
	empty(&queue);
	empty(&other);
}

Test(run_queue, who_is_kept_is_no_part_of_what_is_halved, .init = init,
     .fini = fini)
{
	push(LEND_RUN_READY, 0, 40);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 20), 10);
	expect_order(&other, 0, 10);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 23), 0);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 40), 0);
	expect_order(&queue, 10, 30);
	/* None of those that yield is. */
	push(LEND_RUN_READY, 0, 10);
	push(LEND_RUN_YIELDED, 10, 20);
	cr_expect_eq(lend__run_queue_steal_half(&other, &queue, 50), 10);
	expect_order(&other, 10, 10);
	cr_expect_eq(lend__lane_length(&queue.lanes[LEND_RUN_READY]), 10);
	empty(&queue);
}

Test(run_queue, rescuers_take_everybody_who_is_not_pinned, .init = init,
     .fini = fini)
{
	bool seen[4] = { false };

	put(&actors[0], PLACE_NEXT);
	put(&actors[1], PLACE_URGENT);
	put(&actors[2], PLACE_READY);
	put(&actors[3], PLACE_YIELDED);
	put(&actors[4], PLACE_PINNED);
	cr_expect_eq(lend__run_queue_steal_all(&other, &queue), 4);
	cr_expect_eq(lend__run_queue_take(&queue), &actors[4]);
	for (int i = 0; i < 4; i++)
		seen[lend__run_queue_take(&other)->index] = true;
	cr_expect(seen[0] && seen[1] && seen[2] && seen[3]);
	push(LEND_RUN_READY, 0, 3 * CROWD);
	for (unsigned left = 3 * CROWD; left;) {
		unsigned stolen = lend__run_queue_steal_all(&other, &queue);

		cr_assert_gt(stolen, 0);
		expect_order(&other, 3 * CROWD - left, stolen);
		left -= stolen;
	}
}

Test(run_queue, who_leaves_says_who_is_urgent, .init = init, .fini = fini)
{
	bool urgent;

	put(&actors[0], PLACE_URGENT);
	put(&actors[1], PLACE_NEXT);
	put(&actors[2], PLACE_YIELDED);
	cr_expect_eq(lend__run_queue_take_any(&queue, &urgent), &actors[0]);
	cr_expect(urgent);
	cr_expect_eq(lend__run_queue_take_any(&queue, &urgent), &actors[1]);
	cr_expect(!urgent);
	cr_expect_eq(lend__run_queue_take_any(&queue, &urgent), &actors[2]);
	cr_expect_null(lend__run_queue_take_any(&queue, &urgent));
}

Test(run_queue, who_is_urgent_comes_before_the_pinned, .init = init,
     .fini = fini)
{
	lend__run_queue_push_pinned(&queue, &actors[1], false);
	lend__run_queue_push_pinned(&queue, &actors[0], true);
	lend__run_queue_push_pinned(&queue, &actors[2], false);
	expect_order(&queue, 0, 3);
}
