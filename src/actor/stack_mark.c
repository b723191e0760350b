/*
 * The deepest stack: see stack_mark.h. Called by the registry.
 */
#include "actor/stack_mark.h"

#include <string.h>

#include "actor/actor.h"
#include "actor/registry.h"

void lend__stack_mark_init(struct lend_stack_mark *mark)
{
	memset(mark, 0, sizeof(*mark));
	pthread_mutex_init(&mark->lock, NULL);
}

void lend__stack_mark_fini(struct lend_stack_mark *mark)
{
	pthread_mutex_destroy(&mark->lock);
}

static void raise_to(struct lend_stack_mark *mark, size_t depth,
		     const char *name)
{
	pthread_mutex_lock(&mark->lock);
	if (depth > atomic_load_explicit(&mark->depth, memory_order_relaxed)) {
		atomic_store_explicit(&mark->depth, depth,
				      memory_order_relaxed);
		memcpy(mark->name, name, sizeof(mark->name));
	}
	pthread_mutex_unlock(&mark->lock);
}

void lend__stack_mark_look(struct lend_registry *registry,
			   struct lend_magazine *magazine,
			   const struct lend_actor *actor)
{
	struct lend_registry_entry *entry = &registry->entries[actor->index];
	struct lend_stack_mark *mark = &registry->mark;
	struct lend_stack stack;
	size_t depth;

	/* One of its own was nobody else's, and cost more than to look. */
	if (lend_likely(!entry->has_own_stack)) {
		if (lend_likely(entry->was_looked_at && magazine->looks_left--))
			return;
		magazine->looks_left = LEND_STACK_MARK_EVERY;
		entry->was_looked_at = true;
	}
	stack = lend__registry_stack(registry, actor->index);
	depth = lend__stack_touched(&stack);
	/* Relaxed: under the lock it is looked at again. */
	if (depth > atomic_load_explicit(&mark->depth, memory_order_relaxed))
		raise_to(mark, depth, actor->name);
}

size_t lend__stack_mark_read(struct lend_stack_mark *mark,
			     char ret_name[LEND_ACTOR_NAME_MAX + 1])
{
	size_t depth;

	pthread_mutex_lock(&mark->lock);
	depth = atomic_load_explicit(&mark->depth, memory_order_relaxed);
	memcpy(ret_name, mark->name, sizeof(mark->name));
	pthread_mutex_unlock(&mark->lock);
	return depth;
}
