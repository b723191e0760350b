/*
 * Timers that actors start: see include/lend/timer.h.
 */
#include "rt/own_timers.h"

#include <errno.h>
#include <lend/timer.h>
#include <stddef.h>

#include "actor/actor.h"
#include "actor/timer.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/places.h"

int lend_timer_start(uint64_t deadline, uint64_t period_ns, uint32_t type,
		     struct lend_timer **ret_timer)
{
	struct lend_actor *self = lend__current_actor();
	struct lend_timer *timer;

	lend_assert_actor(self);
	if (period_ns && period_ns < LEND_TIMER_PERIOD_MIN)
		return -EINVAL;
	timer = lend__timer_new(self);
	if (!timer)
		return -ENOMEM;
	timer->period_ns = period_ns;
	timer->type = type;
	lend__timer_set(timer, deadline);
	if (lend__places_used())
		lend__place_note(LEND_PLACE_TIMER, (uintptr_t)timer);
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
		if (lend__places_used())
			lend__place_forget(LEND_PLACE_TIMER, (uintptr_t)timer);
		lend__timer_free(timer);
	}
	return NULL;
}

void lend__own_timers_end(struct lend_actor *self)
{
	if (lend__places_wanted(self))
		lend_list_for_each (link, &self->own_timers->all)
			lend__place_report(self, LEND_PLACE_TIMER,
					   (uintptr_t)lend_container_of(
						   link, struct lend_timer,
						   link),
					   "a timer that was not stopped");
	lend__timer_end_all(self);
}
