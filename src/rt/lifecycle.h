/*
 * The life of an actor from spawn to end.
 */
#ifndef LEND_RT_LIFECYCLE_H
#define LEND_RT_LIFECYCLE_H

#include <lend/actor.h>

struct lend_actor;
struct lend_runtime;

/* lend_spawn() and lend_runtime_spawn(). */
int lend__lifecycle_spawn(struct lend_runtime *runtime, lend_actor_fn fn,
			  void *arg, const struct lend_spawn_options *options,
			  lend_ref *ret_ref);

/* The actor has switched away for the last time: free its slot. Thread: the
 * worker it ran on. */
void lend__lifecycle_reap(struct lend_runtime *runtime,
			  struct lend_actor *actor);

#endif
