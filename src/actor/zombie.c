/*
 * Heaps whose actor has ended while others hold spans of it, and the frees that
 * end them. Called by the registry, and by whoever frees a span that is not its
 * own.
 *
 * Operations in flight make no zombies: their actor ends them before it ends
 * itself, as the buffers of a call may be on its stack. So what can be left are
 * spans that it has disowned.
 *
 * A zombie keeps its slot, its slice and the page that its record is in; the
 * rest of its stack is given back. It has no owner; who frees a span of it
 * takes the registry's zombies_lock, and the last one gives the slot up.
 */
#include "actor/actor.h"
#include "actor/registry.h"
#include "base/check.h"

static void count(struct lend_registry *registry, int change)
{
	atomic_fetch_add_explicit(&registry->zombies, (unsigned)change,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&registry->free.kept, (unsigned)change,
				  memory_order_seq_cst);
}

bool lend__zombie_begin(struct lend_registry *registry,
			struct lend_actor *actor)
{
	lend__stacks_trim(&registry->stacks, actor->index,
			  (char *)actor - LEND_ACTOR_HOME_SIZE);
	/* Before anybody can end it. It is no actor any more [G5]. */
	count(registry, 1);
	if (!lend__heap_abandon(&actor->heap)) {
		count(registry, -1);
		return false;
	}
	/* From here on it may be somebody else. */
	return true;
}

static void free_of_zombie(struct lend_registry *registry,
			   struct lend_actor *actor, void *span)
{
	bool is_last;

	/* The heap is as its owner left it since lend__heap_return() has seen
	 * NOBODY; what others did since then was under this lock. */
	pthread_mutex_lock(&registry->zombies_lock);
	lend__heap_free(&actor->heap, span);
	is_last = lend__heap_empty(&actor->heap);
	pthread_mutex_unlock(&registry->zombies_lock);
	if (!is_last)
		return;
	atomic_fetch_sub_explicit(&registry->zombies, 1, memory_order_relaxed);
	lend__registry_free_slot(registry, NULL, actor, true);
}

void lend__registry_free_span(struct lend_registry *registry, void *span)
{
	int index = lend__heap_range_owner(&registry->heaps, span);
	struct lend_actor *actor;

	if (index < 0)
		index = lend__stacks_index(&registry->stacks, span);
	lend_assert(index >= 0);
	actor = lend__registry_at(registry, (uint32_t)index);
	lend_assert(lend__heap_has(&actor->heap, span));
	if (!lend__heap_return(&actor->heap, span))
		free_of_zombie(registry, actor, span);
}
