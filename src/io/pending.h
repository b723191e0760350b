/*
 * Pendings, from within io: see include/lend/pending.h.
 */
#ifndef LEND_IO_PENDING_H
#define LEND_IO_PENDING_H

#include <lend/pending.h>

#include "io/await.h"

struct io_uring_sqe;

/**
 * Get a record and an SQE for an operation that goes on beside its actor:
 * lend__io_begin() for the calls that operation.h makes.
 *
 * lend__pending_submit(): the SQE is filled: remember it and submit.
 */
LEND_NODISCARD int
lend__pending_begin(struct lend_io *io, int fd,
		    struct lend_pending **ret_pending) LEND_AWAITS;
void lend__pending_submit(struct lend_io *io, struct lend_pending *pending);

/* Remember what is needed to fill the SQE once more. */
void lend__pending_keep(struct lend_pending *pending,
			const struct io_uring_sqe *sqe);

/* A pending that is over from the start: what @opcode does was emulated, and
 * has this result. -ECANCELED, -ENOMEM: then the result is discarded. */
LEND_NODISCARD int lend__pending_over(unsigned opcode, int result,
				      struct lend_pending **ret_pending);

/* Wait for it, cancel it if @deadline passes, free it: a synchronous call made
 * of an asynchronous one. Return: its result, or -ETIMEDOUT */
int lend__pending_finish(struct lend_pending *pending,
			 uint64_t deadline) LEND_AWAITS;

/*
 * The operation to be cancelled so that @op ends.
 *
 * One that is linked behind others is unknown to the kernel's cancellation
 * until its turn comes, which may be never; when the one is cancelled whose
 * turn it is, the rest of its chain ends with it. Thread: its actor.
 */
const struct lend_io_op *lend__pending_first(const struct lend_io_op *op);

/*
 * In the mail's spare bits, of one that was cancelled: how often, so far. Of
 * others: see pending.c.
 */
#define LEND_IO_CANCELLED 0x8000u

/* Cancel an operation, without waiting for its end, and see to that: Note
 * [cancelled] in cancel.c. It is not over. The second one does so again where
 * it is time to, of all of the actor's. */
void lend__pending_cancel(struct lend_pending *pending) LEND_AWAITS;
void lend__pending_cancel_again(struct lend_actor *self) LEND_AWAITS;

/* Cancel an operation and have it freed when it is over, without waiting. */
void lend__pending_orphan(struct lend_pending *pending);

/* It is over, or its actor sees to that itself from here on. */
void lend__pending_orphan_over(struct lend_pending *pending);

/* Cancel those of the calling actor whose descriptor is being closed, without
 * waiting. */
void lend__pending_end_closing(struct lend_actor *self);

/* What io does with an actor's mail; of an actor that has pendings. */
extern const struct lend_mail_calls lend__pending_mail_calls;

#endif
