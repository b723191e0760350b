/*
 * The life of an actor from spawn to end.
 */
#ifndef LEND_RT_LIFECYCLE_H
#define LEND_RT_LIFECYCLE_H

#include <lend/actor.h>

struct lend_actor;
struct lend_magazine;
struct lend_runtime;
struct lend_scope;
struct lend_worker;

/* lend_spawn(), lend_runtime_spawn() and lend_scope_spawn(). @scope: that has
 * admitted it, or NULL. @spawned_at: their return address, for reports. */
int lend__lifecycle_spawn(struct lend_runtime *runtime,
			  struct lend_scope *scope, lend_actor_fn fn, void *arg,
			  const struct lend_spawn_options *options,
			  const void *spawned_at, lend_ref *ret_ref);

/* The actor has switched away for the last time: free its slot. Thread: the
 * worker it ran on. */
void lend__lifecycle_reap(struct lend_worker *worker, struct lend_actor *actor);

/* Free slots of the calling worker's; NULL on a thread that is none. */
struct lend_magazine *lend__current_magazine(void);

#endif
