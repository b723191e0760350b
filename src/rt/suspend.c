/*
 * Suspension: see suspend.h. The fiber switches of actors are here and in
 * worker.c, the other side.
 */
#include "rt/suspend.h"

#include <errno.h>
#include <limits.h>
#include <lend/clock.h>

#include "actor/room.h"
#include "arbiter/claim.h"
#include "base/check.h"
#include "rt/claims.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/round.h"
#include "rt/runtime.h"
#include "rt/turn.h"
#include "rt/worker.h"

/* Where to, when @self gives its worker back: Note [straight on]. */
static struct lend_fiber *follower(struct lend_worker *worker,
				   struct lend_actor *next)
{
	if (lend_unlikely(!next))
		return &worker->fiber;
	lend__round_enter(worker, next);
	return &next->fiber;
}

static struct lend_actor *next_of(struct lend_worker *worker)
{
	return lend_unlikely(worker->flushes_early) ? NULL :
						      lend__round_next(worker);
}

/* Always inline: a call less for each turn. */
__attribute__((always_inline)) static inline void
switch_away(struct lend_worker *worker, struct lend_actor *self,
	    enum lend_worker_after after, struct lend_actor *next)
{
	lend_assert(worker->running == self);
	worker->after = after;
	worker->left = self;
	if (lend_unlikely(self->keeps_fp_modes)) {
		lend__fp_modes_read(&self->fp_modes);
		lend__fp_modes_write(&worker->fp_modes);
	}
	lend__fiber_switch(&self->fiber, follower(worker, next));
	/* Here perhaps on another thread: @worker is stale. */
	if (lend_unlikely(self->keeps_fp_modes))
		lend__fp_modes_write(&self->fp_modes);
	lend__round_settle(self->worker);
}

void lend_keep_fp_modes(bool keep)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	/* Also for one that has changed the thread's. */
	if (!keep)
		lend__fp_modes_write(&self->worker->fp_modes);
	self->keeps_fp_modes = keep;
}

void lend__suspend_begin(struct lend_actor *self)
{
	lend__round_settle(self->worker);
}

void lend__suspend_end(struct lend_actor *self)
{
	struct lend_worker *worker = self->worker;

	lend_assert(worker->running == self);
	if (lend_unlikely(self->keeps_fp_modes))
		lend__fp_modes_write(&worker->fp_modes);
	worker->after = LEND_AFTER_END;
	worker->left = self;
	lend__fiber_switch_last(&self->fiber,
				follower(worker, next_of(worker)));
}

/* Operations that the actor has cancelled may go on: see io/cancel.c. Who
 * waits for anything looks for them, on the way to its wait rather than where
 * it wakes up, as here somebody's alarm is looked at anyway. */
static bool cancel_again(struct lend_actor *self)
{
	if (lend_likely(self->cancel_again_ns == LEND_FOREVER) ||
	    lend_now() < self->cancel_again_ns)
		return false;
	self->mail_calls->cancel_again(self);
	return true;
}

/* As lend__actor_look() when there is something, and for those. */
__attribute__((noinline)) static void look_around(struct lend_actor *self)
{
	lend__actor_sort_mail(self);
	(void)cancel_again(self);
}

/* True: it may have taken mail, so look again what is there. */
__attribute__((noinline)) static bool pay_debts(struct lend_actor *self)
{
	uint64_t waits_for;
	bool looks_again;

	if (self->owes & LEND_OWES_ROOM)
		lend__room_admit(self, UINT_MAX);
	if (!(self->owes & LEND_OWES_CALL))
		return false;
	/* Relaxed: for reports. It may wait for slots there, and who waits for
	 * an operation has noted that once. */
	waits_for = atomic_load_explicit(&self->waits_for,
					 memory_order_relaxed);
	looks_again = self->before_wait(self);
	atomic_store_explicit(&self->waits_for, waits_for,
			      memory_order_relaxed);
	return looks_again;
}

/* Always inline, for lend__suspend_for(): `cycle` goes on with a frame less,
 * and that is half a line of a cold stack, and saves registers once. */
__attribute__((always_inline)) static inline void
suspend(struct lend_actor *self, uint64_t deadline)
{
	if (lend_unlikely(self->owes) && pay_debts(self))
		return;
	/* What is already there is taken without a switch. */
	if (lend__mailbox_has_mail(&self->mailbox)) {
		lend__turn_spend(self);
		lend__actor_sort_mail(self);
		return;
	}
	if (lend_unlikely(self->claim != NULL))
		lend__claims_revoke(self);
	if (lend_unlikely(self->alarm_ns < deadline)) {
		/* On the way there and back it takes mail. */
		if (cancel_again(self))
			return;
		deadline = self->alarm_ns;
	}
	if (lend_unlikely(self->heap.is_large)) {
		uint64_t again_ns = lend__heap_settle(&self->heap, lend_now());

		deadline = again_ns < deadline ? again_ns : deadline;
	}
	if (deadline != LEND_FOREVER && !lend__timers_cover(self, deadline))
		lend__timers_arm(&self->worker->timers, self, deadline,
				 self->worker->now_ns);
	/* For reports. */
	atomic_store_explicit(&self->since_ns, self->worker->now_ns,
			      memory_order_relaxed);
	switch_away(self->worker, self, LEND_AFTER_SUSPEND,
		    next_of(self->worker));
	lend__actor_look_woken(self);
}

void lend__suspend(struct lend_actor *self, uint64_t deadline)
{
	suspend(self, deadline);
}

/* 0: it may wait. */
static inline int may_wait(const struct lend_actor *self, uint64_t deadline)
{
	if (self->cancelled)
		return -ECANCELED;
	if (deadline != LEND_FOREVER && lend_now() >= deadline)
		return -ETIMEDOUT;
	return 0;
}

int lend__suspend_until(struct lend_actor *self, uint64_t deadline)
{
	int err = may_wait(self, deadline);

	if (!err)
		lend__suspend(self, deadline);
	return err;
}

/* Always inline, as what it calls. */
__attribute__((always_inline)) static inline void
suspend_as(struct lend_actor *self, uint8_t kind, int whom, uint64_t deadline)
{
	/* Relaxed: a report reads it, and may be late. */
	atomic_store_explicit(&self->waits_for,
			      lend__actor_waits(kind, whom, UINT32_MAX),
			      memory_order_relaxed);
	suspend(self, deadline);
	atomic_store_explicit(&self->waits_for, 0, memory_order_relaxed);
}

int lend__suspend_for(struct lend_actor *self, uint8_t kind, int whom,
		      uint64_t deadline)
{
	int err = may_wait(self, deadline);

	if (lend_likely(!err))
		suspend_as(self, kind, whom, deadline);
	return err;
}

void lend__suspend_as(struct lend_actor *self, uint8_t kind, int whom,
		      uint64_t deadline)
{
	suspend_as(self, kind, whom, deadline);
}

int lend__suspend_yield(struct lend_worker *worker)
{
	struct lend_actor *self = worker->running, *next;

	/* Nobody else comes without one; and its frame may be ours by now. */
	if (lend_unlikely(!self))
		lend__misuse_outside("lend_yield");
	if (lend_unlikely(self->claim != NULL))
		lend__claims_revoke(self);
	/* It goes on, and lets in another one then: Note [room]. */
	if (lend_unlikely(self->owes & LEND_OWES_ROOM))
		lend__room_admit(self, 1);
	next = next_of(worker);
	if (next || !lend__round_goes_on(worker))
		switch_away(worker, self, LEND_AFTER_YIELD, next);
	if (lend_unlikely(lend__actor_has_news(self)))
		look_around(self);
	return lend_unlikely(self->cancelled) ? -ECANCELED : 0;
}

void lend__suspend_move(struct lend_actor *self, unsigned index)
{
	struct lend_runtime *runtime = self->worker->runtime;

	if (self->worker->index == index)
		return;
	if (lend_unlikely(self->claim != NULL))
		lend__claims_revoke(self);
	self->moving_to = &runtime->workers[index];
	switch_away(self->worker, self, LEND_AFTER_MOVE, NULL);
	lend__actor_sort_mail(self);
}

void lend__suspend_return(struct lend_actor *self)
{
	struct lend_worker *worker = self->pinned_to;

	/* It has no open claim: moving here has seen to that. */
	if (lend_unlikely(worker && self->worker != worker))
		lend__suspend_move(self, worker->index);
}

struct slot_waiter {
	struct lend_waiter waiter;
	struct lend_actor *actor;
};

/* Under the arbiter's lock. The actor runs before others, so that nobody takes
 * the room it was woken for. */
static void wake_slot_waiter(struct lend_waiter *waiter)
{
	struct slot_waiter *self = lend_container_of(waiter, struct slot_waiter,
						     waiter);
	struct lend_actor *actor = self->actor;

	atomic_store_explicit(&actor->urgent, true, memory_order_relaxed);
	lend__actor_signal(actor, LEND_SIGNAL_WAKE);
}

static int wait_in_line(struct lend_actor *self, struct slot_waiter *slots,
			uint64_t deadline)
{
	/* Acquire [L1]. */
	while (!atomic_load_explicit(&slots->waiter.served,
				     memory_order_acquire)) {
		int err = lend__suspend_for(self, LEND_WAITS_ROOM, -1,
					    deadline);

		if (err)
			return err;
	}
	atomic_store_explicit(&slots->waiter.served, false,
			      memory_order_relaxed);
	return 0;
}

/* Who is in line begins nothing else: that would need a slot, and wait behind
 * its own ticket. */
static int wait_for_slots(struct lend_actor *self, struct slot_waiter *slots,
			  uint64_t deadline)
{
	uint8_t call = self->owes & LEND_OWES_CALL;
	int err;

	self->owes &= (uint8_t)~LEND_OWES_CALL;
	err = wait_in_line(self, slots, deadline);
	self->owes |= call;
	return err;
}

int lend__suspend_claim(struct lend_actor *self, unsigned count,
			uint64_t deadline, struct lend_claim *claim)
{
	struct slot_waiter slots = {
		.waiter = { .count = count,
			    .wake = wake_slot_waiter,
			    .name = self->name },
		.actor = self,
	};
	struct lend_waiter *waiter = deadline == LEND_NOW ? NULL :
							    &slots.waiter;
	struct lend_arbiter *arbiter;
	int err;

	/* A worker has one claim open at a time: its slots are those behind
	 * the tail. The actor's own makes way. */
	if (lend_unlikely(self->claim != NULL))
		lend__claims_revoke(self);
	err = lend__claim_begin(&self->worker->borrower, count, waiter, claim);
	if (lend_likely(err != -EAGAIN) || !waiter)
		return err;
	arbiter = self->worker->borrower.arbiter;
	do {
		err = wait_for_slots(self, &slots, deadline);
		if (err)
			break;
		err = lend__claim_begin(&self->worker->borrower, count, waiter,
					claim);
	} while (err == -EAGAIN);
	/* The ticket is handed in. Whoever gives up must let the next one have
	 * its turn: the worker's safe point sees to that, as the queue is
	 * served there anew. */
	lend__arbiter_withdraw(arbiter, waiter);
	atomic_store_explicit(&self->urgent, false, memory_order_relaxed);
	return err;
}
