/*
 * Timers that actors start: see include/lend/timer.h.
 */
#include <errno.h>
#include <lend/timer.h>
#include <stddef.h>

#include "actor/actor.h"
#include "actor/timer.h"
#include "base/check.h"
#include "rt/current.h"

int lend_timer_start(uint64_t deadline, uint64_t period_ns, uint32_t type,
		     struct lend_timer **ret_timer)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_timer *timer;

	lend_assert(self);
	if (period_ns && period_ns < LEND_TIMER_PERIOD_MIN)
		return -EINVAL;
	timer = lend__timer_new(self);
	if (!timer)
		return -ENOMEM;
	timer->period_ns = period_ns;
	timer->type = type;
	lend__timer_set(timer, deadline);
	*ret_timer = timer;
	return 0;
}

static void check_owner(const struct lend_timer *timer)
{
	lend_assert(timer->magic == LEND_TIMER_MAGIC &&
		    timer->owner == lend__current_actor());
}

void lend_timer_move(struct lend_timer *timer, uint64_t deadline)
{
	check_owner(timer);
	lend__timer_set(timer, deadline);
}

struct lend_timer *lend_timer_stop(struct lend_timer *timer)
{
	if (timer) {
		check_owner(timer);
		lend__timer_free(timer);
	}
	return NULL;
}
