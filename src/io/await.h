/*
 * Starting an operation and waiting for it: what every call of io is made of.
 *
 *	struct lend_io io;
 *	int res = lend__io_begin(&io, fd, deadline);
 *
 *	if (res)
 *		return res;
 *	do
 *		io_uring_prep_read(io.sqe, fd, buffer, size, offset);
 *	while (!lend__io_run(&io, deadline, &res));
 *	return res;
 *
 * Note [again]
 * The kernel may end an operation with -ECANCELED (or, if one of its own
 * threads had it, -EINTR) though nobody asked for that: the thread that had
 * submitted it is gone, or its ring is being emptied so that it can be closed.
 * Nothing has been done then: what has been done in part has another result.
 * So the operation is submitted again, by whom it belongs to, on whatever ring
 * the actor's worker has now. Who asks for an end says so first:
 * lend__io_cancel() in the record, lend_close() in the table of descriptors,
 * where the operation is counted until its record is freed. What fills the SQE
 * is called again rather than a copy kept. An operation that goes on beside its
 * actor has nobody to call again, so it keeps what it needs of its SQE, 40
 * bytes: see pending.c.
 *
 * Note [kept]
 * Who does one operation after the other on a descriptor of its own, as a
 * connection does, keeps one record for all of them. It is counted in the table
 * of descriptors once, and not by two locked instructions for each operation,
 * on a line that it shares with its neighbours' descriptors; and nothing is
 * taken from the heap and given back. The price is that it counts while nothing
 * is in flight, too. Who closes the descriptor waits for the record's end: the
 * actor's next operation is refused, but until it wants one the closer cancels,
 * and asks everybody, again and again; the actor itself would wait for ever. So
 * it is for descriptors that nobody else closes but by mistake.
 */
#ifndef LEND_IO_AWAIT_H
#define LEND_IO_AWAIT_H

#include <lend/io.h>
#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "actor/mailbox.h"
#include "arbiter/claim.h"
#include "arbiter/op.h"

/* Whether an operation's end wakes its actor. */
enum lend_io_notice {
	LEND_IO_LOUD,  /* by mail */
	LEND_IO_QUIET, /* not unless the actor begins to wait for it */
	LEND_IO_OVER,  /* it was quiet, and is over */
};

/* An operation of an actor; one granule of its I/O heap. */
struct lend_io_op {
	struct lend_op op;
	struct lend_mail mail;
	struct lend_actor *actor;
	int fd;			/* counted in the table of descriptors; -1 */
	_Atomic uint8_t notice; /* [I2] enum lend_io_notice */
	/* [owner] */
	bool asked : 1; /* to end: its end is no surprise */
	/* Of a pending: see pending.c. */
	bool once : 1;	   /* never submitted again: it is its author's */
	bool again : 1;	   /* it was submitted again */
	bool connects : 1; /* it is a connect, whatever its opcode is now */
	bool due : 1;	   /* to be submitted again */
	bool settled : 1;  /* its result is what its author sees */
	bool from : 1;	   /* it tells the sender: see message.c */
	bool seen : 1;	   /* its author has its result */
	uint8_t opcode;	   /* for reports */
	uint8_t epoch;	   /* of the descriptor */
};

_Static_assert(sizeof(struct lend_io_op) <= 64, "one granule: X4");

/* An operation about to be submitted; on the caller's stack. */
struct lend_io {
	struct lend_actor *self;
	struct lend_io_op *op;
	struct lend_claim claim;
	struct io_uring_sqe *sqe; /* to be filled, good until the next await */
	unsigned agains;	  /* in a row: see LEND_IO_AGAIN_MAX */
	uint64_t again_ns;	  /* the last of them */
};

/* Submissions of one operation in a row, none of which lived for a
 * millisecond: then the error is the operation's own. */
#define LEND_IO_AGAIN_MAX 64

struct lend_apart;

/* What is kept of an SQE, so that it can be filled again; the opcode is in the
 * record. The operations of the table use nothing else. */
struct lend_io_template {
	uint64_t off;
	uint64_t addr;
	uint64_t addr3;
	union {
		struct {
			int32_t fd;
			uint32_t len;
		};
		/* Of one that was abandoned, or cancelled, which is never
		 * submitted again: see orphan.c, and Note [cancelled] in
		 * cancel.c. */
		struct lend_apart *apart;
		uint64_t cancel_again_ns;
	};
	uint32_t op_flags;
	uint32_t file_index;
};

/* Where a short receive puts what comes: see buffer.c. */
struct lend_io_room {
	char *data;    /* NULL: it is not short */
	uint32_t size; /* 0 then */
};

/* In @op_flags of a claim's, which is never submitted again: the next one of
 * its claim is linked behind it. */
#define LEND_IO_LINKS 1u

/* A cancellation can miss an operation that is between two waits (just woken,
 * about to wait again), so it is repeated until the operation has ended. */
#define LEND_IO_CANCEL_AGAIN_NS (5 * LEND_MS)
/* The kernel has found it: its end is on the way. */
#define LEND_IO_CANCEL_FOUND_NS (100 * LEND_MS)

/* Operations that go on beside their actor: known to it, so that its end can
 * end them. */
struct lend_pending {
	struct lend_io_op io;
	struct lend_list link; /* [owner] in the actor's list */
	/* How the actor's end ends it; NULL: cancel, wait, free. */
	void (*end)(struct lend_pending *pending);
	union {
		struct lend_io_template again; /* [owner] */
		struct __kernel_timespec time; /* of a link timeout */
		void *author; /* what a @done of its author's needs */
		struct lend_io_room room; /* of a receive */
	};

	_Static_assert(offsetof(struct lend_io_template, op_flags) >=
			       sizeof(struct __kernel_timespec),
		       "a link timeout of a claim has both");
};

_Static_assert(sizeof(struct lend_pending) <= 128, "a small class of spans");

/**
 * Get everything that an operation on @fd needs: its record and an SQE.
 *
 * @fd  -1 if it is about none
 *
 * Return: 0; the caller fills @io->sqe and calls lend__io_run() next
 *         -ECANCELED, -EBADF, -ENOMEM, -ETIMEDOUT
 */
LEND_NODISCARD int lend__io_begin(struct lend_io *io, int fd,
				  uint64_t deadline) LEND_AWAITS;

/**
 * The same in parts, for a record with memory of the operation's own behind it:
 * take the record, which does not suspend; get an SQE.
 *
 * @size  bytes, from sizeof(struct lend_io_op)
 *
 * lend__io_drop(): the record was not submitted, and is not wanted.
 */
LEND_NODISCARD int lend__io_begin_record(struct lend_io *io, int fd,
					 size_t size);
LEND_NODISCARD int lend__io_claim(struct lend_io *io,
				  uint64_t deadline) LEND_AWAITS;
void lend__io_drop(struct lend_io *io);

/**
 * Submit and wait.
 *
 * @ret_res  the CQE's res, or -ETIMEDOUT, or why it could not be submitted
 *           again; written only with true
 *
 * Return: true, it is over and @io is nobody's any more; false, @io->sqe is to
 *         be filled again: Note [again]
 */
LEND_NODISCARD bool lend__io_run(struct lend_io *io, uint64_t deadline,
				 int *ret_res) LEND_AWAITS;

/* It is over, as its actor knows. Did it end though nobody asked for that?
 * Then it is to be submitted again: Note [again]. Counts it, if so. Who closes
 * its descriptor has asked. */
bool lend__io_is_undone(struct lend_io_op *op);

/**
 * Submit one that is undone again: its record is kept.
 *
 * Return: 0; the caller fills @io->sqe and calls lend__io_submit()
 *         an error of lend__suspend_claim(): the operation is over as before
 */
LEND_NODISCARD int lend__io_begin_again(struct lend_io *io,
					struct lend_io_op *op,
					uint64_t deadline) LEND_AWAITS;

/* As lend__io_begin() with an asynchronous record: fill @io->sqe, call
 * lend__io_submit(), then lend__io_await() and lend__io_end(). */
LEND_NODISCARD int
lend__io_begin_pending(struct lend_io *io, int fd, uint64_t deadline,
		       struct lend_pending **ret_pending) LEND_AWAITS;
void lend__io_submit(struct lend_io *io);

/**
 * Have a record for one operation after the other: Note [kept]. It looks as if
 * one were over.
 *
 * @fd  who closes it waits for lend__io_end_pending(): lend__io_close()
 *
 * Return: 0, -ECANCELED, -EBADF, -ENOMEM
 */
LEND_NODISCARD int lend__io_keep(int fd, struct lend_pending **ret_pending);

/* As lend__io_begin() and lend__io_run(), with a kept record, whose operation
 * before is over. Instead of the latter, as with lend__io_begin_pending():
 * lend__io_submit() and lend__io_await(). */
LEND_NODISCARD int lend__io_begin_kept(struct lend_io *io,
				       struct lend_pending *kept,
				       uint64_t deadline) LEND_AWAITS;
LEND_NODISCARD bool lend__io_run_kept(struct lend_io *io, uint64_t deadline,
				      int *ret_res) LEND_AWAITS;

/**
 * Wait until an operation is over.
 *
 * @cancel  what to do when @deadline passes: true cancels it and waits for
 *          its end; false leaves it in flight. A cancelled actor always
 *          cancels it.
 *
 * Return: the CQE's res; -ETIMEDOUT if it was cancelled for the deadline, or
 *         is still in flight
 */
int lend__io_await(struct lend_io_op *op, uint64_t deadline,
		   bool cancel) LEND_AWAITS;

/* Call before lend__io_submit(): the end of an operation that is most often
 * over by the time anybody asks need not wake the actor. */
static inline void lend__io_quieten(struct lend_io *io)
{
	atomic_store_explicit(&io->op->notice, LEND_IO_QUIET,
			      memory_order_relaxed);
}

/* The actor is going to wait for it; or its poller, before lend__io_op_done(),
 * sees that the actor has to see to its end. */
void lend__io_make_loud(struct lend_io_op *op);

/* For reports: the actor waits for it, by other means than lend__io_await(), or
 * no more for anything. */
void lend__io_note_wait(const struct lend_io_op *op);
void lend__io_note_waited(struct lend_actor *self);

/* Is it over, as far as the actor has taken its mail? */
static inline bool lend__io_done(struct lend_io_op *op)
{
	/* Acquire [I2], paired with the end of a quiet one: its result. */
	if (!op->mail.arrived &&
	    atomic_load_explicit(&op->notice, memory_order_acquire) ==
		    LEND_IO_OVER)
		op->mail.arrived = true;
	return op->mail.arrived;
}

/* Free the record of an operation that is over. */
void lend__io_end(struct lend_io_op *op);
void lend__io_end_pending(struct lend_pending *pending);

/* Nobody sees this result, so nobody else will close it if it is a
 * descriptor. */
void lend__io_discard(unsigned opcode, int res);

/* Cancel it if it is in flight, and wait for its end, whatever happens. */
void lend__io_abort(struct lend_io_op *op) LEND_AWAITS;

/**
 * What a pending that users see has beyond others: its actor's end ends it, and
 * it leaves the descriptor with its last CQE.
 *
 * @pending  its record is made, but not submitted
 *
 * lend__io_renew_pending(): submit it again, as lend__io_begin_again(); -EBADF
 * if the descriptor was closed since.
 */
void lend__io_watch_pending(struct lend_pending *pending);
LEND_NODISCARD int lend__io_renew_pending(struct lend_io *io,
					  struct lend_pending *pending,
					  uint64_t deadline) LEND_AWAITS;

/* Its author gets its result: what that is of is the author's from now on. */
void lend__io_see_pending(struct lend_pending *pending);

/* Of a call that is made of several operations, some of them on descriptors of
 * its own: is somebody closing one of those that it is about (@also_fds of the
 * actor, which it has counted)? Its operations end as if they were on it. */
bool lend__io_is_closing(const struct lend_actor *self);

/* lend_close() of a descriptor that others may have closed by mistake, if it is
 * still the same file's: lend__descriptor_epoch() when it was got. -EBADF if it
 * is not. */
int lend__io_close(int fd, uint8_t epoch) LEND_AWAITS;

/* Is the result of such an operation a new descriptor? */
static inline bool lend__io_opens(unsigned opcode)
{
	switch (opcode) {
	case IORING_OP_ACCEPT:
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
	case IORING_OP_SOCKET:
		return true;
	default:
		return false;
	}
}

/* What the poller does at the end of an operation; for records whose own end
 * has more to it. */
void lend__io_op_done(struct lend_op *op, int32_t res, uint32_t flags,
		      bool more);

/* Is that an end that nobody asked for, by its result? */
bool lend__io_is_interruption(int res);

/* Make a record ready for a claim's SQE. The memory is the caller's. */
void lend__io_op_init(struct lend_io_op *op, struct lend_actor *self, int fd);

/* The actor's list of pendings and its claim are looked after at its end, by
 * lend__io_end_all(). Who has more to release then, and can not rely on its
 * function returning (see lend_exit()), sets @self->end_io itself and calls
 * that first. */
void lend__io_watch_end(struct lend_actor *self);
void lend__io_end_all(struct lend_actor *self) LEND_AWAITS;

/* A record that is made: its actor knows of it, and its end ends it. */
static inline void lend__io_enlist(struct lend_pending *pending)
{
	struct lend_actor *self = pending->io.actor;

	pending->io.mail.spare = 0;
	pending->end = NULL;
	lend_list_push_back(&self->pendings, &pending->link);
	lend__io_watch_end(self);
}

/* The @attempt-th attempt, from 0, to cancel, on the ring that has the
 * operation. It may move the actor to another worker. Returns how long to wait
 * for the operation's end before the next attempt: Note [cancel again]. */
uint64_t lend__io_cancel(struct lend_io_op *op, unsigned attempt) LEND_AWAITS;

#endif
