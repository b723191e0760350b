/*
 * Goal:   a report names actors that wait for each other in a circle, whoever
 *         else can run: for an end, for all members of a scope, or for any.
 * Method: reported.h.
 */
#include <errno.h>
#include <stdatomic.h>

#include "reported.h"

static int a_circle_is_reported(void *arg)
{
	static lend_ref circle[2];

	(void)arg;
	spawn_circle(circle);
	wait_for_line("they wait for each other: ", "left #");
	wait_for_line("they wait for each other: ", " -> right #");
	CHECK_EQ(lend_cancel(circle[0]), 0);
	CHECK_EQ(test_join(circle[0]), 0);
	(void)!lend_join(circle[1], LEND_FOREVER, NULL);
	return 0;
}

/* Who waits for a scope's members waits for each of them. */
static int own_a_scope(void *arg)
{
	const struct lend_spawn_options options = { .name = "right" };
	struct lend_scope *scope;
	lend_ref self = lend_self();

	(void)arg;
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
	CHECK_EQ(lend_scope_spawn(scope, receive, NULL, NULL, NULL), 0);
	CHECK_EQ(lend_scope_spawn(scope, join, &self, &options, NULL), 0);
	CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), -ECANCELED);
	return lend_scope_close(scope);
}

static int a_circle_of_a_scope_is_reported(void *arg)
{
	lend_ref owner = spawn_named(own_a_scope, NULL, "left");

	(void)arg;
	wait_for_line("they wait for each other: ", "left #");
	wait_for_line("they wait for each other: ", " -> right #");
	wait_for_line("actor right #", "; in a scope of actor left #");
	wait_for_line("actor right #", ", which waits for it; ");
	CHECK_EQ(lend_cancel(owner), 0);
	return test_join(owner);
}

static int each_circle_is_reported(void *arg)
{
	static const char *const names[] = { "fore", "aft", "port" };
	lend_ref owners[3];

	(void)arg;
	for (unsigned i = 0; i < 3; i++)
		owners[i] = spawn_named(own_a_scope, NULL, names[i]);
	wait_for_line("they wait for each other: ", " -> right #");
	wait_for_line("others wait for each other: ", " -> right #");
	wait_for_line(" wait for each other: ", "fore #");
	wait_for_line(" wait for each other: ", "aft #");
	wait_for_line(" wait for each other: ", "port #");
	for (unsigned i = 0; i < 3; i++) {
		CHECK_EQ(lend_cancel(owners[i]), 0);
		CHECK_EQ(test_join(owners[i]), 0);
	}
	return 0;
}

/* Who waits for any of them waits for all, if none of them can end. */
static int wait_for_any(void *arg)
{
	const struct lend_spawn_options options = { .name = "right",
						    .joinable = true };
	struct lend_scope *scope;
	lend_ref self = lend_self();

	(void)arg;
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(lend_scope_spawn(scope, join, &self, &options, NULL),
			 0);
	CHECK_EQ(lend_scope_next(scope, LEND_FOREVER, NULL, NULL), -ECANCELED);
	return lend_scope_close(scope);
}

static int a_circle_of_any_is_reported(void *arg)
{
	lend_ref owner = spawn_named(wait_for_any, NULL, "left");

	(void)arg;
	wait_for_line("they wait for each other: ",
		      ", for any of 2 members of its scope -> right #");
	CHECK_EQ(lend_cancel(owner), 0);
	return test_join(owner);
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 120);
	test_actor("a circle of joins is reported", a_circle_is_reported);
	test_actor("a circle of a scope is reported",
		   a_circle_of_a_scope_is_reported);
	test_actor("each circle is reported", each_circle_is_reported);
	test_actor("a circle of any is reported", a_circle_of_any_is_reported);
	return test_finish();
}
