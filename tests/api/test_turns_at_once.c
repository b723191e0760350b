/*
 * Goal:   K5, H16: who asks again and again for what can be told at once leaves
 *         room for those that it waits for: members of its scope, who is to
 *         answer, who is to connect.
 * Method: one worker, so that nobody else runs them, and an actor beside the
 *         greedy one. What counts is how many calls the greedy one makes
 *         between two turns of the other. The first call in a row may have had
 *         to wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "harness/harness.h"

/* As promised for calls that may suspend. */
#define CALLS_MAX 64
#define CALLS	  1000

/* All on one worker. */
static unsigned calls;	 /* of the greedy one since the other's last turn */
static unsigned longest; /* row of them */
static bool over;

static int have_turns(void *arg)
{
	(void)arg;
	while (!over) {
		calls = 0;
		lend_yield();
	}
	return 0;
}

static void count_call(void)
{
	if (++calls > longest)
		longest = calls;
}

static lend_ref begin(void)
{
	calls = longest = 0;
	over = false;
	return test_spawn(have_turns, NULL);
}

static int end(lend_ref other)
{
	over = true;
	CHECK_EQ(test_join(other), 0);
	CHECK_IN(longest, 1, CALLS_MAX + 2);
	return 0;
}

static int return_seven(void *arg)
{
	(void)arg;
	return 7;
}

/* ---- scopes ---- */

static int members_are_asked_for(void *arg)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_scope *scope;
	lend_ref other = begin();
	int value = 0;

	(void)arg;
	if (!CHECK_EQ(lend_scope_open(NULL, &scope), 0))
		return -1;
	/* Nobody else runs them: they end because of who asks for them. */
	CHECK_EQ(lend_scope_spawn(scope, return_seven, NULL, NULL, NULL), 0);
	while (lend_scope_join(scope, LEND_NOW) == -ETIMEDOUT)
		count_call();
	CHECK_EQ(lend_scope_spawn(scope, return_seven, NULL, &joinable, NULL),
		 0);
	while (lend_scope_next(scope, LEND_NOW, NULL, &value) == -ETIMEDOUT)
		count_call();
	CHECK_EQ(value, 7);
	for (unsigned i = 0; i < CALLS; i++) {
		CHECK_EQ(lend_scope_join(scope, LEND_FOREVER), 0);
		count_call();
	}
	for (unsigned i = 0; i < CALLS; i++) {
		CHECK_EQ(lend_scope_next(scope, LEND_FOREVER, NULL, NULL),
			 -ESRCH);
		count_call();
	}
	CHECK_EQ(lend_scope_close(scope), 0);
	return end(other);
}

static int scopes_come_and_go(void *arg)
{
	lend_ref other = begin();

	(void)arg;
	for (unsigned i = 0; i < CALLS; i++) {
		struct lend_scope *scope;

		if (!CHECK_EQ(lend_scope_open(NULL, &scope), 0))
			break;
		CHECK_EQ(lend_scope_close(scope), 0);
		count_call();
	}
	return end(other);
}

/* ---- questions ---- */

static int answer_all(void *arg)
{
	struct lend_msg *msg;

	(void)arg;
	while (!lend_receive(LEND_FOREVER, &msg)) {
		if (lend_msg_is_question(msg))
			CHECK_EQ(lend_reply(msg, 2, NULL, 0), 0);
		lend_msg_free(msg);
	}
	return 0;
}

static int questions_are_refused(void *arg)
{
	lend_ref teller = test_spawn(answer_all, NULL), other = begin();
	struct lend_msg *answer = NULL;
	int err;

	(void)arg;
	/* With its mailbox full it is for who asks to let it run. */
	while (!lend_tell(teller, 1, NULL, 0))
		;
	while ((err = lend_ask(teller, 1, NULL, 0, LEND_FOREVER, &answer)) ==
	       -EAGAIN)
		count_call();
	CHECK_EQ(err, 0);
	lend_msg_free(answer);
	CHECK_EQ(lend_cancel(teller), 0);
	CHECK_EQ(test_join(teller), 0);
	for (unsigned i = 0; i < CALLS; i++) {
		CHECK_EQ(lend_ask(teller, 1, NULL, 0, LEND_FOREVER, &answer),
			 -ESRCH);
		count_call();
	}
	return end(other);
}

/* ---- descriptors ---- */

static int descriptors_are_closed(void *arg)
{
	static int fds[CALLS];
	lend_ref other;

	(void)arg;
	for (unsigned i = 0; i < CALLS; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	other = begin();
	for (unsigned i = 0; i < CALLS; i++) {
		CHECK_EQ(lend_close(fds[i]), 0);
		count_call();
	}
	for (unsigned i = 0; i < CALLS; i++) {
		CHECK_EQ(lend_close(fds[0]), -EBADF);
		count_call();
	}
	return end(other);
}

static int connections_are_asked_for(void *arg)
{
	struct lend_listener *listener;
	lend_ref other = begin();

	(void)arg;
	if (!CHECK_EQ(lend_listener_open("127.0.0.1:0", 8, &listener), 0))
		return -1;
	for (unsigned i = 0; i < CALLS; i++) {
		CHECK_EQ(lend_listener_accept(listener, LEND_NOW), -ETIMEDOUT);
		count_call();
	}
	lend_listener_close(listener);
	return end(other);
}

/* ---- sizes ---- */

static int sizes_stay(void *arg)
{
	struct lend_runtime *runtime = lend_runtime_current();
	lend_ref other = begin();

	(void)arg;
	for (unsigned i = 0; i < CALLS; i++) {
		CHECK_EQ(lend_runtime_set_workers(runtime, 1, LEND_FOREVER), 0);
		count_call();
	}
	return end(other);
}

int main(int argc, char **argv)
{
	struct lend_options one;

	/* Where there is no room nobody ever comes to an end. */
	test_init(argc, argv, 60);
	one = test_one_worker();
	test_actor_with("members_are_asked_for", members_are_asked_for, &one);
	test_actor_with("scopes_come_and_go", scopes_come_and_go, &one);
	test_actor_with("questions_are_refused", questions_are_refused, &one);
	test_actor_with("descriptors_are_closed", descriptors_are_closed, &one);
	test_actor_with("connections_are_asked_for", connections_are_asked_for,
			&one);
	test_actor_with("sizes_stay", sizes_stay, &one);
	return test_finish();
}
