/*
 * Waiting for an actor's end, and collecting the value that it has left: see
 * registry.h. Who waits, and how, is the runtime's.
 */
#include <errno.h>
#include <stddef.h>

#include "actor/actor.h"
#include "actor/registry.h"
#include "actor/scope.h"

/* Threads wait for a condition all of them share, and wake up for nothing if
 * it is signalled at each end of a million actors. */
void lend__joiners_wake_locked(struct lend_registry *registry,
			       struct lend_actor *actor)
{
	struct lend_list *link;
	bool any_thread = false;

	while ((link = lend_list_pop_front(&actor->joiners))) {
		struct lend_joiner *joiner = lend_container_of(
			link, struct lend_joiner, link);
		struct lend_actor *waiter = joiner->waiter;

		joiner->value = actor->value;
		/* Release [G3], paired with the waiter's acquire; afterwards
		 * the joiner may be gone. The lock keeps the waiter itself: it
		 * has to take it to leave. */
		atomic_store_explicit(&joiner->ended, true,
				      memory_order_release);
		if (waiter)
			lend__actor_signal(waiter, LEND_SIGNAL_WAKE);
		else
			any_thread = true;
	}
	if (any_thread)
		pthread_cond_broadcast(&registry->changed);
}

bool lend__registry_release_locked(struct lend_registry *registry,
				   uint32_t index)
{
	struct lend_registry_entry *entry = &registry->entries[index];

	atomic_fetch_and_explicit(&entry->word, ~LEND_ENTRY_ENDED,
				  memory_order_relaxed);
	return entry->idle;
}

/* Not joined before it ended: the value waits in the entry. */
static int join_ended_locked(struct lend_registry *registry, lend_ref ref,
			     struct lend_joiner *joiner, bool *ret_idle)
{
	struct lend_registry_entry *entry = &registry->entries[ref.index];
	uint64_t word = atomic_load_explicit(&entry->word,
					     memory_order_relaxed);

	if (word >> LEND_ENTRY_GENERATION != ref.generation ||
	    !(word & LEND_ENTRY_ENDED))
		return -ESRCH;
	joiner->value = entry->value;
	atomic_store_explicit(&joiner->ended, true, memory_order_relaxed);
	if (entry->scope)
		lend__scope_forget_locked(registry, ref.index);
	*ret_idle = lend__registry_release_locked(registry, ref.index);
	return 0;
}

int lend__registry_join(struct lend_registry *registry,
			struct lend_magazine *magazine, lend_ref ref,
			struct lend_joiner *joiner)
{
	struct lend_actor *actor;
	bool is_idle = false;
	int err = 0;

	lend_list_init(&joiner->link);
	atomic_init(&joiner->ended, false);
	if (ref.index >= registry->slots || !ref.generation)
		return -ESRCH;
	pthread_mutex_lock(&registry->lock);
	/* Alive under the lock: its end comes to the joiners' list after us. */
	actor = lend__registry_pin(registry, ref);
	if (actor) {
		lend_list_push_back(&actor->joiners, &joiner->link);
		lend__registry_unpin(registry, ref);
	} else {
		err = join_ended_locked(registry, ref, joiner, &is_idle);
	}
	pthread_mutex_unlock(&registry->lock);
	if (is_idle)
		lend__registry_reuse(registry, magazine, ref.index);
	return err;
}

void lend__registry_leave(struct lend_registry *registry,
			  struct lend_joiner *joiner)
{
	pthread_mutex_lock(&registry->lock);
	lend_list_remove(&joiner->link);
	pthread_mutex_unlock(&registry->lock);
}
