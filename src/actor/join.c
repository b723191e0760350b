/*
 * Waiting for an actor's end, and collecting the value that it has left: see
 * registry.h. Who waits, and how, is the runtime's.
 */
#include <errno.h>
#include <sched.h>
#include <stddef.h>

#include "actor/actor.h"
#include "actor/registry.h"
#include "actor/scope.h"

/* ---- the lock of an entry: Note [entry] ---- */

bool lend__entry_lock(struct lend_registry_entry *entry, uint32_t generation)
{
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);

	for (;;) {
		if (word >> LEND_ENTRY_GENERATION != generation ||
		    !(word & (LEND_ENTRY_ALIVE | LEND_ENTRY_ENDED |
			      LEND_ENTRY_LOCKED)))
			return false;
		if (word & LEND_ENTRY_LOCKED) {
			sched_yield();
			word = atomic_load_explicit(&entry->word,
						    memory_order_relaxed);
			continue;
		}
		/* Acquire [G6], paired with unlock() and end(). */
		if (atomic_compare_exchange_weak_explicit(
			    &entry->word, &word, word | LEND_ENTRY_LOCKED,
			    memory_order_acquire, memory_order_relaxed))
			return true;
	}
}

void lend__entry_unlock(struct lend_registry_entry *entry)
{
	/* Release [G6]. */
	atomic_fetch_and_explicit(&entry->word, ~LEND_ENTRY_LOCKED,
				  memory_order_release);
}

void lend__entry_unlock_with(struct lend_registry_entry *entry, uint64_t bits)
{
	/* Relaxed: nobody else changes them meanwhile. */
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);

	/* Release [G6]. Those that are there stay. */
	atomic_fetch_xor_explicit(&entry->word,
				  LEND_ENTRY_LOCKED | (bits & ~word),
				  memory_order_release);
}

void lend__entry_unlock_without(struct lend_registry_entry *entry,
				uint64_t bits)
{
	/* Release [G6]. */
	atomic_fetch_and_explicit(&entry->word, ~(LEND_ENTRY_LOCKED | bits),
				  memory_order_release);
}

bool lend__entry_unlock_collected(struct lend_registry_entry *entry)
{
	/* Release [G6]; and [G7], paired with leave_to_join(): of one who
	 * collects and one who leaves the slot, the second finds the first. */
	return atomic_fetch_and_explicit(
		       &entry->word, ~(LEND_ENTRY_LOCKED | LEND_ENTRY_ENDED),
		       memory_order_acq_rel) &
	       LEND_ENTRY_IDLE;
}

/* ---- those who wait ---- */

void lend__joiner_tell(struct lend_joiner *joiner, int value)
{
	joiner->value = value;
	/* Release [G3], paired with the waiter's acquire. With TOLD the joiner
	 * may be gone, and its actor, which is here as long as it finds
	 * TELLING. */
	if (joiner->waiter) {
		atomic_store_explicit(&joiner->ended, LEND_JOIN_TELLING,
				      memory_order_release);
		lend__actor_wake(joiner->waiter);
	}
	atomic_store_explicit(&joiner->ended, LEND_JOIN_TOLD,
			      memory_order_release);
}

bool lend__joiners_wake(struct lend_actor *actor)
{
	struct lend_list *link;
	bool any_thread = false;

	while ((link = lend_list_pop_front(&actor->joiners))) {
		struct lend_joiner *joiner = lend_container_of(
			link, struct lend_joiner, link);

		any_thread |= !joiner->waiter;
		lend__joiner_tell(joiner, actor->value);
	}
	return any_thread;
}

/* Locked, and not alive: the value waits in the entry. */
static void join_ended(struct lend_registry *registry,
		       struct lend_magazine *magazine, uint32_t index,
		       struct lend_joiner *joiner)
{
	struct lend_registry_entry *entry = &registry->entries[index];

	joiner->value = entry->value;
	atomic_store_explicit(&joiner->ended, LEND_JOIN_TOLD,
			      memory_order_relaxed);
	if (entry->scope)
		lend__scope_forget(registry, index);
	if (lend__entry_unlock_collected(entry))
		lend__registry_reuse(registry, magazine, index);
}

int lend__registry_join(struct lend_registry *registry,
			struct lend_magazine *magazine, lend_ref ref,
			struct lend_joiner *joiner)
{
	struct lend_registry_entry *entry = lend__registry_entry(registry, ref);

	lend_list_init(&joiner->link);
	atomic_init(&joiner->ended, LEND_JOIN_WAITS);
	if (!entry || !lend__entry_lock(entry, ref.generation))
		return -ESRCH;
	if (!lend__entry_is_alive(entry)) {
		join_ended(registry, magazine, ref.index, joiner);
		return 0;
	}
	/* Its end finds JOINED, and us in the list. */
	lend_list_push_back(&lend__registry_at(registry, ref.index)->joiners,
			    &joiner->link);
	lend__entry_unlock_with(entry, LEND_ENTRY_JOINED);
	return 0;
}

/* True: there is nothing to leave any more. */
static bool is_told(const struct lend_joiner *joiner)
{
	/* Acquire [G3]: who tells us is done with the joiner. */
	return atomic_load_explicit(&joiner->ended, memory_order_acquire) ==
	       LEND_JOIN_TOLD;
}

void lend__registry_leave(struct lend_registry *registry, lend_ref ref,
			  struct lend_joiner *joiner)
{
	struct lend_registry_entry *entry = &registry->entries[ref.index];
	struct lend_actor *actor;

	while (!is_told(joiner)) {
		if (atomic_load_explicit(&joiner->ended,
					 memory_order_relaxed) ==
			    LEND_JOIN_TELLING ||
		    !lend__entry_lock(entry, ref.generation)) {
			sched_yield();
			continue;
		}
		/* Alive and locked: nobody has begun to tell, or all is over,
		 * and it is in no list. */
		if (lend__entry_is_alive(entry)) {
			actor = lend__registry_at(registry, ref.index);
			lend_list_remove(&joiner->link);
			lend__entry_unlock_without(
				entry, lend_list_empty(&actor->joiners) ?
					       LEND_ENTRY_JOINED :
					       0);
			return;
		}
		lend__entry_unlock(entry);
	}
}
