/*
 * Members of scopes: see scope.h. It does not wait and does not allocate; that
 * is rt/scopes.c.
 */
#include "actor/scope.h"

#include <errno.h>
#include <lend/clock.h>

#include "actor/actor.h"
#include "actor/registry.h"
#include "base/check.h"

/* Members told of a cancellation under one hold of the lock. */
#define TELL_BATCH 64

int lend__scope_admit_locked(struct lend_scope *scope)
{
	if (scope->cancelled)
		return -ECANCELED;
	if (scope->actors_max && scope->alive >= scope->actors_max)
		return -EAGAIN;
	scope->alive++;
	return 0;
}

static void wake_owner_locked(struct lend_scope *scope)
{
	bool none = !scope->alive;

	if ((scope->waits == LEND_SCOPE_FOR_ALL && none) ||
	    (scope->waits == LEND_SCOPE_FOR_NEXT &&
	     (none || scope->ended_first)))
		lend__actor_signal(scope->owner, LEND_SIGNAL_WAKE);
}

void lend__scope_dismiss_locked(struct lend_scope *scope)
{
	scope->alive--;
	wake_owner_locked(scope);
}

void lend__scope_adopt(struct lend_scope *scope, struct lend_actor *actor)
{
	actor->scope = scope;
	actor->deadline = scope->deadline;
	actor->alarm_ns = scope->deadline;
}

bool lend__scope_enter_locked(struct lend_actor *actor)
{
	struct lend_scope *scope = actor->scope;

	lend_assert(scope->magic == LEND_SCOPE_MAGIC && scope->alive);
	lend_list_push_back(scope->cancelled ? &scope->told : &scope->members,
			    &actor->scope_link);
	return scope->cancelled;
}

static void append_ended_locked(struct lend_scope *scope, uint32_t index)
{
	struct lend_registry_entry *entries = scope->registry->entries;
	struct lend_registry_entry *entry = &entries[index];

	entry->scope = scope;
	entry->next = 0;
	entry->prev = scope->ended_last;
	if (scope->ended_last)
		entries[scope->ended_last - 1].next = index + 1;
	else
		scope->ended_first = index + 1;
	scope->ended_last = index + 1;
}

void lend__scope_leave_locked(struct lend_actor *actor, bool kept)
{
	struct lend_scope *scope = actor->scope;

	lend_assert(scope->magic == LEND_SCOPE_MAGIC && scope->alive);
	lend_list_remove(&actor->scope_link);
	scope->alive--;
	if (kept)
		append_ended_locked(scope, actor->index);
	wake_owner_locked(scope);
}

void lend__scope_forget_locked(struct lend_registry *registry, uint32_t index)
{
	struct lend_registry_entry *entry = &registry->entries[index];
	struct lend_scope *scope = entry->scope;

	if (entry->prev)
		registry->entries[entry->prev - 1].next = entry->next;
	else
		scope->ended_first = entry->next;
	if (entry->next)
		registry->entries[entry->next - 1].prev = entry->prev;
	else
		scope->ended_last = entry->prev;
	entry->scope = NULL;
}

/* False: nobody is left to be told. */
static bool tell_some_locked(struct lend_scope *scope)
{
	for (unsigned i = 0; i < TELL_BATCH; i++) {
		struct lend_list *link = lend_list_pop_front(&scope->members);

		if (!link)
			return false;
		lend_list_push_back(&scope->told, link);
		/* In the list, so it lives: it needs the lock to leave. */
		lend__actor_signal(lend_container_of(link, struct lend_actor,
						     scope_link),
				   LEND_SIGNAL_CANCEL);
	}
	return true;
}

void lend__scope_cancel(struct lend_scope *scope)
{
	struct lend_registry *registry = scope->registry;
	bool more;

	do {
		pthread_mutex_lock(&registry->lock);
		scope->cancelled = true;
		more = tell_some_locked(scope);
		pthread_mutex_unlock(&registry->lock);
	} while (more);
}

void lend__scope_cancel_all(struct lend_actor *owner)
{
	lend_list_for_each (link, &owner->cleanups) {
		struct lend_cleanup *cleanup = lend_container_of(
			link, struct lend_cleanup, link);

		if (!cleanup->fn)
			lend__scope_cancel(lend_container_of(
				cleanup, struct lend_scope, cleanup));
	}
}

void lend__scope_note_failure(struct lend_actor *member)
{
	struct lend_scope *scope = member->scope;
	struct lend_registry *registry = scope->registry;

	/* It was asked to end, and did. */
	if (member->cancel_seen || member->late)
		return;
	pthread_mutex_lock(&registry->lock);
	if (!scope->failure)
		scope->failure = member->value;
	pthread_mutex_unlock(&registry->lock);
	/* Still a member itself, so the scope stays. */
	if (scope->cancel_on_failure)
		lend__scope_cancel(scope);
}

bool lend__scope_look(struct lend_scope *scope, enum lend_scope_wait waits)
{
	struct lend_registry *registry = scope->registry;
	bool there;

	pthread_mutex_lock(&registry->lock);
	scope->waits = waits;
	there = !scope->alive ||
		(waits == LEND_SCOPE_FOR_NEXT && scope->ended_first);
	pthread_mutex_unlock(&registry->lock);
	return there;
}

bool lend__scope_take(struct lend_scope *scope, struct lend_magazine *magazine,
		      lend_ref *ret_ref, int *ret_value)
{
	struct lend_registry *registry = scope->registry;
	struct lend_registry_entry *entry;
	bool is_idle = false;
	uint32_t index;

	pthread_mutex_lock(&registry->lock);
	index = scope->ended_first;
	if (index--) {
		entry = &registry->entries[index];
		*ret_ref = (lend_ref){ index,
				       lend__registry_generation(entry) };
		*ret_value = entry->value;
		lend__scope_forget_locked(registry, index);
		is_idle = lend__registry_release_locked(registry, index);
	} else {
		entry = NULL;
	}
	pthread_mutex_unlock(&registry->lock);
	if (is_idle)
		lend__registry_reuse(registry, magazine, index);
	return entry;
}
