/*
 * An actor's turn: what it does between being resumed and leaving its worker.
 * How long it may go on though it never has to wait.
 *
 * Note [budget]
 * An actor whose data is always there does not suspend, and nobody else on its
 * worker would ever run. So each call that may suspend, but finds at once what
 * it is asked for, costs one of LEND_TURN_CALLS; without any left, it lets the
 * others run before it does its work. That is decided by counting: nothing is
 * said about what the actor does between its calls. There
 * lend_yield_if_needed() helps, which looks at the clock, too: at its second,
 * third, fifth, ninth ... call of a turn, as most calls must cost next to
 * nothing, and who calls it once in a turn should pay for no clock at all. If
 * its calls are equally far apart it notices before TURN_NS has passed a second
 * time.
 */
#ifndef LEND_RT_TURN_H
#define LEND_RT_TURN_H

#include <lend/base.h>
#include <stdint.h>

#include "actor/actor.h"
#include "rt/worker.h"

/* It begins. Thread: @worker's own. */
static inline void lend__turn_begin(struct lend_worker *worker)
{
	worker->turn.calls_left = LEND_TURN_CALLS;
	worker->turn.look_in = 2;
	worker->turn.looks = 0;
}

/* Let the others run, and count why. */
void lend__turn_give_way(struct lend_actor *self) LEND_AWAITS;

/**
 * The calling actor does something that it need not wait for, in a call that
 * may suspend. Before it does so, and before it looks for its mail.
 */
static inline void lend__turn_spend(struct lend_actor *self) LEND_AWAITS;
static inline void lend__turn_spend(struct lend_actor *self)
{
	struct lend_worker *worker = self->worker;

	if (lend_unlikely(!worker->turn.calls_left))
		lend__turn_give_way(self);
	else
		worker->turn.calls_left--;
}

/* The same in a call that must not suspend: a later one will. */
static inline void lend__turn_note(struct lend_worker *worker)
{
	worker->turn.calls_left -= worker->turn.calls_left != 0;
}

#endif
