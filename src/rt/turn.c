/*
 * Turns that end before their actor has to wait: see turn.h.
 */
#include "rt/turn.h"

#include <lend/actor.h>
#include <lend/clock.h>

#include "base/check.h"
#include "base/counter.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/suspend.h"

/* A turn of so long ends at a lend_yield_if_needed(). */
#define TURN_NS (10 * LEND_US)

/* Calls of it between two looks at the clock, at most. */
#define LOOK_IN_MAX 64

void lend__turn_give_way(struct lend_actor *self)
{
	/* Library code that must not suspend: nobody else runs meanwhile. */
	if (self->callbacks)
		return;
	lend_counter_add(&self->worker->budget_yields, 1);
	/* If there is no memory for its open claim it goes on. */
	lend__suspend_yield(self->worker);
}

/* Has the turn lasted long enough? */
static bool is_long(struct lend_turn *turn)
{
	uint64_t now_ns = lend_now();

	if (!turn->looks++) {
		turn->began_ns = now_ns;
		turn->look_in = 1;
		return false;
	}
	if (now_ns - turn->began_ns >= TURN_NS)
		return true;
	turn->look_in = turn->looks < 8 ? 1u << (turn->looks - 1) : LOOK_IN_MAX;
	return false;
}

/* The clock is to be looked at, or the budget is used up. */
__attribute__((noinline)) static int maybe_give_way(struct lend_worker *worker)
{
	struct lend_actor *self = worker->running;

	if (worker->turn.calls_left && !is_long(&worker->turn))
		return 0;
	lend__turn_give_way(self);
	return self->cancelled ? -ECANCELED : 0;
}

__attribute__((noinline)) int lend_yield_if_needed(void)
{
	struct lend_worker *worker = lend__current_at_entry();

	lend_assert_actor(worker && worker->running);
	if (lend_likely(worker->turn.calls_left && --worker->turn.look_in))
		return 0;
	return maybe_give_way(worker);
}
