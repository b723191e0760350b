/*
 * An actor's permit: lend_park() and lend_unpark(), see include/lend/actor.h.
 * Who gives it and how it is kept is actor/actor.c.
 */
#include <errno.h>
#include <lend/actor.h>
#include <lend/runtime.h>

#include "actor/actor.h"
#include "actor/registry.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

__attribute__((noinline)) int lend_park(uint64_t deadline)
{
	struct lend_worker *worker = lend__current_at_entry();
	struct lend_actor *self = worker ? worker->running : NULL;

	lend_assert_actor(self);
	lend__turn_spend(self);
	lend__actor_look(self);
	while (!self->permit) {
		int err = lend__suspend_for(self, LEND_WAITS_PERMIT, -1,
					    deadline);

		if (err)
			return err;
	}
	self->permit = false;
	return 0;
}

/* Whatever the actor does. The pin keeps its runtime, too, which does not wait
 * for threads that are not its own. */
__attribute__((noinline)) static int unpark(struct lend_runtime *runtime,
					    lend_ref ref)
{
	struct lend_actor *actor = lend__registry_pin(&runtime->registry, ref);

	if (!actor)
		return -ESRCH;
	lend__actor_unpark(actor);
	lend__registry_unpin(&runtime->registry, ref);
	return 0;
}

__attribute__((noinline)) int lend_unpark(lend_ref ref)
{
	struct lend_worker *worker = lend__current_at_entry();
	struct lend_actor *actor;

	if (lend_unlikely(!worker))
		return -ESRCH;
	lend__turn_note(worker);
	actor = lend__registry_whoever(&worker->runtime->registry, ref);
	/* Mostly it is suspended: Note [idle] in mailbox.h. */
	if (lend_unlikely(!actor ||
			  !lend__actor_unpark_idle(actor, ref.generation)))
		return unpark(worker->runtime, ref);
	lend__worker_resume(worker, actor);
	return 0;
}

int lend_runtime_unpark(struct lend_runtime *runtime, lend_ref actor)
{
	return unpark(runtime, actor);
}
