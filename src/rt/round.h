/*
 * A worker's round: the actors that run between two looks at everything else,
 * and how one of them follows the other.
 *
 * Note [straight on]
 * An actor that gives its worker back switches to the next one itself. It goes
 * by the worker's own stack only if the round is over or something is to be
 * done in between. So a turn costs one switch, not two; and an actor that
 * yields when nobody else is runnable goes on without any.
 *
 * What is to become of an actor can only be done when it has left its stack, as
 * from then on others may resume it. So whoever has been switched to sees to
 * that, first thing: lend__round_settle(). Who has left is in the worker's
 * @left, and what for in its @after, which says when that has been seen to.
 * Whoever comes back from a switch, or begins, finds its worker in its record:
 * who resumes it has written that.
 *
 * There are three places to arrive at: behind the switch of switch_away(), at
 * the beginning of an actor, and in the worker's loop. All of them settle, and
 * nothing in that suspends, so of those that have left there is one at most.
 */
#ifndef LEND_RT_ROUND_H
#define LEND_RT_ROUND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "rt/turn.h"
#include "rt/worker.h"

/* One begins, of @length that are runnable beside those that are pinned.
 * Thread: @worker's own, on its own stack. */
void lend__round_begin(struct lend_worker *worker, unsigned length);

/* All that were to run have run: are there more, that may run in this round? */
bool lend__round_has_more(struct lend_worker *worker);

/* The actor whose turn is next in this round; NULL if it is over, or nobody is
 * runnable. Thread: @worker's own. */
static inline struct lend_actor *lend__round_next(struct lend_worker *worker)
{
	struct lend_round *round = &worker->round;
	struct lend_actor *actor;

	if (lend_unlikely(round->ran >= round->most) &&
	    !lend__round_has_more(worker))
		return NULL;
	actor = lend__run_queue_take(&worker->queue);
	if (lend_likely(actor != NULL))
		round->ran++;
	return actor;
}

/* There is no next one, and the actor that runs would go on if it could.
 * Whether it may; if so, its next turn counts as begun. */
bool lend__round_goes_on(struct lend_worker *worker);

/* What to do with the actor that has left: Note [straight on]. */
void lend__round_settle(struct lend_worker *worker);

/* @actor's turn begins: right before the switch to it. */
static inline void lend__round_enter(struct lend_worker *worker,
				     struct lend_actor *actor)
{
	worker->running = actor;
	atomic_store_explicit(&worker->stalls.running,
			      (uint64_t)actor->generation << 32 | actor->index,
			      memory_order_relaxed);
	actor->worker = worker;
	lend__turn_begin(worker);
}

#endif
