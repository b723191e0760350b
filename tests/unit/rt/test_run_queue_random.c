/*
 * Goal:   K5, H9: whoever is runnable is taken once, in the order of its lane,
 *         within the bound of Note [fair] of rt/run_queue.h, whatever order
 *         actors come in, leave and are stolen.
 * Method: a run queue of records without fibers, beside it lists of who should
 *         be in which lane, and of how many turns each may wait. Phases of
 *         random length favour other places, so that lanes are alone, empty,
 *         and beyond their rings, whose counters wrap around. A seed that fails
 *         is printed; LEND_TEST_SEED gives it back.
 */
#include "rt/run_queue.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "actor/actor.h"
#include "run_queue_places.h"

#define ACTORS_MAX 4000
#define STEPS	   20000
#define SEEDS	   300

/* Who should be in a place, the oldest first. */
struct line {
	unsigned who[ACTORS_MAX];
	unsigned head, count;
};

static struct lend_run_queue queue, other;
static struct lend_actor actors[ACTORS_MAX];

static struct {
	struct line lines[PLACES];
	unsigned idle[ACTORS_MAX]; /* who is in no place */
	unsigned idle_count;
	unsigned place[ACTORS_MAX];
	unsigned deadline[ACTORS_MAX]; /* the turn that is its own at the latest
					*/
	unsigned turns;
	unsigned ready_most; /* that were in READY at any time */
	unsigned began[ACTORS_MAX];
	unsigned seed;
	bool pinned; /* there are some, now and then */
} model;

/* The most turns that somebody waited in a place, in hundredths of its bound.
 */
static unsigned used_most[PLACES];

static uint64_t state;

static unsigned below(unsigned most)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % most;
}

static unsigned first_of(struct line *line)
{
	unsigned who = line->who[line->head];

	cr_assert_gt(line->count, 0);
	line->head = (line->head + 1) % ACTORS_MAX;
	line->count--;
	return who;
}

static void rest(unsigned who)
{
	model.place[who] = PLACES;
	model.idle[model.idle_count++] = who;
}

/* READY is not longer than @ready_most, which is in the bound. */
static void put(enum place place)
{
	struct line *ready = &model.lines[PLACE_READY], *line;
	unsigned who;

	if (place == PLACE_NEXT && model.lines[PLACE_NEXT].count)
		place = PLACE_READY;
	if (!model.idle_count ||
	    (place == PLACE_READY && ready->count == model.ready_most))
		return;
	who = model.idle[--model.idle_count];
	line = &model.lines[place];
	model.place[who] = place;
	model.began[who] = model.turns;
	model.deadline[who] = model.turns + place_bound(place, line->count,
							model.pinned,
							model.ready_most);
	line->who[(line->head + line->count++) % ACTORS_MAX] = who;
	if (place == PLACE_PINNED)
		lend__run_queue_push_pinned(&queue, &actors[who], false);
	else if (place == PLACE_NEXT)
		lend__run_queue_push_next(&queue, &actors[who]);
	else if (place == PLACE_YIELDED)
		lend__run_queue_push_yielded(&queue, &actors[who]);
	else
		lend__run_queue_push(&queue, (enum lend_run_lane)place,
				     &actors[who]);
}

static unsigned length(void)
{
	unsigned count = 0;

	for (int i = 0; i < PLACES; i++)
		count += model.lines[i].count;
	return count;
}

/* Whoever it is comes first in its place, and no later than it may. */
static void take(void)
{
	struct lend_actor *actor = lend__run_queue_take(&queue);
	unsigned who, place, used;

	if (!actor) {
		cr_assert_eq(length(), 0, "seed %u: %u are lost", model.seed,
			     length());
		return;
	}
	model.turns++;
	who = actor->index;
	place = model.place[who];
	cr_assert_neq(place, PLACES, "seed %u: %u is nowhere", model.seed, who);
	cr_assert_eq(first_of(&model.lines[place]), who,
		     "seed %u: %u is not the first that is %s", model.seed, who,
		     place_names[place]);
	cr_assert_leq(model.turns, model.deadline[who],
		      "seed %u: %s, %u turns, not %u", model.seed,
		      place_names[place], model.turns - model.began[who],
		      model.deadline[who] - model.began[who]);
	used = 100 * (model.turns - model.began[who]) /
	       (model.deadline[who] - model.began[who]);
	if (used > used_most[place])
		used_most[place] = used;
	rest(who);
}

/* Those who were stolen were the oldest of their lanes. */
static void steal(bool all)
{
	unsigned stolen = all ? lend__run_queue_steal_all(&other, &queue) :
				lend__run_queue_steal_half(
					&other, &queue,
					below(2) ? 0 : below(20));
	struct lend_actor *actor;

	while ((actor = lend__run_queue_take(&other))) {
		unsigned who = actor->index, place = model.place[who];

		cr_assert_neq(place, PLACES);
		cr_assert_neq(place, PLACE_PINNED);
		cr_assert_eq(first_of(&model.lines[place]), who,
			     "seed %u: %u was stolen too early", model.seed,
			     who);
		rest(who);
		stolen--;
	}
	cr_assert_eq(stolen, 0);
}

/* One of those that are not pinned, in any place. */
static void take_any(void)
{
	bool urgent;
	struct lend_actor *actor = lend__run_queue_take_any(&queue, &urgent);

	if (!actor)
		return;
	cr_assert_eq(urgent, model.place[actor->index] == PLACE_URGENT);
	cr_assert_eq(first_of(&model.lines[model.place[actor->index]]),
		     actor->index);
	rest(actor->index);
}

/* A few hundred steps: how many come in which place for each that is taken. */
static void run_phase(unsigned steps)
{
	unsigned weights[PLACES], sum = 0;
	unsigned coming = below(4), thieves = below(8) ? 0 : 20 + below(200);

	for (int i = 0; i < PLACES; i++) {
		weights[i] = below(2) ? below(20) : 0;
		if (i == PLACE_PINNED && !model.pinned)
			weights[i] = 0;
		sum += weights[i];
	}
	while (steps--) {
		for (unsigned n = sum ? below(coming + 1) : 0; n; n--) {
			unsigned at = below(sum), i = 0;

			while (at >= weights[i])
				at -= weights[i++];
			put((enum place)i);
		}
		take();
		if (thieves && !below(thieves))
			steal(!below(4));
		if (thieves && !below(10 * thieves))
			take_any();
	}
}

/* Counters of rings pass 2^32 on the way. */
static void age(struct lend_queue *ring)
{
	ring->ring.c_head = ring->ring.p_tail = 0 - below(3000);
	lend_queue_forget_room(ring);
}

static void run_seed(unsigned seed)
{
	static const unsigned crowds[] = { 3, 10, 60, 400, ACTORS_MAX };
	unsigned crowd;

	state = seed * 0x9e3779b97f4a7c15u + 1;
	model = (typeof(model)){ .seed = seed };
	crowd = crowds[below(5)];
	model.ready_most = 1 + below(below(3) ? crowd : 3);
	model.pinned = below(2);
	for (int i = 0; i < LEND_RUN_LANES; i++)
		age(&queue.lanes[i].ring);
	for (unsigned i = 0; i < crowd; i++)
		rest(i);
	for (unsigned left = STEPS; left;) {
		unsigned steps = 1 + below(below(2) ? 20 : 2000);

		if (steps > left)
			steps = left;
		run_phase(steps);
		left -= steps;
	}
	while (length())
		take();
	take();
	cr_assert_eq(model.idle_count, crowd);
	cr_assert(!lend__run_queue_has_work(&queue));
}

Test(run_queue_random, whoever_comes_is_taken_in_order_and_time, .timeout = 120)
{
	const char *given = getenv("LEND_TEST_SEED");
	unsigned first = given ? (unsigned)atoi(given) : 1;
	uint64_t overflows = 0;

	for (unsigned i = 0; i < ACTORS_MAX; i++)
		actors[i].index = i;
	for (unsigned seed = first; seed < (given ? first + 1 : SEEDS + 1);
	     seed++) {
		cr_assert_eq(lend__run_queue_init(&queue), 0);
		cr_assert_eq(lend__run_queue_init(&other), 0);
		run_seed(seed);
		overflows += atomic_load(&queue.overflows);
		lend__run_queue_fini(&queue);
		lend__run_queue_fini(&other);
	}
	for (int i = 0; i < PLACES; i++)
		printf("%s: %u of 100 turns that may be waited\n",
		       place_names[i], used_most[i]);
	if (!given)
		cr_expect_gt(overflows, 0);
}
