/*
 * Operations from claim to completion: see await.h.
 *
 * An operation's memory is released in one place only, after its own last CQE
 * has been delivered: a deadline, a cancellation or the actor's end cancel it
 * in the kernel and then wait like everybody else.
 */
#include "io/await.h"

#include <errno.h>
#include <lend/clock.h>

#include "base/check.h"
#include "base/counter.h"
#include "io/cancel.h"
#include "io/descriptors.h"
#include "io/hold.h"
#include "io/timeouts.h"
#include "mem/heap_record.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/places.h"
#include "rt/runtime.h"
#include "rt/suspend.h"
#include "rt/worker.h"

static bool ends_quietly(struct lend_io_op *io)
{
	uint8_t quiet = LEND_IO_QUIET;

	/* Release [I2], paired with lend__io_done() and make_loud(): the
	 * result. The actor may be making it loud at this moment: one of the
	 * two comes first, and the other acts on it. */
	return atomic_load_explicit(&io->notice, memory_order_relaxed) ==
		       LEND_IO_QUIET &&
	       atomic_compare_exchange_strong_explicit(&io->notice, &quiet,
						       LEND_IO_OVER,
						       memory_order_acq_rel,
						       memory_order_relaxed);
}

void lend__io_make_loud(struct lend_io_op *io)
{
	uint8_t quiet = LEND_IO_QUIET;

	/* Acquire [I2] if it is over already. */
	if (atomic_load_explicit(&io->notice, memory_order_relaxed) !=
		    LEND_IO_LOUD &&
	    !atomic_compare_exchange_strong_explicit(
		    &io->notice, &quiet, LEND_IO_LOUD, memory_order_acq_rel,
		    memory_order_acquire) &&
	    quiet == LEND_IO_OVER)
		io->mail.arrived = true;
}

/* What an actor that waited for an operation looks at first, and one that
 * waited for something else does not: the record's second line, in vain if it
 * has but one; the heap that it goes back to; and the list of asynchronous
 * ones, on which it may be.
 *
 * Always inline: see lend__lane_look_ahead(). */
__attribute__((always_inline)) static inline void
fetch_ahead(const struct lend_io_op *io)
{
	__builtin_prefetch(io + 1, 1);
	__builtin_prefetch(&io->actor->heap, 1);
	__builtin_prefetch(&io->actor->pendings, 1);
	lend__descriptor_fetch(io->fd);
}

void lend__io_op_done(struct lend_op *op, int32_t res, uint32_t flags,
		      bool more)
{
	struct lend_io_op *io = lend_container_of(op, struct lend_io_op, op);

	(void)res;
	(void)flags;
	if (!more)
		lend__unhold(io);
	/* Of several CQEs (zero-copy sends) the last one counts. */
	if (more || ends_quietly(io))
		return;
	fetch_ahead(io);
	lend__actor_deliver(io->actor, &io->mail);
}

static inline void op_init(struct lend_io_op *op, struct lend_actor *self,
			   int fd)
{
	lend__op_init(&op->op, lend__io_op_done);
	op->mail.next = NULL;
	op->mail.kind = LEND_MAIL_OP;
	op->mail.arrived = false;
	op->actor = self;
	op->fd = fd;
	op->asked = op->once = op->again = op->connects = false;
	op->due = op->settled = op->from = op->seen = false;
	atomic_init(&op->notice, LEND_IO_LOUD);
}

void lend__io_op_init(struct lend_io_op *op, struct lend_actor *self, int fd)
{
	op_init(op, self, fd);
}

static inline int alloc(struct lend_heap *heap, size_t size, void **ret_record)
{
	return size <= LEND_HEAP_HOME_GRANULE ?
		       lend__heap_alloc_record(heap, ret_record) :
		       lend__heap_alloc(heap, size, ret_record);
}

/* A call less where the size is known; the other two share one copy. */
__attribute__((always_inline)) static inline int
begin_record_here(struct lend_io *io, int fd, size_t size)
{
	struct lend_actor *self = lend__current_actor();
	void *record;
	int err;

	lend_assert_actor(self);
	io->self = self;
	io->agains = 0;
	if (lend__mailbox_has_mail(&self->mailbox))
		lend__actor_sort_mail(self);
	if (lend_unlikely(self->cancelled))
		return -ECANCELED;
	if (fd != -1) {
		err = lend__descriptor_enter(fd);
		if (err)
			return err;
	}
	err = alloc(&self->heap, size, &record);
	if (lend_unlikely(err)) {
		if (fd != -1)
			lend__descriptor_leave(fd);
		return -ENOMEM;
	}
	io->op = record;
	op_init(io->op, self, fd);
	return 0;
}

__attribute__((noinline)) static int begin_record(struct lend_io *io, int fd,
						  size_t size)
{
	return begin_record_here(io, fd, size);
}

static inline int claim(struct lend_io *io, uint64_t deadline)
{
	struct lend_actor *self = io->self;
	int err;

	if (lend_likely(!self->claim &&
			lend__claim_begin_fast(&self->worker->borrower, 1,
					       &io->claim))) {
		io->sqe = lend__ring_slot(io->claim.ring, 0);
		return 0;
	}
	/* LEND_NOW is about the operation; the way to it may take its time. */
	err = lend__suspend_claim(
		self, 1, deadline == LEND_NOW ? LEND_FOREVER : deadline,
		&io->claim);
	if (lend_likely(!err))
		io->sqe = lend__claim_sqe(&io->claim, 0);
	return err;
}

void lend__io_drop(struct lend_io *io)
{
	struct lend_io_op *op = io->op;

	if (op->fd != -1)
		lend__descriptor_leave(op->fd);
	lend__op_fini(&op->op);
	lend__heap_free(&io->self->heap, op);
}

/* @err: of the record. */
static inline int begin(struct lend_io *io, int err, uint64_t deadline)
{
	if (lend_unlikely(err))
		return err;
	err = claim(io, deadline);
	if (lend_unlikely(err))
		lend__io_drop(io);
	return err;
}

int lend__io_begin_record(struct lend_io *io, int fd, size_t size)
{
	return begin_record(io, fd, size);
}

int lend__io_claim(struct lend_io *io, uint64_t deadline)
{
	return claim(io, deadline);
}

int lend__io_begin(struct lend_io *io, int fd, uint64_t deadline)
{
	return begin(io, begin_record(io, fd, sizeof(struct lend_io_op)),
		     deadline);
}

int lend__io_begin_pending(struct lend_io *io, int fd, uint64_t deadline,
			   struct lend_pending **ret_pending)
{
	struct lend_pending *pending;
	int err = begin(io, begin_record_here(io, fd, sizeof(*pending)),
			deadline);

	if (err)
		return err;
	pending = lend_container_of(io->op, struct lend_pending, io);
	lend__io_enlist(pending);
	*ret_pending = pending;
	return 0;
}

static inline void submit(struct lend_io *io)
{
	struct lend_worker *worker = io->self->worker;

	io->sqe->user_data = lend__op_user_data(&io->op->op);
	io->op->op.submitter = (uint8_t)worker->index;
	io->op->opcode = io->sqe->opcode;
	lend__hold(io->op, io->sqe);
	lend__claim_commit_one(&worker->borrower, &io->claim, &io->op->op);
}

void lend__io_submit(struct lend_io *io)
{
	submit(io);
}

/* Whole: a part of it that all share would be shared with cold code of
 * claim.h, whose fast path is to make no call. */
__attribute__((always_inline)) static inline void end(struct lend_io_op *op)
{
	lend_assert(op->mail.arrived);
	if (op->fd != -1)
		lend__descriptor_leave(op->fd);
	lend__op_fini(&op->op);
	lend__heap_free_record(&op->actor->heap, op);
}

void lend__io_end(struct lend_io_op *op)
{
	end(op);
}

/* ---- submitting again: Note [again] ---- */

/* -ERESTARTSYS and its relatives, which the kernel keeps to itself but for
 * operations that its threads were interrupted in. */
static bool is_interrupted(int res)
{
	return res == -EINTR || (res <= -512 && res >= -516);
}

bool lend__io_is_interruption(int res)
{
	return res == -ECANCELED || is_interrupted(res);
}

bool lend__io_is_closing(const struct lend_actor *self)
{
	const int *also = self->also_fds;

	return also && (lend__descriptor_is_closing(also[0]) ||
			lend__descriptor_is_closing(also[1]));
}

static bool is_closing(const struct lend_io_op *op)
{
	return (op->fd != -1 && lend__descriptor_is_closing(op->fd)) ||
	       lend__io_is_closing(op->actor);
}

bool lend__io_is_undone(struct lend_io_op *op)
{
	struct lend_worker *worker = op->actor->worker;

	if (lend_likely(op->op.res >= 0) ||
	    !lend__io_is_interruption(op->op.res))
		return false;
	/* Noted, as whoever looks again may find it closed. */
	if (is_closing(op))
		op->asked = true;
	if (op->asked || op->actor->cancelled)
		return false;
	lend_counter_add(&worker->resubmitted, 1);
	return true;
}

int lend__io_begin_again(struct lend_io *io, struct lend_io_op *op,
			 uint64_t deadline)
{
	int err;

	io->self = op->actor;
	io->op = op;
	err = claim(io, deadline);
	if (err)
		return err;
	/* To the kernel it is another operation. */
	lend__op_fini(&op->op);
	lend__io_op_init(op, op->actor, op->fd);
	return 0;
}

static bool may_try_again(struct lend_io *io)
{
	uint64_t now_ns = lend_now();

	if (io->agains && now_ns - io->again_ns > LEND_MS)
		io->agains = 0;
	io->again_ns = now_ns;
	return io->agains++ < LEND_IO_AGAIN_MAX;
}

__attribute__((noinline)) static bool try_again(struct lend_io *io,
						uint64_t deadline, int *res)
{
	int err;

	if (!may_try_again(io))
		return false;
	err = lend__io_begin_again(io, io->op, deadline);
	if (err)
		*res = err;
	return !err;
}

/* ---- cancelling ---- */

static int result(const struct lend_io_op *op, bool cancelled, bool late)
{
	int res = op->op.res;

	/* What one of the kernel's threads was at is interrupted. */
	if (lend__io_is_interruption(res) && (cancelled || is_closing(op)))
		return late ? -ETIMEDOUT : -ECANCELED;
	return is_interrupted(res) ? -EINTR : res;
}

/* Relaxed: a report reads it, and may be late. */
void lend__io_note_wait(const struct lend_io_op *op)
{
	if (!op->mail.arrived)
		atomic_store_explicit(&op->actor->waits_for,
				      lend__actor_waits(op->opcode, op->fd,
							op->op.ring->index),
				      memory_order_relaxed);
}

void lend__io_note_waited(struct lend_actor *self)
{
	atomic_store_explicit(&self->waits_for, 0, memory_order_relaxed);
}

static inline int await(struct lend_io_op *op, uint64_t deadline, bool cancel)
{
	struct lend_actor *self = op->actor;
	bool cancelling = false, late = false;
	unsigned attempt = 0;

	lend__io_make_loud(op);
	lend__io_note_wait(op);
	if (cancel && lend_unlikely(lend__timeouts_used()))
		deadline = lend__timeouts_limit(op->fd, op->opcode, deadline);
	while (!op->mail.arrived) {
		uint64_t wake_ns = deadline;

		if (!cancelling) {
			if (lend_unlikely(self->cancelled || op->asked))
				cancelling = true;
			else if (deadline != LEND_FOREVER &&
				 self->worker->now_ns >= deadline)
				late = true;
			if (late && !cancel) {
				lend__io_note_waited(self);
				return -ETIMEDOUT;
			}
			cancelling = cancelling || late;
		}
		if (lend_unlikely(cancelling)) {
			wake_ns = lend_after(lend__io_cancel(op, attempt++));
			/* On the way there and back it takes mail, which wakes
			 * nobody twice. */
			if (op->mail.arrived)
				break;
		}
		lend__suspend(self, wake_ns);
		/* A closer that does not find it asks us: see close.c. */
		if (lend_unlikely(!op->mail.arrived) && is_closing(op))
			op->asked = true;
	}
	lend__io_note_waited(self);
	return result(op, cancelling, late);
}

int lend__io_await(struct lend_io_op *op, uint64_t deadline, bool cancel)
{
	return await(op, deadline, cancel);
}

void lend__io_abort(struct lend_io_op *op)
{
	lend__io_make_loud(op);
	for (unsigned attempt = 0; !op->mail.arrived; attempt++) {
		uint64_t again_ns = lend__io_cancel(op, attempt);

		if (op->mail.arrived)
			break;
		lend__suspend(op->actor, lend_after(again_ns));
	}
}

/* Is it most often over when the kernel has taken it? What is written is: there
 * is room for it. Then the worker need not go to sleep to be told. */
static inline bool is_prompt(unsigned opcode)
{
	return opcode == IORING_OP_SEND || opcode == IORING_OP_SENDMSG ||
	       opcode == IORING_OP_WRITE || opcode == IORING_OP_WRITEV;
}

/* Whole, as end(). False: it is to be filled again. */
__attribute__((always_inline)) static inline bool
run(struct lend_io *io, uint64_t deadline, int *ret_res)
{
	struct lend_io_op *op = io->op;
	int res;

	/* A polling thread takes it when it does. */
	if (is_prompt(io->sqe->opcode))
		io->self->worker->flush.prompt = !io->claim.ring->sqpoll;
	submit(io);
	res = await(op, deadline, true);
	if (lend_unlikely(op->op.res < 0) && lend__io_is_undone(op) &&
	    try_again(io, deadline, &res))
		return false;
	*ret_res = res;
	return true;
}

bool lend__io_run(struct lend_io *io, uint64_t deadline, int *ret_res)
{
	struct lend_io_op *op = io->op;
	int res;

	if (lend_unlikely(!run(io, deadline, &res)))
		return false;
	if (lend__places_used() && res >= 0 && lend__io_opens(op->opcode))
		lend__place_note(LEND_PLACE_DESCRIPTOR, (uintptr_t)res);
	end(op);
	*ret_res = res;
	return true;
}

bool lend__io_run_kept(struct lend_io *io, uint64_t deadline, int *ret_res)
{
	return run(io, deadline, ret_res);
}
