/*
 * Opening, filling, joining and closing scopes: see include/lend/scope.h; who
 * may touch what when: Note [scope] in actor/scope.h.
 */
#include <errno.h>
#include <lend/scope.h>
#include <stddef.h>

#include "actor/actor.h"
#include "actor/registry.h"
#include "actor/scope.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/lifecycle.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

int lend_scope_open(const struct lend_scope_options *options,
		    struct lend_scope **ret_scope)
{
	static const struct lend_scope_options defaults;
	struct lend_actor *self = lend__current_actor();
	struct lend_scope *scope;
	void *memory;

	lend_assert_actor(self);
	if (!options)
		options = &defaults;
	if (lend__heap_alloc(&self->heap, sizeof(*scope), &memory))
		return -ENOMEM;
	scope = memory;
	*scope = (struct lend_scope){
		.magic = LEND_SCOPE_MAGIC,
		.cancel_on_failure = options->cancel_on_failure,
		.actors_max = options->actors_max,
		.registry = &lend__current_worker()->runtime->registry,
		.owner = self,
		.limit = options->deadline ? options->deadline : LEND_FOREVER,
		.outside = self->deadline,
		.cancelled = self->cancel_seen && !self->uncancellable,
	};
	if (scope->limit < self->deadline)
		lend__actor_limit(self, scope->limit);
	scope->deadline = self->deadline;
	lend_list_init(&scope->members);
	lend_list_init(&scope->told);
	lend_list_push_back(&self->cleanups, &scope->cleanup.link);
	*ret_scope = scope;
	return 0;
}

static bool may_name(const struct lend_actor *self,
		     const struct lend_scope *scope)
{
	if (!self || (self->scope != scope && scope->owner != self))
		return false;
	lend_assert(scope->magic == LEND_SCOPE_MAGIC);
	return true;
}

int lend_scope_spawn(struct lend_scope *scope, lend_actor_fn fn, void *arg,
		     const struct lend_spawn_options *options,
		     lend_ref *ret_ref)
{
	if (!may_name(lend__current_actor(), scope))
		return -EINVAL;
	return lend__lifecycle_spawn(lend__current_worker()->runtime, scope, fn,
				     arg, options, __builtin_return_address(0),
				     ret_ref);
}

int lend_scope_cancel(struct lend_scope *scope)
{
	if (!may_name(lend__current_actor(), scope))
		return -EINVAL;
	lend__scope_cancel(scope);
	return 0;
}

unsigned lend_scope_actors(const struct lend_scope *scope)
{
	struct lend_latch *latch = (struct lend_latch *)&scope->latch;
	unsigned alive;

	if (!may_name(lend__current_actor(), scope))
		return 0;
	lend_latch_take(latch);
	alive = scope->alive;
	lend_latch_give(latch);
	return alive;
}

static int wait_for(struct lend_scope *scope, enum lend_scope_wait waits,
		    uint64_t deadline)
{
	uint8_t kind = waits == LEND_SCOPE_FOR_ALL ? LEND_WAITS_MEMBERS :
						     LEND_WAITS_MEMBER;
	int err = 0;

	lend__turn_spend(scope->owner);
	/* A signal that comes between the look and the wait is mail, with
	 * which nobody goes to sleep. */
	while (!lend__scope_look(scope, waits) && !err)
		err = lend__suspend_for(scope->owner, kind,
					lend__scope_number(scope), deadline);
	lend__scope_look(scope, LEND_SCOPE_BUSY);
	return err;
}

int lend_scope_join(struct lend_scope *scope, uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();

	if (!may_name(self, scope) || scope->owner != self)
		return -EINVAL;
	return wait_for(scope, LEND_SCOPE_FOR_ALL, deadline);
}

int lend_scope_next(struct lend_scope *scope, uint64_t deadline,
		    lend_ref *ret_ref, int *ret_value)
{
	struct lend_actor *self = lend__current_actor();
	lend_ref ref;
	int value, err;

	if (!may_name(self, scope) || scope->owner != self)
		return -EINVAL;
	/* One that is there is taken, also by who was cancelled. */
	err = wait_for(scope, LEND_SCOPE_FOR_NEXT, deadline);
	if (err)
		return err;
	if (!lend__scope_take(scope, lend__current_magazine(), &ref, &value))
		return -ESRCH;
	if (ret_ref)
		*ret_ref = ref;
	if (ret_value)
		*ret_value = value;
	return 0;
}

/* The scope that its owner has opened last. */
static bool is_innermost(const struct lend_scope *scope)
{
	const struct lend_list *link = scope->cleanup.link.next;

	for (; link != &scope->owner->cleanups; link = link->next)
		if (!lend_container_of(link, const struct lend_cleanup, link)
			     ->fn)
			return false;
	return true;
}

int lend_scope_close(struct lend_scope *scope)
{
	struct lend_actor *self = lend__current_actor();
	uint64_t inside;
	lend_ref ref;
	int result, value;
	bool late;

	if (!scope)
		return 0;
	if (!may_name(self, scope) || scope->owner != self)
		return -EINVAL;
	if (!is_innermost(scope))
		return -EBUSY;
	late = scope->limit != LEND_FOREVER && lend_now() >= scope->limit;
	lend__scope_cancel(scope);
	inside = lend_uncancellable_begin();
	/* Neither cancelled nor late, it ends when all have. */
	while (wait_for(scope, LEND_SCOPE_FOR_ALL, LEND_FOREVER))
		;
	lend_uncancellable_end(inside);
	while (lend__scope_take(scope, lend__current_magazine(), &ref, &value))
		;
	/* Nobody else knows it any more. */
	result = scope->failure;
	lend_list_remove(&scope->cleanup.link);
	lend__actor_limit(self, scope->outside);
	scope->magic = 0;
	lend__heap_free(&self->heap, scope);
	return !result && late ? -ETIMEDOUT : result;
}
