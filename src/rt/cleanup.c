/*
 * Cleanups: see include/lend/scope.h. Called by users, and by the actor's end.
 */
#include "rt/cleanup.h"

#include <errno.h>
#include <lend/clock.h>
#include <lend/scope.h>
#include <stddef.h>

#include "actor/actor.h"
#include "actor/scope.h"
#include "rt/current.h"
#include "rt/misuse.h"

static struct lend_cleanup *newest(const struct lend_actor *self)
{
	if (lend_list_empty(&self->cleanups))
		return NULL;
	return lend_container_of(self->cleanups.prev, struct lend_cleanup,
				 link);
}

static void forget(struct lend_actor *self, struct lend_cleanup *cleanup)
{
	lend_list_remove(&cleanup->link);
	lend__heap_free(&self->heap, cleanup);
}

int lend_defer(void (*fn)(void *arg), void *arg)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_cleanup *cleanup;
	void *memory;

	lend_assert_actor(self);
	if (!fn)
		return -EINVAL;
	if (lend__heap_alloc(&self->heap, sizeof(*cleanup), &memory))
		return -ENOMEM;
	cleanup = memory;
	cleanup->fn = fn;
	cleanup->arg = arg;
	lend_list_push_back(&self->cleanups, &cleanup->link);
	return 0;
}

int lend_undefer(void (*fn)(void *arg), void *arg)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	for (struct lend_list *link = self->cleanups.prev;
	     link != &self->cleanups; link = link->prev) {
		struct lend_cleanup *cleanup = lend_container_of(
			link, struct lend_cleanup, link);

		if (cleanup->fn && cleanup->fn == fn && cleanup->arg == arg) {
			forget(self, cleanup);
			return 0;
		}
	}
	return -ENOENT;
}

int lend_defer_pop(bool run)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_cleanup *cleanup, copy;

	lend_assert_actor(self);
	cleanup = newest(self);
	if (!cleanup)
		return -ENOENT;
	if (!cleanup->fn)
		return -EBUSY;
	/* It may register others, and the actor may end in it. */
	copy = *cleanup;
	forget(self, cleanup);
	if (run)
		copy.fn(copy.arg);
	return 0;
}

void lend__cleanup_run_all(struct lend_actor *self)
{
	struct lend_cleanup *cleanup;

	while ((cleanup = newest(self))) {
		/* Each in a section of its own: one that leaves a block or a
		 * section open does no harm to the next. */
		self->uncancellable++;
		lend__actor_limit(self, LEND_FOREVER);
		if (cleanup->fn)
			lend_defer_pop(true);
		else
			lend_scope_close(lend_container_of(
				cleanup, struct lend_scope, cleanup));
	}
}
