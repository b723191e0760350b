/*
 * Goal:   an actor may have a larger stack than the others: all of it can be
 *         used, whatever the actor does and wherever it goes on; an overflow of
 *         it, how deep it was and what a report says are told of this stack;
 *         with the actor it is gone. (features C1: parameters are set before
 *         the first run)
 * Method: frames that no other stack of the runtime could hold; overflows in a
 *         child; what the process has mapped from /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"

#define KIB	((size_t)1 << 10)
#define MIB	((size_t)1 << 20)
#define PAGE	((size_t)4096)
#define BIG	(4 * MIB)
#define COUNT	12
#define FRAME	512
#define DEPTH	2000 /* a MiB of frames at least */
#define OVER_AT (256 * KIB)

static lend_ref spawn_big(lend_actor_fn fn, void *arg, const char *name,
			  size_t size, unsigned on)
{
	const struct lend_spawn_options options = {
		.name = name,
		.joinable = true,
		.worker = on,
		.stack_size = size,
	};
	lend_ref ref = { 0, 0 };

	CHECK_EQ(lend_spawn(fn, arg, &options, &ref), 0);
	return ref;
}

/* ---- it can be used ---- */

/* Each frame has its own bytes, and finds them again. */
__attribute__((noinline)) static int descend(unsigned depth, unsigned char mark)
{
	volatile unsigned char frame[FRAME];
	int wrong = 0;

	for (unsigned i = 0; i < FRAME; i += 64)
		frame[i] = (unsigned char)(mark + depth);
	/* On the way down and up: others run meanwhile, and it moves. */
	if (depth % 500 == 0)
		lend_yield();
	if (depth)
		wrong = descend(depth - 1, mark);
	else
		lend_sleep(lend_after(LEND_MS));
	if (depth % 500 == 250)
		lend_yield();
	for (unsigned i = 0; i < FRAME; i += 64)
		wrong += frame[i] != (unsigned char)(mark + depth);
	return wrong;
}

static int dive(void *arg)
{
	unsigned char mark = (unsigned char)(uintptr_t)arg;
	char *span = lend_io_alloc(100);
	int wrong;

	memset(span, mark, 100);
	wrong = descend(DEPTH, mark);
	for (unsigned i = 0; i < 100; i++)
		wrong += span[i] != (char)mark;
	lend_io_free(span);
	return wrong;
}

static int small(void *arg)
{
	(void)arg;
	return lend_sleep(lend_after(LEND_MS));
}

/* Beside others, on all workers, from actors and as members of a scope. */
static int big_beside_small(void *arg)
{
	const struct lend_spawn_options options = { .stack_size = BIG };
	struct lend_scope *scope;
	lend_ref refs[2 * COUNT];
	unsigned workers = test_options.workers;

	(void)arg;
	CHECK_EQ(lend_scope_open(NULL, &scope), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		refs[2 * i] = spawn_big(dive, (void *)(uintptr_t)i, "diver",
					BIG, i % workers + 1);
		refs[2 * i + 1] = test_spawn(small, NULL);
	}
	CHECK_EQ(lend_scope_spawn(scope, dive, NULL, &options, NULL), 0);
	for (unsigned i = 0; i < 2 * COUNT; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
	lend_scope_close(scope);
	return 0;
}

static int exit_from_below(void *arg)
{
	volatile char frame[300 * 1024];

	frame[0] = 1;
	lend_yield();
	if (arg)
		lend_exit(frame[0]);
	while (!lend_park(LEND_FOREVER)) {
	}
	return frame[0];
}

static int ends_as_any_other(void *arg)
{
	lend_ref ref;

	(void)arg;
	ref = spawn_big(exit_from_below, &ref, "leaver", BIG, 0);
	CHECK_EQ(test_join(ref), 1);
	ref = spawn_big(exit_from_below, NULL, "waiter", BIG, 0);
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(test_join(ref), 1);
	return 0;
}

/* ---- which sizes ---- */

static int sizes(void *arg)
{
	struct lend_spawn_options options = { .joinable = true };
	lend_ref ref;

	(void)arg;
	options.stack_size = ((size_t)1 << 30) + 1;
	CHECK_EQ(lend_spawn(small, NULL, &options, &ref), -EINVAL);
	options.stack_size = SIZE_MAX;
	CHECK_EQ(lend_spawn(small, NULL, &options, &ref), -EINVAL);
	CHECK_EQ(lend_runtime_spawn(lend_runtime_current(), small, NULL,
				    &options, &ref),
		 -EINVAL);
	for (unsigned shift = 0; shift <= (test_is_slow() ? 24 : 30); shift++) {
		options.stack_size = (size_t)1 << shift;
		CHECK_EQ(lend_spawn(small, NULL, &options, &ref), 0);
		CHECK_EQ(test_join(ref), 0);
	}
	options.stack_size = 64 * KIB + 1;
	CHECK_EQ(lend_spawn(small, NULL, &options, &ref), 0);
	CHECK_EQ(test_join(ref), 0);
	return 0;
}

/* ---- with the actor it is gone ---- */

static size_t mapped(void)
{
	char text[128] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoul(text, NULL, 10) * PAGE;
}

/* Though nobody has collected their values; then those are there. */
static int values_outlive_stacks(void *arg)
{
	const size_t size = 256 * MIB;
	size_t before = mapped();
	lend_ref refs[COUNT];

	(void)arg;
	for (unsigned i = 0; i < COUNT; i++)
		refs[i] = spawn_big(small, NULL, "brief", size, 0);
	while (mapped() > before + size)
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	for (unsigned i = 0; i < COUNT; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	/* Of many, one after the other, nothing is left. */
	for (unsigned i = 0; i < 20 * COUNT; i++)
		CHECK_EQ(test_join(spawn_big(small, NULL, "brief", size, 0)),
			 0);
	while (mapped() > before + size)
		CHECK_EQ(lend_sleep(lend_after(LEND_MS)), 0);
	return 0;
}

/* What can not be had is an error, and changes nothing. */
static int refused(void *arg)
{
	const struct lend_spawn_options options = {
		.stack_size = (size_t)1 << 30,
		.joinable = true,
	};
	struct rlimit old, low;
	lend_ref ref;

	(void)arg;
	CHECK_EQ(getrlimit(RLIMIT_AS, &old), 0);
	low = old;
	low.rlim_cur = mapped() + 100 * MIB;
	CHECK_EQ(setrlimit(RLIMIT_AS, &low), 0);
	for (unsigned i = 0; i < 200; i++)
		CHECK_EQ(lend_spawn(small, NULL, &options, &ref), -ENOMEM);
	/* Each attempt has left its place, of 100. */
	CHECK_EQ(test_join(test_spawn(small, NULL)), 0);
	CHECK_EQ(setrlimit(RLIMIT_AS, &old), 0);
	CHECK_EQ(lend_spawn(small, NULL, &options, &ref), 0);
	CHECK_EQ(test_join(ref), 0);
	return 0;
}

/* ---- giving back ---- */

static bool is_there(char *page)
{
	unsigned char state = 0;

	CHECK_EQ(mincore(page, PAGE, &state), 0);
	return state & 1;
}

__attribute__((noinline)) static char *touch_deep(void)
{
	volatile char frame[512 * 1024];

	frame[0] = 1;
	return (char *)(((uintptr_t)frame + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
}

static int trim(void *arg)
{
	char kept[20000];
	char *deep;

	(void)arg;
	for (size_t i = 0; i < sizeof(kept); i++)
		kept[i] = (char)(i * 13);
	deep = touch_deep() - PAGE;
	CHECK(is_there(deep));
	lend_trim();
	CHECK(!is_there(deep));
	for (size_t i = 0; i < sizeof(kept); i++)
		if (!CHECK_EQ(kept[i], (char)(i * 13)))
			return -1;
	return 0;
}

static int trimmed(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(spawn_big(trim, NULL, "trimmer", BIG, 0)), 0);
	return 0;
}

/* ---- what is told ---- */

static int report_on(void *arg)
{
	char line[256];
	bool seen = false;
	FILE *file = tmpfile();

	(void)arg;
	if (!CHECK(file != NULL))
		return -1;
	lend_report(NULL, fileno(file));
	rewind(file);
	while (fgets(line, sizeof(line), file))
		seen |= strstr(line, "actor watched #") &&
			strstr(line, " KiB of 4096 KiB of stack touched");
	fclose(file);
	CHECK(seen);
	return 0;
}

static int deepest_is_told(void *arg)
{
	struct lend_stats stats;

	(void)arg;
	CHECK_EQ(test_join(spawn_big(dive, NULL, "diver", BIG, 0)), 0);
	/* It is noted after the join may be over. */
	do {
		lend_yield();
		lend_stats_read(NULL, &stats);
	} while (stats.stack_deepest < DEPTH * FRAME);
	CHECK(stats.stack_deepest <= BIG);
	CHECK(!strcmp(stats.stack_deepest_name, "diver"));
	return 0;
}

static int report_has_it(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(spawn_big(report_on, NULL, "watched", BIG, 0)), 0);
	return 0;
}

static int spawn_overflow(void *arg)
{
	lend_ref ref = spawn_big(test_overflow_stack, NULL, "deep-thinker",
				 OVER_AT, 0);

	(void)arg;
	return lend_join(ref, LEND_FOREVER, NULL);
}

static int overflow_names_the_actor(void)
{
	char text[4096];
	int status = test_in_child(spawn_overflow, text, sizeof(text));

	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGSEGV);
	CHECK(strstr(text, "\"deep-thinker\": its 262144 bytes are used up; "
			   "give it a bigger stack_size") != NULL);
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options options;

	test_init(argc, argv, 30);
	test_actor("big_beside_small", big_beside_small);
	test_actor("ends_as_any_other", ends_as_any_other);
	test_actor("sizes", sizes);
	options = test_options;
	options.actors_max = 100;
	if (test_is_slow()) {
		test_skip(
			"refused, values_outlive_stacks, ...",
			"the sanitizer maps memory and has stacks of its own");
		return test_finish();
	}
	test_actor_with("refused", refused, &options);
	test_actor_with("values_outlive_stacks", values_outlive_stacks,
			&options);
	test_actor("trimmed", trimmed);
	test_actor("deepest_is_told", deepest_is_told);
	test_actor("report_has_it", report_has_it);
	test_plain("overflow_names_the_actor", overflow_names_the_actor);
	return test_finish();
}
