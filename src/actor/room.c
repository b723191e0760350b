/*
 * Room in mailboxes: see room.h. Sending and receiving is message.c, who waits
 * how is the runtime's (rt/messages.c).
 */
#include "actor/room.h"

#include <errno.h>
#include <lend/mailbox.h>

#include "actor/message.h"
#include "base/check.h"
#include "base/list.h"

_Static_assert((LEND_MAILBOX_MAX + 2 * LEND_MESSAGE_LAG) * LEND_ENTRY_MESSAGE <
			       LEND_ENTRY_MESSAGES &&
		       (LEND_ENTRY_MESSAGES | LEND_ENTRY_WATCHED |
			LEND_ENTRY_JOINED | LEND_ENTRY_PINS) ==
			       LEND_ENTRY_IDLE - 1,
	       "messages and pins have room in an entry's word");

/* Messages that an entry's word counts. */
static uint32_t counted_in(uint64_t word)
{
	return (uint32_t)((word & LEND_ENTRY_MESSAGES) / LEND_ENTRY_MESSAGE);
}

static bool lives(uint64_t word, lend_ref ref)
{
	return word >> LEND_ENTRY_GENERATION == ref.generation &&
	       (word & LEND_ENTRY_ALIVE);
}

/* Taken, and not given back yet; @given is read before. */
static uint32_t lag_after(const struct lend_actor *actor, uint32_t given)
{
	/* Relaxed: if it is older there is less room than there could be. */
	uint32_t taken = atomic_load_explicit(&actor->taken,
					      memory_order_relaxed);

	return (int32_t)(taken - given) > 0 ? taken - given : 0;
}

static void give_back(struct lend_registry_entry *entry)
{
	/* Release [G2], as an unpin. */
	atomic_fetch_sub_explicit(&entry->word, LEND_ENTRY_MESSAGE,
				  memory_order_release);
}

/* No room by the word alone: look at the receiver's own count, with a pin,
 * which becomes the message's. 1: look again. */
static int book_pinned(struct lend_registry *registry, struct lend_actor *actor,
		       lend_ref ref)
{
	struct lend_registry_entry *entry = actor->entry;
	uint32_t given;
	/* Acquire [G9], paired with lend__room_give(): places that are missing
	 * from the word are missing from the lag, so none counts twice. */
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_acquire);

	do {
		given = atomic_load_explicit(&actor->given,
					     memory_order_relaxed);
		if (counted_in(word) >=
		    LEND_MAILBOX_MAX + lag_after(actor, given)) {
			lend__registry_unpin(registry, ref);
			return -EAGAIN;
		}
		/* Also if the end has begun: it waits for us either way. */
	} while (!atomic_compare_exchange_weak_explicit(
		&entry->word, &word, word - LEND_ENTRY_PIN + LEND_ENTRY_MESSAGE,
		memory_order_acquire, memory_order_acquire));
	/* The same number may be another one: places were given back, and taken
	 * by others, since we looked. Acquire [G9] was the word's. */
	if (lend_likely(given == atomic_load_explicit(&actor->given,
						      memory_order_relaxed)))
		return 0;
	/* We look again, so there is nobody to tell. */
	give_back(entry);
	return 1;
}

__attribute__((noinline, cold)) static int
book_closely(struct lend_registry *registry, lend_ref ref,
	     struct lend_actor **ret_actor)
{
	int err;

	do {
		struct lend_actor *actor = lend__registry_pin(registry, ref);

		if (!actor)
			return -ESRCH;
		*ret_actor = actor;
		err = book_pinned(registry, actor, ref);
	} while (err > 0);
	return err;
}

int lend__room_book(struct lend_registry *registry, lend_ref ref,
		    struct lend_actor **ret_actor)
{
	struct lend_registry_entry *entry = lend__registry_entry(registry, ref);
	uint64_t word;

	if (lend_unlikely(!entry))
		return -ESRCH;
	word = atomic_load_explicit(&entry->word, memory_order_relaxed);
	do {
		if (lend_unlikely(!lives(word, ref)))
			return -ESRCH;
		if (lend_unlikely(counted_in(word) >= LEND_MAILBOX_MAX))
			return book_closely(registry, ref, ret_actor);
		/* Acquire [G1]. */
	} while (!atomic_compare_exchange_weak_explicit(
		&entry->word, &word, word + LEND_ENTRY_MESSAGE,
		memory_order_acquire, memory_order_relaxed));
	*ret_actor = lend__registry_at(registry, ref.index);
	return 0;
}

void lend__room_cancel(struct lend_registry *registry, lend_ref ref)
{
	/* The place is a pin no longer than we have it. NULL: it ends, and
	 * those who wait learn that. */
	struct lend_actor *actor = lend__registry_pin(registry, ref);

	give_back(&registry->entries[ref.index]);
	if (!actor)
		return;
	/* It may have looked meanwhile, and not let in somebody who waits. */
	lend__actor_signal(actor, LEND_SIGNAL_ROOM);
	lend__registry_unpin(registry, ref);
}

/* ---- the receiver ---- */

void lend__room_give(struct lend_actor *actor)
{
	uint32_t taken = atomic_load_explicit(&actor->taken,
					      memory_order_relaxed);
	uint32_t lag = taken - atomic_load_explicit(&actor->given,
						    memory_order_relaxed);

	if (!lag)
		return;
	atomic_store_explicit(&actor->given, taken, memory_order_relaxed);
	/* Release [G9], paired with book_pinned(): @given. */
	atomic_fetch_sub_explicit(&actor->entry->word, lag * LEND_ENTRY_MESSAGE,
				  memory_order_release);
}

bool lend__room_is_quiet(const struct lend_actor *actor)
{
	/* Nobody adds to it any more. Acquire [G2], as that of the pins. */
	uint64_t word = atomic_load_explicit(&actor->entry->word,
					     memory_order_acquire);
	uint32_t given = atomic_load_explicit(&actor->given,
					      memory_order_relaxed);
	uint32_t taken = atomic_load_explicit(&actor->taken,
					      memory_order_relaxed);

	return counted_in(word) == taken - given;
}

/* ---- those who wait ---- */

int lend__room_wait(struct lend_registry *registry, lend_ref ref,
		    struct lend_room_waiter *waiter)
{
	struct lend_joiner *joiner = &waiter->joiner;
	struct lend_registry_entry *entry = &registry->entries[ref.index];
	struct lend_actor *actor;

	lend_list_init(&joiner->link);
	atomic_init(&joiner->ended, LEND_JOIN_WAITS);
	if (!lend__entry_lock(entry, ref.generation))
		return -ESRCH;
	if (!lend__entry_is_alive(entry)) {
		lend__entry_unlock(entry);
		return -ESRCH;
	}
	actor = lend__registry_at(registry, ref.index);
	lend_list_push_back(&actor->senders, &joiner->link);
	/* Locked, so it lives. However much room it has made since we looked:
	 * it looks again now, when it runs next. */
	lend__actor_signal(actor, LEND_SIGNAL_ROOM);
	lend__entry_unlock_with(entry, LEND_ENTRY_WATCHED);
	return 0;
}

/* A place for one of those who wait; nothing has been taken that was not given
 * back. */
static bool book_own(struct lend_registry_entry *entry)
{
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);

	do {
		if (counted_in(word) >= LEND_MAILBOX_MAX)
			return false;
		/* Relaxed: it is the actor itself that touches the record. */
	} while (!atomic_compare_exchange_weak_explicit(
		&entry->word, &word, word + LEND_ENTRY_MESSAGE,
		memory_order_relaxed, memory_order_relaxed));
	return true;
}

void lend__room_admit(struct lend_actor *actor, unsigned most)
{
	struct lend_registry_entry *entry = actor->entry;

	lend__room_give(actor);
	/* As a hint. */
	if (counted_in(atomic_load_explicit(
		    &entry->word, memory_order_relaxed)) >= LEND_MAILBOX_MAX)
		return;
	if (!lend__entry_lock(entry, actor->generation))
		lend_panic("an actor that runs is not there");
	while (most-- && !lend_list_empty(&actor->senders) && book_own(entry)) {
		struct lend_room_waiter *waiter = lend_container_of(
			lend_list_pop_front(&actor->senders),
			struct lend_room_waiter, joiner.link);

		/* Into the list of new mail, as what its sender has told before
		 * may be there. */
		lend__actor_deliver(actor, &waiter->msg->mail);
		lend__joiner_tell(&waiter->joiner, 0);
	}
	actor->owes &= (uint8_t)~LEND_OWES_ROOM;
	if (!lend_list_empty(&actor->senders))
		actor->owes |= LEND_OWES_ROOM;
	lend__entry_unlock(entry);
}

void lend__room_refuse_locked(struct lend_actor *actor)
{
	struct lend_list *link;

	while ((link = lend_list_pop_front(&actor->senders)))
		lend__joiner_tell(lend_container_of(link, struct lend_joiner,
						    link),
				  -ESRCH);
}
