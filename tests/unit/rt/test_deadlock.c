/*
 * Goal:   P8: that nothing can run any more is told, once, when all actors are
 *         suspended, all workers are parked, and nothing is pending; each of
 *         these, missing, is a reason to say nothing: a worker at work, a
 *         timer, an operation, somebody in line for slots, an actor that runs
 *         or is not there yet, one whose function a thread runs. Afterwards
 *         the watchdog may sleep, unless a worker was at work.
 * Method: deadlock_stage.h. Each reason is taken away again, and what was
 *         missing is told then.
 */
#include "rt/deadlock.h"

#include <criterion/criterion.h>

#include "deadlock_stage.h"

/* Lines on actors, at most. */
#define LINES 16

TestSuite(deadlock, .init = stage_set, .fini = stage_strike);

/* ---- what is told ---- */

Test(deadlock, it_is_told_once_with_who_waits)
{
	stage_spawn_reader();
	stage_spawn_suspended("idler", LEND_WAITS_PERMIT, -1);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said(": 2 actors wait"), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said("  actor reader #"), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said("  actor idler #"), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said("waits for a message"), 1, "%s",
		     stage.said);
	cr_expect_eq(stage.level_said, LEND_LOG_INFO);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
}

Test(deadlock, who_is_alone_is_warned)
{
	stage_spawn_reader();
	atomic_store(&stage.runtime.alone, true);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
	cr_expect_eq(stage.level_said, LEND_LOG_WARNING);
}

Test(deadlock, of_many_some_are_told)
{
	for (unsigned i = 0; i < STAGE_ACTORS; i++)
		stage_spawn_reader();
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_said(": 200 actors wait"), 1, "%s",
		     stage.said);
	cr_expect_eq(stage_count_said("  actor reader #"), LINES, "%s",
		     stage.said);
}

/* ---- what is none ---- */

static void expect_nothing(bool may_sleep)
{
	cr_expect_eq(lend__deadlock_look(&stage.runtime), may_sleep);
	cr_expect_eq(stage_count_told(), 0, "%s", stage.said);
	cr_expect_not(stage.runtime.watchdog.told_deadlock);
}

Test(deadlock, nobody_is_none)
{
	expect_nothing(true);
	stage_spawn_reader();
	stage_expect_told();
}

/* It is to be looked again, as nobody tells when it parks. */
Test(deadlock, who_is_at_work_may_help)
{
	stage_spawn_reader();
	atomic_store(&stage.runtime.parked, STAGE_WORKERS - 1);
	expect_nothing(false);
	atomic_store(&stage.workers[0].timers.next_ns, 4711);
	expect_nothing(false);
	atomic_store(&stage.workers[0].timers.next_ns, UINT64_MAX);
	atomic_store(&stage.runtime.parked, STAGE_WORKERS);
	stage_expect_told();
}

Test(deadlock, a_timer_will_wake_somebody)
{
	stage_spawn_reader();
	atomic_store(&stage.workers[STAGE_WORKERS - 1].timers.next_ns, 4711);
	expect_nothing(true);
	atomic_store(&stage.workers[STAGE_WORKERS - 1].timers.next_ns,
		     UINT64_MAX);
	stage_expect_told();
}

/* But those with which workers wait to be woken do not. */
Test(deadlock, an_operation_will_wake_somebody)
{
	stage_spawn_reader();
	for (unsigned i = 0; i < STAGE_WORKERS; i++)
		atomic_store(&stage.wake_ops[i].armed, true);
	atomic_store(&stage.ring.published, STAGE_WORKERS + 1);
	expect_nothing(true);
	atomic_store(&stage.ring.finished, 1);
	stage_expect_told();
}

/* Most often what fills the ring is in flight, too. Should that be over
 * already, it is the place in line alone that tells of the worker which is
 * going to look again: lend__arbiter_must_look(). */
Test(deadlock, who_is_in_line_for_slots_will_be_served)
{
	stage_spawn_suspended("claimer", LEND_WAITS_ROOM, -1);
	atomic_store(&stage.runtime.arbiter.waiting, 1);
	expect_nothing(true);
	atomic_store(&stage.runtime.arbiter.waiting, 0);
	stage_expect_told();
}

Test(deadlock, who_runs_may_help)
{
	struct lend_actor *runner = stage_spawn("runner");

	stage_spawn_reader();
	lend__registry_publish(&stage.runtime.registry, runner);
	expect_nothing(true);
	stage_wait_for(runner, LEND_WAITS_MESSAGE, -1);
	stage_expect_told();
}

Test(deadlock, who_is_on_its_way_may_help)
{
	struct lend_actor *newcomer;

	stage_spawn_reader();
	newcomer = stage_spawn("newcomer");
	expect_nothing(true);
	stage_wait_for(newcomer, LEND_WAITS_MESSAGE, -1);
	lend__registry_publish(&stage.runtime.registry, newcomer);
	stage_expect_told();
}

Test(deadlock, a_function_will_end)
{
	struct lend_actor *caller;

	stage_spawn_reader();
	caller = stage_spawn_suspended("caller", LEND_WAITS_BLOCKING, -1);
	expect_nothing(true);
	stage_wait_anew_for(caller, LEND_WAITS_MESSAGE, -1);
	stage_expect_told();
}
