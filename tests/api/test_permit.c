/*
 * Goal:   lend_park() and lend_unpark(): a permit is kept, never more than one,
 *         and nobody who is unparked stays parked, whoever does it from
 *         wherever; deadlines, cancellation, other waits and those who mean
 *         somebody else leave permits alone.
 * Method: each rule by hand; then many actors and threads that hand tokens
 *         round, where the loss of one wake-up shows as a hang.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "harness/harness.h"

#define LATE (60 * LEND_S)

/* ---- permits ---- */

static int a_permit_is_kept(void *arg)
{
	(void)arg;
	CHECK_EQ(lend_park(LEND_NOW), -ETIMEDOUT);
	CHECK_EQ(lend_unpark(lend_self()), 0);
	/* Neither a turn nor a message nor a sleep uses it up. */
	lend_yield();
	CHECK_EQ(lend_sleep(lend_after(LEND_US)), 0);
	CHECK_EQ(lend_park(LEND_FOREVER), 0);
	CHECK_EQ(lend_park(LEND_NOW), -ETIMEDOUT);
	return 0;
}

static int many_are_one(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		CHECK_EQ(lend_unpark(lend_self()), 0);
	CHECK_EQ(lend_park(LEND_NOW), 0);
	CHECK_EQ(lend_park(LEND_NOW), -ETIMEDOUT);
	/* Some of them before its mail is looked at, some after. */
	CHECK_EQ(lend_unpark(lend_self()), 0);
	lend_yield();
	CHECK_EQ(lend_unpark(lend_self()), 0);
	lend_yield();
	CHECK_EQ(lend_park(LEND_NOW), 0);
	CHECK_EQ(lend_park(LEND_NOW), -ETIMEDOUT);
	return 0;
}

static int a_deadline_passes(void *arg)
{
	uint64_t deadline = lend_after(2 * LEND_MS);

	(void)arg;
	CHECK_EQ(lend_park(deadline), -ETIMEDOUT);
	CHECK(lend_now() >= deadline);
	/* One that is there is taken all the same. */
	CHECK_EQ(lend_unpark(lend_self()), 0);
	CHECK_EQ(lend_park(deadline), 0);
	return 0;
}

/* ---- other waits, and the ends of actors ---- */

static atomic_int stage;

static int wait_for_message(void *arg)
{
	struct lend_msg *msg;
	uint32_t type;

	(void)arg;
	atomic_store(&stage, 1);
	if (!CHECK_EQ(lend_receive(lend_after(LATE), &msg), 0))
		return -1;
	type = lend_msg_type(msg);
	lend_msg_free(msg);
	/* The permit came before the message. */
	CHECK_EQ(lend_park(LEND_NOW), 0);
	CHECK_EQ(lend_park(LEND_NOW), -ETIMEDOUT);
	return (int)type;
}

static int other_waits_leave_it(void *arg)
{
	lend_ref other;

	(void)arg;
	atomic_store(&stage, 0);
	other = test_spawn_on(test_options.workers, wait_for_message, NULL);
	while (!atomic_load(&stage))
		lend_yield();
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(lend_unpark(other), 0);
		lend_yield();
	}
	CHECK_EQ(lend_tell(other, 7, NULL, 0), 0);
	CHECK_EQ(test_join(other), 7);
	return 0;
}

static int park_for_good(void *arg)
{
	(void)arg;
	return lend_park(LEND_FOREVER);
}

/* Messages wake it, and are no permit. */
static int park_among_messages(void *arg)
{
	struct lend_msg *msg;
	int count = 0, err;

	(void)arg;
	err = lend_park(lend_after(LATE));
	while (!lend_receive(LEND_NOW, &msg)) {
		lend_msg_free(msg);
		count++;
	}
	return err ? err : count;
}

static int messages_are_none(void *arg)
{
	lend_ref other = test_spawn_on(test_options.workers,
				       park_among_messages, NULL);

	(void)arg;
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(lend_tell(other, 0, NULL, 0), 0);
		lend_yield();
	}
	CHECK_EQ(lend_unpark(other), 0);
	CHECK_EQ(test_join(other), 20);
	return 0;
}

static int the_cancelled_do_not_park(void *arg)
{
	lend_ref other = test_spawn(park_for_good, NULL);

	(void)arg;
	lend_yield();
	CHECK_EQ(lend_cancel(other), 0);
	CHECK_EQ(test_join(other), -ECANCELED);
	/* What is there is taken, as messages are. */
	other = test_spawn(park_for_good, NULL);
	CHECK_EQ(lend_unpark(other), 0);
	CHECK_EQ(lend_cancel(other), 0);
	CHECK_EQ(test_join(other), 0);
	return 0;
}

static int who_has_ended_is_nobody(void *arg)
{
	lend_ref other = test_spawn(park_for_good, NULL);

	(void)arg;
	CHECK_EQ(lend_unpark(other), 0);
	CHECK_EQ(test_join(other), 0);
	CHECK_EQ(lend_unpark(other), -ESRCH);
	CHECK_EQ(lend_unpark((lend_ref){ 0, 0 }), -ESRCH);
	/* Its slot's next owner has no permit of its. */
	for (int i = 0; i < 8; i++) {
		lend_ref next = test_spawn(park_for_good, NULL);

		CHECK_EQ(lend_unpark(other), -ESRCH);
		CHECK_EQ(lend_cancel(next), 0);
		CHECK_EQ(test_join(next), -ECANCELED);
	}
	return 0;
}

/* ---- who had the place before ---- */

#define PESTERERS 3
#define GONE	  16

/* References to actors that have ended, each in one word. */
static _Atomic uint64_t gone[GONE];
static _Atomic unsigned gone_count, gone_again;
static _Atomic bool all_gone;

static lend_ref gone_at(unsigned at)
{
	uint64_t word = atomic_load(&gone[at % GONE]);

	return (lend_ref){ (uint32_t)word, (uint32_t)(word >> 32) };
}

static int pester(void *arg)
{
	(void)arg;
	for (unsigned i = 0; !atomic_load(&all_gone); i++) {
		if (!CHECK_EQ(lend_unpark(gone_at(i)), -ESRCH))
			return -1;
		if (i % 8 == 0)
			lend_yield();
	}
	return 0;
}

static int park_and_tell(void *arg)
{
	_Atomic bool *parks = arg;

	atomic_store(parks, true);
	return lend_park(LEND_FOREVER);
}

static void live_and_go(unsigned turn)
{
	_Atomic bool parks = false;
	lend_ref ref = test_spawn_on(1 + turn % test_options.workers,
				     park_and_tell, &parks);

	for (unsigned i = 0; i < GONE; i++)
		if (gone_at(i).index == ref.index) {
			atomic_fetch_add(&gone_again, 1);
			break;
		}
	while (!atomic_load(&parks))
		lend_yield();
	/* Some are parked, and some about to be. */
	for (unsigned i = 0; i < turn % 4; i++)
		lend_yield();
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(test_join(ref), -ECANCELED);
	atomic_store(&gone[atomic_fetch_add(&gone_count, 1) % GONE],
		     (uint64_t)ref.generation << 32 | ref.index);
}

/* References outlive their actors: who unparks one that has ended neither wakes
 * the next one in its place, nor leaves it a permit. */
static int the_next_one_parks_on(void *arg)
{
	unsigned turns = test_is_slow() ? 200 : 2000;
	lend_ref refs[PESTERERS];

	(void)arg;
	atomic_store(&all_gone, false);
	atomic_store(&gone_again, 0);
	for (unsigned i = 0; i < PESTERERS; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers, pester,
					NULL);
	for (unsigned i = 0; i < turns; i++)
		live_and_go(i);
	atomic_store(&all_gone, true);
	for (unsigned i = 0; i < PESTERERS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	/* Places are taken again, or nothing was tried. */
	CHECK(atomic_load(&gone_again) > turns / 4);
	return 0;
}

/* ---- nobody is lost ---- */

#define RINGS 12
#define RING  4
#define LOOPS 1500

/* Actors that pass a token on: @turns counts all steps of a ring, and whose
 * turn it is is that modulo RING. */
struct ring {
	_Atomic unsigned turns;
	lend_ref refs[RING];
	_Atomic bool ready;
};

struct seat {
	struct ring *ring;
	unsigned index;
};

static struct ring rings[RINGS];
static struct seat seats[RINGS][RING];

static unsigned loops(void)
{
	return test_is_slow() ? LOOPS / 10 : LOOPS;
}

static int pass_on(void *arg)
{
	const struct seat *seat = arg;
	struct ring *ring = seat->ring;
	unsigned end = RING * loops();

	while (!atomic_load(&ring->ready))
		lend_yield();
	for (;;) {
		/* Relaxed: the permit is what orders. */
		unsigned turn = atomic_load_explicit(&ring->turns,
						     memory_order_relaxed);

		if (turn >= end)
			break;
		if (turn % RING != seat->index) {
			/* With a timer and without. */
			int err = lend_park(turn % 2 ? lend_after(LATE) :
						       LEND_FOREVER);

			if (!CHECK_EQ(err, 0))
				return -1;
			continue;
		}
		atomic_store_explicit(&ring->turns, turn + 1,
				      memory_order_relaxed);
		lend_unpark(ring->refs[(seat->index + 1) % RING]);
	}
	/* All others have to see the end, too. */
	for (unsigned i = 0; i < RING; i++)
		lend_unpark(ring->refs[i]);
	return 0;
}

static int tokens_go_round(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < RINGS; i++) {
		atomic_store(&rings[i].turns, 0);
		atomic_store(&rings[i].ready, false);
		for (unsigned k = 0; k < RING; k++) {
			seats[i][k] = (struct seat){ &rings[i], k };
			rings[i].refs[k] = test_spawn_on(
				1 + (i + k) % test_options.workers, pass_on,
				&seats[i][k]);
		}
		atomic_store(&rings[i].ready, true);
	}
	for (unsigned i = 0; i < RINGS; i++) {
		for (unsigned k = 0; k < RING; k++)
			CHECK_EQ(test_join(rings[i].refs[k]), 0);
		CHECK_EQ(atomic_load(&rings[i].turns), RING * loops());
	}
	return 0;
}

/* ---- from threads ---- */

#define THREADS 3
#define EACH	3000

static _Atomic unsigned given, taken;

struct outsider {
	struct lend_runtime *runtime;
	lend_ref actor;
	pthread_t thread;
};

static unsigned all_of_them(void)
{
	return THREADS * (test_is_slow() ? EACH / 10 : EACH);
}

static void *give(void *arg)
{
	const struct outsider *outsider = arg;

	for (unsigned i = 0; i < all_of_them() / THREADS; i++) {
		int err;

		/* Relaxed: the permit orders that. */
		atomic_fetch_add_explicit(&given, 1, memory_order_relaxed);
		/* It may have seen the last one's without its permit. */
		err = lend_runtime_unpark(outsider->runtime, outsider->actor);
		CHECK(!err || err == -ESRCH);
		if (i % 4 == 0)
			sched_yield();
	}
	return NULL;
}

/* Not one permit each, but whoever parks after the last one sees all. */
static int take(void *arg)
{
	unsigned seen = 0;

	(void)arg;
	while (seen < all_of_them()) {
		if (!CHECK_EQ(lend_park(lend_after(LATE)), 0))
			return -1;
		seen = atomic_load_explicit(&given, memory_order_relaxed);
		atomic_store(&taken, seen);
	}
	return 5;
}

static int threads_unpark(void)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct outsider outsiders[THREADS];
	struct lend_runtime *runtime;
	lend_ref actor;
	int value = 0;

	atomic_store(&given, 0);
	if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, take, NULL, &joinable, &actor), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		outsiders[i] = (struct outsider){ runtime, actor, 0 };
		pthread_create(&outsiders[i].thread, NULL, give, &outsiders[i]);
	}
	CHECK_EQ(lend_runtime_join(runtime, actor, &value), 0);
	CHECK_EQ(value, 5);
	CHECK_EQ(atomic_load(&taken), all_of_them());
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(outsiders[i].thread, NULL);
	CHECK_EQ(lend_runtime_unpark(runtime, actor), -ESRCH);
	CHECK_EQ(lend_unpark(actor), -ESRCH);
	lend_runtime_free(runtime);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("a_permit_is_kept", a_permit_is_kept);
	test_actor("many_are_one", many_are_one);
	test_actor("a_deadline_passes", a_deadline_passes);
	test_actor("other_waits_leave_it", other_waits_leave_it);
	test_actor("messages_are_none", messages_are_none);
	test_actor("the_cancelled_do_not_park", the_cancelled_do_not_park);
	test_actor("who_has_ended_is_nobody", who_has_ended_is_nobody);
	test_actor("the_next_one_parks_on", the_next_one_parks_on);
	test_actor("tokens_go_round", tokens_go_round);
	test_plain("threads_unpark", threads_unpark);
	return test_finish();
}
