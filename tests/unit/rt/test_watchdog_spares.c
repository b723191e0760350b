/*
 * Goal:   P8: for each worker that is blocked in a system call, and for none
 *         that computes, there is a spare one, up to a limit; they leave when
 *         it goes on.
 * Method: watchdog_stage.h.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "arbiter/mode.h"
#include "rt/watchdog.h"
#include "watchdog_stage.h"

TestSuite(spares, .init = stage_set, .fini = stage_strike, .timeout = 60);

static unsigned count_spares(void)
{
	return atomic_load(&stage.runtime.watchdog.spares);
}

static void expect_spares(unsigned spares)
{
	cr_expect_eq(count_spares(), spares, "%u, not %u", count_spares(),
		     spares);
	cr_expect_eq(lend_runtime_workers(&stage.runtime),
		     STAGE_WORKERS + spares);
}

Test(spares, who_computes_has_no_spare)
{
	stage.runtime.options.spare_workers = STAGE_WORKERS;
	stage_start();
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		stage_get_stuck(i, false);
	for (unsigned i = 0; i < 10; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage_count_told(), STAGE_WORKERS, "%s", stage.said);
	cr_expect_eq(stage.changes, 0);
	expect_spares(0);

	/* They count for nothing beside one that is blocked. */
	stage_get_stuck(1, true);
	for (unsigned i = 0; i < 10; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage.changes, 1);
	expect_spares(1);
}

Test(spares, who_is_blocked_has_a_spare_when_its_time_is_up)
{
	stage.runtime.options.spare_workers = STAGE_WORKERS;
	stage_start();
	stage_get_stuck(0, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT - 1);
	cr_expect_eq(stage.changes, 0);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	expect_spares(1);
	for (unsigned i = 0; i < 10; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage.changes, 1);
	expect_spares(1);
}

Test(spares, spares_come_one_a_look_up_to_the_limit)
{
	stage.runtime.options.spare_workers = 2;
	stage_start();
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		stage_get_stuck(i, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	expect_spares(1);
	for (unsigned i = 0; i < 10; i++) {
		stage_look_at(stage.clock_ns + STAGE_LIMIT / 4);
		expect_spares(2);
	}
	cr_expect_eq(stage.changes, 2);
}

Test(spares, there_are_no_more_than_workers_may_be)
{
	stage.runtime.options.spare_workers = STAGE_WORKERS;
	stage.runtime.options.workers_max = STAGE_WORKERS + 1;
	stage_start();
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		stage_get_stuck(i, true);
	for (unsigned i = 0; i < 10; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage.changes, 1);
	expect_spares(1);
}

/* In private mode each brings a ring. */
Test(spares, there_are_no_more_than_rings_may_be)
{
	stage.runtime.arbiter.mode = lend__mode_find(LEND_RING_PRIVATE);
	stage.runtime.options.rings_max = STAGE_WORKERS + 1;
	stage.runtime.options.spare_workers = STAGE_WORKERS;
	stage_start();
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		stage_get_stuck(i, true);
	for (unsigned i = 0; i < 10; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage.changes, 1);
	expect_spares(1);
}

Test(spares, nobody_is_spare_unless_asked_for)
{
	stage_start();
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		stage_get_stuck(i, true);
	for (unsigned i = 0; i < 10; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage.changes, 0);
	expect_spares(0);
}

Test(spares, spares_leave_one_a_look)
{
	stage.runtime.options.spare_workers = STAGE_WORKERS;
	stage_start();
	for (unsigned i = 0; i < 3; i++)
		stage_get_stuck(i, true);
	for (unsigned i = 0; i < 3; i++)
		stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	expect_spares(3);

	stage_come_to_safe_point(&stage.workers[0]);
	stage_come_to_safe_point(&stage.workers[1]);
	stage_look();
	expect_spares(2);
	stage_look();
	expect_spares(1);
	stage_look();
	expect_spares(1);
	atomic_store(&stage.workers[2].borrower.parked, true);
	stage_look();
	stage_look();
	expect_spares(0);
	cr_expect_eq(stage.changes, 6);
}

/* In private mode a ring stays behind for as long as any worker is stuck, and
 * its place is taken until then: so who is blocked again finds its spare. */
Test(spares, private_ones_leave_when_nobody_is_stuck)
{
	stage.runtime.arbiter.mode = lend__mode_find(LEND_RING_PRIVATE);
	stage.runtime.options.rings_max = STAGE_WORKERS_MAX;
	stage.runtime.options.spare_workers = 2;
	stage_start();
	stage_get_stuck(0, true);
	stage_get_stuck(1, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	stage_look();
	expect_spares(2);

	stage_come_to_safe_point(&stage.workers[0]);
	for (unsigned i = 0; i < 10; i++)
		stage_look();
	expect_spares(2);
	stage_come_to_safe_point(&stage.workers[1]);
	stage_look_at(stage.clock_ns + STAGE_STALL);
	expect_spares(2);
	cr_expect_eq(stage.changes, 2);

	stage_come_to_safe_point(&stage.workers[0]);
	stage_come_to_safe_point(&stage.workers[1]);
	stage_look_at(stage.clock_ns + STAGE_STALL - 1);
	expect_spares(1);
	stage_look();
	expect_spares(0);
}

/* That it was blocked before says nothing of its next stall. */
Test(spares, who_has_gone_on_has_no_spare)
{
	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	stage_come_to_safe_point(&stage.workers[0]);
	stage_look();
	expect_spares(0);
	stage.goes_on = &stage.workers[0];
	stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage.changes, 2);
	expect_spares(0);
}

/* Finding out where it is takes a while. */
Test(spares, who_goes_on_while_it_is_told_of_has_no_spare)
{
	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage.clock_ns += STAGE_LIMIT;
	stage.goes_on_later = &stage.workers[0];
	stage_look();
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
	cr_expect_eq(stage.changes, 0);
	expect_spares(0);
}

/* A spare that does not leave in time is asked again, though nobody is at work
 * any more: until it has left the watchdog does not sleep. But each time is a
 * line in the log, so there is one look in between, then three, then seven. */
Test(spares, who_does_not_leave_is_asked_again)
{
	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	expect_spares(1);

	atomic_store(&stage.workers[0].borrower.parked, true);
	atomic_store(&stage.runtime.parked, STAGE_WORKERS + 1);
	stage.change_error = -ETIMEDOUT;
	for (unsigned i = 0; i < 1 + 2 + 4 + 7; i++)
		stage_look();
	cr_expect_eq(stage.changes, 1 + 3);
	cr_expect_eq(stage.change_deadline, stage.clock_ns + 100 * LEND_MS);
	expect_spares(1);

	atomic_store(&stage.runtime.parked, 0);
	stage.change_error = 0;
	stage_look();
	expect_spares(0);

	/* What went well is forgotten: the next look may try something else. */
	stage_come_to_safe_point(&stage.workers[0]);
	atomic_store(&stage.workers[0].borrower.parked, false);
	stage_look_at(stage.clock_ns + STAGE_LIMIT);
	expect_spares(1);
}

/* Nor is it asked sooner, in private mode, because somebody was stuck
 * meanwhile. */
Test(spares, who_waits_to_ask_again_does_not_forget)
{
	stage.runtime.arbiter.mode = lend__mode_find(LEND_RING_PRIVATE);
	stage.runtime.options.rings_max = STAGE_WORKERS_MAX;
	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	expect_spares(1);

	stage.change_error = -ETIMEDOUT;
	for (unsigned i = 0; i < 1 + 2 + 4 + 7; i++) {
		stage_come_to_safe_point(&stage.workers[0]);
		stage_look();
		stage_look_at(stage.clock_ns + STAGE_STALL);
	}
	cr_expect_eq(stage.changes, 1 + 3);
	expect_spares(1);
}

/* It never gives up. */
Test(spares, pauses_have_an_end)
{
	unsigned changes;

	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage.change_error = -EAGAIN;
	for (unsigned i = 0; i < 512; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	changes = stage.changes;
	for (unsigned i = 0; i < 256; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	cr_expect_eq(stage.changes, changes + 1);
}

/* That one could not leave does not keep others from coming. */
Test(spares, who_does_not_leave_holds_up_nobody)
{
	stage.runtime.options.spare_workers = 2;
	stage_start();
	stage_get_stuck(0, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	expect_spares(1);
	stage_come_to_safe_point(&stage.workers[0]);
	stage.change_error = -ETIMEDOUT;
	for (unsigned i = 0; i < 16; i++)
		stage_look();
	expect_spares(1);

	stage.change_error = 0;
	stage_get_stuck(0, true);
	stage_get_stuck(1, true);
	stage_look_at(stage.clock_ns + STAGE_LIMIT);
	expect_spares(2);
}

/* Nor does it matter any more when nobody has been blocked meanwhile. */
Test(spares, failures_are_those_of_one_need)
{
	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage.change_error = -EAGAIN;
	for (unsigned i = 0; i < 16; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	expect_spares(0);
	stage_come_to_safe_point(&stage.workers[0]);
	stage_look();

	stage.change_error = 0;
	stage_get_stuck(1, true);
	stage_look_at(stage.clock_ns + STAGE_LIMIT);
	expect_spares(1);
}

/* Nor when it came at last: the program keeps it, and needs another one. */
Test(spares, failures_are_over_when_one_has_come)
{
	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage.change_error = -EAGAIN;
	for (unsigned i = 0; i < 1 + 2; i++)
		stage_look_at(stage.clock_ns + STAGE_LIMIT);
	stage.change_error = 0;
	while (!count_spares())
		stage_look();
	atomic_store(&stage.runtime.watchdog.spares, 0);
	stage_look();
	cr_expect_eq(count_spares(), 1);
}

/* Somebody has changed the number meanwhile. */
Test(spares, the_last_worker_stays)
{
	stage.runtime.options.spare_workers = 1;
	stage_start();
	stage_get_stuck(0, true);
	stage_look_at(STAGE_BEGIN + STAGE_LIMIT);
	expect_spares(1);

	atomic_store(&stage.runtime.workers_open, 1);
	atomic_store(&stage.runtime.workers_count, 1);
	stage_come_to_safe_point(&stage.workers[0]);
	stage_look();
	cr_expect_eq(stage.changes, 1);
	cr_expect_eq(lend_runtime_workers(&stage.runtime), 1);
}
