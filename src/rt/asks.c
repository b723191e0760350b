/*
 * Sending questions and waiting for answers, and watching others: see
 * include/lend/mailbox.h.
 */
#include <errno.h>
#include <lend/mailbox.h>
#include <lend/runtime.h>

#include "actor/actor.h"
#include "actor/ask.h"
#include "actor/message.h"
#include "actor/monitor.h"
#include "actor/registry.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/messages.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/turn.h"
#include "rt/worker.h"

/* A question is on its way, or freed. */
static int send_question(struct lend_registry *registry, lend_ref to,
			 struct lend_msg *question)
{
	int err = lend__message_post(registry, to, question);

	if (err) {
		/* Its asker learns that from us. */
		question->kind = LEND_MSG_TOLD;
		lend_msg_free(question);
	}
	return err;
}

static int make_question(uint32_t type, const void *data, size_t size,
			 struct lend_msg **ret_question)
{
	struct lend_msg *question;

	if (size > LEND_MSG_SIZE_MAX)
		return -E2BIG;
	question = lend__message_new(lend__messages_store(), (lend_ref){ 0, 0 },
				     type, data, size);
	if (!question)
		return -ENOMEM;
	question->kind = LEND_MSG_QUESTION;
	*ret_question = question;
	return 0;
}

static int wait_for_answer(struct lend_actor *self, lend_ref whom,
			   uint64_t deadline)
{
	while (!self->answer) {
		int err = lend__suspend_for(self, LEND_WAITS_ANSWER,
					    (int)whom.index, deadline);

		if (err && !self->answer)
			return err;
	}
	return 0;
}

int lend_ask(lend_ref to, uint32_t type, const void *data, size_t size,
	     uint64_t deadline, struct lend_msg **ret_answer)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_registry *registry;
	struct lend_msg *question, *answer;
	int err;

	lend_assert_actor(self);
	lend_assert(!self->asking);
	if (lend__ref_equal(to, lend__actor_ref(self)))
		return -EDEADLK;
	lend__turn_spend(self);
	lend__actor_sort_mail(self);
	if (self->cancelled)
		return -ECANCELED;
	err = make_question(type, data, size, &question);
	if (err)
		return err;
	registry = &lend__current_worker()->runtime->registry;
	self->asked += 1 + (self->asked == UINT32_MAX); /* never 0 */
	self->asking = self->asked;
	question->sender = lend__actor_ref(self);
	question->registry = registry;
	question->question = self->asking;
	err = send_question(registry, to, question);
	if (!err)
		err = wait_for_answer(self, to, deadline);
	/* What comes from here on is late. */
	self->asking = 0;
	answer = self->answer;
	self->answer = NULL;
	if (err)
		return err;
	if (answer->kind == LEND_MSG_REFUSAL) {
		lend_msg_free(answer);
		return -EPIPE;
	}
	*ret_answer = answer;
	return 0;
}

int lend_reply(struct lend_msg *question, uint32_t type, const void *data,
	       size_t size)
{
	return lend__ask_reply(lend__messages_store(), question, type, data,
			       size);
}

int lend_runtime_ask(struct lend_runtime *runtime, lend_ref to, uint32_t type,
		     const void *data, size_t size, uint64_t deadline,
		     struct lend_msg **ret_answer)
{
	struct lend_ticket *ticket;
	struct lend_msg *question;
	bool is_pinned;
	int err;

	if (lend__current_actor())
		return -EINVAL;
	err = make_question(type, data, size, &question);
	if (err)
		return err;
	ticket = lend__ticket_new();
	if (!ticket) {
		question->kind = LEND_MSG_TOLD;
		lend_msg_free(question);
		return -ENOMEM;
	}
	question->ticket = ticket;
	/* As in lend_runtime_tell(): it outlives the delivery. */
	is_pinned = lend__registry_pin(&runtime->registry, to);
	err = send_question(&runtime->registry, to, question);
	if (is_pinned)
		lend__registry_unpin(&runtime->registry, to);
	if (err) {
		lend__ticket_free(ticket);
		return err;
	}
	return lend__ticket_wait(ticket, deadline, ret_answer);
}

int lend_monitor(lend_ref actor, uint32_t type)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	return lend__monitor_add(&lend__current_worker()->runtime->registry,
				 actor, lend__actor_ref(self), type);
}

int lend_demonitor(lend_ref actor)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	return lend__monitor_remove(&lend__current_worker()->runtime->registry,
				    actor, lend__actor_ref(self));
}
