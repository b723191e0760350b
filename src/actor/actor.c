/*
 * The actor's record: filling it, signals, sorting mail. Starting and ending
 * actors is the runtime's (rt/lifecycle.c).
 */
#include "actor/actor.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <lend/clock.h>

#include "actor/message.h"
#include "actor/ask.h"
#include "actor/scope.h"
#include "actor/timer.h"
#include "base/check.h"

/* A byte of a character of UTF-8 that is not its first; it has three of them at
 * most. */
static bool is_further(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* As much as there is room for, but no part of a character. */
static size_t cut_name(const char *name)
{
	const size_t end = strnlen(name, LEND_ACTOR_NAME_MAX);
	size_t size = end;

	if (end < LEND_ACTOR_NAME_MAX)
		return end;
	while (is_further(name[size]) && end - size < 3)
		size--;
	/* With more of them it is no UTF-8. */
	return is_further(name[size]) ? end : size;
}

/* Names stand in lines of text that others read: none may end a line, or talk
 * to a terminal. */
static void copy_name(struct lend_actor *actor, const char *name)
{
	size_t size = cut_name(name);

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)name[i];

		actor->name[i] = c < 0x20 || c == 0x7f ? '?' : name[i];
	}
}

void lend__actor_init(struct lend_actor *actor, struct lend_host *host,
		      lend_actor_fn fn, void *arg, const char *name)
{
	uint32_t index = actor->index;
	bool joinable = actor->joinable;
	struct lend_registry_entry *entry = actor->entry;

	/* Others may look at the head: Note [idle] in mailbox.h. The heap's is
	 * cleared by who sets it up. */
	atomic_store_explicit(&actor->mailbox.head, NULL, memory_order_relaxed);
	memset(&actor->mailbox.handed, 0,
	       offsetof(struct lend_actor, heap) -
		       offsetof(struct lend_actor, mailbox.handed));
	actor->index = index;
	actor->entry = entry;
	actor->joinable = joinable;
	actor->host = host;
	atomic_store_explicit(&actor->ahead, actor, memory_order_relaxed);
	actor->fn = fn;
	actor->arg = arg;
	if (name)
		copy_name(actor, name);
	actor->signal_mail.kind = LEND_MAIL_SIGNAL;
	actor->deadline = LEND_FOREVER;
	actor->alarm_ns = LEND_FOREVER;
	actor->cancel_again_ns = LEND_FOREVER;
	lend_list_init(&actor->cleanups);
	lend_list_init(&actor->joiners);
	lend_list_init(&actor->senders);
	lend_list_init(&actor->scope_link);
	lend_list_init(&actor->pendings);
}

void lend__actor_title(const char *name, uint32_t index,
		       char title[LEND_ACTOR_TITLE_SIZE])
{
	snprintf(title, LEND_ACTOR_TITLE_SIZE, "%s #%u",
		 name[0] ? name : "(unnamed)", index);
}

void lend__actor_signal(struct lend_actor *actor, uint32_t signal)
{
	/* Release [M2], paired with the acquire in sort_mail(): what the
	 * signal is about. Whoever sets MAILED owns the node until the actor
	 * clears it, so the node is in the mailbox at most once. */
	uint32_t before = atomic_fetch_or_explicit(&actor->signals,
						   signal | LEND_SIGNAL_MAILED,
						   memory_order_acq_rel);

	if (!(before & LEND_SIGNAL_MAILED))
		lend__actor_deliver(actor, &actor->signal_mail);
}

void lend__actor_wake(struct lend_actor *actor)
{
	/* What it is to see is ordered by the queue, Note [handed] in
	 * mailbox.h, or by the signal. */
	if (lend_likely(lend__mailbox_rouse(&actor->mailbox)))
		actor->host->runnable(actor->host, actor);
	else
		lend__actor_signal(actor, LEND_SIGNAL_WAKE);
}

void lend__actor_unpark(struct lend_actor *actor)
{
	if (lend__actor_unpark_idle(actor, actor->generation))
		actor->host->runnable(actor->host, actor);
	else
		/* Its order, too: what the caller did before is seen by who
		 * takes the permit, also if there is one already. */
		lend__actor_signal(actor, LEND_SIGNAL_PERMIT);
}

static void take_signals(struct lend_actor *actor)
{
	/* Acquire [M2]. */
	uint32_t signals = atomic_exchange_explicit(&actor->signals, 0,
						    memory_order_acq_rel);

	if (signals & LEND_SIGNAL_CANCEL) {
		actor->cancel_seen = true;
		lend__actor_judge(actor);
	}
	if (signals & LEND_SIGNAL_PERMIT)
		actor->permit = true;
	if (signals & LEND_SIGNAL_ROOM)
		actor->owes |= LEND_OWES_ROOM;
	if (lend_unlikely(signals & LEND_SIGNAL_CLOSING) && actor->mail_calls)
		actor->mail_calls->closing(actor);
}

/* ---- cancelled or not ---- */

static void set_alarm(struct lend_actor *actor)
{
	/* One that has passed is not waited for again. */
	actor->alarm_ns = actor->late ? LEND_FOREVER : actor->deadline;
	if (actor->own_timers)
		actor->alarm_ns = lend__timer_earlier(actor->own_timers,
						      actor->alarm_ns);
	if (actor->cancel_again_ns < actor->alarm_ns)
		actor->alarm_ns = actor->cancel_again_ns;
}

void lend__actor_cancel_again(struct lend_actor *actor, uint64_t again_ns)
{
	actor->cancel_again_ns = again_ns;
	set_alarm(actor);
}

void lend__actor_judge(struct lend_actor *actor)
{
	bool cancelled = actor->cancel_seen && !actor->uncancellable;

	actor->cancelled = cancelled || actor->late;
	set_alarm(actor);
	/* Their members have a deadline of their own. */
	if (cancelled)
		lend__scope_cancel_all(actor);
}

bool lend__actor_limit(struct lend_actor *actor, uint64_t deadline)
{
	bool late = actor->late;

	actor->deadline = deadline;
	actor->late = deadline != LEND_FOREVER && lend_now() >= deadline;
	lend__actor_judge(actor);
	return late;
}

__attribute__((noinline)) static void look_at_clock(struct lend_actor *actor)
{
	uint64_t now_ns = lend_now();

	if (now_ns < actor->alarm_ns)
		return;
	if (now_ns >= actor->deadline)
		actor->late = true;
	if (actor->own_timers)
		lend__timer_fire(actor, now_ns);
	lend__actor_judge(actor);
}

void lend__actor_append_mail(struct lend_actor *actor, struct lend_mail *mail)
{
	mail->next = NULL;
	if (actor->inbox_last)
		actor->inbox_last->next = mail;
	else
		actor->inbox_first = mail;
	actor->inbox_last = mail;
}

void lend__actor_remove_mail(struct lend_actor *actor, struct lend_mail *mail)
{
	struct lend_mail *before = NULL;

	for (struct lend_mail *at = actor->inbox_first; at != mail;
	     at = at->next) {
		lend_assert(at);
		before = at;
	}
	if (before)
		before->next = mail->next;
	else
		actor->inbox_first = mail->next;
	if (actor->inbox_last == mail)
		actor->inbox_last = before;
	mail->next = NULL;
}

static void sort_message(struct lend_actor *actor, struct lend_msg *msg)
{
	if (lend_unlikely(msg->kind == LEND_MSG_ANSWER ||
			  msg->kind == LEND_MSG_REFUSAL))
		lend__ask_sort(actor, msg);
	else
		lend__actor_append_mail(actor, &msg->mail);
}

void lend__actor_sort_mail(struct lend_actor *actor)
{
	struct lend_mail *mail = lend__mailbox_take(&actor->mailbox);

	while (mail) {
		/* Read first: once sorted, the mail is its owner's again. */
		struct lend_mail *next = mail->next;

		switch ((enum lend_mail_kind)mail->kind) {
		case LEND_MAIL_OP:
			mail->arrived = true;
			break;
		case LEND_MAIL_NOTICE:
			mail->arrived = true;
			lend__actor_append_mail(actor, mail);
			break;
		case LEND_MAIL_ORPHAN:
			mail->arrived = true;
			actor->mail_calls->orphan(mail);
			break;
		case LEND_MAIL_MESSAGE:
			sort_message(actor,
				     lend_container_of(mail, struct lend_msg,
						       mail));
			break;
		case LEND_MAIL_SIGNAL:
			take_signals(actor);
			break;
		}
		mail = next;
	}
	if (lend_unlikely(actor->alarm_ns != LEND_FOREVER))
		look_at_clock(actor);
}
