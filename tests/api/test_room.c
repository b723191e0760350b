/*
 * Goal:   lend_tell_wait(): who finds a mailbox full waits until there is room,
 *         the oldest first, and no longer than its deadline, its cancellation
 *         or the receiver's life; what is told is received once, what is not
 *         is not, and no wake-up is lost.
 * Method: each rule by hand, with senders that are known to wait before
 * anything is received; then many senders that also give up at random, where a
 *         lost wake-up shows as a hang.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "actor/actor.h"
#include "harness/harness.h"
#include "rt/circle.h"

#define LATE (60 * LEND_S)

/* Fill the caller's own mailbox. */
static void fill(void)
{
	for (unsigned i = 0; i < LEND_MAILBOX_MAX; i++)
		CHECK_EQ(lend_tell(lend_self(), 0, NULL, 0), 0);
	CHECK_EQ(lend_tell(lend_self(), 0, NULL, 0), -EAGAIN);
}

/* Types other than 0, in order, until nothing is there. */
static unsigned receive_all(int types[], unsigned most)
{
	unsigned count = 0;
	int type;

	while ((type = test_receive(LEND_NOW)) >= 0) {
		if (!type)
			continue;
		if (CHECK(count < most))
			types[count++] = type;
	}
	return count;
}

struct sender {
	lend_ref to, self;
	uint64_t deadline;
	uint32_t type;
};

static int send_one(void *arg)
{
	const struct sender *sender = arg;

	return lend_tell_wait(sender->to, sender->type, &sender->type,
			      sizeof(sender->type), sender->deadline);
}

static bool waits_for(lend_ref who, uint8_t kind)
{
	struct lend_waiting waiting;

	return lend__waiting_read(lend_runtime_current(), who.index,
				  &waiting) &&
	       waiting.suspended &&
	       lend__actor_waits_opcode(waiting.waits_for) == kind;
}

/* Senders to the caller that wait, in that order. */
static void start_senders(struct sender *senders, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		senders[i].to = lend_self();
		senders[i].type = i + 1;
		if (!senders[i].deadline)
			senders[i].deadline = lend_after(LATE);
		senders[i].self = test_spawn(send_one, &senders[i]);
		while (!waits_for(senders[i].self, LEND_WAITS_PLACE))
			CHECK_EQ(lend_yield(), 0);
	}
}

/* ---- room ---- */

static int the_oldest_comes_first(void *arg)
{
	struct sender senders[5] = { 0 };
	int types[6];

	(void)arg;
	fill();
	start_senders(senders, 5);
	CHECK_EQ(receive_all(types, 6), 5);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(types[i], i + 1);
		CHECK_EQ(test_join(senders[i].self), 0);
	}
	return 0;
}

/* It takes one message and then waits for the sender itself: so there is room,
 * and the sender must be told, though nothing is received any more. */
static int who_takes_one_lets_one_in(void *arg)
{
	struct sender senders[2] = { 0 };

	(void)arg;
	fill();
	start_senders(senders, 2);
	CHECK_EQ(test_receive(LEND_NOW), 0);
	CHECK_EQ(test_join(senders[0].self), 0);
	CHECK(waits_for(senders[1].self, LEND_WAITS_PLACE));
	CHECK_EQ(lend_tell(lend_self(), 9, NULL, 0), -EAGAIN);
	CHECK_EQ(test_receive(LEND_NOW), 0);
	/* Nor does it have to wait for anything. */
	while (waits_for(senders[1].self, LEND_WAITS_PLACE))
		CHECK_EQ(lend_yield(), 0);
	CHECK_EQ(test_join(senders[1].self), 0);
	for (unsigned i = 2; i < LEND_MAILBOX_MAX; i++)
		CHECK_EQ(test_receive(LEND_NOW), 0);
	CHECK_EQ(test_receive(LEND_NOW), 1);
	CHECK_EQ(test_receive(LEND_NOW), 2);
	CHECK_EQ(test_receive(LEND_NOW), -ETIMEDOUT);
	return 0;
}

/* Who only takes what is there gives way now and then, and lets in one each
 * time; these are more. What they wait with is there as well. */
static int who_does_not_wait_receives_all(void *arg)
{
	static struct sender senders[60];
	int types[61];

	(void)arg;
	memset(senders, 0, sizeof(senders));
	fill();
	start_senders(senders, 60);
	CHECK_EQ(receive_all(types, 61), 60);
	for (int i = 0; i < 60; i++) {
		CHECK_EQ(types[i], i + 1);
		CHECK_EQ(test_join(senders[i].self), 0);
	}
	return 0;
}

/* What a sender has told before is there before what it waits with. */
static int send_many(void *arg)
{
	const struct sender *sender = arg;

	for (uint32_t i = 1; i <= 3 * LEND_MAILBOX_MAX; i++)
		CHECK_EQ(lend_tell_wait(sender->to, i, NULL, 0,
					lend_after(LATE)),
			 0);
	return 0;
}

static int one_senders_messages_stay_in_order(void *arg)
{
	struct sender sender = { .to = lend_self() };
	lend_ref other = test_spawn(send_many, &sender);

	(void)arg;
	for (uint32_t i = 1; i <= 3 * LEND_MAILBOX_MAX; i++) {
		struct lend_msg *msg;

		if (!CHECK_EQ(lend_receive(lend_after(LATE), &msg), 0))
			break;
		CHECK_EQ(lend_msg_type(msg), i);
		lend_msg_free(msg);
	}
	CHECK_EQ(test_join(other), 0);
	return 0;
}

/* ---- no room ---- */

static int who_gives_up_has_sent_nothing(void *arg)
{
	struct sender senders[4] = { 0 };
	int types[4];

	(void)arg;
	fill();
	senders[1].deadline = lend_after(20 * LEND_MS);
	start_senders(senders, 1);
	/* It may be over before anybody can see it wait. */
	senders[1].to = lend_self();
	senders[1].type = 2;
	senders[1].self = test_spawn(send_one, &senders[1]);
	CHECK_EQ(test_join(senders[1].self), -ETIMEDOUT);
	senders[2] = senders[1];
	senders[2].deadline = LEND_NOW;
	CHECK_EQ(test_join(test_spawn(send_one, &senders[2])), -ETIMEDOUT);
	start_senders(&senders[3], 1);
	CHECK_EQ(lend_cancel(senders[3].self), 0);
	CHECK_EQ(test_join(senders[3].self), -ECANCELED);
	/* The first one still waits, and is not forgotten. */
	CHECK(waits_for(senders[0].self, LEND_WAITS_PLACE));
	CHECK_EQ(receive_all(types, 4), 1);
	CHECK_EQ(types[0], 1);
	CHECK_EQ(test_join(senders[0].self), 0);
	return 0;
}

static int be_full(void *arg)
{
	struct sender *senders = arg;

	fill();
	start_senders(senders, 3);
	return 7;
}

static int the_receivers_end_is_told(void *arg)
{
	struct sender senders[3] = { 0 };
	lend_ref receiver;

	(void)arg;
	receiver = test_spawn(be_full, senders);
	CHECK_EQ(test_join(receiver), 7);
	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(test_join(senders[i].self), -ESRCH);
	CHECK_EQ(lend_tell_wait(receiver, 0, NULL, 0, LEND_FOREVER), -ESRCH);
	CHECK_EQ(lend_tell_wait((lend_ref){ 0, 0 }, 0, NULL, 0, LEND_FOREVER),
		 -ESRCH);
	return 0;
}

static void *tell_from_outside(void *arg)
{
	const lend_ref *to = arg;

	CHECK_EQ(lend_tell_wait(*to, 0, NULL, 0, LEND_FOREVER), -EINVAL);
	return NULL;
}

static int tell_when_cancelled(void *arg)
{
	const lend_ref *to = arg;

	while (!lend_yield())
		;
	return lend_tell_wait(*to, 1, NULL, 0, LEND_FOREVER);
}

static int some_may_not_wait(void *arg)
{
	static char big[LEND_MSG_SIZE_MAX + 1];
	lend_ref self = lend_self(), other;
	pthread_t thread;

	(void)arg;
	CHECK_EQ(lend_tell_wait(self, 0, big, sizeof(big), LEND_FOREVER),
		 -E2BIG);
	pthread_create(&thread, NULL, tell_from_outside, &self);
	pthread_join(thread, NULL);
	other = test_spawn(tell_when_cancelled, &self);
	lend_cancel(other);
	CHECK_EQ(test_join(other), -ECANCELED);
	CHECK_EQ(test_receive(LEND_NOW), -ETIMEDOUT);
	fill();
	CHECK_EQ(lend_tell_wait(self, 0, NULL, 0, LEND_FOREVER), -EDEADLK);
	return 0;
}

/* ---- who waits for whom ---- */

static lend_ref pair[2];
static _Atomic unsigned ready;

static int fill_other(void *arg)
{
	unsigned me = *(unsigned *)arg;
	int err;

	atomic_fetch_add(&ready, 1);
	while (atomic_load(&ready) < 3)
		lend_yield();
	while (!(err = lend_tell_wait(pair[1 - me], 0, NULL, 0, LEND_FOREVER)))
		;
	return err;
}

static int a_report_finds_the_circle(void *arg)
{
	unsigned sides[2] = { 0, 1 };
	struct lend_waiting waiting;
	char text[LEND_CIRCLE_TEXT_MAX];

	(void)arg;
	atomic_store(&ready, 0);
	for (unsigned i = 0; i < 2; i++)
		pair[i] = test_spawn(fill_other, &sides[i]);
	atomic_fetch_add(&ready, 1);
	while (!waits_for(pair[0], LEND_WAITS_PLACE) ||
	       !waits_for(pair[1], LEND_WAITS_PLACE))
		CHECK_EQ(lend_yield(), 0);
	CHECK(lend__circle_find(lend_runtime_current(), NULL, &waiting, text));
	CHECK(lend__waiting_read(lend_runtime_current(), pair[0].index,
				 &waiting));
	lend__waiting_describe(lend_runtime_current(), waiting.waits_for, text,
			       sizeof(text));
	CHECK(strstr(text, "waits for room in the mailbox of actor"));
	lend_cancel(pair[0]);
	CHECK_EQ(test_join(pair[0]), -ECANCELED);
	/* Its receiver has ended. */
	CHECK_EQ(test_join(pair[1]), -ESRCH);
	return 0;
}

/* ---- many ---- */

#define SENDERS 12
#define SPANS	8

static _Atomic unsigned failed; /* sends, of all */

struct crowd {
	lend_ref receiver;
	uint64_t seed;
	unsigned each;
};

struct member {
	const struct crowd *crowd;
	uint32_t number, sent;
	lend_ref self;
};

/* Numbers of those that were sent, without a gap. */
static int send_some(void *arg)
{
	struct member *self = arg;
	uint64_t random = self->crowd->seed + self->number;

	while (self->sent < self->crowd->each) {
		uint32_t next = self->sent + 1;
		uint64_t draw = test_random(&random) % SPANS;
		int err = lend_tell_wait(
			self->crowd->receiver, self->number, &next,
			sizeof(next),
			draw == 0 ? lend_after(test_random(&random) % 50000) :
			draw == 1 ? LEND_NOW :
				    LEND_FOREVER);

		if (!err)
			self->sent = next;
		else if (err == -ETIMEDOUT)
			atomic_fetch_add(&failed, 1);
		else
			return err;
		if (draw == 2)
			lend_yield();
	}
	return 0;
}

/* Slowly at times, so that the mailbox is full now and then. */
static unsigned receive_some(uint32_t last[SENDERS], unsigned most,
			     uint64_t *random)
{
	unsigned count = 0;

	while (count < most) {
		struct lend_msg *msg;
		uint32_t number, from;

		if (lend_receive(lend_after(LATE), &msg))
			break;
		from = lend_msg_type(msg);
		memcpy(&number, lend_msg_data(msg), sizeof(number));
		CHECK_EQ(number, last[from] + 1);
		last[from] = number;
		lend_msg_free(msg);
		count++;
		if (test_random(random) % 97 == 0)
			lend_yield();
		if (test_random(random) % 499 == 0)
			CHECK_EQ(lend_sleep(lend_after(20 * LEND_US)), 0);
	}
	return count;
}

static uint64_t seed;

static int nothing_is_lost_in_a_crowd(void *arg)
{
	const struct crowd crowd = {
		.receiver = lend_self(),
		.seed = seed,
		.each = test_is_slow() ? 300 : 2000,
	};
	struct member members[SENDERS];
	uint32_t last[SENDERS] = { 0 };
	uint64_t random = seed;

	(void)arg;
	for (unsigned i = 0; i < SENDERS; i++) {
		members[i] = (struct member){ &crowd, i, 0, { 0, 0 } };
		members[i].self = test_spawn_on(1 + i % test_options.workers,
						send_some, &members[i]);
	}
	CHECK_EQ(receive_some(last, SENDERS * crowd.each, &random),
		 SENDERS * crowd.each);
	for (unsigned i = 0; i < SENDERS; i++) {
		CHECK_EQ(test_join(members[i].self), 0);
		CHECK_EQ(last[i], crowd.each);
	}
	CHECK_EQ(test_receive(LEND_NOW), -ETIMEDOUT);
	return 0;
}

/* It ends amid them. */
static int receive_and_end(void *arg)
{
	uint32_t last[SENDERS] = { 0 };
	uint64_t random = seed;

	return (int)receive_some(last, *(unsigned *)arg, &random);
}

static int all_learn_of_an_end_amid_them(void *arg)
{
	unsigned rounds = test_is_slow() ? 5 : 30;

	(void)arg;
	for (unsigned round = 0; round < rounds; round++) {
		struct crowd crowd = { .seed = seed + round,
				       .each = UINT32_MAX };
		struct member members[SENDERS];
		unsigned most = round * 40;

		crowd.receiver = test_spawn(receive_and_end, &most);
		for (unsigned i = 0; i < SENDERS; i++) {
			members[i] = (struct member){ &crowd, i, 0, { 0, 0 } };
			members[i].self = test_spawn_on(
				1 + i % test_options.workers, send_some,
				&members[i]);
		}
		/* One is cancelled, while the others go on. */
		lend_cancel(members[round % SENDERS].self);
		CHECK_EQ(test_join(crowd.receiver), (int)most);
		for (unsigned i = 0; i < SENDERS; i++) {
			int value = test_join(members[i].self);

			CHECK(value == -ESRCH ||
			      (i == round % SENDERS && value == -ECANCELED));
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	seed = test_seed(0, argv, 1);
	test_actor("the_oldest_comes_first", the_oldest_comes_first);
	test_actor("who_takes_one_lets_one_in", who_takes_one_lets_one_in);
	test_actor("who_does_not_wait_receives_all",
		   who_does_not_wait_receives_all);
	test_actor("one_senders_messages_stay_in_order",
		   one_senders_messages_stay_in_order);
	test_actor("who_gives_up_has_sent_nothing",
		   who_gives_up_has_sent_nothing);
	test_actor("the_receivers_end_is_told", the_receivers_end_is_told);
	test_actor("some_may_not_wait", some_may_not_wait);
	test_actor("a_report_finds_the_circle", a_report_finds_the_circle);
	test_actor("nothing_is_lost_in_a_crowd", nothing_is_lost_in_a_crowd);
	test_actor("all_learn_of_an_end_amid_them",
		   all_learn_of_an_end_amid_them);
	return test_finish();
}
