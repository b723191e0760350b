/*
 * How deep stacks have been: the deepest so far, and whose it was.
 *
 * Looked at when an actor has ended, in pages, by asking the kernel which of
 * them were touched. That is a system call, so only those are looked at that
 * were the first on a stack without pages, which has cost more already, and of
 * the others each LEND_STACK_MARK_EVERY-th of a worker, and all that have a
 * mapping of their own. What a stack has from
 * the actors before is still there: then the depth is that of one of them.
 */
#ifndef LEND_ACTOR_STACK_MARK_H
#define LEND_ACTOR_STACK_MARK_H

#include <lend/actor.h>
#include <pthread.h>
#include <stddef.h>

#define LEND_STACK_MARK_EVERY 256

struct lend_actor;
struct lend_magazine;
struct lend_registry;

struct lend_stack_mark {
	pthread_mutex_t lock;
	_Atomic size_t depth; /* [lock] writes; bytes, 0: none was looked at */
	char name[LEND_ACTOR_NAME_MAX + 1]; /* [lock] */
};

void lend__stack_mark_init(struct lend_stack_mark *mark);
void lend__stack_mark_fini(struct lend_stack_mark *mark);

/* @actor has ended, its stack is no longer in use. Thread: the worker of
 * @magazine, which has it still. */
void lend__stack_mark_look(struct lend_registry *registry,
			   struct lend_magazine *magazine,
			   const struct lend_actor *actor);

/* Bytes; 0: none was looked at yet. Any thread. */
size_t lend__stack_mark_read(struct lend_stack_mark *mark,
			     char ret_name[LEND_ACTOR_NAME_MAX + 1]);

#endif
