/*
 * Messages: see message.h.
 */
#include "actor/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/ask.h"
#include "actor/timer.h"
#include "base/check.h"
#include "base/list.h"

static void *new_block(struct lend_message_store *store, size_t size,
		       unsigned *ret_class)
{
	unsigned class = lend__message_class(size);
	void *block = NULL;

	*ret_class = class;
	if (lend_unlikely(class == LEND_MESSAGE_CLASSES))
		return malloc(size);
	if (lend_likely(store != NULL))
		block = lend__message_store_take(store, class);
	return lend_likely(block != NULL) ?
		       block :
		       malloc(lend__message_class_size(class));
}

struct lend_msg *lend__message_new(struct lend_message_store *store,
				   lend_ref sender, uint32_t type,
				   const void *data, size_t size)
{
	unsigned size_class;
	struct lend_msg *msg = new_block(store, sizeof(*msg) + size,
					 &size_class);

	if (!msg)
		return NULL;
	msg->mail.kind = LEND_MAIL_MESSAGE;
	msg->mail.type = type;
	msg->magic = LEND_MSG_MAGIC;
	msg->size = (uint32_t)size;
	msg->sender = sender;
	msg->kind = LEND_MSG_TOLD;
	msg->size_class = (uint8_t)size_class;
	msg->dropped = false;
	if (size)
		memcpy(msg->data, data, size);
	return msg;
}

/* Are there as many on their way as may be, when @sent were? Relaxed: a bound,
 * not an order. Signed: what others have sent since may have been received. */
static bool is_full(const struct lend_actor *to, uint32_t sent)
{
	uint32_t received = atomic_load_explicit(&to->received,
						 memory_order_relaxed);

	if (lend_likely((int32_t)(sent - received) < LEND_MAILBOX_MAX))
		return false;
	received = atomic_load_explicit(&to->taken, memory_order_relaxed);
	return (int32_t)(sent - received) >= LEND_MAILBOX_MAX;
}

int lend__message_post(struct lend_actor *to, struct lend_msg *msg)
{
	/* Relaxed, as above. Counted first, so that senders that come together
	 * can not exceed it. */
	uint32_t before = atomic_fetch_add_explicit(&to->sent, 1,
						    memory_order_relaxed);

	if (lend_unlikely(is_full(to, before))) {
		atomic_fetch_sub_explicit(&to->sent, 1, memory_order_relaxed);
		return -EAGAIN;
	}
	lend__actor_deliver(to, &msg->mail);
	return 0;
}

int lend__message_send(struct lend_message_store *store, struct lend_actor *to,
		       lend_ref sender, uint32_t type, const void *data,
		       size_t size)
{
	struct lend_msg *msg;
	int err;

	if (lend_unlikely(size > LEND_MSG_SIZE_MAX))
		return -E2BIG;
	/* A hint, before memory is asked for. */
	if (lend_unlikely(is_full(
		    to, atomic_load_explicit(&to->sent, memory_order_relaxed))))
		return -EAGAIN;
	msg = lend__message_new(store, sender, type, data, size);
	if (lend_unlikely(!msg))
		return -ENOMEM;
	err = lend__message_post(to, msg);
	if (lend_unlikely(err))
		lend__message_free(store, msg);
	return err;
}

/* Out of the inbox; NULL: it is not to be received. */
static struct lend_msg *take_message(struct lend_actor *actor,
				     struct lend_mail *mail)
{
	struct lend_msg *msg = lend_container_of(mail, struct lend_msg, mail);
	uint32_t taken;

	lend__actor_remove_mail(actor, mail);
	/* The actor's own: no locked instruction. */
	taken = 1 + atomic_load_explicit(&actor->taken, memory_order_relaxed);
	atomic_store_explicit(&actor->taken, taken, memory_order_relaxed);
	if (taken % LEND_MESSAGE_LAG == 0)
		atomic_store_explicit(&actor->received, taken,
				      memory_order_relaxed);
	if (lend_unlikely(msg->kind == LEND_MSG_TIMER))
		lend__timer_received(msg);
	if (lend_likely(!msg->dropped))
		return msg;
	lend__message_free(NULL, msg);
	return NULL;
}

int lend__message_take(struct lend_actor *actor, struct lend_msg **ret_msg)
{
	struct lend_mail *mail;

	while ((mail = actor->inbox_first)) {
		int err;

		if (mail->kind == LEND_MAIL_MESSAGE) {
			struct lend_msg *msg = take_message(actor, mail);

			if (lend_unlikely(!msg))
				continue;
			*ret_msg = msg;
			return 0;
		}
		lend_assert(mail->kind == LEND_MAIL_NOTICE);
		err = actor->mail_calls->notice(mail, ret_msg);
		if (err != -EAGAIN)
			return err;
	}
	return -ENOENT;
}

void lend__message_drop_all(struct lend_actor *actor)
{
	struct lend_msg *msg;

	lend__actor_sort_mail(actor);
	/* Its operations were freed before, and their notices with them. */
	while (!lend__message_take(actor, &msg))
		lend__message_free(NULL, msg);
	lend_assert(!actor->inbox_first);
}

uint32_t lend_msg_type(const struct lend_msg *msg)
{
	lend_assert(msg->magic == LEND_MSG_MAGIC);
	return msg->mail.type;
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

void lend__message_free(struct lend_message_store *store, struct lend_msg *msg)
{
	if (!msg)
		return;
	lend_assert(msg->magic == LEND_MSG_MAGIC);
	/* Its asker learns that there will be no answer. */
	if (lend_unlikely(msg->kind == LEND_MSG_QUESTION)) {
		lend__ask_refuse(msg);
		return;
	}
	msg->magic = 0;
	if (store && lend_likely(msg->size_class < LEND_MESSAGE_CLASSES))
		lend__message_store_put(store, msg->size_class, &msg->mail);
	else
		free(msg);
}
