/*
 * Scenarios of scopes, cleanups, questions, monitors and timers: whoever could
 * be spawned ends, whoever was registered is called, whoever asks is answered.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "fault/inject.h"
#include "fault/scenario.h"
#include "harness/harness.h"

#define MEMBERS 6

static _Atomic int living, registered, called;

static void count_call(void *arg)
{
	(void)arg;
	(void)FINE(lend_yield());
	atomic_fetch_add(&called, 1);
}

static int member(void *arg)
{
	int res;

	atomic_fetch_add(&living, 1);
	if (FINE(lend_defer(count_call, NULL)))
		atomic_fetch_add(&registered, 1);
	res = lend_sleep((intptr_t)arg % 2 ? LEND_FOREVER :
					     lend_after(100 * LEND_US));
	CHECK(!res || res == -ECANCELED || res == -ENOMEM);
	atomic_fetch_sub(&living, 1);
	return (int)(intptr_t)arg;
}

static int fill_and_close(void *arg)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_scope *scope;

	(void)arg;
	atomic_store(&living, 0);
	atomic_store(&registered, 0);
	atomic_store(&called, 0);
	for (int round = 0; round < 3; round++) {
		int err;

		if (!FINE(lend_scope_open(NULL, &scope)))
			continue;
		for (intptr_t i = 0; i < MEMBERS; i++)
			(void)FINE(lend_scope_spawn(scope, member, (void *)i,
						    &joinable, NULL));
		if (round == 0)
			(void)FINE(lend_yield());
		if (round == 1) {
			err = lend_scope_next(scope, lend_after(LEND_S), NULL,
					      NULL);
			CHECK(!err || err == -ESRCH || FINE(err));
		}
		CHECK_EQ(lend_scope_close(scope), 0);
		CHECK_EQ(atomic_load(&living), 0);
		CHECK_EQ(atomic_load(&registered), atomic_load(&called));
	}
	return 0;
}

/* ---- questions ---- */

enum { QUESTION = 1, STOP, ENDED };

/* Frees the question if there is no memory for the answer. */
static int answer(void *arg)
{
	bool stop = false;

	(void)arg;
	while (!stop) {
		struct lend_msg *msg;

		if (!FINE(lend_receive(LEND_FOREVER, &msg))) {
			if (lend_is_cancelled())
				return 0;
			continue;
		}
		stop = lend_msg_type(msg) == STOP;
		if (!stop)
			(void)FINE(lend_reply(msg, QUESTION, NULL, 0));
		lend_msg_free(msg);
	}
	return 0;
}

static void ask_once(lend_ref server)
{
	struct lend_msg *reply;
	int err = lend_ask(server, QUESTION, NULL, 0, LEND_FOREVER, &reply);

	if (!err)
		lend_msg_free(reply);
	else
		/* Refused for want of memory, here or there. */
		CHECK((err == -EPIPE && inject_fired()) || !FINE(err));
}

static int ask_and_watch(void *arg)
{
	lend_ref server = scenario_spawn(answer, NULL);
	struct lend_msg *msg;
	bool watched;
	int err;

	(void)arg;
	if (!server.generation)
		return 0;
	watched = FINE(lend_monitor(server, ENDED));
	for (int i = 0; i < 10; i++)
		ask_once(server);
	do
		err = lend_tell(server, STOP, NULL, 0);
	while (err == -ENOMEM && inject_fired());
	CHECK_EQ(err, 0);
	/* It was made when it was asked for. */
	while (watched && (err = lend_receive(LEND_FOREVER, &msg)))
		(void)FINE(err);
	if (watched) {
		CHECK_EQ(lend_msg_type(msg), ENDED);
		lend_msg_free(msg);
	}
	scenario_join(server);
	return 0;
}

/* ---- timers ---- */

static int tick(void *arg)
{
	struct lend_timer *timer;
	uint64_t sum = 0, count;
	struct lend_msg *msg;

	(void)arg;
	if (!FINE(lend_timer_start(lend_after(50 * LEND_US), 100 * LEND_US, 7,
				   &timer)))
		return 0;
	/* One that there is no memory for comes later. */
	while (sum < 10) {
		if (!FINE(lend_receive(LEND_FOREVER, &msg)))
			continue;
		CHECK_EQ(lend_msg_type(msg), 7);
		memcpy(&count, lend_msg_data(msg), sizeof(count));
		sum += count;
		lend_msg_free(msg);
	}
	lend_timer_move(timer, LEND_NOW);
	return 0;
}

const struct scenario scenarios_of_scopes[] = {
	{ .name = "scopes", .fn = fill_and_close },
	{ .name = "questions", .fn = ask_and_watch },
	{ .name = "timers", .fn = tick },
	{ 0 },
};
