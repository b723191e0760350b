/*
 * Scenarios of actors: spawn, join, messages, cancel, what an actor leaves
 * behind.
 */
#include <errno.h>
#include <string.h>

#include "fault/inject.h"
#include "fault/scenario.h"
#include "harness/harness.h"

#define CHILDREN 8

static int child(void *arg)
{
	for (int i = 0; i < 3; i++) {
		(void)FINE(lend_yield());
		(void)FINE(lend_sleep(lend_after(100 * LEND_US)));
	}
	lend_trim();
	return (int)(intptr_t)arg;
}

static int spawn_and_join(void *arg)
{
	lend_ref refs[CHILDREN];

	(void)arg;
	for (intptr_t i = 0; i < CHILDREN; i++)
		refs[i] = scenario_spawn(child, (void *)i);
	for (int i = 0; i < CHILDREN; i++)
		scenario_join(refs[i]);
	return 0;
}

/* ---- messages ---- */

#define ROUNDS	 20
#define ASK	 1
#define ANSWER	 2
#define ENOUGH	 3
#define BYTE_SUM 100

/* One that is refused for want of memory is sent once more. */
static int tell(lend_ref to, uint32_t type, const void *data, size_t size)
{
	int err;

	do
		err = lend_tell(to, type, data, size);
	while (err == -ENOMEM && inject_fired());
	return err;
}

static int answerer(void *arg)
{
	(void)arg;
	for (;;) {
		struct lend_msg *msg;
		lend_ref sender;
		uint32_t type;

		if (!FINE(lend_receive(LEND_FOREVER, &msg))) {
			if (lend_is_cancelled())
				return 0;
			continue;
		}
		type = lend_msg_type(msg);
		sender = lend_msg_sender(msg);
		if (type == ASK)
			CHECK_EQ(lend_msg_size(msg), BYTE_SUM);
		lend_msg_free(msg);
		if (type == ENOUGH)
			return 0;
		(void)FINE(tell(sender, ANSWER, NULL, 0));
	}
}

static int ask_and_answer(void *arg)
{
	lend_ref other = scenario_spawn(answerer, NULL);
	char data[BYTE_SUM] = "question";

	(void)arg;
	if (!other.generation)
		return 0;
	for (int i = 0; i < ROUNDS; i++) {
		struct lend_msg *msg;

		if (!FINE(tell(other, ASK, data, sizeof(data))))
			continue;
		while (!FINE(lend_receive(LEND_FOREVER, &msg)))
			;
		CHECK_EQ(lend_msg_type(msg), ANSWER);
		lend_msg_free(msg);
	}
	(void)FINE(tell(other, ENOUGH, NULL, 0));
	scenario_join(other);
	return 0;
}

/* Messages that nobody receives. */
static int unread(void *arg)
{
	lend_ref other = scenario_spawn(child, arg);

	for (int i = 0; other.generation && i < ROUNDS; i++) {
		int err = tell(other, ASK, "?", 1);

		if (err != -ESRCH)
			(void)FINE(err);
	}
	scenario_join(other);
	return 0;
}

/* ---- cancel ---- */

static int sleeper(void *arg)
{
	struct lend_msg *msg;
	int err;

	if (arg)
		err = lend_sleep(LEND_FOREVER);
	else
		err = lend_receive(LEND_FOREVER, &msg);
	CHECK(err < 0);
	CHECK_EQ(lend_yield(), -ECANCELED);
	return 0;
}

static int cancel_them(void *arg)
{
	lend_ref refs[CHILDREN];

	(void)arg;
	for (intptr_t i = 0; i < CHILDREN; i++)
		refs[i] = scenario_spawn(sleeper, (void *)(i % 2));
	(void)FINE(lend_sleep(lend_after(LEND_MS)));
	for (int i = 0; i < CHILDREN; i++)
		if (refs[i].generation)
			CHECK_EQ(lend_cancel(refs[i]), 0);
	for (int i = 0; i < CHILDREN; i++)
		scenario_join(refs[i]);
	return 0;
}

const struct scenario scenarios_of_actors[] = {
	{ .name = "spawn", .fn = spawn_and_join },
	{ .name = "messages", .fn = ask_and_answer },
	{ .name = "unread", .fn = unread },
	{ .name = "cancel", .fn = cancel_them },
	{ 0 },
};
