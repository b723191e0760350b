/*
 * Goal:   P8: each circle of actors that wait for each other is told of, once,
 *         beside whatever was told before; scopes may be a part of it.
 * Method: deadlock_stage.h.
 */
#include "rt/circle.h"

#include <criterion/criterion.h>
#include <lend/clock.h>
#include <stdio.h>

#include "actor/scope.h"
#include "deadlock_stage.h"
#include "rt/deadlock.h"

TestSuite(circle, .init = stage_set, .fini = stage_strike);

Test(circle, who_is_in_a_circle_is_warned)
{
	struct lend_actor *left = stage_spawn("left"),
			  *right = stage_spawn("right");

	stage_wait_for(left, LEND_WAITS_END, (int)right->index);
	stage_wait_for(right, LEND_WAITS_ANSWER, (int)left->index);
	lend__registry_publish(&stage.runtime.registry, left);
	lend__registry_publish(&stage.runtime.registry, right);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said(" wait for each other: "), 1, "%s",
		     stage.said);
	cr_expect_eq(stage.level_said, LEND_LOG_WARNING);
}

static unsigned count_circles(void)
{
	return stage_count_said(" wait for each other: ");
}

/* @count actors from @first on: each waits for the end of the next one. */
static void close_circle(struct lend_actor **first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		stage_wait_for(first[i], LEND_WAITS_END,
			       (int)first[(i + 1) % count]->index);
}

static void spawn_circle(struct lend_actor **ret_first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ret_first[i] = stage_spawn("member");
	close_circle(ret_first, count);
	for (unsigned i = 0; i < count; i++)
		lend__registry_publish(&stage.runtime.registry, ret_first[i]);
}

/* That all have waited for messages once says nothing of what comes later. */
Test(circle, a_circle_is_told_after_others)
{
	struct lend_actor *circle[2];

	stage_spawn_reader();
	stage_expect_told();
	cr_expect_eq(stage.level_said, LEND_LOG_INFO);
	spawn_circle(circle, 2);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 2, "%s", stage.said);
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
	cr_expect_eq(stage.level_said, LEND_LOG_WARNING);
}

/* Whoever comes, waits for it, or wakes one of its members in vain. */
Test(circle, a_circle_is_told_once)
{
	struct lend_actor *waiter = stage_spawn_reader(), *circle[3];

	spawn_circle(circle, 3);
	stage_expect_told();
	stage_spawn_reader();
	cr_expect(lend__deadlock_look(&stage.runtime));
	for (unsigned i = 0; i < 3; i++) {
		stage_wait_anew_for(waiter, LEND_WAITS_END,
				    (int)circle[i]->index);
		atomic_store(&circle[i]->since_ns, lend_now());
		cr_expect(lend__deadlock_look(&stage.runtime));
	}
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
}

Test(circle, each_circle_is_told)
{
	struct lend_actor *circle[4];

	spawn_circle(circle, 2);
	stage_expect_told();
	/* The first one of them now waits for somebody else. */
	circle[2] = stage_spawn_reader();
	circle[3] = circle[1];
	circle[1] = circle[2];
	for (unsigned i = 0; i < 3; i++)
		stage_wait_anew_for(circle[i % 2], LEND_WAITS_ANSWER,
				    (int)circle[(i + 1) % 2]->index);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 2, "%s", stage.said);
	cr_expect_eq(count_circles(), 2, "%s", stage.said);
}

/* Whoever else still waits in one, and when that one is no more. */
Test(circle, circles_beside_each_other_are_told)
{
	struct lend_actor *older[2], *newer[2];

	spawn_circle(older, 2);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
	spawn_circle(newer, 2);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), 2, "%s", stage.said);

	for (unsigned i = 0; i < 2; i++)
		stage_wait_anew_for(older[i], LEND_WAITS_MESSAGE, -1);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), 2, "%s", stage.said);
}

/* Of more than are remembered none is told twice; one that is broken makes room
 * for another. */
Test(circle, of_many_circles_some_are_told)
{
	struct lend_actor *circles[LEND_CIRCLES_MAX + 1][2];

	for (unsigned i = 0; i <= LEND_CIRCLES_MAX; i++)
		spawn_circle(circles[i], 2);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
	cr_expect_eq(count_circles(), LEND_CIRCLES_MAX, "%s", stage.said);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), LEND_CIRCLES_MAX, "%s", stage.said);

	stage_wait_anew_for(circles[3][0], LEND_WAITS_MESSAGE, -1);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), LEND_CIRCLES_MAX + 1, "%s", stage.said);
}

/* However long it is, and however many there are who wait for it. */
Test(circle, a_long_circle_is_told)
{
	struct lend_actor *circle[STAGE_ACTORS / 2];

	for (unsigned i = 0; i < STAGE_ACTORS / 2; i++)
		stage_spawn_suspended("waiter", LEND_WAITS_END, (int)i + 1);
	spawn_circle(circle, STAGE_ACTORS / 2);
	stage_expect_told();
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said(" -> and 88 more -> member #"), 1, "%s",
		     stage.said);
	cr_expect_eq(stage.level_said, LEND_LOG_WARNING);
}

/* Who waits for one that waits for itself, so to say, is not in the circle. */
Test(circle, who_waits_for_a_circle_is_not_in_it)
{
	struct lend_actor *circle[2];

	stage_spawn_suspended("outer", LEND_WAITS_END, 1);
	spawn_circle(circle, 2);
	stage_expect_told();
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said("other: outer #"), 0, "%s", stage.said);
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
	scope->owner = stage_spawn_suspended("owner", kind,
					     lend__scope_number(scope));
	return scope->owner;
}

static struct lend_actor *spawn_member(struct lend_scope *scope, uint8_t kind,
				       int whom)
{
	struct lend_actor *member = stage_spawn_suspended("member", kind, whom);

	enter_scope(member, scope);
	return member;
}

/* One of them is enough, whichever it is and whomever it waits through. */
Test(circle, an_owner_is_in_a_circle_with_a_member)
{
	struct lend_actor *owner, *middle;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBERS);
	middle = stage_spawn_suspended("middle", LEND_WAITS_ANSWER,
				       (int)owner->index);
	spawn_member(&scopes[0], LEND_WAITS_MESSAGE, -1);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)middle->index);
	spawn_member(&scopes[0], LEND_WAITS_PERMIT, -1);
	stage_expect_told();
	cr_expect_eq(stage.level_said, LEND_LOG_WARNING);
	cr_expect_eq(
		stage_count_said(
			"other: owner #0 -> member #3 -> middle #1 -> owner #0\n"),
		1, "%s", stage.said);
	cr_expect_eq(
		stage_count_said(
			"; in a scope of actor owner #0, which waits for it\n"),
		3, "%s", stage.said);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(stage_count_told(), 1, "%s", stage.said);
}

/* A member of the inner one waits for the owner of the outer one. */
Test(circle, a_circle_leads_through_scopes)
{
	struct lend_actor *owner, *inner;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBERS);
	inner = spawn_owner(&scopes[1], LEND_WAITS_MEMBERS);
	enter_scope(inner, &scopes[0]);
	spawn_member(&scopes[1], LEND_WAITS_END, (int)owner->index);
	stage_expect_told();
	cr_expect_eq(
		stage_count_said(
			"other: owner #0 -> owner #1 -> member #2 -> owner #0\n"),
		1, "%s", stage.said);
}

/* It waits for those of another scope of its own. */
Test(circle, who_is_in_another_scope_is_in_no_circle)
{
	struct lend_actor *owner, *member;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBERS);
	scopes[1].owner = owner;
	spawn_member(&scopes[0], LEND_WAITS_MESSAGE, -1);
	member = spawn_member(&scopes[1], LEND_WAITS_END, (int)owner->index);
	stage_expect_told();
	cr_expect_eq(count_circles(), 0, "%s", stage.said);
	cr_expect_eq(stage_count_said("; in a scope of actor owner #0\n"), 1,
		     "%s", stage.said);
	enter_scope(member, &scopes[0]);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
}

static unsigned count_of(unsigned members)
{
	char text[64];

	snprintf(text, sizeof(text), ", for any of %u members of its scope -> ",
		 members);
	return stage_count_said(text);
}

/* Any of them that ends will do. */
Test(circle, who_waits_for_one_of_several_is_in_no_circle)
{
	struct lend_actor *owner, *member;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBER);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)owner->index);
	member = spawn_member(&scopes[0], LEND_WAITS_MESSAGE, -1);
	stage_expect_told();
	cr_expect_eq(count_circles(), 0, "%s", stage.said);
	member->scope = NULL;
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said(" for any of "), 0, "%s", stage.said);
}

/* But if each of them waits for it, through others or not, none will end. */
Test(circle, who_waits_for_one_of_those_that_wait_is_in_a_circle)
{
	struct lend_actor *owner, *middle, *last;

	owner = spawn_owner(&scopes[0], LEND_WAITS_MEMBER);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)owner->index);
	middle = stage_spawn_reader();
	stage_spawn_suspended("waiter", LEND_WAITS_END, (int)middle->index);
	spawn_member(&scopes[0], LEND_WAITS_ANSWER, (int)middle->index);
	last = stage_spawn_suspended("last", LEND_WAITS_PLACE,
				     (int)owner->index);
	stage_expect_told();
	cr_expect_eq(count_circles(), 0, "%s", stage.said);
	stage_wait_anew_for(middle, LEND_WAITS_END, (int)last->index);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(
		stage_count_said(
			"other: owner #0, for any of 2 members of its scope -> member #1 -> owner #0\n"),
		1, "%s", stage.said);
	cr_expect_eq(stage.level_said, LEND_LOG_WARNING);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
}

/* One that may go on is enough, wherever it is. */
Test(circle, any_within_any_is_followed)
{
	struct lend_actor *outer, *inner, *free;

	outer = spawn_owner(&scopes[0], LEND_WAITS_MEMBER);
	inner = spawn_owner(&scopes[1], LEND_WAITS_MEMBER);
	enter_scope(inner, &scopes[0]);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)inner->index);
	spawn_member(&scopes[1], LEND_WAITS_END, (int)outer->index);
	spawn_member(&scopes[1], LEND_WAITS_END, (int)inner->index);
	free = spawn_member(&scopes[1], LEND_WAITS_PERMIT, -1);
	stage_expect_told();
	cr_expect_eq(count_circles(), 0, "%s", stage.said);
	stage_wait_anew_for(free, LEND_WAITS_END, (int)outer->index);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
	cr_expect_eq(count_of(2), 1, "%s", stage.said);
	cr_expect_eq(count_of(3), 1, "%s", stage.said);
}

/* Of an inner scope all must end, and one of its members never does. */
Test(circle, all_within_any_is_followed)
{
	struct lend_actor *outer, *inner, *last;

	outer = spawn_owner(&scopes[0], LEND_WAITS_MEMBER);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)outer->index);
	inner = spawn_owner(&scopes[1], LEND_WAITS_MEMBERS);
	enter_scope(inner, &scopes[0]);
	last = spawn_member(&scopes[1], LEND_WAITS_MESSAGE, -1);
	spawn_member(&scopes[1], LEND_WAITS_MESSAGE, -1);
	stage_expect_told();
	cr_expect_eq(count_circles(), 0, "%s", stage.said);
	stage_wait_anew_for(last, LEND_WAITS_END, (int)outer->index);
	cr_expect(lend__deadlock_look(&stage.runtime));
	cr_expect_eq(count_of(2), 1, "%s", stage.said);
}

/* The owner is not in the circle that keeps its members. */
Test(circle, members_may_be_stuck_elsewhere)
{
	struct lend_actor *circle[2];

	spawn_circle(circle, 2);
	spawn_owner(&scopes[0], LEND_WAITS_MEMBER);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)circle[0]->index);
	spawn_member(&scopes[0], LEND_WAITS_END, (int)circle[1]->index);
	stage_expect_told();
	cr_expect_eq(count_circles(), 1, "%s", stage.said);
	cr_expect_eq(stage_count_said("owner #2, for any"), 0, "%s",
		     stage.said);
}
