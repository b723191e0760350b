/*
 * Goal:   P8: a worker without a safe point is told of when its time is up and
 *         not before, once for each stall, as computing or as blocked.
 * Method: watchdog_stage.h.
 */
#include "rt/watchdog.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "watchdog_stage.h"

TestSuite(watchdog, .init = stage_set, .fini = stage_strike, .timeout = 60);

static unsigned count_told_of(unsigned worker)
{
	char text[64];

	snprintf(text, sizeof(text), "worker %u has come to no safe point",
		 worker);
	return stage_count_said(text);
}

Test(watchdog, looks_four_times_in_its_time)
{
	stage.runtime.options.watchdog_ns = 80 * LEND_MS;
	stage_start();
	cr_expect_eq(stage.wait_ns, 20 * LEND_MS);
	stage_look();
	cr_expect_eq(stage.wait_ns, 20 * LEND_MS);
}

Test(watchdog, looks_every_millisecond_at_most)
{
	stage.runtime.options.watchdog_ns = LEND_MS;
	stage_start();
	cr_expect_eq(stage.wait_ns, LEND_MS);
}

Test(watchdog, looks_every_second_at_least)
{
	stage.runtime.options.watchdog_ns = 3600 * LEND_S;
	stage_start();
	cr_expect_eq(stage.wait_ns, LEND_S);
}

Test(watchdog, nobody_is_told_of_before_the_time_is_up)
{
	stage_start();
	stage_get_stuck(0, false);
	stage_get_stuck(1, true);
	for (unsigned i = 0; i < 4; i++)
		stage_look_at(STAGE_BEGIN + i * STAGE_LIMIT / 4);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT - 1);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT - 1);
	cr_expect_eq(stage_count_told(), 0, "%s", stage.said);
	cr_expect_eq(atomic_load(&stage.runtime.watchdog.computing), 0);
	cr_expect_eq(atomic_load(&stage.runtime.watchdog.blocked), 0);

	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	cr_expect_eq(count_told_of(0), 1, "%s", stage.said);
	cr_expect_eq(count_told_of(1), 1, "%s", stage.said);
	cr_expect_eq(stage_count_told(), 2, "%s", stage.said);
}

/* The time begins anew with each safe point, however many there are. */
Test(watchdog, who_comes_to_safe_points_is_never_told_of)
{
	stage_start();
	stage_get_stuck(0, false);
	for (unsigned i = 0; i < 10; i++) {
		stage_look_at(stage.clock_ns + STAGE_LIMIT - 1);
		stage_come_to_safe_point(&stage.workers[0]);
	}
	cr_expect_eq(stage_count_told(), 0, "%s", stage.said);
}

/* So that the line at the stall's end has a name, though all others are stuck,
 * too. */
Test(watchdog, who_may_stall_is_to_note_whom_it_runs)
{
	stage_start();
	stage_get_stuck(0, false);
	stage_get_stuck(1, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT / 4 - 1);
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		cr_expect_not(atomic_load(&stage.workers[i].stalls.noticed));
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT / 4);
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		cr_expect_eq(atomic_load(&stage.workers[i].stalls.noticed),
			     i < 2);
}

Test(watchdog, a_stall_is_told_once)
{
	stage_start();
	stage_get_stuck(2, false);
	for (unsigned i = 4; i < 100; i++)
		stage_look_at(STAGE_BEGIN + i * STAGE_LIMIT / 4);
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
	cr_expect_eq(atomic_load(&stage.runtime.watchdog.computing), 1);

	/* The next one. */
	stage_come_to_safe_point(&stage.workers[2]);
	stage_look_at(stage.clock_ns + STAGE_LIMIT);
	stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(count_told_of(2), 2, "%s", stage.said);
	cr_expect_eq(atomic_load(&stage.runtime.watchdog.computing), 2);
}

Test(watchdog, blocked_ones_are_told_from_those_that_compute)
{
	stage_start();
	stage_get_stuck(0, true);
	stage_get_stuck(1, false);
	stage_get_stuck(2, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	cr_expect_eq(stage_count_said("; it is blocked,"), 2, "%s", stage.said);
	cr_expect_eq(stage_count_said("; it computes,"), 1, "%s", stage.said);
	cr_expect_eq(atomic_load(&stage.runtime.watchdog.blocked), 2);
	cr_expect_eq(atomic_load(&stage.runtime.watchdog.computing), 1);
}

/* Long enough for whoever comes to no safe point. */
Test(watchdog, who_is_not_at_work_is_not_told_of)
{
	stage_start();
	stage_get_stuck(0, true);
	atomic_store(&stage.workers[0].borrower.parked, true);
	stage_get_stuck(1, true); /* it has not begun */
	atomic_store(&stage.workers[1].borrower.safe_ns, 0);
	stage_get_stuck(2, true); /* its thread has ended */
	atomic_store(&stage.workers[2].tid, 0);
	stage_get_stuck(3, true); /* it came to one after the clock was read */
	atomic_store(&stage.workers[3].borrower.safe_ns,
		     STAGE_BEGIN + 10 * STAGE_LIMIT + 1);
	stage_get_stuck(STAGE_WORKERS, true); /* there is none of that number */
	stage_look_at(STAGE_BEGIN + 10 * STAGE_LIMIT);
	cr_expect_eq(stage_count_told(), 0, "%s", stage.said);
}

Test(watchdog, who_goes_on_meanwhile_is_not_told_of)
{
	stage_start();
	stage_get_stuck(0, true);
	stage.goes_on = &stage.workers[0];
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	cr_expect_eq(stage_count_told(), 0, "%s", stage.said);
	cr_expect_eq(atomic_load(&stage.runtime.watchdog.blocked), 0);
	cr_expect_eq(stage.workers[0].stalls.told_ns, 0);
}

Test(watchdog, where_somebody_is_by_now_is_not_told)
{
	stage_start();
	stage_get_stuck(0, true);
	stage.goes_on_later = &stage.workers[0];
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said("it has just gone on"), 1, "%s",
		     stage.said);
	cr_expect_eq(stage_count_said("no backtrace"), 0, "%s", stage.said);
}

/* From a quarter of its time on, so not what it did before it got stuck. */
Test(watchdog, the_processor_time_is_that_of_the_stall)
{
	stage_start();
	stage_get_stuck(0, false);
	stage.cpu_ns[0] = 1000 * LEND_MS;
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT / 4 - 1);
	stage.cpu_ns[0] = 1200 * LEND_MS;
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT / 4);
	stage.cpu_ns[0] = 1234 * LEND_MS;
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT / 2);
	stage.cpu_ns[0] = 1500 * LEND_MS;
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	cr_expect_eq(
		stage_count_said("has lately used 300.0 ms of processor time"),
		1, "%s", stage.said);
}

/* ---- options ---- */

/* A limit below a second is not told as 0.0 s. */
Test(watchdog, short_stalls_are_told_in_milliseconds)
{
	stage.runtime.options.watchdog_ns = 20 * LEND_MS;
	stage_start();
	stage_get_stuck(0, true);
	stage_look_at(STAGE_BEGIN + 21 * LEND_MS);
	cr_expect_eq(stage_count_said("safe point for 21.0 ms and goes on"), 1,
		     "%s", stage.said);
	stage_get_stuck(1, true);
	stage_look_at(stage.clock_ns + 1500 * LEND_MS);
	cr_expect_eq(stage_count_said("safe point for 1.5 s and goes on"), 1,
		     "%s", stage.said);
}

Test(watchdog, options_have_bounds)
{
	struct lend_options options = { .watchdog_signal = -1,
					.spare_workers = 256 };

	cr_expect_eq(lend__watchdog_complete(&options, &stage.runtime.log), 0);
	cr_expect_eq(options.watchdog_ns, LEND_S);
	cr_expect_eq(options.watchdog_signal, -1);
	cr_expect_eq(stage_count_said("spare_workers"), 0);
}
