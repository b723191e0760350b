/*
 * An actor's own timers: see include/lend/timer.h.
 *
 * They are the actor's alone: it puts their messages into its inbox itself,
 * when it sorts its mail. All that others do is to wake it, by the one timer
 * that every actor has (see rt/timers.h), whose moment is @alarm_ns of the
 * record. So nothing here is shared, and a timer that was stopped is silent.
 *
 * Note [many due]
 * A million that are due together would hold the worker for a second if their
 * messages were all made at once. So there are LEND_TIMERS_TOLD_MAX in the
 * inbox at most; the next ones are made when half of them were received. In one
 * look at the clock so many go off or are put right, and the rest in the next
 * one, which comes at once if the actor waits, but after others had their turn.
 */
#ifndef LEND_ACTOR_TIMER_H
#define LEND_ACTOR_TIMER_H

#include <lend/timer.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/pairing.h"

struct lend_actor;
struct lend_msg;

#define LEND_TIMERS_TOLD_MAX 64

struct lend_own_timers {
	struct lend_pairing armed;
	struct lend_list all;
	unsigned told; /* messages in the inbox: Note [many due] */
};

#define LEND_TIMER_MAGIC UINT32_C(0x4c6e5469)

struct lend_timer {
	struct lend_pairing_node node; /* its key: @deadline, or before */
	uint64_t deadline;
	uint64_t
		order; /* among those of the same deadline: @node's, or later */
	struct lend_list link;
	struct lend_actor *owner;
	struct lend_msg *msg; /* in the inbox; NULL: none */
	uint64_t period_ns;   /* 0: once */
	uint32_t type;
	uint32_t magic;
	bool armed;
};

/* None of them goes off before that, or before more messages of them were
 * received; @other_ns, if that is earlier. */
static inline uint64_t lend__timer_earlier(const struct lend_own_timers *timers,
					   uint64_t other_ns)
{
	const struct lend_pairing_node *first = timers->armed.root;

	if (timers->told > LEND_TIMERS_TOLD_MAX / 2)
		return other_ns;
	return first && first->key < other_ns ? first->key : other_ns;
}

/* Put messages of those that are due into the inbox: Note [many due]. */
void lend__timer_fire(struct lend_actor *actor, uint64_t now_ns);

/* @msg leaves the inbox for its receiver. */
void lend__timer_received(struct lend_msg *msg);

/* Arm it, or not if @deadline is LEND_FOREVER, and forget its message. */
void lend__timer_set(struct lend_timer *timer, uint64_t deadline);

/* Make one for @owner. NULL: no memory. */
struct lend_timer *lend__timer_new(struct lend_actor *owner);
void lend__timer_free(struct lend_timer *timer);

/* The actor ends. */
void lend__timer_end_all(struct lend_actor *actor);

#endif
