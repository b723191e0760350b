/*
 * The end of a worker while the others go on: its own side. Who asks for it is
 * size.c.
 *
 * Note [leaving]
 *
 * A worker that is asked to leave runs no actor any more. At each safe point it
 * takes a step: it hands over what is runnable, wakes the actors that wait in
 * its timers (early, which each of them has to expect, so they arm anew
 * elsewhere), takes its wake polls back, and in private mode empties its ring.
 * Until it says LEAVES it can be asked to stay again and has lost nothing.
 * [E4]: both are compare-and-swaps from ASKED_TO_LEAVE, so they agree.
 *
 * One that has pinned actors takes no step: it goes on until they have ended.
 *
 * After that nothing may reach it. Actors are sent to it by other threads,
 * which may have chosen it long ago: so its inbox is sealed, and a sender that
 * finds the seal chooses again. Only then does it hand over for the last time.
 * Its timers are empty for good, as actors arm where they run.
 *
 * Its record stays, with its event descriptor: somebody may be about to wake
 * it.
 *
 * What it submitted and what still waits is not cancelled here. When that has
 * something to do the kernel finds the thread gone and ends it with -ECANCELED,
 * and its actor submits it again (Note [again] of io/await.h): that costs only
 * those that get something to do, once, where cancelling would cost all at
 * once. Operations that a kernel thread works on for it are interrupted when it
 * ends, with the same consequence.
 */
#include <errno.h>
#include <sched.h>

#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "arbiter/poller.h"
#include "arbiter/removal.h"
#include "base/check.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"
#include "uring/sys.h"

static void cancel_wake(struct lend_ring *ring, const struct lend_op *op)
{
	struct io_uring_sync_cancel_reg cancel = {
		.addr = lend__op_user_data(op),
		.fd = -1,
		.timeout = { 0, 0 },
	};

	lend__ring_enter(ring, 0, 0);
	lend__sys_register(lend__ring_fd(ring), IORING_REGISTER_SYNC_CANCEL,
			   &cancel, 1);
	lend__ring_enter(ring, 0, 0);
}

/* The polls on this worker's event descriptor; true when there are none. */
static bool take_wakes_back(struct lend_worker *worker)
{
	struct lend_arbiter *arbiter = worker->borrower.arbiter;
	bool all = true;

	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		struct lend_wake_op *wake = &worker->wake_ops[i];
		struct lend_ring *ring = &arbiter->pool.rings[i];

		/* Acquire [P3], paired with wake_op_done(). */
		if (!atomic_load_explicit(&wake->armed, memory_order_acquire))
			continue;
		if (!ring->deferred)
			cancel_wake(ring, &wake->op);
		lend__poller_poll(ring, worker->now_ns);
		all = all &&
		      !atomic_load_explicit(&wake->armed, memory_order_acquire);
	}
	return all;
}

/* Is there nothing that only this thread could do? */
static bool is_free(struct lend_worker *worker)
{
	struct lend_borrower *borrower = &worker->borrower;
	struct lend_arbiter *arbiter = borrower->arbiter;
	struct lend_ring *own;
	bool empty = true;

	lend__arbiter_settle(borrower, false);
	lend__arbiter_flush(borrower);
	own = arbiter->mode->own_ring(borrower);
	if (arbiter->mode->one_to_one)
		empty = lend__removal_empty(arbiter, own);
	else if (own)
		lend__poller_poll(own, worker->now_ns);
	return take_wakes_back(worker) && empty;
}

void lend__worker_close(struct lend_worker *worker)
{
	lend__slots_return(&worker->runtime->registry.free, worker->magazine);
	lend__worker_seal(worker);
	lend__pinned_seal(worker);
	lend__worker_hand_over(worker);
}

bool lend__worker_leave(struct lend_worker *worker)
{
	uint32_t asked = LEND_ASKED_TO_LEAVE;
	bool is_ready;

	lend__timers_expire_all(&worker->timers);
	is_ready = is_free(worker);
	lend__worker_hand_over(worker);
	if (!is_ready) {
		/* For a few completions, which others may have to reap. */
		sched_yield();
		return false;
	}
	if (!atomic_compare_exchange_strong_explicit(
		    &worker->stay, &asked, LEND_LEAVES, memory_order_acq_rel,
		    memory_order_relaxed))
		return false;
	lend__worker_close(worker);
	/* Not stuck, whatever its clock says. */
	atomic_store_explicit(&worker->borrower.parked, true,
			      memory_order_relaxed);
	return true;
}
