/*
 * Timers.
 *
 *  timer       one actor a worker: starts a timer of half a minute, stops it
 *  timer-move  the same, with 10,000 timers: moves one of them, at random
 *  sleep       100 actors a worker sleep for a millisecond, again and again;
 *              and how late they run after that
 */
#include "works.h"

#include <errno.h>
#include <stdlib.h>

#define FAR_NS	 (30 * LEND_S)
#define TIMERS	 10000
#define SLEEPERS 100

static unsigned count_one(unsigned workers)
{
	return workers;
}

static unsigned place_one(const struct crowd *crowd, unsigned index)
{
	(void)crowd;
	return index + 1;
}

/* It never has to wait: others on its worker, and its end. */
static int look_up(const struct crowd_member *self)
{
	if (self->done % CROWD_BUNCH)
		return 0;
	return crowd_stops(self->crowd) ? -ECANCELED : lend_yield_if_needed();
}

static int run_timer(struct crowd_member *self)
{
	int err = 0;

	while (!err) {
		struct lend_timer *timer;

		err = lend_timer_start(lend_after(FAR_NS), 0, 0, &timer);
		if (err)
			break;
		lend_timer_stop(timer);
		crowd_count(self);
		err = look_up(self);
	}
	return err;
}

const struct crowd_work crowd_timer = {
	.name = "timer",
	.help = "an actor on each worker; an operation: start a timer, stop it",
	.count = count_one,
	.place = place_one,
	.run = run_timer,
};

static int move_timers(struct crowd_member *self, struct lend_timer **timers)
{
	int err = 0;

	for (unsigned i = 0; i < TIMERS && !err; i++)
		err = lend_timer_start(lend_after(FAR_NS), 0, 0, &timers[i]);
	while (!err) {
		lend_timer_move(timers[crowd_random(self) % TIMERS],
				lend_after(FAR_NS));
		crowd_count(self);
		err = look_up(self);
	}
	return err;
}

static int run_timer_move(struct crowd_member *self)
{
	struct lend_timer **timers = calloc(TIMERS, sizeof(*timers));
	int err;

	if (!timers)
		return -ENOMEM;
	err = move_timers(self, timers);
	/* They end with the actor. */
	free(timers);
	return err;
}

const struct crowd_work crowd_timer_move = {
	.name = "timer-move",
	.help = "the same with 10,000 timers each; an operation: move one of "
		"them, at random",
	.count = count_one,
	.place = place_one,
	.run = run_timer_move,
};

static unsigned count_sleepers(unsigned workers)
{
	return workers * SLEEPERS;
}

static int run_sleep(struct crowd_member *self)
{
	int err = 0;

	while (!err) {
		uint64_t deadline = lend_after(LEND_MS);

		err = lend_sleep(deadline);
		if (err)
			break;
		crowd_span(self->crowd, lend_now() - deadline);
		crowd_count_at_once(self);
	}
	return err;
}

const struct crowd_work crowd_sleep = {
	.name = "sleep",
	.help = "100 actors a worker; an operation: sleep for 1 ms; p50_ns: how "
		"late it runs then",
	.count = count_sleepers,
	.run = run_sleep,
	.extras = crowd_span_extras,
};
