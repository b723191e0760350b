/*
 * Messages: bytes and a type, sent to an actor by its reference.
 *
 * A mailbox holds LEND_MAILBOX_MAX messages. A sender that finds it full gets
 * -EAGAIN and decides what that means; or it waits for room, by
 * lend_tell_wait(). Messages from one sender arrive in the order they were
 * sent. Answers, and messages of timers and of actors that have ended, need no
 * room.
 */
#ifndef LEND_MAILBOX_H
#define LEND_MAILBOX_H

#include <lend/actor.h>
#include <lend/base.h>
#include <stdbool.h>

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
 *         -ESRCH   there is no such actor (any more), or the caller is on no
 *                  worker's thread
 *         -EAGAIN  its mailbox is full
 *         -E2BIG   @size is too big
 *         -ENOMEM
 */
LEND_API LEND_NODISCARD int lend_tell(lend_ref to, uint32_t type,
				      const void *data, size_t size);

/**
 * Send a message, and wait for room if the receiver's mailbox is full.
 *
 * Those who wait have their turn in the order they came, whatever they send.
 * The message is in the mailbox when this returns 0, and is not sent otherwise.
 * Who finds room does not wait, even if others still do. The receiver makes
 * room by lend_receive(); as long as it does nothing else either, but compute,
 * nobody's wait ends.
 *
 * @to, @type, @data, @size  as for lend_tell()
 * @deadline                 how long to wait; LEND_NOW: not at all
 *
 * Thread: an actor. A thread that is none has lend_runtime_tell(), which does
 * not wait: it tries again, or asks (lend_runtime_ask()).
 * Blocks: suspends the actor.
 *
 * Return: 0
 *         -ESRCH      there is no such actor, or it has ended meanwhile
 *         -ETIMEDOUT  there was no room until the deadline
 *         -ECANCELED  the calling actor was cancelled
 *         -EDEADLK    the mailbox is the caller's own, and full
 *         -EINVAL     the caller is no actor
 *         -E2BIG      @size is too big
 *         -ENOMEM
 */
LEND_API LEND_NODISCARD int lend_tell_wait(lend_ref to, uint32_t type,
					   const void *data, size_t size,
					   uint64_t deadline) LEND_AWAITS;

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
 *         -ENOMEM     an operation is over that is to be told of, and there is
 *                     no memory for the message
 */
LEND_API LEND_NODISCARD int lend_receive(uint64_t deadline,
					 struct lend_msg **ret_msg) LEND_AWAITS;

/* ---- questions ---- */

/**
 * Send a message and wait for its answer.
 *
 * The receiver gets it by lend_receive() and answers with lend_reply(). Other
 * messages that come meanwhile stay in the mailbox. An answer that comes after
 * this has returned is freed unseen, also while another question waits.
 *
 * @to, @type, @data, @size  as for lend_tell()
 * @deadline                 for the answer; with one that has passed it is
 *                           asked, and not waited for
 * @ret_answer               written only on success
 *
 * Thread: an actor; other threads use lend_runtime_ask().
 * Blocks: suspends the actor.
 * Ownership: the caller frees the answer with lend_msg_free().
 *
 * Return: 0
 *         -ESRCH, -EAGAIN, -E2BIG, -ENOMEM  as for lend_tell(): nothing was
 *                                           sent
 *         -EDEADLK    an actor can not ask itself
 *         -EPIPE      there will be no answer: the receiver has ended, or has
 *                     freed the message
 *         -ETIMEDOUT  there was none until the deadline
 *         -ECANCELED  the actor was cancelled
 */
LEND_API LEND_NODISCARD int lend_ask(lend_ref to, uint32_t type,
				     const void *data, size_t size,
				     uint64_t deadline,
				     struct lend_msg **ret_answer) LEND_AWAITS;

/**
 * Answer a question, once. Without an answer, freeing it tells its asker that
 * there will be none.
 *
 * @question           a received message; it stays the caller's
 * @type,@data,@size   the answer, as for lend_tell()
 *
 * Thread: the owner of @question. Blocks: no.
 *
 * Return: 0       also if its asker has given up meanwhile
 *         -EINVAL  it is no question, or was answered
 *         -ESRCH   its asker has ended
 *         -E2BIG   @size is too big: it can be answered again
 *         -ENOMEM  the same
 */
LEND_API LEND_NODISCARD int lend_reply(struct lend_msg *question, uint32_t type,
				       const void *data, size_t size);

/* Does somebody wait for an answer to it, as far as can be told here? Thread:
 * its owner. Blocks: no. */
LEND_API bool lend_msg_is_question(const struct lend_msg *msg);

/* ---- watching others ---- */

/* The data of the message that lend_monitor() has sent. */
struct lend_ended {
	lend_ref actor;
	int value; /* its exit value */
};

/**
 * Have a message sent to the calling actor when another one ends: one for each
 * call. It needs no room in the mailbox.
 *
 * @actor  whom to watch; it need not be joinable
 * @type   of the message; its data is a struct lend_ended, its sender @actor
 *
 * Thread: an actor. Blocks: no.
 *
 * Return: 0
 *         -ESRCH  there is no such actor (any more)
 *         -ENOMEM
 */
LEND_API LEND_NODISCARD int lend_monitor(lend_ref actor, uint32_t type);

/**
 * Watch no more: what the calling actor asked for is forgotten. A message that
 * was sent is not called back.
 *
 * Thread: an actor. Blocks: no.
 *
 * Return: 0
 *         -ESRCH  there is no such actor (any more), or nothing to forget
 */
LEND_API int lend_demonitor(lend_ref actor);

/* ---- messages ---- */

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
