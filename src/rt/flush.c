/*
 * The flush policy: see flush.h. Called by the worker's loop and by parking.
 */
#include "rt/flush.h"

#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "base/counter.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"

/* Rounds with something to submit, and other work to do, before it is
 * submitted all the same. */
#define ROUNDS_MAX 2

/* SQEs that wait in the ring this worker answers for. */
static unsigned unsubmitted(const struct lend_worker *worker)
{
	const struct lend_borrower *borrower = &worker->borrower;
	const struct lend_ring *own = borrower->arbiter->mode->own_ring(
		borrower);

	return own ? lend__ring_unsubmitted(own) : 0;
}

void lend__flush_note(struct lend_worker *worker, enum lend_flush_cause cause)
{
	worker->flush.rounds = 0;
	worker->flush.actors = 0;
	worker->flush.prompt = false;
	if (unsubmitted(worker))
		lend_counter_add(&worker->flush.counts[cause], 1);
}

void lend__flush(struct lend_worker *worker, enum lend_flush_cause cause)
{
	lend__flush_note(worker, cause);
	lend__arbiter_flush(&worker->borrower);
}

void lend__flush_after_round(struct lend_worker *worker)
{
	if (++worker->flush.rounds >= ROUNDS_MAX)
		lend__flush(worker, LEND_FLUSH_ROUNDS);
}

void lend__flush_after_actor(struct lend_worker *worker)
{
	const struct lend_options *options = &worker->runtime->options;

	if (options->flush_sqes && unsubmitted(worker) >= options->flush_sqes)
		lend__flush(worker, LEND_FLUSH_SQES);
	else if (options->flush_actors &&
		 ++worker->flush.actors >= options->flush_actors)
		lend__flush(worker, LEND_FLUSH_ACTORS);
}
