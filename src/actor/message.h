/*
 * Messages: see include/lend/mailbox.h. A message is one block of malloc(),
 * owned by the mailbox until it is received, then by the receiver.
 */
#ifndef LEND_ACTOR_MESSAGE_H
#define LEND_ACTOR_MESSAGE_H

#include <lend/mailbox.h>

#include "actor/mailbox.h"

struct lend_actor;

#define LEND_MSG_MAGIC UINT32_C(0x4c6e4d73)

struct lend_msg {
	struct lend_mail mail; /* then: link of the inbox */
	uint32_t magic;
	size_t size;
	lend_ref sender;
	char data[];
};

/* Make a message and deliver it. The caller holds a pin on @to. */
int lend__message_send(struct lend_actor *to, lend_ref sender, uint32_t type,
		       const void *data, size_t size);

/* A message that is not on its way yet; NULL: no memory. */
struct lend_msg *lend__message_new(lend_ref sender, uint32_t type,
				   const void *data, size_t size);

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
