/*
 * Goal:   C14: who watches an actor is told of its end, once, with its value;
 *         who has forgotten it is not, and who ends first misses nothing.
 * Method: actors that end at once or when they are cancelled, watched from one
 *         that ends before them, or whose mailbox is full.
 */
#include <errno.h>
#include <string.h>

#include "harness/harness.h"

/* The type of the messages. */
#define ENDED 101

static int return_soon(void *arg)
{
	for (int i = 0; i < (int)(intptr_t)arg % 5; i++)
		lend_yield();
	return (int)(intptr_t)arg;
}

static int wait_for_ever(void *arg)
{
	(void)arg;
	return lend_sleep(LEND_FOREVER);
}

static void expect_end(lend_ref *refs, unsigned count)
{
	struct lend_ended ended;
	struct lend_msg *msg;
	unsigned i = 0;

	if (!CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0))
		return;
	CHECK_EQ(lend_msg_type(msg), ENDED);
	CHECK_EQ(lend_msg_size(msg), sizeof(ended));
	memcpy(&ended, lend_msg_data(msg), sizeof(ended));
	CHECK_EQ(lend_msg_sender(msg).index, ended.actor.index);
	while (i < count && (refs[i].index != ended.actor.index ||
			     refs[i].generation != ended.actor.generation))
		i++;
	if (CHECK(i < count)) {
		CHECK_EQ(ended.value, i);
		refs[i].generation = 0; /* once */
	}
	lend_msg_free(msg);
}

static int ends_are_told(void *arg)
{
	struct lend_msg *msg;
	unsigned watched = 0;
	lend_ref refs[40];

	(void)arg;
	for (unsigned i = 0; i < 40; i++) {
		refs[i] = test_spawn_on(1 + i % test_options.workers,
					return_soon, (void *)(intptr_t)i);
		/* It may have ended. */
		if (lend_monitor(refs[i], ENDED))
			CHECK_EQ(test_join(refs[i]), i);
		else
			watched++;
	}
	for (unsigned i = 0; i < watched; i++)
		expect_end(refs, 40);
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	return 0;
}

static int forgotten_ends_are_not_told(void *arg)
{
	lend_ref ref = test_spawn(wait_for_ever, NULL), nobody = { 0, 0 };
	struct lend_msg *msg;

	(void)arg;
	CHECK_EQ(lend_demonitor(ref), -ESRCH);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(lend_monitor(ref, ENDED), 0);
	CHECK_EQ(lend_demonitor(ref), 0);
	CHECK_EQ(lend_demonitor(ref), -ESRCH);
	CHECK_EQ(lend_monitor(ref, ENDED), 0);
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	CHECK_EQ(test_join(ref), -ECANCELED);
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	CHECK_EQ(lend_monitor(ref, ENDED), -ESRCH);
	CHECK_EQ(lend_monitor(nobody, ENDED), -ESRCH);
	return 0;
}

static int watch_and_end(void *arg)
{
	CHECK_EQ(lend_monitor(*(lend_ref *)arg, ENDED), 0);
	return 0;
}

/* The watcher is gone, or its mailbox is full. */
static int watchers_end_first(void *arg)
{
	lend_ref ref = test_spawn(wait_for_ever, NULL);
	struct lend_msg *msg;
	unsigned count = 0;

	(void)arg;
	for (int i = 0; i < 10; i++)
		CHECK_EQ(test_join(test_spawn(watch_and_end, &ref)), 0);
	CHECK_EQ(lend_monitor(ref, ENDED), 0);
	while (!lend_tell(lend_self(), 0, NULL, 0))
		count++;
	CHECK_EQ(count, LEND_MAILBOX_MAX);
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(test_join(ref), -ECANCELED);
	for (unsigned i = 0; i <= count; i++) {
		CHECK_EQ(lend_receive(LEND_NOW, &msg), 0);
		CHECK_EQ(lend_msg_type(msg), i < count ? 0 : ENDED);
		lend_msg_free(msg);
	}
	CHECK_EQ(lend_tell(lend_self(), 0, NULL, 0), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("ends_are_told", ends_are_told);
	test_actor("forgotten_ends_are_not_told", forgotten_ends_are_not_told);
	test_actor("watchers_end_first", watchers_end_first);
	return test_finish();
}
