/*
 * Spawn, exit, join, cancel, yield, sleep: see include/lend/actor.h.
 */
#include "rt/lifecycle.h"

#include <errno.h>
#include <lend/actor.h>
#include <lend/mailbox.h>

#include "actor/actor.h"
#include "actor/message.h"
#include "actor/registry.h"
#include "actor/scope.h"
#include "base/check.h"
#include "base/counter.h"
#include "rt/cleanup.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/own_timers.h"
#include "rt/places.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

LEND_NORETURN static void finish(struct lend_actor *self, int value)
{
	self->value = value;
	self->ending = true;
	if (lend_unlikely(self->scope && value < 0))
		lend__scope_note_failure(self);
	if (lend_unlikely(!lend_list_empty(&self->cleanups)))
		lend__cleanup_run_all(self);
	if (lend_unlikely(self->own_timers != NULL))
		lend__own_timers_end(self);
	if (self->end_io)
		self->end_io(self);
	if (lend__places_used())
		lend__places_report_open(self);
	lend__timers_disarm(self);
	lend__registry_end(&self->worker->runtime->registry, self);
	/* No pin is left, so no mail can come any more. */
	lend__message_drop_all(self);
	lend__suspend_end(self);
}

static void entry(void *argument)
{
	struct lend_actor *self = argument;

	lend__suspend_begin(self);
	finish(self, self->fn(self->arg));
}

struct lend_magazine *lend__current_magazine(void)
{
	struct lend_worker *worker = lend__current_worker();

	return worker ? worker->magazine : NULL;
}

void lend__lifecycle_reap(struct lend_worker *worker, struct lend_actor *actor)
{
	lend__pinned_release(actor);
	lend__fiber_fini(&actor->fiber);
	lend__heap_free_all(&actor->heap);
	lend__registry_free(&worker->runtime->registry, worker->magazine,
			    actor);
}

/* Pinned ones are spread: nobody takes them over later. */
static struct lend_worker *
choose_worker(struct lend_runtime *runtime, struct lend_worker *here,
	      const struct lend_spawn_options *options)
{
	if (options->worker)
		return &runtime->workers[options->worker - 1];
	return here && !options->pinned ? here :
					  lend__runtime_pick_worker(runtime);
}

/* For an actor that needs a larger stack than a slot has; else nothing. */
static int map_stack(const struct lend_runtime *runtime,
		     const struct lend_spawn_options *options,
		     struct lend_stack *ret_stack)
{
	*ret_stack = (struct lend_stack){ NULL, NULL };
	return options->stack_size <= runtime->options.stack_size ?
		       0 :
		       lend__stack_map(options->stack_size, ret_stack);
}

int lend__lifecycle_spawn(struct lend_runtime *runtime,
			  struct lend_scope *scope, lend_actor_fn fn, void *arg,
			  const struct lend_spawn_options *options,
			  const void *spawned_at, lend_ref *ret_ref)
{
	static const struct lend_spawn_options defaults;
	struct lend_worker *here = lend__current_worker(), *target;
	struct lend_registry *registry = &runtime->registry;
	struct lend_actor *actor;
	struct lend_stack own;
	char *home;
	int err;

	if (!options)
		options = &defaults;
	/* One that has left has left its number, so that nobody who chose it a
	 * moment ago is refused. */
	if (!fn || options->worker > lend__runtime_used(runtime))
		return -EINVAL;
	if (here && here->runtime != runtime)
		here = NULL;
	err = map_stack(runtime, options, &own);
	if (lend_unlikely(err))
		return err;
	err = lend__registry_take(registry, here ? here->magazine : NULL, scope,
				  options->joinable, &actor);
	if (err) {
		if (own.low)
			lend__stack_unmap(&own);
		return err;
	}
	lend__actor_init(actor, &runtime->host, fn, arg, options->name);
	actor->spawned_at = spawned_at;
	if (scope)
		lend__scope_adopt(scope, actor);
	home = (char *)actor - LEND_ACTOR_HOME_SIZE;
	lend__heap_init(&actor->heap, &registry->heaps, actor->index, home,
			LEND_ACTOR_HOME_SIZE, runtime->options.heap_max);
	if (lend_unlikely(own.low != NULL)) {
		lend__registry_set_stack(registry, actor, &own);
		lend__fiber_init(&actor->fiber, own.low, own.high, entry,
				 actor);
	} else {
		lend__fiber_init(&actor->fiber,
				 lend__stacks_low(&registry->stacks,
						  actor->index),
				 home, entry, actor);
	}
	target = choose_worker(runtime, here, options);
	if (options->pinned)
		lend__pinned_settle(actor, target);
	lend__registry_publish(registry, actor);
	if (ret_ref)
		*ret_ref = lend__actor_ref(actor);

	/* From here on it may run, end, and be somebody else. */
	if (target == here)
		lend__worker_enqueue_woken(here, actor);
	else
		lend__worker_send(target, actor);
	return 0;
}

int lend_spawn(lend_actor_fn fn, void *arg,
	       const struct lend_spawn_options *options, lend_ref *ret_ref)
{
	struct lend_worker *worker = lend__current_worker();

	if (!worker)
		return -EINVAL;
	lend__turn_note(worker);
	return lend__lifecycle_spawn(worker->runtime, NULL, fn, arg, options,
				     __builtin_return_address(0), ret_ref);
}

lend_ref lend_self(void)
{
	struct lend_actor *self = lend__current_actor();

	return self ? lend__actor_ref(self) : (lend_ref){ 0, 0 };
}

const char *lend_self_name(void)
{
	struct lend_actor *self = lend__current_actor();

	return self ? self->name : "";
}

__attribute__((noinline)) int lend_yield(void)
{
	struct lend_worker *worker = lend__current_at_entry();

	lend_assert_actor(worker);
	/* One that was cancelled, and goes on, lets others run, too. */
	return lend__suspend_yield(worker);
}

int lend_sleep(uint64_t deadline)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend__turn_spend(self);
	for (;;) {
		int err;

		lend__actor_sort_mail(self);
		if (self->cancelled)
			return -ECANCELED;
		if (lend_now() >= deadline)
			return 0;
		err = lend__suspend_for(self, LEND_WAITS_TIME, -1, deadline);
		if (err)
			return err == -ETIMEDOUT ? 0 : err;
	}
}

void lend_exit(int value)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend_assert(!self->ending);
	finish(self, value);
}

static int wait_for_end(struct lend_actor *self, lend_ref whom,
			const struct lend_joiner *joiner, uint64_t deadline)
{
	/* Acquire [G3], paired with the registry's release: the value. */
	while (!atomic_load_explicit(&joiner->ended, memory_order_acquire)) {
		int err = lend__suspend_for(self, LEND_WAITS_END,
					    (int)whom.index, deadline);

		if (err)
			return err;
	}
	return 0;
}

int lend_join(lend_ref actor, uint64_t deadline, int *ret_value)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_registry *registry;
	struct lend_worker *worker;
	struct lend_joiner joiner = { .waiter = self };
	int err;

	lend_assert_actor(self);
	if (lend__ref_equal(actor, lend__actor_ref(self)))
		return -EDEADLK;
	lend__turn_spend(self);
	worker = self->worker;
	registry = &worker->runtime->registry;
	err = lend__registry_join(registry, worker->magazine, actor, &joiner);
	if (err)
		return err;
	err = wait_for_end(self, actor, &joiner, deadline);
	lend__registry_leave(registry, actor, &joiner);
	/* It may have ended while we gave up: its value would be lost. */
	if (atomic_load_explicit(&joiner.ended, memory_order_acquire))
		err = 0;
	if (!err && ret_value)
		*ret_value = joiner.value;
	return err;
}

static int cancel(struct lend_runtime *runtime, lend_ref ref)
{
	struct lend_actor *actor = lend__registry_pin(&runtime->registry, ref);

	if (!actor)
		return -ESRCH;
	lend__actor_signal(actor, LEND_SIGNAL_CANCEL);
	lend__registry_unpin(&runtime->registry, ref);
	return 0;
}

int lend_cancel(lend_ref actor)
{
	struct lend_worker *worker = lend__current_worker();

	return worker ? cancel(worker->runtime, actor) : -ESRCH;
}

int lend_runtime_cancel(struct lend_runtime *runtime, lend_ref actor)
{
	return cancel(runtime, actor);
}

bool lend_is_cancelled(void)
{
	struct lend_actor *self = lend__current_actor();

	if (!self)
		return false;
	lend__actor_sort_mail(self);
	return self->cancelled;
}

__attribute__((noinline)) void lend_trim(void)
{
	struct lend_actor *self = lend__current_actor();
	char *here = __builtin_frame_address(0);
	struct lend_stack stack;

	if (!self)
		return;
	stack = lend__registry_stack(&lend__current_worker()->runtime->registry,
				     self->index);
	lend__heap_trim(&self->heap);
	/* Below the frame: what the calls from here on use, and the 128 bytes
	 * that leaf functions may use without telling. */
	lend__stack_trim(&stack, here - 1024);
}
