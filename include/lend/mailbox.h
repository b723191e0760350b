/*
 * Messages: bytes and a type, sent to an actor by its reference.
 *
 * A mailbox holds LEND_MAILBOX_MAX messages; a sender that finds it full gets
 * -EAGAIN and decides what that means. Messages from one sender arrive in the
 * order they were sent.
 */
#ifndef LEND_MAILBOX_H
#define LEND_MAILBOX_H

#include <lend/actor.h>
#include <lend/base.h>

#define LEND_MAILBOX_MAX  1024
#define LEND_MSG_SIZE_MAX 65536

struct lend_msg;

LEND_BEGIN_DECLS

/**
 * Send a message.
 *
 * @to          the receiver
 * @type        what it means is up to sender and receiver
 * @data,@size  copied; 0 to LEND_MSG_SIZE_MAX bytes
 *
 * Thread: an actor; other threads use lend_runtime_tell(). Blocks: no.
 *
 * Return: 0
 *         -ESRCH   there is no such actor (any more)
 *         -EAGAIN  its mailbox is full
 *         -E2BIG   @size is too big
 *         -ENOMEM
 */
LEND_API LEND_NODISCARD int lend_tell(lend_ref to, uint32_t type,
				      const void *data, size_t size);

/**
 * Receive the oldest message.
 *
 * @deadline  how long to wait; LEND_NOW takes only what is there
 * @ret_msg   written only on success
 *
 * Thread: an actor. Blocks: suspends the actor.
 * Ownership: the caller frees the message with lend_msg_free().
 *
 * Return: 0
 *         -ETIMEDOUT  there was none until the deadline
 *         -ECANCELED  the actor was cancelled
 *         -ENOMEM     as for lend_yield()
 */
LEND_API LEND_NODISCARD int lend_receive(uint64_t deadline,
					 struct lend_msg **ret_msg) LEND_AWAITS;

/* A message's contents. Thread: its owner. Blocks: no. */
LEND_API uint32_t lend_msg_type(const struct lend_msg *msg);
LEND_API const void *lend_msg_data(const struct lend_msg *msg);
LEND_API size_t lend_msg_size(const struct lend_msg *msg);
/* Who sent it; zeroed if that was not an actor. */
LEND_API lend_ref lend_msg_sender(const struct lend_msg *msg);

/**
 * Free a message. NULL is ignored. Returns NULL.
 *
 * Thread: its owner. Blocks: no.
 */
LEND_API struct lend_msg *lend_msg_free(struct lend_msg *msg);

LEND_END_DECLS

#endif
