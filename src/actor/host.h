/*
 * All that an actor knows of what runs it.
 */
#ifndef LEND_ACTOR_HOST_H
#define LEND_ACTOR_HOST_H

struct lend_actor;

struct lend_host {
	/* @actor was suspended and has mail now: queue it. Any thread. */
	void (*runnable)(struct lend_host *host, struct lend_actor *actor);
};

#endif
