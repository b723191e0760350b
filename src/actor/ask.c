/*
 * Questions and answers: see ask.h. Sending and waiting is rt/asks.c.
 */
#include "actor/ask.h"

#include <errno.h>
#include <stdlib.h>

#include "actor/actor.h"
#include "actor/message.h"
#include "actor/registry.h"
#include "base/check.h"
#include "base/condition.h"

/* ---- askers that are threads ---- */

struct lend_ticket *lend__ticket_new(void)
{
	struct lend_ticket *ticket = malloc(sizeof(*ticket));

	if (!ticket)
		return NULL;
	*ticket = (struct lend_ticket){ .holders = 2 };
	pthread_mutex_init(&ticket->lock, NULL);
	lend__condition_init(&ticket->changed);
	return ticket;
}

void lend__ticket_free(struct lend_ticket *ticket)
{
	pthread_cond_destroy(&ticket->changed);
	pthread_mutex_destroy(&ticket->lock);
	free(ticket);
}

/* Unlocks it; the last one frees it. */
static void let_go_locked(struct lend_ticket *ticket)
{
	bool last = !--ticket->holders;

	pthread_mutex_unlock(&ticket->lock);
	if (last)
		lend__ticket_free(ticket);
}

int lend__ticket_wait(struct lend_ticket *ticket, uint64_t deadline,
		      struct lend_msg **ret_answer)
{
	int err = 0;

	pthread_mutex_lock(&ticket->lock);
	while (!ticket->answer && !ticket->refused && !err)
		err = lend__condition_wait(&ticket->changed, &ticket->lock,
					   deadline);
	ticket->left = true;
	if (ticket->answer) {
		*ret_answer = ticket->answer;
		err = 0;
	} else {
		err = ticket->refused ? -EPIPE : -ETIMEDOUT;
	}
	let_go_locked(ticket);
	return err;
}

/* The question lets go of its ticket. NULL: there is no answer. */
static void hand_in(struct lend_ticket *ticket, struct lend_msg *answer)
{
	pthread_mutex_lock(&ticket->lock);
	if (ticket->left) {
		lend__message_free(NULL, answer);
	} else {
		ticket->answer = answer;
		ticket->refused = !answer;
		pthread_cond_signal(&ticket->changed);
	}
	let_go_locked(ticket);
}

/* ---- askers that are actors ---- */

void lend__ask_sort(struct lend_actor *actor, struct lend_msg *msg)
{
	if (actor->asking && msg->question == actor->asking && !actor->answer)
		actor->answer = msg;
	else
		lend__message_free(NULL, msg);
}

/* False: the asker has ended. */
static bool post_to_asker(const struct lend_msg *question,
			  struct lend_msg *answer)
{
	struct lend_registry *registry = question->registry;
	lend_ref ref = question->sender;
	struct lend_actor *asker;

	answer->question = question->question;
	asker = lend__registry_pin(registry, ref);
	if (!asker)
		return false;
	/* It has a place for it: not counted as a message. */
	lend__actor_deliver(asker, &answer->mail);
	lend__registry_unpin(registry, ref);
	return true;
}

static bool is_of_thread(const struct lend_msg *question)
{
	return !question->sender.generation;
}

void lend__ask_refuse(struct lend_msg *question)
{
	question->kind = LEND_MSG_REFUSAL;
	if (is_of_thread(question)) {
		hand_in(question->ticket, NULL);
		lend__message_free(NULL, question);
	} else if (!post_to_asker(question, question)) {
		lend__message_free(NULL, question);
	}
}

int lend__ask_reply(struct lend_message_store *store, struct lend_msg *question,
		    uint32_t type, const void *data, size_t size)
{
	struct lend_msg *answer;

	lend_assert(question->magic == LEND_MSG_MAGIC);
	if (question->kind != LEND_MSG_QUESTION)
		return -EINVAL;
	if (size > LEND_MSG_SIZE_MAX)
		return -E2BIG;
	answer = lend__message_new(store, (lend_ref){ 0, 0 }, type, data, size);
	if (!answer)
		return -ENOMEM;
	answer->kind = LEND_MSG_ANSWER;
	question->kind = LEND_MSG_TOLD;
	if (is_of_thread(question)) {
		hand_in(question->ticket, answer);
		return 0;
	}
	if (post_to_asker(question, answer))
		return 0;
	lend__message_free(store, answer);
	return -ESRCH;
}

bool lend_msg_is_question(const struct lend_msg *msg)
{
	lend_assert(msg->magic == LEND_MSG_MAGIC);
	return msg->kind == LEND_MSG_QUESTION;
}
