/*
 * Goal:   K12: what is taken from a wheel is always the first of all that are
 *         in it (of equal ones, the first that was added), due, and no later
 * than it could be; the moment of the next one is known, so that who sleeps
 * until then is never woken for nothing. Method: random traces against an array
 * that is searched: moments from the next nanosecond to centuries ahead, a
 * clock that creeps and jumps.
 */
#include "base/wheel.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NODES 300
#define STEPS 100000

static struct lend_wheel wheel;
static struct lend_pairing_node nodes[NODES];
static bool inside[NODES];
static uint64_t added[NODES], additions;
static uint64_t random_state, now;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void init(void)
{
	const char *text = getenv("LEND_TEST_SEED");

	random_state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
	random_state |= 1;
	printf("LEND_TEST_SEED=%llu\n", (unsigned long long)random_state);
	fflush(stdout);
	lend_wheel_init(&wheel);
	now = next_random() >> (1 + next_random() % 40);
}

/* Any distance, short ones as often as long ones. */
static uint64_t distance(void)
{
	return next_random() >> (1 + next_random() % 63);
}

/* So far that time does not end within a trace. */
static uint64_t moment(void)
{
	uint64_t key = now + (distance() >> 10);

	switch (next_random() % 8) {
	case 0:
		return now;
	case 1:
		return next_random() % (now + 1);
	case 2: /* Many equal ones. */
		return (now | 0xfffff) + 1;
	case 3:
		return UINT64_MAX - 1 - next_random() % 100;
	default:
		return key;
	}
}

static uint64_t first_key(void)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < NODES; i++)
		if (inside[i] && nodes[i].key < first)
			first = nodes[i].key;
	return first;
}

static void take_out(const struct lend_pairing_node *node, uint64_t first)
{
	cr_assert(inside[node - nodes]);
	cr_assert_eq(node->key, first);
	cr_assert_leq(node->key, now);
	inside[node - nodes] = false;
	for (unsigned i = 0; i < NODES; i++)
		cr_assert(!inside[i] || nodes[i].key != first ||
				  added[i] > added[node - nodes],
			  "of equal ones the first that was added");
}

/* In portions, as workers do; a few nodes may be added between them. */
static void take_due(unsigned portion)
{
	uint64_t ahead;

	while (lend_wheel_next(&wheel, &ahead) <= now) {
		struct lend_pairing_node *node;
		unsigned work = portion;

		while ((node = lend_wheel_take(&wheel, now, &work)))
			take_out(node, first_key());
		if (work)
			break;
		if (next_random() % 16 == 0)
			return;
	}
	cr_assert_gt(first_key(), now);
}

static void add(unsigned i)
{
	lend_wheel_add(&wheel, &nodes[i], moment(),
		       next_random() % 8 ? now : next_random() % (now + 1));
	inside[i] = true;
	added[i] = additions++;
}

static void step_clock(void)
{
	uint64_t ahead, next = lend_wheel_next(&wheel, &ahead);

	switch (next_random() % 8) {
	case 0: /* To the next one, a nanosecond before it, and beyond. */
		now = next > now && next < UINT64_MAX - 200 ? next : now;
		break;
	case 1:
		now = next > now + 1 && next < UINT64_MAX - 200 ? next - 1 :
								  now;
		break;
	case 2: /* There is work in advance. */
		now = ahead > now && ahead < next ? ahead : now;
		break;
	case 3:
		now += distance() >> 24;
		break;
	default:
		now += next_random() % 100000;
	}
}

Test(wheel, first_are_taken_first, .init = init, .timeout = 100)
{
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)(next_random() % NODES);
		uint64_t ahead, next;

		if (!inside[i]) {
			add(i);
		} else if (step / 1000 % 3) {
			lend_wheel_remove(&wheel, &nodes[i]);
			inside[i] = false;
		}
		next = lend_wheel_next(&wheel, &ahead);
		cr_assert_leq(next, first_key(), "step %u", step);
		cr_assert_eq(next == UINT64_MAX, first_key() == UINT64_MAX,
			     "step %u", step);
		if (next_random() % 4 == 0) {
			step_clock();
			take_due(1 + (unsigned)(next_random() % 50));
		}
		if (now > UINT64_MAX / 2) {
			/* Long before all that is in it. */
			for (i = 0; i < NODES; i++)
				if (inside[i])
					lend_wheel_remove(&wheel, &nodes[i]);
			for (i = 0; i < NODES; i++)
				inside[i] = false;
			now = 0;
		}
	}
}

/* Who is idle looks at nothing before the next moment, which has come then: no
 * slot wakes it, whatever the distances. */
Test(wheel, sleepers_are_not_woken_for_slots, .init = init, .timeout = 100)
{
	for (unsigned round = 0; round < 200; round++) {
		uint64_t next, ahead;

		for (unsigned i = 0; i < NODES; i++)
			add(i);
		while ((next = lend_wheel_next(&wheel, &ahead)) != UINT64_MAX) {
			struct lend_pairing_node *node;
			unsigned taken = 0, work = UINT32_MAX;

			cr_assert_eq(next, first_key());
			now = next > now ? next : now;
			while ((node = lend_wheel_take(&wheel, now, &work))) {
				take_out(node, first_key());
				taken++;
			}
			cr_assert_gt(taken, 0);
		}
		now = next_random() >> (1 + next_random() % 40);
	}
}

/* What is removed first may wake once in vain, and no more than that. */
Test(wheel, one_removed_wakes_once_at_most, .init = init, .timeout = 100)
{
	for (unsigned round = 0; round < 2000; round++) {
		uint64_t last = now + (distance() >> 10) + 2, ahead;
		unsigned work = UINT32_MAX, vain = 0;

		lend_wheel_add(&wheel, &nodes[0], last, now);
		lend_wheel_add(&wheel, &nodes[1], last - 1, now);
		lend_wheel_remove(&wheel, &nodes[1]);
		for (;;) {
			now = lend_wheel_next(&wheel, &ahead);
			cr_assert_leq(now, last);
			if (lend_wheel_take(&wheel, now, &work))
				break;
			vain++;
		}
		cr_assert_eq(now, last);
		cr_assert_leq(vain, 1);
		cr_assert_eq(lend_wheel_next(&wheel, &ahead), UINT64_MAX);
		if (now > UINT64_MAX / 2)
			now = 0;
	}
}

/* Many of one wide slot are moved before the first of them is due, a portion at
 * each look, so that nobody has to wait for it; and not much earlier. */
Test(wheel, wide_slots_are_opened_ahead, .init = init, .timeout = 100)
{
	const unsigned count = 100000, portion = 64;
	struct lend_pairing_node *many = calloc(count, sizeof(*many));
	uint64_t start, begin = UINT64_C(1) << 40, ahead, next;
	unsigned work, moved = 0;

	cr_assert(many);
	/* Half a minute ahead, all within one slot. */
	start = begin - (UINT64_C(30) << 30);
	for (unsigned i = 0; i < count; i++)
		lend_wheel_add(&wheel, &many[i], begin + next_random() % begin,
			       start);
	next = lend_wheel_next(&wheel, &ahead);
	cr_assert_geq(next, begin);
	cr_assert_lt(ahead, next);
	cr_assert_geq(ahead, next - (UINT64_C(1) << 27));
	work = portion;
	cr_assert_null(lend_wheel_take(&wheel, ahead - 100000, &work));
	cr_assert_eq(work, portion);
	/* While it lasts, others come and go off in order. */
	while (moved < count - 2 * portion) {
		uint64_t unused;

		lend_wheel_add(&wheel, &nodes[0], ahead + 5, ahead);
		work = portion;
		cr_assert_null(lend_wheel_take(&wheel, ahead, &work));
		cr_assert_eq(work, 0);
		work = portion;
		cr_assert_eq(lend_wheel_take(&wheel, ahead + 5, &work),
			     &nodes[0]);
		cr_assert_eq(work, portion);
		moved += portion;
		cr_assert_leq(lend_wheel_next(&wheel, &unused), next);
		cr_assert_eq(unused, 0);
	}
	work = UINT32_MAX;
	cr_assert_null(lend_wheel_take(&wheel, next - 1, &work));
	cr_assert_null(wheel.opening);
	/* Nearly nothing is left to be moved for the first one. */
	work = 1000;
	cr_assert_not_null(lend_wheel_take(&wheel, next, &work));
	free(many);
}
