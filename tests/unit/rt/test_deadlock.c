/*
 * Goal:   P8: that nothing can run any more is told, once, and each circle of
 *         actors that wait for each other once more, when all actors are
 *         suspended, all workers are parked, and nothing is pending; each of
 *         these, missing, is a reason to say nothing: a worker at work, a
 *         timer, an operation, somebody in line for slots, an actor that runs
 *         or is not there yet, one whose function a thread runs. Afterwards
 *         the watchdog may sleep, unless a worker was at work.
 * Method: workers without threads and actors without fibers; what the look is
 *         to see is set by hand. Each reason is taken away again, and what was
 *         missing is told then.
 */
#include "rt/deadlock.h"

#include <criterion/criterion.h>
#include <lend/clock.h>
#include <stdio.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/registry.h"
#include "actor/scope.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"

#define WORKERS 2
#define ACTORS	200

/* Lines on actors, at most. */
#define LINES 16

static struct lend_runtime runtime;
static struct lend_worker workers[WORKERS];
static struct lend_wake_op wake_ops[WORKERS];
static struct lend_ring ring;
static struct lend_actor *actors[ACTORS];
static unsigned actors_count;
static char said[16384];
static enum lend_log_level level_said;

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	size_t size = strlen(said);

	(void)arg;
	level_said = level;
	snprintf(said + size, sizeof(said) - size, "%s\n", line);
}

static unsigned count_said(const char *what)
{
	unsigned count = 0;

	for (const char *at = said; (at = strstr(at, what)); at++)
		count++;
	return count;
}

static unsigned count_told(void)
{
	return count_said("nothing can run any more");
}

static void setup(void)
{
	cr_assert_eq(
		lend__registry_init(&runtime.registry, ACTORS, 1, 16384, 0), 0);
	lend__log_init(&runtime.log, LEND_LOG_INFO, remember, NULL);
	runtime.workers = workers;
	atomic_store(&runtime.workers_count, WORKERS);
	atomic_store(&runtime.workers_used, WORKERS);
	atomic_store(&runtime.parked, WORKERS);
	runtime.arbiter.pool.rings = &ring;
	atomic_store(&runtime.arbiter.pool.count, 1);
	atomic_store(&runtime.arbiter.pool.used, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].runtime = &runtime;
		workers[i].wake_ops = &wake_ops[i];
		atomic_store(&workers[i].timers.next_ns, UINT64_MAX);
	}
}

static void teardown(void)
{
	for (unsigned i = 0; i < actors_count; i++) {
		actors[i]->scope = NULL;
		lend__registry_end(&runtime.registry, actors[i]);
		lend__registry_free(&runtime.registry, NULL, actors[i]);
	}
	lend__registry_fini(&runtime.registry);
}

TestSuite(deadlock, .init = setup, .fini = teardown);

/* ---- actors ---- */

static void wait_for(struct lend_actor *actor, uint8_t kind, int whom)
{
	atomic_store(&actor->waits_for,
		     lend__actor_waits(kind, whom, UINT32_MAX));
	cr_assert(lend__mailbox_idle(&actor->mailbox, actor->generation));
}

static struct lend_actor *spawn(const char *name)
{
	struct lend_actor *actor;

	cr_assert_eq(lend__registry_take(&runtime.registry, NULL, NULL, false,
					 &actor),
		     0);
	lend__actor_init(actor, &runtime.host, NULL, NULL, name);
	lend__heap_init(&actor->heap, &runtime.registry.heaps, actor->index,
			(char *)actor - LEND_ACTOR_HOME_SIZE,
			LEND_ACTOR_HOME_SIZE, 0);
	actors[actors_count++] = actor;
	return actor;
}

static struct lend_actor *spawn_suspended(const char *name, uint8_t kind,
					  int whom)
{
	struct lend_actor *actor = spawn(name);

	wait_for(actor, kind, whom);
	lend__registry_publish(&runtime.registry, actor);
	return actor;
}

static struct lend_actor *spawn_reader(void)
{
	return spawn_suspended("reader", LEND_WAITS_MESSAGE, -1);
}

/* ---- what is told ---- */

static void expect_told(void)
{
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 1, "%s", said);
}

Test(deadlock, it_is_told_once_with_who_waits)
{
	spawn_reader();
	spawn_suspended("idler", LEND_WAITS_PERMIT, -1);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 1, "%s", said);
	cr_expect_eq(count_said(": 2 actors wait"), 1, "%s", said);
	cr_expect_eq(count_said("  actor reader #"), 1, "%s", said);
	cr_expect_eq(count_said("  actor idler #"), 1, "%s", said);
	cr_expect_eq(count_said("waits for a message"), 1, "%s", said);
	cr_expect_eq(level_said, LEND_LOG_INFO);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 1, "%s", said);
}

Test(deadlock, who_is_alone_is_warned)
{
	spawn_reader();
	atomic_store(&runtime.alone, true);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 1, "%s", said);
	cr_expect_eq(level_said, LEND_LOG_WARNING);
}

Test(deadlock, who_is_in_a_circle_is_warned)
{
	struct lend_actor *left = spawn("left"), *right = spawn("right");

	wait_for(left, LEND_WAITS_END, (int)right->index);
	wait_for(right, LEND_WAITS_ANSWER, (int)left->index);
	lend__registry_publish(&runtime.registry, left);
	lend__registry_publish(&runtime.registry, right);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 1, "%s", said);
	cr_expect_eq(count_said(" wait for each other: "), 1, "%s", said);
	cr_expect_eq(level_said, LEND_LOG_WARNING);
}

static unsigned count_circles(void)
{
	return count_said(" wait for each other: ");
}

/* @count actors from @first on: each waits for the end of the next one. */
static void close_circle(struct lend_actor **first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		wait_for(first[i], LEND_WAITS_END,
			 (int)first[(i + 1) % count]->index);
}

static void spawn_circle(struct lend_actor **ret_first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ret_first[i] = spawn("member");
	close_circle(ret_first, count);
	for (unsigned i = 0; i < count; i++)
		lend__registry_publish(&runtime.registry, ret_first[i]);
}

/* That all have waited for messages once says nothing of what comes later. */
Test(deadlock, a_circle_is_told_after_others)
{
	struct lend_actor *circle[2];

	spawn_reader();
	expect_told();
	cr_expect_eq(level_said, LEND_LOG_INFO);
	spawn_circle(circle, 2);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 2, "%s", said);
	cr_expect_eq(count_circles(), 1, "%s", said);
	cr_expect_eq(level_said, LEND_LOG_WARNING);
}

/* Whoever comes, waits for it, or wakes one of its members in vain. */
Test(deadlock, a_circle_is_told_once)
{
	struct lend_actor *waiter = spawn_reader(), *circle[3];

	spawn_circle(circle, 3);
	expect_told();
	spawn_reader();
	cr_expect(lend__deadlock_look(&runtime));
	for (unsigned i = 0; i < 3; i++) {
		atomic_store(&waiter->waits_for,
			     lend__actor_waits(LEND_WAITS_END,
					       (int)circle[i]->index,
					       UINT32_MAX));
		atomic_store(&circle[i]->since_ns, lend_now());
		cr_expect(lend__deadlock_look(&runtime));
	}
	cr_expect_eq(count_told(), 1, "%s", said);
}

Test(deadlock, each_circle_is_told)
{
	struct lend_actor *circle[4];

	spawn_circle(circle, 2);
	expect_told();
	/* The first one of them now waits for somebody else. */
	circle[2] = spawn_reader();
	circle[3] = circle[1];
	circle[1] = circle[2];
	for (unsigned i = 0; i < 3; i++)
		atomic_store(&circle[i % 2]->waits_for,
			     lend__actor_waits(LEND_WAITS_ANSWER,
					       (int)circle[(i + 1) % 2]->index,
					       UINT32_MAX));
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 2, "%s", said);
	cr_expect_eq(count_circles(), 2, "%s", said);
}

/* Whoever else still waits in one, and when that one is no more. */
Test(deadlock, circles_beside_each_other_are_told)
{
	struct lend_actor *older[2], *newer[2];

	spawn_circle(older, 2);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_circles(), 1, "%s", said);
	spawn_circle(newer, 2);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_circles(), 2, "%s", said);

	for (unsigned i = 0; i < 2; i++)
		atomic_store(&older[i]->waits_for,
			     lend__actor_waits(LEND_WAITS_MESSAGE, -1,
					       UINT32_MAX));
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_circles(), 2, "%s", said);
}

/* Of more than are remembered none is told twice; one that is broken makes room
 * for another. */
Test(deadlock, of_many_circles_some_are_told)
{
	struct lend_actor *circles[LEND_CIRCLES_MAX + 1][2];

	for (unsigned i = 0; i <= LEND_CIRCLES_MAX; i++)
		spawn_circle(circles[i], 2);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 1, "%s", said);
	cr_expect_eq(count_circles(), LEND_CIRCLES_MAX, "%s", said);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_circles(), LEND_CIRCLES_MAX, "%s", said);

	atomic_store(&circles[3][0]->waits_for,
		     lend__actor_waits(LEND_WAITS_MESSAGE, -1, UINT32_MAX));
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_circles(), LEND_CIRCLES_MAX + 1, "%s", said);
}

/* However long it is, and however many there are who wait for it. */
Test(deadlock, a_long_circle_is_told)
{
	struct lend_actor *circle[ACTORS / 2];

	for (unsigned i = 0; i < ACTORS / 2; i++)
		spawn_suspended("waiter", LEND_WAITS_END, (int)i + 1);
	spawn_circle(circle, ACTORS / 2);
	expect_told();
	cr_expect_eq(count_circles(), 1, "%s", said);
	cr_expect_eq(count_said(" -> and 88 more -> member #"), 1, "%s", said);
	cr_expect_eq(level_said, LEND_LOG_WARNING);
}

/* Who waits for one that waits for itself, so to say, is not in the circle. */
Test(deadlock, who_waits_for_a_circle_is_not_in_it)
{
	struct lend_actor *circle[2];

	spawn_suspended("outer", LEND_WAITS_END, 1);
	spawn_circle(circle, 2);
	expect_told();
	cr_expect_eq(count_circles(), 1, "%s", said);
	cr_expect_eq(count_said("other: outer #"), 0, "%s", said);
}

/* ---- scopes ---- */

static struct lend_scope scopes[2];

static void enter_scope(struct lend_actor *member, struct lend_scope *scope)
{
	scope->owner->deadline = LEND_FOREVER;
	lend__scope_adopt(scope, member);
}

static struct lend_actor *spawn_owner(struct lend_scope *scope, uint8_t kind)
{
	scope->owner = spawn_suspended("owner", kind,
				       lend__scope_number(scope));
	return scope->owner;
}

static struct lend_actor *spawn_member(struct lend_scope *scope, uint8_t kind,
				       int whom)
{
	struct lend_actor *member = spawn_suspended("member", kind, whom);

	enter_scope(member, scope);
	return member;
}

/* One of them is enough, whichever it is and whomever it waits through. */
Test(deadlock, an_owner_is_in_a_circle_with_a_member)
{
	struct lend_actor *owner, *middle;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBERS);
	middle = spawn_suspended("middle", LEND_WAITS_ANSWER,
				 (int)owner->index);
	spawn_member(&scopes[0], LEND_WAITS_MESSAGE, -1);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)middle->index);
	spawn_member(&scopes[0], LEND_WAITS_PERMIT, -1);
	expect_told();
	cr_expect_eq(level_said, LEND_LOG_WARNING);
	cr_expect_eq(
		count_said(
			"other: owner #0 -> member #3 -> middle #1 -> owner #0\n"),
		1, "%s", said);
	cr_expect_eq(
		count_said(
			"; in a scope of actor owner #0, which waits for it\n"),
		3, "%s", said);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_told(), 1, "%s", said);
}

/* A member of the inner one waits for the owner of the outer one. */
Test(deadlock, a_circle_leads_through_scopes)
{
	struct lend_actor *owner, *inner;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBERS);
	inner = spawn_owner(&scopes[1], LEND_WAITS_MEMBERS);
	enter_scope(inner, &scopes[0]);
	spawn_member(&scopes[1], LEND_WAITS_END, (int)owner->index);
	expect_told();
	cr_expect_eq(
		count_said(
			"other: owner #0 -> owner #1 -> member #2 -> owner #0\n"),
		1, "%s", said);
}

/* It waits for those of another scope of its own. */
Test(deadlock, who_is_in_another_scope_is_in_no_circle)
{
	struct lend_actor *owner, *member;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBERS);
	scopes[1].owner = owner;
	spawn_member(&scopes[0], LEND_WAITS_MESSAGE, -1);
	member = spawn_member(&scopes[1], LEND_WAITS_END, (int)owner->index);
	expect_told();
	cr_expect_eq(count_circles(), 0, "%s", said);
	cr_expect_eq(count_said("; in a scope of actor owner #0\n"), 1, "%s",
		     said);
	enter_scope(member, &scopes[0]);
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_circles(), 1, "%s", said);
}

/* Any of them that ends will do. */
Test(deadlock, who_waits_for_one_of_several_is_in_no_circle)
{
	struct lend_actor *owner, *member;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBER);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)owner->index);
	member = spawn_member(&scopes[0], LEND_WAITS_MESSAGE, -1);
	expect_told();
	cr_expect_eq(count_circles(), 0, "%s", said);
	member->scope = NULL;
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_circles(), 1, "%s", said);
}

Test(deadlock, of_many_some_are_told)
{
	for (unsigned i = 0; i < ACTORS; i++)
		spawn_reader();
	cr_expect(lend__deadlock_look(&runtime));
	cr_expect_eq(count_said(": 200 actors wait"), 1, "%s", said);
	cr_expect_eq(count_said("  actor reader #"), LINES, "%s", said);
}

/* ---- what is none ---- */

static void expect_nothing(bool may_sleep)
{
	cr_expect_eq(lend__deadlock_look(&runtime), may_sleep);
	cr_expect_eq(count_told(), 0, "%s", said);
	cr_expect_not(runtime.watchdog.told_deadlock);
}

Test(deadlock, nobody_is_none)
{
	expect_nothing(true);
	spawn_reader();
	expect_told();
}

/* It is to be looked again, as nobody tells when it parks. */
Test(deadlock, who_is_at_work_may_help)
{
	spawn_reader();
	atomic_store(&runtime.parked, WORKERS - 1);
	expect_nothing(false);
	atomic_store(&workers[0].timers.next_ns, 4711);
	expect_nothing(false);
	atomic_store(&workers[0].timers.next_ns, UINT64_MAX);
	atomic_store(&runtime.parked, WORKERS);
	expect_told();
}

Test(deadlock, a_timer_will_wake_somebody)
{
	spawn_reader();
	atomic_store(&workers[WORKERS - 1].timers.next_ns, 4711);
	expect_nothing(true);
	atomic_store(&workers[WORKERS - 1].timers.next_ns, UINT64_MAX);
	expect_told();
}

/* But those with which workers wait to be woken do not. */
Test(deadlock, an_operation_will_wake_somebody)
{
	spawn_reader();
	for (unsigned i = 0; i < WORKERS; i++)
		atomic_store(&wake_ops[i].armed, true);
	atomic_store(&ring.published, WORKERS + 1);
	expect_nothing(true);
	atomic_store(&ring.finished, 1);
	expect_told();
}

/* Most often what fills the ring is in flight, too. Should that be over
 * already, it is the place in line alone that tells of the worker which is
 * going to look again: lend__arbiter_must_look(). */
Test(deadlock, who_is_in_line_for_slots_will_be_served)
{
	spawn_suspended("claimer", LEND_WAITS_ROOM, -1);
	atomic_store(&runtime.arbiter.waiting, 1);
	expect_nothing(true);
	atomic_store(&runtime.arbiter.waiting, 0);
	expect_told();
}

Test(deadlock, who_runs_may_help)
{
	struct lend_actor *runner = spawn("runner");

	spawn_reader();
	lend__registry_publish(&runtime.registry, runner);
	expect_nothing(true);
	wait_for(runner, LEND_WAITS_MESSAGE, -1);
	expect_told();
}

Test(deadlock, who_is_on_its_way_may_help)
{
	struct lend_actor *newcomer;

	spawn_reader();
	newcomer = spawn("newcomer");
	expect_nothing(true);
	wait_for(newcomer, LEND_WAITS_MESSAGE, -1);
	lend__registry_publish(&runtime.registry, newcomer);
	expect_told();
}

Test(deadlock, a_function_will_end)
{
	struct lend_actor *caller;

	spawn_reader();
	caller = spawn_suspended("caller", LEND_WAITS_BLOCKING, -1);
	expect_nothing(true);
	atomic_store(&caller->waits_for,
		     lend__actor_waits(LEND_WAITS_MESSAGE, -1, UINT32_MAX));
	expect_told();
}
