/*
 * What threads that are not workers do with actors: spawn and join; see
 * include/lend/runtime.h. They ask in asks.c, tell in messages.c, cancel in
 * lifecycle.c.
 */
#include <lend/clock.h>
#include <lend/runtime.h>

#include "actor/registry.h"
#include "rt/lifecycle.h"
#include "rt/runtime.h"

int lend_runtime_join_until(struct lend_runtime *runtime, lend_ref actor,
			    uint64_t deadline, int *ret_value)
{
	struct lend_registry *registry = &runtime->registry;
	struct lend_joiner joiner = { 0 };
	int err = lend__registry_join(registry, NULL, actor, &joiner);

	if (err)
		return err;
	pthread_mutex_lock(&registry->lock);
	while (!atomic_load_explicit(&joiner.ended, memory_order_acquire) &&
	       !err)
		err = lend__registry_nap_locked(registry, deadline);
	pthread_mutex_unlock(&registry->lock);
	lend__registry_leave(registry, actor, &joiner);
	/* It may have ended while we gave up: its value would be lost. */
	if (atomic_load_explicit(&joiner.ended, memory_order_acquire))
		err = 0;
	if (!err && ret_value)
		*ret_value = joiner.value;
	return err;
}

int lend_runtime_join(struct lend_runtime *runtime, lend_ref actor,
		      int *ret_value)
{
	return lend_runtime_join_until(runtime, actor, LEND_FOREVER, ret_value);
}

int lend_runtime_spawn(struct lend_runtime *runtime, lend_actor_fn fn,
		       void *arg, const struct lend_spawn_options *options,
		       lend_ref *ret_ref)
{
	return lend__lifecycle_spawn(runtime, NULL, fn, arg, options,
				     __builtin_return_address(0), ret_ref);
}
