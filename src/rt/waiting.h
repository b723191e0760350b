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

#define LEND_CIRCLE_TEXT_MAX 768

/* Circles that are not looked for any more. */
#define LEND_CIRCLES_MAX 16

struct lend_circles {
	/* Of each the actor in the lowest slot, and what that waits for. */
	lend_ref refs[LEND_CIRCLES_MAX];
	uint64_t waits_for[LEND_CIRCLES_MAX];
	unsigned count;
};

/**
 * Actors that wait for each other in a circle.
 *
 * @but        not one of those; NULL: any
 * @ret_first  one of them; written only if there are such
 * @text       the same: "a #1 -> b #2 -> a #1"
 *
 * Return: whether there are such
 */
bool lend__waiting_find_circle(struct lend_runtime *runtime,
			       const struct lend_circles *but,
			       struct lend_waiting *ret_first,
			       char text[LEND_CIRCLE_TEXT_MAX]);

/* Add one that was found, in the place of one that has been broken since.
 * False: there are LEND_CIRCLES_MAX. */
bool lend__waiting_note_circle(struct lend_runtime *runtime,
			       struct lend_circles *circles,
			       const struct lend_waiting *first);

#endif
