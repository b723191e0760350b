/*
 * Messages: see message.h.
 */
#include "actor/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "base/check.h"
#include "base/list.h"

int lend__message_send(struct lend_actor *to, lend_ref sender, uint32_t type,
		       const void *data, size_t size)
{
	struct lend_msg *msg;

	if (size > LEND_MSG_SIZE_MAX)
		return -E2BIG;
	/* Relaxed: a bound, not an order. Counted first, so that senders that
	 * come together can not exceed it. */
	if (atomic_fetch_add_explicit(&to->messages, 1, memory_order_relaxed) >=
	    LEND_MAILBOX_MAX) {
		atomic_fetch_sub_explicit(&to->messages, 1,
					  memory_order_relaxed);
		return -EAGAIN;
	}
	msg = malloc(sizeof(*msg) + size);
	if (!msg) {
		atomic_fetch_sub_explicit(&to->messages, 1,
					  memory_order_relaxed);
		return -ENOMEM;
	}
	msg->mail.kind = LEND_MAIL_MESSAGE;
	msg->magic = LEND_MSG_MAGIC;
	msg->type = type;
	msg->size = size;
	msg->sender = sender;
	if (size)
		memcpy(msg->data, data, size);
	lend__actor_deliver(to, &msg->mail);
	return 0;
}

struct lend_msg *lend__message_take(struct lend_actor *actor)
{
	struct lend_msg *msg = actor->inbox_first;
	struct lend_mail *next;

	if (!msg)
		return NULL;
	next = msg->mail.next;
	actor->inbox_first = next ? lend_container_of(next, struct lend_msg,
						      mail) :
				    NULL;
	if (!next)
		actor->inbox_last = NULL;
	atomic_fetch_sub_explicit(&actor->messages, 1, memory_order_relaxed);
	msg->mail.next = NULL;
	return msg;
}

void lend__message_drop_all(struct lend_actor *actor)
{
	struct lend_msg *msg;

	lend__actor_sort_mail(actor);
	while ((msg = lend__message_take(actor)))
		lend_msg_free(msg);
}

uint32_t lend_msg_type(const struct lend_msg *msg)
{
	lend_assert(msg->magic == LEND_MSG_MAGIC);
	return msg->type;
}

const void *lend_msg_data(const struct lend_msg *msg)
{
	lend_assert(msg->magic == LEND_MSG_MAGIC);
	return msg->data;
}

size_t lend_msg_size(const struct lend_msg *msg)
{
	lend_assert(msg->magic == LEND_MSG_MAGIC);
	return msg->size;
}

lend_ref lend_msg_sender(const struct lend_msg *msg)
{
	lend_assert(msg->magic == LEND_MSG_MAGIC);
	return msg->sender;
}

struct lend_msg *lend_msg_free(struct lend_msg *msg)
{
	if (msg) {
		lend_assert(msg->magic == LEND_MSG_MAGIC);
		msg->magic = 0;
		free(msg);
	}
	return NULL;
}
