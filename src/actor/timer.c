/*
 * An actor's own timers: see timer.h. The public calls are in rt/own_timers.c.
 */
#include "actor/timer.h"

#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/message.h"
#include "base/check.h"

/* No memory for a message: try again then. */
#define RETRY_NS LEND_MS

static void disarm(struct lend_timer *timer)
{
	if (timer->armed)
		lend_pairing_remove(&timer->owner->own_timers->armed,
				    &timer->node);
	timer->armed = false;
}

static void put(struct lend_timer *timer)
{
	timer->node.key = timer->deadline;
	timer->node.order = timer->order;
	timer->armed = true;
	lend_pairing_insert(&timer->owner->own_timers->armed, &timer->node);
}

/* One that moves away stays where it is, and is put right when it comes up:
 * most are moved again before. */
static void arm(struct lend_timer *timer, uint64_t deadline)
{
	timer->deadline = deadline;
	timer->order = timer->owner->own_timers->armed.added++;
	if (timer->armed && deadline != LEND_FOREVER &&
	    timer->node.key <= deadline)
		return;
	disarm(timer);
	if (deadline != LEND_FOREVER)
		put(timer);
}

/* @count more times; false: no memory. */
static bool tell(struct lend_timer *timer, uint64_t count)
{
	struct lend_actor *owner = timer->owner;
	struct lend_msg *msg = timer->msg;
	uint64_t before;

	if (msg) {
		memcpy(&before, msg->data, sizeof(before));
		count += msg->dropped ? 0 : before;
		msg->dropped = false;
		memcpy(msg->data, &count, sizeof(count));
		return true;
	}
	msg = lend__message_new(NULL, lend__actor_ref(owner), timer->type,
				&count, sizeof(count));
	if (!msg)
		return false;
	msg->kind = LEND_MSG_TIMER;
	msg->timer = timer;
	timer->msg = msg;
	owner->own_timers->told++;
	lend__actor_append_mail(owner, &msg->mail);
	return true;
}

static void fire(struct lend_timer *timer, uint64_t now_ns)
{
	uint64_t due_ns = timer->deadline;
	uint64_t periods = 1, span_ns;

	disarm(timer);
	if (timer->order != timer->node.order) {
		/* It was moved. Others may be before it, even if it is due. */
		put(timer);
		return;
	}
	/* At once, not since the machine was started. */
	if (due_ns == LEND_NOW)
		due_ns = now_ns;
	if (timer->period_ns)
		periods += (now_ns - due_ns) / timer->period_ns;
	if (!tell(timer, periods)) {
		arm(timer, now_ns + RETRY_NS);
		return;
	}
	span_ns = periods * timer->period_ns;
	/* It keeps its rhythm, whenever its actor looks. */
	if (span_ns && span_ns / periods == timer->period_ns &&
	    due_ns + span_ns > due_ns)
		arm(timer, due_ns + span_ns);
}

void lend__timer_fire(struct lend_actor *actor, uint64_t now_ns)
{
	struct lend_own_timers *timers = actor->own_timers;
	struct lend_pairing_node *first;

	for (unsigned i = 0; i < LEND_TIMERS_TOLD_MAX; i++) {
		first = timers->armed.root;
		if (!first || first->key > now_ns ||
		    timers->told == LEND_TIMERS_TOLD_MAX)
			break;
		fire(lend_container_of(first, struct lend_timer, node), now_ns);
	}
}

void lend__timer_received(struct lend_msg *msg)
{
	struct lend_actor *owner = msg->timer->owner;

	msg->timer->msg = NULL;
	msg->kind = LEND_MSG_TOLD;
	/* Those that had to wait for this are in the alarm again. */
	if (--owner->own_timers->told == LEND_TIMERS_TOLD_MAX / 2)
		lend__actor_judge(owner);
}

void lend__timer_set(struct lend_timer *timer, uint64_t deadline)
{
	/* It stays in the inbox, for the next time, or until it would be
	 * received: so there is one of each timer at most. */
	if (timer->msg)
		timer->msg->dropped = true;
	arm(timer, deadline);
	lend__actor_judge(timer->owner);
}

struct lend_timer *lend__timer_new(struct lend_actor *owner)
{
	struct lend_timer *timer;

	if (!owner->own_timers) {
		struct lend_own_timers *timers = calloc(1, sizeof(*timers));

		if (!timers)
			return NULL;
		lend_list_init(&timers->all);
		owner->own_timers = timers;
	}
	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return NULL;
	timer->owner = owner;
	timer->magic = LEND_TIMER_MAGIC;
	lend_list_push_back(&owner->own_timers->all, &timer->link);
	return timer;
}

void lend__timer_free(struct lend_timer *timer)
{
	lend__timer_set(timer, LEND_FOREVER);
	if (timer->msg)
		lend__timer_received(timer->msg);
	lend_list_remove(&timer->link);
	timer->magic = 0;
	free(timer);
}

void lend__timer_end_all(struct lend_actor *actor)
{
	struct lend_own_timers *timers = actor->own_timers;

	/* All at once: neither the heap nor the list is mended for each. */
	timers->armed.root = NULL;
	for (struct lend_list *link = timers->all.next, *next;
	     link != &timers->all; link = next) {
		struct lend_timer *timer = lend_container_of(
			link, struct lend_timer, link);

		next = link->next;
		if (timer->msg)
			lend__timer_received(timer->msg);
		timer->magic = 0;
		free(timer);
	}
	free(timers);
	actor->own_timers = NULL;
	lend__actor_judge(actor);
}
