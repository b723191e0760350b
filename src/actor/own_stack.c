/*
 * Stacks that are in no slot: Note [own stack] in registry.h. Set by the spawn,
 * dropped by the registry when the actor has ended.
 */
#include "actor/actor.h"
#include "actor/registry.h"
#include "base/check.h"

void lend__registry_set_stack(struct lend_registry *registry,
			      struct lend_actor *actor,
			      const struct lend_stack *stack)
{
	lend_assert(!actor->entry->has_own_stack);
	*lend__registry_own_stack(registry, actor->index) = *stack;
	actor->entry->has_own_stack = true;
}

void lend__registry_drop_stack(struct lend_registry *registry,
			       struct lend_actor *actor)
{
	lend__stack_unmap(lend__registry_own_stack(registry, actor->index));
	actor->entry->has_own_stack = false;
}
