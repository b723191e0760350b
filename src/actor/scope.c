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

/* Members told of a cancellation under one hold of the latch. */
#define TELL_BATCH 64

int lend__scope_admit(struct lend_scope *scope)
{
	int err = 0;

	lend_latch_take(&scope->latch);
	if (scope->cancelled)
		err = -ECANCELED;
	else if (scope->actors_max && scope->alive >= scope->actors_max)
		err = -EAGAIN;
	else
		scope->alive++;
	lend_latch_give(&scope->latch);
	return err;
}

static void wake_owner_locked(struct lend_scope *scope)
{
	bool none = !scope->alive;

	if ((scope->waits == LEND_SCOPE_FOR_ALL && none) ||
	    (scope->waits == LEND_SCOPE_FOR_NEXT &&
	     (none || scope->ended_first)))
		lend__actor_wake(scope->owner);
}

void lend__scope_dismiss(struct lend_scope *scope)
{
	lend_latch_take(&scope->latch);
	scope->alive--;
	wake_owner_locked(scope);
	lend_latch_give(&scope->latch);
}

void lend__scope_adopt(struct lend_scope *scope, struct lend_actor *actor)
{
	actor->scope = scope;
	actor->scope_owner = scope->owner->index;
	actor->deadline = scope->deadline;
	actor->alarm_ns = scope->deadline;
}

bool lend__scope_enter(struct lend_actor *actor)
{
	struct lend_scope *scope = actor->scope;
	bool cancelled;

	lend_latch_take(&scope->latch);
	lend_assert(scope->magic == LEND_SCOPE_MAGIC && scope->alive);
	cancelled = scope->cancelled;
	lend_list_push_back(cancelled ? &scope->told : &scope->members,
			    &actor->scope_link);
	lend_latch_give(&scope->latch);
	return cancelled;
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

void lend__scope_leave(struct lend_actor *actor, bool kept)
{
	struct lend_scope *scope = actor->scope;

	lend_latch_take(&scope->latch);
	lend_assert(scope->magic == LEND_SCOPE_MAGIC && scope->alive);
	lend_list_remove(&actor->scope_link);
	scope->alive--;
	if (kept)
		append_ended_locked(scope, actor->index);
	wake_owner_locked(scope);
	/* From here on it may be gone. */
	lend_latch_give(&scope->latch);
}

void lend__scope_forget(struct lend_registry *registry, uint32_t index)
{
	struct lend_registry_entry *entry = &registry->entries[index];
	struct lend_scope *scope = entry->scope;

	lend_latch_take(&scope->latch);
	if (entry->prev)
		registry->entries[entry->prev - 1].next = entry->next;
	else
		scope->ended_first = entry->next;
	if (entry->next)
		registry->entries[entry->next - 1].prev = entry->prev;
	else
		scope->ended_last = entry->prev;
	entry->scope = NULL;
	lend_latch_give(&scope->latch);
}

/* False: nobody is left to be told. */
static bool tell_some_locked(struct lend_scope *scope)
{
	for (unsigned i = 0; i < TELL_BATCH; i++) {
		struct lend_list *link = lend_list_pop_front(&scope->members);

		if (!link)
			return false;
		lend_list_push_back(&scope->told, link);
		/* In the list, so it lives: it needs the latch to leave. */
		lend__actor_signal(lend_container_of(link, struct lend_actor,
						     scope_link),
				   LEND_SIGNAL_CANCEL);
	}
	return true;
}

void lend__scope_cancel(struct lend_scope *scope)
{
	bool more;

	do {
		lend_latch_take(&scope->latch);
		scope->cancelled = true;
		more = tell_some_locked(scope);
		lend_latch_give(&scope->latch);
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

	/* It was asked to end, and did. */
	if (member->cancel_seen || member->late)
		return;
	lend_latch_take(&scope->latch);
	if (!scope->failure)
		scope->failure = member->value;
	lend_latch_give(&scope->latch);
	/* Still a member itself, so the scope stays. */
	if (scope->cancel_on_failure)
		lend__scope_cancel(scope);
}

bool lend__scope_look(struct lend_scope *scope, enum lend_scope_wait waits)
{
	bool there;

	lend_latch_take(&scope->latch);
	scope->waits = waits;
	there = !scope->alive ||
		(waits == LEND_SCOPE_FOR_NEXT && scope->ended_first);
	lend_latch_give(&scope->latch);
	return there;
}

/* The oldest that has left a value, + 1; 0: none. */
static uint32_t first_ended(struct lend_scope *scope)
{
	uint32_t first;

	lend_latch_take(&scope->latch);
	first = scope->ended_first;
	lend_latch_give(&scope->latch);
	return first;
}

bool lend__scope_take(struct lend_scope *scope, struct lend_magazine *magazine,
		      lend_ref *ret_ref, int *ret_value)
{
	struct lend_registry *registry = scope->registry;
	struct lend_registry_entry *entry;
	uint32_t index, generation;

	/* Somebody who joins one may come first. */
	for (;;) {
		index = first_ended(scope);
		if (!index--)
			return false;
		entry = &registry->entries[index];
		generation = lend__registry_generation(entry);
		if (!lend__entry_lock(entry, generation))
			continue;
		if (entry->scope == scope)
			break;
		lend__entry_unlock(entry);
	}
	*ret_ref = (lend_ref){ index, generation };
	*ret_value = entry->value;
	lend__scope_forget(registry, index);
	if (lend__entry_unlock_collected(entry))
		lend__registry_reuse(registry, magazine, index);
	return true;
}
