/*
 * Who waits for what, in words.
 */
#ifndef LEND_RT_WAITING_H
#define LEND_RT_WAITING_H

#include <lend/actor.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "mem/stack.h"

struct lend_runtime;
struct lend_text;
struct lend_worker;

/* An actor as it was a moment ago. */
struct lend_waiting {
	lend_ref ref;
	char title[LEND_ACTOR_TITLE_SIZE];
	bool suspended;	    /* else it runs, or is about to */
	uint64_t waits_for; /* lend__actor_waits() */
	uint64_t since_ns;
	int scope; /* that it is in: lend__scope_number(); -1: in none */
	uint32_t scope_owner; /* whose that is */
	const void *fn;
	const void *spawned_at;	 /* in the call, or NULL */
	struct lend_stack stack; /* may be unmapped by now */
};

/* Look at the actor in slot @index. False: nobody lives there. Thread: any. */
bool lend__waiting_read(struct lend_runtime *runtime, uint32_t index,
			struct lend_waiting *ret_waiting);

/* Look at the actor that @worker runs, or has run last. False: it has ended.
 * Thread: any. */
bool lend__waiting_running(const struct lend_worker *worker,
			   struct lend_waiting *ret_waiting);

/* The same actor, pinned: the caller unpins it. NULL: it has ended. */
struct lend_actor *lend__waiting_pin_running(const struct lend_worker *worker);

/* The slots that have ever been used. */
uint32_t lend__waiting_end(struct lend_runtime *runtime);

/* "waits for recv on descriptor 7, ring 0" */
void lend__waiting_describe(struct lend_runtime *runtime, uint64_t waits_for,
			    char *text, size_t size);

/* Adds "; in a scope of actor main #0, which waits for it"; nothing for one
 * that is in none. */
void lend__waiting_add_scope(struct lend_text *line,
			     struct lend_runtime *runtime,
			     const struct lend_waiting *member);

/* Of those that wait for an actor: its slot. False: it waits for something
 * else. */
bool lend__waiting_target(uint64_t waits_for, uint32_t *ret_index);

/* Does @owner wait for @member of its scope, or for any of its members? */
bool lend__waiting_for_member(const struct lend_waiting *owner,
			      const struct lend_waiting *member);

#endif
