/*
 * Messages: see include/lend/mailbox.h. A message is one block of malloc(),
 * owned by the mailbox until it is received, then by the receiver. Small ones
 * come from the worker's store, and go there, where the caller has one.
 */
#ifndef LEND_ACTOR_MESSAGE_H
#define LEND_ACTOR_MESSAGE_H

#include <lend/mailbox.h>

#include "actor/mailbox.h"
#include "actor/message_store.h"

struct lend_actor;
struct lend_registry;

#define LEND_MSG_MAGIC UINT32_C(0x4c6e4d73)

enum lend_msg_kind {
	LEND_MSG_TOLD,
	LEND_MSG_QUESTION, /* lend_ask(): its asker waits */
	LEND_MSG_ANSWER,
	LEND_MSG_REFUSAL, /* the answer that there will be none */
	LEND_MSG_TIMER,	  /* of the receiver's own timer */
};

struct lend_msg {
	struct lend_mail mail; /* then: link of the inbox */
	uint32_t magic;
	uint32_t question; /* the asker's number for it, of an answer, too */
	uint32_t size;
	uint8_t kind;	    /* enum lend_msg_kind */
	uint8_t size_class; /* of its block: see message_store.h */
	bool dropped; /* in an inbox, and nobody is to receive it any more */
	bool counted; /* has a place in the mailbox: see room.h */
	lend_ref sender;
	union {
		struct lend_registry *registry; /* of a question's asker */
		struct lend_ticket *ticket;	/* a question of a thread */
		struct lend_timer *timer;
		lend_ref watcher; /* see monitor.h */
	};
	char data[];
};

_Static_assert(sizeof(struct lend_msg) == 48, "16 bytes fit the first class");

/* Make a message and deliver it. @store: the calling worker's, or NULL. */
int lend__message_send(struct lend_registry *registry,
		       struct lend_message_store *store, lend_ref to,
		       lend_ref sender, uint32_t type, const void *data,
		       size_t size);

/* A message, TOLD, that is not on its way yet; NULL: no memory. @store: as
 * above. */
struct lend_msg *lend__message_new(struct lend_message_store *store,
				   lend_ref sender, uint32_t type,
				   const void *data, size_t size);

/* lend_msg_free(), into @store if there is one. */
void lend__message_free(struct lend_message_store *store, struct lend_msg *msg);

/* Send it; or -EAGAIN, -ESRCH, and it is still the caller's. */
int lend__message_post(struct lend_registry *registry, lend_ref to,
		       struct lend_msg *msg);

/**
 * Take the oldest message out of the inbox; the notice of an operation becomes
 * one now.
 *
 * Thread: the actor itself.
 *
 * Return: 0
 *         -ENOENT  there is none
 *         -ENOMEM  or another error of the notice; it stays where it is
 */
LEND_NODISCARD int lend__message_take(struct lend_actor *actor,
				      struct lend_msg **ret_msg) LEND_AWAITS;

/* Free all that was not received. Thread: the actor itself, at its end. */
void lend__message_drop_all(struct lend_actor *actor);

#endif
