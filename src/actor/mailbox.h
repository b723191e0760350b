/*
 * The mailbox: the one way in which anything reaches an actor.
 *
 * Completions, messages and signals are mail: nodes in the sender's memory,
 * pushed by any thread, taken by the actor when it runs. The head is also the
 * actor's state: IDLE means that it is suspended and in no queue. Whoever
 * replaces IDLE by mail has thereby taken on to make the actor runnable, so a
 * thousand wake-ups are one, and none is lost between the actor's last look
 * and its going to sleep: its going to sleep is a compare-and-swap of the very
 * word that the senders write.
 *
 * Note [handed]
 * Who has replaced IDLE is alone with the actor until it has queued it: nobody
 * runs it, and others who come find no IDLE and leave it alone. So that one may
 * write what is the owner's: mail that finds IDLE goes into @handed, a plain
 * word, and a permit into the actor's record. The queue that hands the actor
 * over publishes it, and the head stays empty: the actor that was woken by one
 * piece of mail has no locked instruction to take it.
 *
 * Note [idle]
 * IDLE is not one value: it is made of the actor's generation. So who replaces
 * that of the actor it means has proved that this very one was suspended, and
 * that no other one has its place; and the actor can not end before it was
 * queued. Who wakes by a reference needs no pin for that, if it knows that the
 * runtime lives: the memory of a mailbox is always there and always one, of
 * which nothing is known. It reads as the mailbox of somebody else, or of one
 * that is not suspended, or as zeros, if nobody was ever there or the pages
 * were given back; then nothing of it is written. That is why whoever fills a
 * record does not touch the head but by atomic stores, and why the head is
 * looked at before the compare-and-swap, which would fault a page in. It proves
 * no more and no less than a pin does: generations begin anew, as lend_ref
 * says.
 */
#ifndef LEND_ACTOR_MAILBOX_H
#define LEND_ACTOR_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lend_mail_kind {
	LEND_MAIL_OP,	   /* an operation is over */
	LEND_MAIL_NOTICE,  /* the same, to be received like a message */
	LEND_MAIL_ORPHAN,  /* the same, and nobody waits for it */
	LEND_MAIL_MESSAGE, /* struct lend_msg */
	LEND_MAIL_SIGNAL,  /* the actor's own node: look at your signals */
};

struct lend_mail {
	struct lend_mail *next;
	uint8_t kind;	/* [owner] enum lend_mail_kind */
	bool arrived;	/* of an operation: the actor has taken it */
	uint16_t spare; /* [owner] free for it; see io/pending */
	uint32_t type;	/* [owner] of a message or a notice */
};

_Static_assert(sizeof(struct lend_mail) <= 16, "part of each operation");

struct lend_mailbox {
	/* [atomic: M1] newest first */
	_Atomic(struct lend_mail *) head;
	/* [owner], or who has replaced IDLE: older than what is in the list */
	struct lend_mail *handed;
};

_Static_assert(sizeof(uintptr_t) >= 8 && _Alignof(struct lend_mail) > 1,
	       "Note [idle]: a generation fits, and no mail looks like one");

/* What is in the head of a suspended actor's mailbox: Note [idle]. */
static inline struct lend_mail *lend__mailbox_idle_word(uint32_t generation)
{
	return (struct lend_mail *)((uintptr_t)generation << 1 | 1);
}

static inline bool lend__mailbox_is_idle_word(const struct lend_mail *head)
{
	return (uintptr_t)head & 1;
}

/**
 * Put mail in.
 *
 * Thread: any. @mail is in no mailbox and stays where it is until taken.
 *
 * Return: true if the owner was suspended: the caller makes it runnable
 */
static inline bool lend__mailbox_push(struct lend_mailbox *mailbox,
				      struct lend_mail *mail)
{
	struct lend_mail *head = atomic_load_explicit(&mailbox->head,
						      memory_order_relaxed);
	bool is_idle;

	do {
		is_idle = lend__mailbox_is_idle_word(head);
		mail->next = is_idle ? NULL : head;
		/* Release [M1], paired with take(): the mail's contents.
		 * Acquire [M3], paired with idle(): who replaces IDLE goes on
		 * to queue the actor and must see it as it was suspended. */
	} while (!atomic_compare_exchange_weak_explicit(
		&mailbox->head, &head, is_idle ? NULL : mail,
		memory_order_acq_rel, memory_order_relaxed));
	if (!is_idle)
		return false;
	/* Note [handed]. */
	mailbox->handed = mail;
	return true;
}

/* If the head is @idle, the owner is woken. */
static inline bool lend__mailbox_replace_idle(struct lend_mailbox *mailbox,
					      struct lend_mail *idle)
{
	/* Acquire [M3], as in push(). */
	return atomic_compare_exchange_strong_explicit(&mailbox->head, &idle,
						       NULL,
						       memory_order_acquire,
						       memory_order_relaxed);
}

/**
 * Wake the owner without mail, if it is suspended.
 *
 * Thread: any that may be sure that the owner lives.
 *
 * Return: true if it was: the caller makes it runnable, and may leave word in
 *         its record before
 */
static inline bool lend__mailbox_rouse(struct lend_mailbox *mailbox)
{
	struct lend_mail *head = atomic_load_explicit(&mailbox->head,
						      memory_order_relaxed);

	return lend__mailbox_is_idle_word(head) &&
	       lend__mailbox_replace_idle(mailbox, head);
}

/**
 * The same, if the owner is the actor of @generation, which may have ended long
 * ago: Note [idle].
 *
 * Thread: any that may be sure that the mailbox's memory is there.
 */
static inline bool lend__mailbox_rouse_whom(struct lend_mailbox *mailbox,
					    uint32_t generation)
{
	struct lend_mail *idle = lend__mailbox_idle_word(generation);

	return atomic_load_explicit(&mailbox->head, memory_order_relaxed) ==
		       idle &&
	       lend__mailbox_replace_idle(mailbox, idle);
}

/**
 * The owner, of @generation, has been suspended, mark it so. It has taken its
 * mail: what was handed to it is looked at by take() alone.
 *
 * Thread: the worker it ran on, after the switch away from it.
 *
 * Return: false if there is mail: the owner must run again
 */
static inline bool lend__mailbox_idle(struct lend_mailbox *mailbox,
				      uint32_t generation)
{
	struct lend_mail *empty = NULL;

	/* Release [M3], paired with push(): the actor's saved registers. */
	return atomic_compare_exchange_strong_explicit(
		&mailbox->head, &empty, lend__mailbox_idle_word(generation),
		memory_order_release, memory_order_relaxed);
}

/* Is the owner suspended, as a hint? Thread: any. */
static inline bool lend__mailbox_is_idle(const struct lend_mailbox *mailbox)
{
	return lend__mailbox_is_idle_word(
		atomic_load_explicit(&mailbox->head, memory_order_relaxed));
}

/* Has any come since the owner ran last and took what there was? Thread: the
 * owner, running. */
static inline bool lend__mailbox_has_mail(const struct lend_mailbox *mailbox)
{
	return atomic_load_explicit(&mailbox->head, memory_order_relaxed);
}

/* Has it been woken by mail? Thread: as above. */
static inline bool lend__mailbox_has_handed(const struct lend_mailbox *mailbox)
{
	return mailbox->handed;
}

/* What the list holds, oldest first, behind @first. */
static inline struct lend_mail *
lend__mailbox_take_list(struct lend_mailbox *mailbox, struct lend_mail *first)
{
	/* Acquire [M1]. */
	struct lend_mail *mail = atomic_exchange_explicit(&mailbox->head, NULL,
							  memory_order_acquire);
	struct lend_mail *oldest = NULL;

	while (mail) {
		struct lend_mail *next = mail->next;

		mail->next = oldest;
		oldest = mail;
		mail = next;
	}
	if (!first)
		return oldest;
	first->next = oldest;
	return first;
}

/**
 * Take everything, oldest first.
 *
 * Thread: the owner, running.
 */
static inline struct lend_mail *lend__mailbox_take(struct lend_mailbox *mailbox)
{
	struct lend_mail *first = mailbox->handed;

	mailbox->handed = NULL;
	if (!lend__mailbox_has_mail(mailbox))
		return first;
	return lend__mailbox_take_list(mailbox, first);
}

#endif
