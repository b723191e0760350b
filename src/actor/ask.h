/*
 * Questions and answers: see lend_ask() in include/lend/mailbox.h.
 *
 * A question carries its asker's reference and a number. An answer is mail to
 * that actor; one with a number that it does not wait for is late, and freed as
 * it is sorted. So whoever gives up has nothing to take back. A thread that
 * asks has no mailbox: it waits at a ticket, which it and the question share,
 * and which goes with the last of the two.
 */
#ifndef LEND_ACTOR_ASK_H
#define LEND_ACTOR_ASK_H

#include <lend/mailbox.h>
#include <pthread.h>
#include <stdbool.h>

struct lend_actor;
struct lend_message_store;
struct lend_registry;

/* Where a thread waits for its answer; of malloc(). */
struct lend_ticket {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct lend_msg *answer; /* [lock] */
	bool refused;		 /* [lock] there will be none */
	bool left;		 /* [lock] the thread has given up */
	unsigned holders;	 /* [lock] the thread, the question */
};

/* NULL: no memory. Two hold it. */
struct lend_ticket *lend__ticket_new(void);

/* Wait, and give up. 0 and the answer; -EPIPE, -ETIMEDOUT. Blocks: the thread.
 */
int lend__ticket_wait(struct lend_ticket *ticket, uint64_t deadline,
		      struct lend_msg **ret_answer);

/* Give the ticket up without waiting: nothing was sent. */
void lend__ticket_free(struct lend_ticket *ticket);

/* @actor has got an answer or a refusal. Thread: itself. */
void lend__ask_sort(struct lend_actor *actor, struct lend_msg *msg);

/* lend_reply(), with the memory of @store if there is one. */
int lend__ask_reply(struct lend_message_store *store, struct lend_msg *question,
		    uint32_t type, const void *data, size_t size);

/* Nobody will answer @question: tell its asker, in its memory. Thread: any. */
void lend__ask_refuse(struct lend_msg *question);

#endif
