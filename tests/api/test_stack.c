/*
 * Goal:   a stack that overflows ends the process with a line that names its
 *         actor; giving memory back keeps what is in use.
 * Method: the overflow happens in a child, whose standard error is read.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness/harness.h"

/* ---- overflow ---- */

static int spawn_overflow(void *arg)
{
	const struct lend_spawn_options options = {
		.name = "deep-thinker",
		.joinable = true,
	};
	lend_ref ref;

	(void)arg;
	if (lend_spawn(test_overflow_stack, NULL, &options, &ref))
		return -1;
	return lend_join(ref, LEND_FOREVER, NULL);
}

static int overflow_names_the_actor(void)
{
	char text[4096];
	int status = test_in_child(spawn_overflow, text, sizeof(text));

	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
	CHECK(strstr(text, "stack overflow") != NULL);
	CHECK(strstr(text, "\"deep-thinker\"") != NULL);
	return 0;
}

/* ---- trim ---- */

static int trim_keeps_data(void *arg)
{
	char data[20000];
	char *span = lend_io_alloc(5000), *other = lend_io_alloc(100000);

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 13);
	memset(span, 'k', 5000);
	memset(other, 'o', 100000);
	lend_io_free(other);
	for (int round = 0; round < 5; round++) {
		lend_trim();
		lend_sleep(lend_after(100 * LEND_US));
		for (size_t i = 0; i < sizeof(data); i++)
			if (!CHECK_EQ(data[i], (char)(i * 13)))
				return -1;
		for (size_t i = 0; i < 5000; i++)
			if (!CHECK_EQ(span[i], 'k'))
				return -1;
		other = lend_io_alloc(60000);
		memset(other, 'p', 60000);
		lend_io_free(other);
	}
	lend_io_free(span);
	return (int)(intptr_t)arg;
}

static int trim_many(void *arg)
{
	lend_ref refs[50];

	(void)arg;
	for (int i = 0; i < 50; i++)
		refs[i] = test_spawn(trim_keeps_data, (void *)(intptr_t)i);
	for (int i = 0; i < 50; i++)
		CHECK_EQ(test_join(refs[i]), i);
	return 0;
}

static int big_stacks(void *arg)
{
	volatile char big[900000];

	(void)arg;
	for (size_t i = 0; i < sizeof(big); i += 4096)
		big[i] = 1;
	lend_yield();
	return big[4096] - 1;
}

/* ---- how deep they were ---- */

static int go_deep(void *arg)
{
	volatile char big[300000];

	(void)arg;
	for (size_t i = 0; i < sizeof(big); i += 4096)
		big[i] = 1;
	return big[4096] - 1;
}

static int shallow(void *arg)
{
	(void)arg;
	return 0;
}

/* An actor's end is noted before its place is free, and may be after its join:
 * so until it is. */
static int deepest_is_named(void *arg)
{
	struct lend_spawn_options options = { .name = "shallow",
					      .joinable = true };
	struct lend_stats stats;
	lend_ref ref;

	(void)arg;
	CHECK_EQ(lend_spawn(shallow, NULL, &options, &ref), 0);
	CHECK_EQ(test_join(ref), 0);
	do {
		lend_yield();
		lend_stats_read(NULL, &stats);
	} while (!stats.stack_deepest);
	CHECK(stats.stack_deepest < 300000);
	CHECK(!strcmp(stats.stack_deepest_name, "shallow"));
	options.name = "deep-diver";
	/* The first may get the place that the other had, which is looked at
	 * again after some more; so one of these does. */
	while (stats.stack_deepest < 300000) {
		CHECK_EQ(lend_spawn(go_deep, NULL, &options, &ref), 0);
		CHECK_EQ(test_join(ref), 0);
		lend_stats_read(NULL, &stats);
	}
	CHECK(stats.stack_deepest <= 1 << 20);
	CHECK(!strcmp(stats.stack_deepest_name, "deep-diver"));
	/* It stays so, whoever is looked at afterwards: those that have a
	 * stack of their own are. */
	options.name = "shallow";
	options.stack_size = 2 << 20;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(lend_spawn(shallow, NULL, &options, &ref), 0);
		CHECK_EQ(test_join(ref), 0);
	}
	lend_stats_read(NULL, &stats);
	CHECK(stats.stack_deepest >= 300000);
	CHECK(!strcmp(stats.stack_deepest_name, "deep-diver"));
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 30);
	options = test_options;
	if (test_is_slow())
		test_skip("overflow_names_the_actor",
			  "the sanitizer has a handler of its own");
	else
		test_plain("overflow_names_the_actor",
			   overflow_names_the_actor);
	test_actor("trim_many", trim_many);
	options.stack_size = 1 << 20;
	options.actors_max = 100;
	test_actor_with("big_stacks", big_stacks, &options);
	if (test_is_slow())
		test_skip("deepest_is_named",
			  "the sanitizer has stacks of its own");
	else
		test_actor_with("deepest_is_named", deepest_is_named, &options);
	return test_finish();
}
