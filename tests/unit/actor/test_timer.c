/*
 * Goal:   however many timers of an actor are due together, one look at the
 *         clock makes a bounded number of messages; all come, in order, and
 *         none is waited for in vain.
 * Method: an actor's record without a runtime, whose mail is sorted by hand.
 */
#include <criterion/criterion.h>
#include <lend/clock.h>

#include "actor/actor.h"
#include "actor/message.h"
#include "actor/timer.h"

#define MANY 1000

static struct lend_actor actor;
static struct lend_timer *timers[MANY];

static void note_runnable(struct lend_host *host, struct lend_actor *woken)
{
	(void)host;
	(void)woken;
}

static struct lend_host host = { .runnable = note_runnable };

static void init(void)
{
	lend__actor_init(&actor, &host, NULL, NULL, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		timers[i] = lend__timer_new(&actor);
		cr_assert(timers[i]);
		timers[i]->type = i;
	}
}

static unsigned in_inbox(void)
{
	unsigned count = 0;

	for (struct lend_mail *at = actor.inbox_first; at; at = at->next)
		count++;
	return count;
}

static uint32_t receive(void)
{
	struct lend_msg *msg;
	uint32_t type;

	cr_assert_eq(lend__message_take(&actor, &msg), 0);
	type = lend_msg_type(msg);
	lend__message_free(NULL, msg);
	return type;
}

static void set_all(void)
{
	for (unsigned i = 0; i < MANY; i++)
		lend__timer_set(timers[i], 1000 + i);
}

Test(timer, many_due_are_told_a_few_at_a_time, .init = init)
{
	set_all();
	for (unsigned i = 0; i < MANY; i++) {
		lend__actor_sort_mail(&actor);
		cr_assert_leq(in_inbox(), LEND_TIMERS_TOLD_MAX);
		cr_assert_eq(receive(), i);
	}
	lend__actor_sort_mail(&actor);
	cr_expect_null(actor.inbox_first);
	cr_expect_eq(actor.alarm_ns, LEND_FOREVER);
	lend__timer_end_all(&actor);
}

/* It is not woken in vain while it has enough to receive, and is when not. */
Test(timer, the_rest_waits_for_the_receiver, .init = init)
{
	set_all();
	lend__actor_sort_mail(&actor);
	cr_expect_eq(in_inbox(), LEND_TIMERS_TOLD_MAX);
	cr_expect_eq(actor.alarm_ns, LEND_FOREVER);
	for (unsigned i = 0; i < LEND_TIMERS_TOLD_MAX / 2; i++)
		receive();
	cr_expect_eq(actor.alarm_ns, 1000 + LEND_TIMERS_TOLD_MAX);
	lend__timer_end_all(&actor);
	while (actor.inbox_first)
		receive();
}

/* Those that have moved away are put right when they come up. */
Test(timer, many_moved_ones_take_more_looks, .init = init)
{
	uint64_t later_ns = lend_after(LEND_S * 1000);
	unsigned looks = 0;

	set_all();
	for (unsigned i = 0; i < MANY; i++)
		lend__timer_set(timers[i], later_ns + i);
	while (actor.alarm_ns < later_ns) {
		lend__actor_sort_mail(&actor);
		looks++;
	}
	cr_expect_eq(looks,
		     (MANY + LEND_TIMERS_TOLD_MAX - 1) / LEND_TIMERS_TOLD_MAX);
	cr_expect_null(actor.inbox_first);
	lend__timer_end_all(&actor);
}

/* Stopped ones make room, though their messages are in the inbox still. */
Test(timer, stopped_ones_are_not_waited_for, .init = init)
{
	set_all();
	lend__actor_sort_mail(&actor);
	for (unsigned i = 0; i < LEND_TIMERS_TOLD_MAX; i++)
		lend__timer_free(timers[i]);
	cr_expect_eq(actor.alarm_ns, 1000 + LEND_TIMERS_TOLD_MAX);
	lend__actor_sort_mail(&actor);
	cr_expect_eq(receive(), LEND_TIMERS_TOLD_MAX);
	lend__timer_end_all(&actor);
	while (actor.inbox_first) {
		struct lend_msg *msg;

		if (!lend__message_take(&actor, &msg))
			lend__message_free(NULL, msg);
	}
}
