/*
 * Those who want to be told of an actor's end: see lend_monitor().
 *
 * The message is made when somebody asks for it, so that an end can not fail.
 * Until then it is in the watched actor's list, under the lock of
 * its entry.
 */
#ifndef LEND_ACTOR_MONITOR_H
#define LEND_ACTOR_MONITOR_H

#include <lend/actor.h>

struct lend_actor;
struct lend_registry;

/* 0, -ESRCH, -ENOMEM. Thread: @watcher. */
int lend__monitor_add(struct lend_registry *registry, lend_ref ref,
		      lend_ref watcher, uint32_t type);
/* Forget all that @watcher asked for. 0, -ESRCH. */
int lend__monitor_remove(struct lend_registry *registry, lend_ref ref,
			 lend_ref watcher);

/* @actor has ended, its value is known. Its entry locked. */
void lend__monitor_tell_locked(struct lend_registry *registry,
			       struct lend_actor *actor);

#endif
