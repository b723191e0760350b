/*
 * Pendings: operations that go on beside their actor.
 *
 *	struct lend_pending *page, *reply;
 *
 *	lend_read_async(file, buffer, size, 0, &page);
 *	lend_recv_async(socket, answer, sizeof(answer), 0, &reply);
 *	... something else ...
 *	res = lend_pending_await(page, LEND_FOREVER);
 *	lend_pending_free(page);
 *
 * Each call of file.h, socket.h and wait.h has an asynchronous form, with
 * _async behind its name: in place of a deadline it takes where to put the
 * handle. lend_claim_commit() gives a handle for each of its SQEs.
 *
 * What an operation reads (a path, an address, a time, vectors, a message's
 * header) is copied: the caller may change it as soon as the asynchronous call
 * has returned. So is a payload of at most LEND_PAYLOAD_COPY_MAX bytes. Larger
 * ones, and whatever the operation writes (a buffer to read into, a struct
 * statx, an accepted address and its size, a received message's header) must
 * stay where they are until it is over. Memory of lend_io_alloc() does, also if
 * the actor ends: its operations end first.
 *
 * A handle belongs to the actor that started the operation, until it frees or
 * abandons it; a call of another one's with it ends the program. What is left
 * at the actor's end is cancelled and freed then. A descriptor that is the
 * result of an operation (openat, accept, socket) is closed with a handle whose
 * result nobody has asked for.
 */
#ifndef LEND_PENDING_H
#define LEND_PENDING_H

#include <lend/base.h>
#include <lend/clock.h>
#include <stdbool.h>

/* Bytes of a payload up to which an asynchronous write or send copies it. */
#define LEND_PAYLOAD_COPY_MAX 256

struct lend_pending;

/* What the message of lend_pending_notify() holds. */
struct lend_notice {
	struct lend_pending *pending;
	int result;
};

LEND_BEGIN_DECLS

/**
 * Wait for an operation.
 *
 * @deadline  when it passes the operation goes on: wait again, or cancel
 *
 * Thread: the actor that started it. Blocks: suspends the actor.
 *
 * Return: the operation's result, also a negative one; the same each time
 *         -ETIMEDOUT  it is still in flight (lend_pending_done() tells this
 *                     from an operation that ended with that result)
 *         -ECANCELED  it was cancelled, by lend_pending_cancel(), by
 *                     lend_close(), or as the actor was
 */
LEND_API LEND_NODISCARD int lend_pending_await(struct lend_pending *pending,
					       uint64_t deadline) LEND_AWAITS;

/**
 * Wait for the first of several.
 *
 * @pendings  @count handles; NULL ones are passed over, so that those which
 *            are over can be struck out
 *
 * Thread: the actor that started them. Blocks: suspends the actor.
 *
 * Return: the index of one that is over, the lowest if there are more
 *         -EINVAL     there is none in @pendings
 *         -ETIMEDOUT  @deadline has passed; all are still in flight
 *         -ECANCELED  the actor was cancelled; what is in flight goes on until
 *                     it is freed
 */
LEND_API LEND_NODISCARD int
lend_pending_await_any(struct lend_pending *const *pendings, unsigned count,
		       uint64_t deadline) LEND_AWAITS;

/**
 * Wait for all of several, whatever their results; NULL ones are passed over.
 *
 * Thread: the actor that started them. Blocks: suspends the actor.
 *
 * Return: 0           all are over: see lend_pending_result()
 *         -ETIMEDOUT  @deadline has passed; some are still in flight
 *         -ECANCELED  the actor was cancelled, and with it all of them; they
 *                     are over
 */
LEND_API LEND_NODISCARD int
lend_pending_await_all(struct lend_pending *const *pendings, unsigned count,
		       uint64_t deadline) LEND_AWAITS;

/**
 * Is it over?
 *
 * Thread: the actor that started it. Blocks: no.
 */
LEND_API bool lend_pending_done(struct lend_pending *pending);

/**
 * The result of an operation: what its synchronous form would have returned.
 *
 * Thread: the actor that started it. Blocks: no.
 *
 * Return: as lend_pending_await()
 *         -EINPROGRESS  it is not over
 */
LEND_API LEND_NODISCARD int lend_pending_result(struct lend_pending *pending);

/**
 * Have a message come when it is over, at once if it is: its type is @type, its
 * data a struct lend_notice. So an actor can wait for messages and operations
 * in one place, lend_receive(). Who has cancelled the operation need do no more
 * than that, either.
 *
 * Until the message has been received the handle may be awaited all the same.
 * A handle that is freed before takes its message with it; in one that was
 * received it must not be used after that. Notices do not count for
 * LEND_MAILBOX_MAX.
 *
 * Thread: the actor that started it. Blocks: no.
 */
LEND_API void lend_pending_notify(struct lend_pending *pending, uint32_t type);

/**
 * Ask for its end: it ends with -ECANCELED soon, unless it was over just
 * before. Memory that was given to it is the kernel's until it is over.
 *
 * The kernel can miss that, and then says so, or not. Therefore it is asked
 * again, ever more rarely, by the later calls of the actor that wait or yield,
 * until the operation is over: whether they wait for it, for its notice among
 * other messages, or for something else. That needs no memory, and can not
 * fail. What can not be interrupted (a read of a disk that does not answer)
 * ends when it is done, with its own result.
 *
 * Thread: the actor that started it. Blocks: not until it is over, but the
 * actor may go on on another worker, as some rings hear only theirs; so it may
 * after any later call that waits, until the operation is over. One that is
 * pinned comes back.
 */
LEND_API void lend_pending_cancel(struct lend_pending *pending) LEND_AWAITS;

/**
 * Cancel it and never look at it again: the handle is gone. Its record is freed
 * when the kernel has let go of it; memory that was given to it must stay until
 * then, so it should be none that is written to, or be lend_io_alloc()'s and
 * left to the actor's end.
 *
 * A cancellation that has to be carried out by another worker is on its way
 * when this returns. NULL is ignored.
 *
 * Thread: the actor that started it. Blocks: no.
 */
LEND_API void lend_pending_abandon(struct lend_pending *pending);

/**
 * Free a handle. An operation in flight is cancelled and waited for first.
 * NULL is ignored.
 *
 * Thread: the actor that started it. Blocks: suspends the actor if the
 * operation is in flight.
 */
LEND_API void lend_pending_free(struct lend_pending *pending) LEND_AWAITS;

LEND_END_DECLS

#endif
