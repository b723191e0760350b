/*
 * Rounds: see round.h. Called by the worker's loop, and by actors that give
 * their worker back.
 */
#include "rt/round.h"

#include <lend/clock.h>

#include "arbiter/mode.h"
#include "base/check.h"
#include "rt/lifecycle.h"
#include "rt/monitor.h"
#include "uring/ring.h"

/* A round goes on with those that have become runnable meanwhile, unless there
 * is I/O to do or it has lasted for so long: it costs as much as some ten turns
 * of actors that only pass a message on. */
#define ROUND_NS (5 * LEND_US)

/* Turns between two looks at that, which cost as much as a turn or two: as many
 * as have run, so that no look comes late by more than the round is long; but
 * turns may become longer, so not many more. */
#define LOOK_MIN 8
#define LOOK_MAX 32

/* Is there anything to be submitted, or reaped? */
static bool has_io(const struct lend_worker *worker)
{
	const struct lend_borrower *borrower = &worker->borrower;
	struct lend_ring *own = borrower->arbiter->mode->own_ring(borrower);

	return own && (lend__ring_unsubmitted(own) || lend__ring_has_cqe(own) ||
		       lend__ring_wants_enter(own));
}

static unsigned bounded(unsigned turns)
{
	return turns < LEND_WORKER_ROUND_MAX ? turns : LEND_WORKER_ROUND_MAX;
}

static unsigned look_in(const struct lend_round *round)
{
	if (round->ran < LOOK_MIN)
		return LOOK_MIN;
	return round->ran < LOOK_MAX ? round->ran : LOOK_MAX;
}

/* All that were to run have run: does the round end here, though there are
 * others? Once it does, that stays so. */
__attribute__((noinline)) static bool is_over(struct lend_worker *worker)
{
	struct lend_round *round = &worker->round;

	if (!round->most)
		return true;
	if (round->ran >= LEND_WORKER_ROUND_MAX || has_io(worker) ||
	    lend_now() - worker->now_ns > ROUND_NS) {
		round->most = 0;
		return true;
	}
	round->most = bounded(round->most + look_in(round));
	return false;
}

void lend__round_begin(struct lend_worker *worker, unsigned length)
{
	/* Those that are there now; then further ones, if that was quick. */
	unsigned most = length + worker->queue.pinned_count;

	worker->round = (struct lend_round){ .most = bounded(most) };
}

bool lend__round_has_more(struct lend_worker *worker)
{
	return lend__run_queue_has_work(&worker->queue) && !is_over(worker);
}

bool lend__round_goes_on(struct lend_worker *worker)
{
	struct lend_round *round = &worker->round;

	/* The worker has to see to these. */
	if (lend_unlikely(worker->flushes_early) ||
	    lend_unlikely(atomic_load_explicit(&worker->stalls.noticed,
					       memory_order_relaxed)))
		return false;
	if (round->ran >= round->most && is_over(worker))
		return false;
	round->ran++;
	lend__turn_begin(worker);
	return true;
}

/* The monitor has waited for it. */
__attribute__((noinline)) static void settle_blamed(struct lend_worker *worker)
{
	lend__monitor_blame(worker, worker->left);
	lend__round_settle(worker);
}

void lend__round_settle(struct lend_worker *worker)
{
	struct lend_actor *left = worker->left;
	enum lend_worker_after after = worker->after;

	if (lend_unlikely(atomic_load_explicit(&worker->stalls.noticed,
					       memory_order_relaxed)) &&
	    after) {
		settle_blamed(worker);
		return;
	}
	worker->after = LEND_AFTER_NOTHING;
	/* Their turns are the shortest, so they come first here. */
	if (lend_likely(after == LEND_AFTER_YIELD)) {
		lend__worker_enqueue_yielded(worker, left);
		return;
	}
	switch (after) {
	case LEND_AFTER_SUSPEND:
		if (!lend__mailbox_idle(&left->mailbox, left->generation))
			lend__worker_enqueue(worker, left);
		break;
	case LEND_AFTER_MOVE:
		lend__worker_send(left->moving_to, left);
		break;
	case LEND_AFTER_END:
		lend__lifecycle_reap(worker, left);
		break;
	default:
		break;
	}
}
