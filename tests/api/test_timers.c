/*
 * Goal:   K12: timers of an actor go off in the order of their deadlines, never
 *         early, again and again if they are periodic; moved and stopped ones
 *         are silent; 10,000, or LEND_TEST_TIMERS, are no trouble.
 * Method: messages are compared with what was asked for; no upper bound on
 *         times, as machines are noisy.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/harness.h"

/* The type of the next message, and how often its timer went off. */
static uint32_t next_type(uint64_t deadline, uint64_t *ret_count)
{
	struct lend_msg *msg;
	uint32_t type;

	if (lend_receive(deadline, &msg))
		return UINT32_MAX;
	type = lend_msg_type(msg);
	CHECK_EQ(lend_msg_size(msg), sizeof(*ret_count));
	CHECK_EQ(lend_msg_sender(msg).index, lend_self().index);
	memcpy(ret_count, lend_msg_data(msg), sizeof(*ret_count));
	lend_msg_free(msg);
	return type;
}

static struct lend_timer *start(uint64_t deadline, uint64_t period_ns,
				uint32_t type)
{
	struct lend_timer *timer = NULL;

	CHECK_EQ(lend_timer_start(deadline, period_ns, type, &timer), 0);
	return timer;
}

static int once(void *arg)
{
	struct lend_timer *timer = start(LEND_FOREVER, 0, 7);
	uint64_t due, count;
	struct lend_msg *msg;

	(void)arg;
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	due = lend_after(3 * LEND_MS);
	lend_timer_move(timer, due);
	CHECK_EQ(next_type(LEND_FOREVER, &count), 7);
	CHECK(lend_now() >= due);
	CHECK_EQ(count, 1);
	CHECK_EQ(lend_receive(lend_after(3 * LEND_MS), &msg), -ETIMEDOUT);
	/* And again, when it is told to. */
	lend_timer_move(timer, LEND_NOW);
	CHECK_EQ(next_type(LEND_NOW, &count), 7);
	lend_timer_stop(timer);
	CHECK(!lend_timer_stop(NULL));
	return 0;
}

static int periodic(void *arg)
{
	uint64_t first = lend_after(LEND_MS), count, sum = 0;
	struct lend_timer *timer = start(first, 500 * LEND_US, 1);

	(void)arg;
	while (sum < 20) {
		CHECK_EQ(next_type(LEND_FOREVER, &count), 1);
		sum += count;
		/* It keeps its rhythm. */
		CHECK(lend_now() >= first + (sum - 1) * 500 * LEND_US);
	}
	/* However slow the actor is, there is one message. */
	lend_sleep(lend_after(5 * LEND_MS));
	CHECK_EQ(next_type(LEND_NOW, &count), 1);
	CHECK(count >= 9);
	lend_timer_stop(timer);
	CHECK_EQ(next_type(lend_after(2 * LEND_MS), &count), UINT32_MAX);
	return 0;
}

/* LEND_NOW is no moment to count periods from, one that has passed is. */
static int periods_from_now(void *arg)
{
	struct lend_timer *timer = start(LEND_NOW, 60 * LEND_S, 1);
	uint64_t count;

	(void)arg;
	CHECK_EQ(next_type(LEND_NOW, &count), 1);
	CHECK_EQ(count, 1);
	lend_timer_move(timer, LEND_NOW);
	CHECK_EQ(next_type(LEND_NOW, &count), 1);
	CHECK_EQ(count, 1);
	lend_timer_move(timer, lend_after(3600 * LEND_S));
	lend_timer_move(timer, LEND_NOW);
	CHECK_EQ(next_type(LEND_NOW, &count), 1);
	CHECK_EQ(count, 1);
	lend_timer_stop(timer);
	/* It goes on from there. */
	timer = start(LEND_NOW, LEND_MS, 2);
	CHECK_EQ(next_type(LEND_FOREVER, &count), 2);
	CHECK_EQ(next_type(LEND_FOREVER, &count), 2);
	CHECK(count >= 1 && count < 3600 * LEND_S / LEND_MS);
	lend_timer_stop(timer);
	/* A machine that was started so lately has no such moment. */
	if (lend_now() > 5 * LEND_S) {
		timer = start(lend_now() - 5 * LEND_S, LEND_S, 3);
		CHECK_EQ(next_type(LEND_NOW, &count), 3);
		CHECK(count >= 6);
		lend_timer_stop(timer);
	}
	return 0;
}

#define MANY 500

static int in_order(void *arg)
{
	static struct lend_timer *timers[MANY];
	static uint64_t due[MANY];
	uint64_t start_ns = lend_after(2 * LEND_MS), seed = 4711, last = 0;

	(void)arg;
	for (uint32_t i = 0; i < MANY; i++) {
		due[i] = start_ns + test_random(&seed) % (10 * LEND_MS);
		timers[i] = start(i % 3 ? due[i] : LEND_FOREVER, 0, i);
	}
	/* Some are stopped, some moved, by more than one way. */
	for (uint32_t i = 0; i < MANY; i++) {
		if (i % 5 == 1) {
			timers[i] = lend_timer_stop(timers[i]);
		} else if (i % 3 == 0 || i % 7 == 0) {
			due[i] = start_ns + test_random(&seed) % (10 * LEND_MS);
			lend_timer_move(timers[i], due[i]);
		}
	}
	for (uint32_t i = 0; i < MANY; i++) {
		uint64_t count;
		uint32_t type;

		if (i % 5 == 1)
			continue;
		type = next_type(LEND_FOREVER, &count);
		if (!CHECK(type < MANY && timers[type]))
			return -1;
		CHECK(lend_now() >= due[type]);
		CHECK(due[type] >= last);
		last = due[type];
		timers[type] = lend_timer_stop(timers[type]);
	}
	return 0;
}

/* Moved away, and everybody looks late: the order is that of the deadlines, not
 * of the places that the timers had before. */
static int moved_away_in_order(void *arg)
{
	uint64_t base = lend_now(), count;
	struct lend_timer *a = start(base + 1000, 0, 1);
	struct lend_timer *b = start(base + 2000, 0, 2);
	struct lend_timer *c = start(base + 4000, 2000, 3);
	struct lend_timer *d = start(base + 5000, 0, 4);

	(void)arg;
	lend_timer_move(a, base + 3000);
	lend_timer_move(c, base + 6000);
	lend_timer_move(d, lend_after(3600 * LEND_S));
	/* Away, farther, and nearer again than that, but not than it was. */
	lend_timer_move(b, base + 9000);
	lend_timer_move(b, base + 2500);
	CHECK_EQ(lend_sleep(base + 7000), 0);
	CHECK_EQ(next_type(LEND_NOW, &count), 2);
	CHECK_EQ(next_type(LEND_NOW, &count), 1);
	CHECK_EQ(next_type(LEND_NOW, &count), 3);
	lend_timer_move(c, LEND_FOREVER);
	CHECK_EQ(next_type(LEND_NOW, &count), UINT32_MAX);
	/* And one that was moved away and comes nearer than it ever was. */
	lend_timer_move(d, LEND_NOW);
	CHECK_EQ(next_type(LEND_NOW, &count), 4);
	/* The actor's wait for where it was is no wake-up for anybody. */
	lend_timer_move(a, lend_after(LEND_MS));
	lend_timer_move(a, base = lend_after(4 * LEND_MS));
	CHECK_EQ(next_type(LEND_FOREVER, &count), 1);
	CHECK(lend_now() >= base);
	return 0;
}

/* Of one deadline: in the order in which it was set, also by a move, there and
 * back or to the same moment. */
static int equal_in_order(void *arg)
{
	uint64_t due = lend_now() + LEND_MS, count;
	struct lend_timer *moved = start(due - 1000, 0, 5);
	struct lend_timer *again = start(due, 0, 6);
	struct lend_timer *farther = start(due + 1000, 0, 7);
	struct lend_timer *back = start(due, 0, 8);

	(void)arg;
	for (uint32_t type = 1; type <= 4; type++)
		start(due, 0, type);
	lend_timer_move(moved, due);
	lend_timer_move(again, due);
	lend_timer_move(farther, due);
	lend_timer_move(back, due + 1000);
	lend_timer_move(back, due);
	CHECK_EQ(lend_sleep(due), 0);
	for (uint32_t type = 1; type <= 8; type++)
		CHECK_EQ(next_type(LEND_NOW, &count), type);
	return 0;
}

/* K12: so many, all armed, a half of them moved, a quarter stopped; those that
 * are left are due at once, and come in order. */
static int many_in_order(void *arg)
{
	const char *text = getenv("LEND_TEST_TIMERS");
	uint32_t many = text ? (uint32_t)strtoul(text, NULL, 10) : 10000;
	struct lend_timer **timers = calloc(many, sizeof(*timers));
	uint64_t *due = calloc(many, sizeof(*due));
	uint64_t base = lend_now(), seed = 4712, last = 0, left = 0;

	(void)arg;
	if (!CHECK(timers && due))
		return -1;
	for (uint32_t i = 0; i < many; i++) {
		due[i] = base + 3600 * LEND_S + test_random(&seed) % LEND_S;
		timers[i] = start(due[i], 0, i);
	}
	for (uint32_t i = 0; i < many; i += 2)
		lend_timer_move(timers[i],
				due[i] + test_random(&seed) % LEND_S);
	for (uint32_t i = 0; i < many; i++) {
		if (i % 4 == 3) {
			timers[i] = lend_timer_stop(timers[i]);
			continue;
		}
		due[i] = base - test_random(&seed) % LEND_S;
		lend_timer_move(timers[i], due[i]);
		left++;
	}
	for (; left; left--) {
		uint64_t count;
		uint32_t type = next_type(LEND_NOW, &count);

		if (!CHECK(type < many && timers[type] && due[type] >= last))
			break;
		last = due[type];
		timers[type] = lend_timer_stop(timers[type]);
	}
	CHECK_EQ(left, 0);
	free(timers);
	free(due);
	return 0;
}

/* It was in the mailbox already. */
static int taken_back(void *arg)
{
	struct lend_timer *a = start(LEND_NOW, 0, 1);
	struct lend_timer *b = start(LEND_NOW, 0, 2);
	struct lend_timer *c = start(LEND_NOW, LEND_US, 3);
	uint64_t count;

	(void)arg;
	CHECK(!lend_is_cancelled()); /* sorts the mail */
	CHECK_EQ(lend_tell(lend_self(), 4, &count, sizeof(count)), 0);
	lend_timer_stop(a);
	lend_timer_move(b, LEND_FOREVER);
	lend_timer_stop(c);
	CHECK_EQ(next_type(LEND_NOW, &count), 4);
	CHECK_EQ(next_type(LEND_NOW, &count), UINT32_MAX);
	/* Moved with a message in the mailbox, and due again: one message. */
	for (int i = 0; i < 2000; i++) {
		lend_timer_move(b, LEND_NOW);
		CHECK(!lend_is_cancelled());
	}
	CHECK_EQ(next_type(LEND_NOW, &count), 2);
	CHECK_EQ(count, 1);
	CHECK_EQ(next_type(LEND_NOW, &count), UINT32_MAX);
	/* None of this used up the mailbox. */
	for (int i = 0; i < LEND_MAILBOX_MAX; i++)
		CHECK_EQ(lend_tell(lend_self(), 0, NULL, 0), 0);
	CHECK_EQ(lend_tell(lend_self(), 0, NULL, 0), -EAGAIN);
	return 0;
}

/* Whatever the actor waits for: the message is there afterwards. */
static int beside_other_waits(void *arg)
{
	uint64_t count, before;
	int pair[2];
	char byte;

	(void)arg;
	test_pair(pair);
	start(lend_after(LEND_MS), 0, 1);
	CHECK_EQ(lend_recv(pair[0], &byte, 1, 0, lend_after(3 * LEND_MS)),
		 -ETIMEDOUT);
	CHECK_EQ(next_type(LEND_NOW, &count), 1);
	start(lend_after(LEND_MS), 0, 2);
	CHECK_EQ(lend_sleep(lend_after(3 * LEND_MS)), 0);
	CHECK_EQ(next_type(LEND_NOW, &count), 2);
	/* And beside a block whose deadline has passed, and in a section. */
	start(lend_after(2 * LEND_MS), 0, 3);
	before = lend_deadline_push(lend_after(LEND_MS));
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_deadline_pop(before), -ETIMEDOUT);
	before = lend_uncancellable_begin();
	CHECK_EQ(next_type(LEND_FOREVER, &count), 3);
	lend_uncancellable_end(before);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int errors(void *arg)
{
	struct lend_timer *timer;

	(void)arg;
	CHECK_EQ(lend_timer_start(LEND_NOW, LEND_TIMER_PERIOD_MIN - 1, 0,
				  &timer),
		 -EINVAL);
	/* Out of range: it goes off once, and never again. */
	timer = start(LEND_NOW, UINT64_MAX - 1, 5);
	CHECK(!lend_is_cancelled());
	lend_timer_stop(timer);
	return 0;
}

/* They are left to the actor's end: armed, gone off, with mail, without. */
static int many_are_left(void *arg)
{
	uint64_t seed = 99, count;

	(void)arg;
	for (uint32_t i = 0; i < 100000; i++) {
		struct lend_timer *timer = start(
			lend_after(LEND_S + test_random(&seed) % LEND_S), 0, i);

		if (i % 4 == 0)
			lend_timer_move(timer,
					lend_after(test_random(&seed) % LEND_S +
						   LEND_S));
		else if (i % 4 == 1)
			lend_timer_stop(timer);
		else if (i % 1000 == 2)
			lend_timer_move(timer, LEND_NOW);
	}
	for (int i = 0; i < 50; i++)
		CHECK(next_type(LEND_NOW, &count) < 100000);
	return 0;
}

static int left_to_the_end(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(test_spawn(many_are_left, NULL)), 0);
	return 0;
}

static int tick(void *arg)
{
	struct lend_timer *timer;
	uint64_t count, sum = 0;

	timer = start(lend_after(LEND_MS), LEND_MS, 1);
	while (sum < 5) {
		CHECK_EQ(next_type(LEND_FOREVER, &count), 1);
		sum += count;
		if ((intptr_t)arg % 2)
			lend_yield();
	}
	lend_timer_stop(timer);
	return 0;
}

static int on_every_worker(void *arg)
{
	lend_ref refs[100];

	(void)arg;
	for (unsigned i = 0; i < 100; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers, tick,
					(void *)(intptr_t)i);
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("once", once);
	test_actor("periodic", periodic);
	test_actor("periods_from_now", periods_from_now);
	test_actor("in_order", in_order);
	test_actor("moved_away_in_order", moved_away_in_order);
	test_actor("equal_in_order", equal_in_order);
	test_actor("many_in_order", many_in_order);
	test_actor("taken_back", taken_back);
	test_actor("beside_other_waits", beside_other_waits);
	test_actor("errors", errors);
	test_actor("left_to_the_end", left_to_the_end);
	test_actor("on_every_worker", on_every_worker);
	return test_finish();
}
