/*
 * Goal:   where the rest of a report is left out, as it can not be written,
 *         nobody is asked for what it would say: the memory of a million
 *         actors' stacks takes longer to look at than anybody waits for.
 * Method: what it asks for each actor, and for circles of them, is wrapped by
 *         the linker, and counted; the report goes to a device that is full.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "harness/harness.h"
#include "mem/stack.h"
#include "rt/circle.h"

#define ACTORS 20

static _Atomic unsigned stacks, searches;

size_t __real_lend__stack_resident(const struct lend_stack *stack);
size_t __wrap_lend__stack_resident(const struct lend_stack *stack);
bool __real_lend__circle_find(struct lend_runtime *runtime,
			      const struct lend_circles *but,
			      struct lend_waiting *ret_first,
			      char text[LEND_CIRCLE_TEXT_MAX]);
bool __wrap_lend__circle_find(struct lend_runtime *runtime,
			      const struct lend_circles *but,
			      struct lend_waiting *ret_first,
			      char text[LEND_CIRCLE_TEXT_MAX]);

size_t __wrap_lend__stack_resident(const struct lend_stack *stack)
{
	atomic_fetch_add(&stacks, 1);
	return __real_lend__stack_resident(stack);
}

bool __wrap_lend__circle_find(struct lend_runtime *runtime,
			      const struct lend_circles *but,
			      struct lend_waiting *ret_first,
			      char text[LEND_CIRCLE_TEXT_MAX])
{
	atomic_fetch_add(&searches, 1);
	return __real_lend__circle_find(runtime, but, ret_first, text);
}

static int wait_for_message(void *arg)
{
	(void)arg;
	return test_receive(LEND_FOREVER) == -ECANCELED ? 0 : -1;
}

static void report_to(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	atomic_store(&stacks, 0);
	atomic_store(&searches, 0);
	lend_report(NULL, fd);
	close(fd);
}

static int who_can_not_write_does_not_ask(void *arg)
{
	lend_ref refs[ACTORS];

	(void)arg;
	for (unsigned i = 0; i < ACTORS; i++)
		refs[i] = test_spawn(wait_for_message, NULL);
	report_to("/dev/null");
	CHECK_EQ(atomic_load(&stacks), ACTORS + 1);
	CHECK_EQ(atomic_load(&searches), 1);
	report_to("/dev/full");
	CHECK_EQ(atomic_load(&stacks), 0);
	CHECK_EQ(atomic_load(&searches), 0);
	for (unsigned i = 0; i < ACTORS; i++) {
		CHECK_EQ(lend_cancel(refs[i]), 0);
		CHECK_EQ(test_join(refs[i]), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("who_can_not_write_does_not_ask",
		   who_can_not_write_does_not_ask);
	return test_finish();
}
