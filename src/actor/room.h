/*
 * Room in mailboxes: how many messages an actor may still be sent.
 *
 * Note [room]
 * Messages are counted in the word of their receiver's entry, beside the pins,
 * and until a message has arrived it is one: the record stays as long as one is
 * on its way. So who sends takes its place and its pin by one
 * compare-and-swap, which finds at once whether the receiver lives and has
 * room, and gives up neither: the receiver does, for many messages at once
 * when it has taken them out. An actor that ends takes what comes until as
 * many have come as were counted; from then on nobody touches its record.
 *
 * What it has taken and not given back yet are LEND_MESSAGE_LAG at most. Who
 * finds no room looks at that, too, with a pin in hand, so the limit is exact.
 * [G9]
 *
 * Those who wait for room are in a list under the entry's lock, each with its
 * message, and the receiver is told by a signal. It alone lets them in: it puts
 * the message into its own mailbox, and wakes the sender, which has nothing
 * left to do. So no place is kept for one that was cancelled meanwhile, and the
 * oldest comes first. Whoever takes a place uses it, which wakes the receiver,
 * or has no memory for a message, and tells it to look again. A receiver that
 * waits for anything, or finds nothing to receive, has let in all that there is
 * room for. One that only lets others run lets in one: that makes room for many
 * before the next, and each of those costs a switch or two.
 */
#ifndef LEND_ACTOR_ROOM_H
#define LEND_ACTOR_ROOM_H

#include <lend/actor.h>
#include <lend/base.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "actor/registry.h"

struct lend_msg;

/* Messages that are taken out before senders can see it without a look at the
 * receiver's own count. */
#define LEND_MESSAGE_LAG 32

/* Somebody who waits for room; in its own memory. */
struct lend_room_waiter {
	/* Its value: 0, the message was sent; -ESRCH, the receiver has ended */
	struct lend_joiner joiner;
	struct lend_msg *msg; /* the receiver's, once that is 0 */
};

/**
 * A place for one message.
 *
 * Thread: any. On success the caller delivers a message that is @counted to
 * *@ret_actor within some instructions, and does not touch it any more.
 *
 * Return: 0
 *         -ESRCH   there is no such actor
 *         -EAGAIN  no room
 */
LEND_NODISCARD int lend__room_book(struct lend_registry *registry, lend_ref ref,
				   struct lend_actor **ret_actor);

/* Nothing will be delivered after all. Thread: who has booked. */
void lend__room_cancel(struct lend_registry *registry, lend_ref ref);

/* Give back the places of what was taken so far. Thread: the actor itself. */
void lend__room_give(struct lend_actor *actor);

/* A counted message has been taken out. Thread: the actor itself. */
static inline void lend__room_taken(struct lend_actor *actor)
{
	uint32_t taken = 1 + atomic_load_explicit(&actor->taken,
						  memory_order_relaxed);

	/* The actor's own: no locked instruction. */
	atomic_store_explicit(&actor->taken, taken, memory_order_relaxed);
	if (taken % LEND_MESSAGE_LAG == 0)
		lend__room_give(actor);
}

/* Have all come that were counted? Nobody counts any more. Thread: the actor
 * itself, at its end, when its inbox is empty. */
bool lend__room_is_quiet(const struct lend_actor *actor);

/* ---- those who wait ---- */

/**
 * Wait for room for @waiter->msg: lend__registry_leave() must be called before
 * the waiter's memory is used for something else.
 *
 * Return: 0
 *         -ESRCH  there is no such actor
 */
LEND_NODISCARD int lend__room_wait(struct lend_registry *registry, lend_ref ref,
				   struct lend_room_waiter *waiter);

/* Let in those who wait, the oldest first, as far as there is room, and at most
 * so many. Thread: the actor itself, if somebody waits, as far as it knows. */
void lend__room_admit(struct lend_actor *actor, unsigned most);

/* There will be none. Thread: the actor itself, at its end; entry locked. */
void lend__room_refuse_locked(struct lend_actor *actor);

#endif
