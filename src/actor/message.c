/*
 * Messages: see message.h.
 */
#include "actor/message.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/ask.h"
#include "actor/room.h"
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
	msg->counted = false;
	if (size)
		memcpy(msg->data, data, size);
	return msg;
}

int lend__message_post(struct lend_registry *registry, lend_ref to,
		       struct lend_msg *msg)
{
	struct lend_actor *actor;
	int err = lend__room_book(registry, to, &actor);

	if (lend_unlikely(err))
		return err;
	msg->counted = true;
	lend__actor_deliver(actor, &msg->mail);
	return 0;
}

int lend__message_send(struct lend_registry *registry,
		       struct lend_message_store *store, lend_ref to,
		       lend_ref sender, uint32_t type, const void *data,
		       size_t size)
{
	struct lend_actor *actor;
	struct lend_msg *msg;
	int err;

	if (lend_unlikely(size > LEND_MSG_SIZE_MAX))
		return -E2BIG;
	/* First: who is refused has asked for no memory. */
	err = lend__room_book(registry, to, &actor);
	if (lend_unlikely(err))
		return err;
	msg = lend__message_new(store, sender, type, data, size);
	if (lend_unlikely(!msg)) {
		lend__room_cancel(registry, to);
		return -ENOMEM;
	}
	msg->counted = true;
	lend__actor_deliver(actor, &msg->mail);
	return 0;
}

/* Out of the inbox; NULL: it is not to be received. */
static struct lend_msg *take_message(struct lend_actor *actor,
				     struct lend_mail *mail)
{
	struct lend_msg *msg = lend_container_of(mail, struct lend_msg, mail);

	lend__actor_remove_mail(actor, mail);
	if (lend_likely(msg->counted))
		lend__room_taken(actor);
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

	if (lend_likely(!actor->inbox_first && !actor->mailbox.handed &&
			!lend__mailbox_has_mail(&actor->mailbox) &&
			lend__room_is_quiet(actor)))
		return;
	for (;;) {
		lend__actor_sort_mail(actor);
		/* Its operations were freed before, and their notices with
		 * them. */
		while (!lend__message_take(actor, &msg))
			lend__message_free(NULL, msg);
		lend_assert(!actor->inbox_first);
		if (lend__room_is_quiet(actor))
			return;
		/* The rest is on its way: its senders may be off their CPUs. */
		sched_yield();
	}
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
