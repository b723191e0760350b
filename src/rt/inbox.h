/*
 * What a worker's inboxes have in common: a list of runnable actors, newest
 * first, that any thread pushes to and its reader takes as a whole.
 */
#ifndef LEND_RT_INBOX_H
#define LEND_RT_INBOX_H

#include "actor/actor.h"

/* In the place of an inbox: nobody reads it any more. */
#define LEND_INBOX_SEALED ((struct lend_actor *)1)

/* Turn what was taken around. Thread: who took it. */
static inline struct lend_actor *
lend__inbox_oldest_first(struct lend_actor *newest)
{
	struct lend_actor *oldest = NULL;

	while (newest) {
		struct lend_actor *next = newest->run_next;

		newest->run_next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

#endif
