/*
 * Goal:   K12: whoever is due is woken, in order, once; a timer that is early
 *         enough is left alone; who ends is in no timers.
 * Method: actor records without fibers in the timers of two workers.
 */
#include "rt/timers.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "actor/actor.h"

static struct lend_timers timers, others;
#define MANY 1000

static struct lend_actor actors[MANY];
static unsigned order[MANY], woken;

static void note_runnable(struct lend_host *host, struct lend_actor *actor)
{
	(void)host;
	order[woken++] = actor->index;
}

static struct lend_host host = { .runnable = note_runnable };

static void init(void)
{
	lend__timers_init(&timers);
	lend__timers_init(&others);
	for (unsigned i = 0; i < MANY; i++) {
		actors[i].index = i;
		lend__actor_init(&actors[i], &host, NULL, NULL, NULL);
		cr_assert(lend__mailbox_idle(&actors[i].mailbox,
					     actors[i].generation));
	}
	woken = 0;
}

static void fini(void)
{
	for (unsigned i = 0; i < MANY; i++)
		lend__timers_disarm(&actors[i]);
	cr_expect_eq(atomic_load(&timers.next_ns), UINT64_MAX);
	lend__timers_fini(&timers);
	lend__timers_fini(&others);
}

Test(timers, wake_in_order_who_is_due, .init = init, .fini = fini)
{
	for (unsigned i = 0; i < 200; i++)
		lend__timers_arm(&timers, &actors[i], 1000 + i * 7919 % 200, 0);
	cr_expect_eq(atomic_load(&timers.next_ns), 1000);
	lend__timers_expire(&timers, 999);
	cr_expect_eq(woken, 0);
	lend__timers_expire(&timers, 1099);
	cr_expect_eq(woken, 100);
	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(order[i] * 7919 % 200, i);
	cr_expect_eq(atomic_load(&timers.next_ns), 1100);
	lend__timers_expire(&timers, UINT64_MAX - 1);
	cr_expect_eq(woken, 200);
	lend__timers_expire(&timers, UINT64_MAX - 1);
	cr_expect_eq(woken, 200);
}

Test(timers, later_deadline_leaves_the_timer, .init = init, .fini = fini)
{
	lend__timers_arm(&timers, &actors[0], 100, 0);
	lend__timers_arm(&timers, &actors[0], 500, 0);
	cr_expect_eq(atomic_load(&timers.next_ns), 100);
	lend__timers_arm(&timers, &actors[0], 50, 0);
	cr_expect_eq(atomic_load(&timers.next_ns), 50);
	lend__timers_expire(&timers, 60);
	cr_expect_eq(woken, 1);
	/* It went off, so the next one is armed afresh. */
	lend__actor_sort_mail(&actors[0]);
	lend__timers_arm(&timers, &actors[0], 500, 0);
	cr_expect_eq(atomic_load(&timers.next_ns), 500);
}

/* Whoever has many that are due gets to its actors between them; the last round
 * of a worker is not bounded. */
Test(timers, a_round_is_bounded, .init = init, .fini = fini)
{
	for (unsigned i = 0; i < MANY; i++)
		lend__timers_arm(&timers, &actors[i], LEND_S + i * LEND_US, 0);
	/* Sleepers wait for the first, wherever it is. */
	cr_expect_eq(atomic_load(&timers.next_ns), LEND_S);
	lend__timers_expire(&timers, LEND_S - 1);
	cr_expect_eq(woken, 0);
	for (unsigned i = 0; woken < MANY; i++) {
		unsigned before = woken;

		lend__timers_expire(&timers, 2 * LEND_S);
		cr_assert_leq(woken, before + LEND_TIMERS_ROUND + 64);
		if (woken < MANY)
			cr_assert_leq(atomic_load(&timers.next_ns), 2 * LEND_S);
		/* Each is woken or moved, and moved three times at most. */
		cr_assert_lt(i, 4 * MANY / LEND_TIMERS_ROUND + 1);
	}
	cr_assert_eq(atomic_load(&timers.next_ns), UINT64_MAX);
	for (unsigned i = 0; i < MANY; i++)
		cr_assert_eq(order[i], i);
	for (unsigned i = 0; i < MANY; i++) {
		lend__actor_sort_mail(&actors[i]);
		cr_assert(lend__mailbox_idle(&actors[i].mailbox,
					     actors[i].generation));
		lend__timers_arm(&timers, &actors[i], LEND_S << i % 30, LEND_S);
	}
	cr_expect_eq(atomic_load(&timers.next_ns), LEND_S);
	woken = 0;
	lend__timers_expire_all(&timers);
	cr_expect_eq(woken, MANY);
}

Test(timers, moves_with_its_actor, .init = init, .fini = fini)
{
	lend__timers_arm(&timers, &actors[0], 100, 0);
	/* On another worker, with an earlier deadline. */
	lend__timers_arm(&others, &actors[0], 80, 0);
	cr_expect_eq(atomic_load(&timers.next_ns), UINT64_MAX);
	cr_expect_eq(atomic_load(&others.next_ns), 80);
	lend__timers_disarm(&actors[0]);
	lend__timers_disarm(&actors[0]);
	cr_expect_eq(atomic_load(&others.next_ns), UINT64_MAX);
	lend__timers_expire(&others, 1000);
	cr_expect_eq(woken, 0);
}

/* ---- going off while its actor is awake ---- */

#define ROUNDS 200000

static atomic_bool stop;
static atomic_uint wakes;

static void count_wake(struct lend_host *unused, struct lend_actor *actor)
{
	(void)unused;
	(void)actor;
	atomic_fetch_add(&wakes, 1);
}

static void *expire_all_the_time(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		lend__timers_expire(&timers, 1000);
		/* Where the two share a CPU, the other one has to arm. */
		sched_yield();
	}
	return NULL;
}

/* Whatever the moment at which the timer goes off, an actor that armed and went
 * to sleep is woken. */
Test(timers, none_is_lost, .init = init, .timeout = 60)
{
	struct lend_host counting = { .runnable = count_wake };
	struct lend_mail first = { .kind = LEND_MAIL_OP };
	unsigned sleeps = 0;
	pthread_t thread;

	actors[0].host = &counting;
	cr_assert(lend__mailbox_push(&actors[0].mailbox, &first));
	pthread_create(&thread, NULL, expire_all_the_time, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		lend__actor_sort_mail(&actors[0]);
		lend__timers_arm(&timers, &actors[0], 500 + i % 2, 0);
		if (!lend__mailbox_idle(&actors[0].mailbox,
					actors[0].generation))
			continue;
		sleeps++;
		while (atomic_load(&wakes) < sleeps)
			sched_yield();
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	lend__timers_disarm(&actors[0]);
}
