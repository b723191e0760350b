/*
 * Goal:   C14: a question is answered once or refused; its asker, actor or
 *         thread, waits no longer than its deadline; a late answer reaches
 *         nobody and leaks nothing.
 * Method: servers that answer, that keep questions, that free them, that end;
 *         askers on every worker and on threads of the program's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

enum {
	ADD_ONE = 1, /* answer with the number and one */
	KEEP,	     /* answer what was kept when the next one comes */
	DROP,	     /* free it */
	STOP,
	ANSWER = 100,
};

static long number_of(const struct lend_msg *msg)
{
	long number = -1;

	if (lend_msg_size(msg) == sizeof(number))
		memcpy(&number, lend_msg_data(msg), sizeof(number));
	return number;
}

static int answer(struct lend_msg *msg)
{
	long number = number_of(msg) + 1;

	return lend_reply(msg, ANSWER, &number, sizeof(number));
}

static int serve(void *arg)
{
	struct lend_msg *msg, *kept = NULL;
	bool stop = false;

	(void)arg;
	while (!stop && !lend_receive(LEND_FOREVER, &msg)) {
		if (kept) {
			int err = answer(kept);

			CHECK(!err || err == -ESRCH);
			kept = lend_msg_free(kept);
		}
		switch (lend_msg_type(msg)) {
		case ADD_ONE:
			CHECK(lend_msg_is_question(msg));
			answer(msg);
			CHECK(!lend_msg_is_question(msg));
			CHECK_EQ(answer(msg), -EINVAL); /* once */
			break;
		case KEEP:
			kept = msg;
			msg = NULL;
			break;
		case STOP:
			CHECK(!lend_msg_is_question(msg));
			CHECK_EQ(answer(msg), -EINVAL);
			stop = true;
			break;
		}
		lend_msg_free(msg);
	}
	lend_msg_free(kept);
	return 0;
}

static int ask(lend_ref server, uint32_t type, long number, uint64_t deadline)
{
	struct lend_msg *reply;
	int err = lend_ask(server, type, &number, sizeof(number), deadline,
			   &reply);

	if (err)
		return err;
	CHECK_EQ(lend_msg_type(reply), ANSWER);
	CHECK_EQ(number_of(reply), number + 1);
	CHECK_EQ(answer(reply), -EINVAL); /* an answer is no question */
	lend_msg_free(reply);
	return 0;
}

static void stop_server(lend_ref server)
{
	CHECK_EQ(lend_tell(server, STOP, NULL, 0), 0);
	CHECK_EQ(test_join(server), 0);
}

/* ---- actors ---- */

static int ask_often(void *arg)
{
	lend_ref server = *(lend_ref *)arg;

	for (long i = 0; i < 50; i++)
		CHECK_EQ(ask(server, ADD_ONE, i, LEND_FOREVER), 0);
	return 0;
}

static int questions_are_answered(void *arg)
{
	lend_ref server = test_spawn(serve, NULL), askers[20];

	(void)arg;
	for (unsigned i = 0; i < 20; i++)
		askers[i] = test_spawn_on(1 + i % test_options.workers,
					  ask_often, &server);
	for (unsigned i = 0; i < 20; i++)
		CHECK_EQ(test_join(askers[i]), 0);
	stop_server(server);
	return 0;
}

static int tell_and_ask(void *arg)
{
	lend_ref server = test_spawn(serve, NULL);
	struct lend_msg *msg;

	(void)arg;
	/* Other messages keep their order, and wait. */
	for (uint32_t i = 0; i < 10; i++) {
		CHECK_EQ(lend_tell(lend_self(), i, NULL, 0), 0);
		CHECK_EQ(ask(server, ADD_ONE, i, LEND_FOREVER), 0);
	}
	for (uint32_t i = 0; i < 10; i++) {
		CHECK_EQ(lend_receive(LEND_NOW, &msg), 0);
		CHECK_EQ(lend_msg_type(msg), i);
		CHECK(!lend_msg_is_question(msg));
		lend_msg_free(msg);
	}
	stop_server(server);
	return 0;
}

/* Each answer but the last comes when its asker has gone on. */
static int late_answers_reach_nobody(void *arg)
{
	lend_ref server = test_spawn(serve, NULL);
	struct lend_msg *msg;

	(void)arg;
	for (long i = 0; i < 200; i++)
		CHECK_EQ(ask(server, KEEP, i,
			     i % 2 ? LEND_NOW : lend_after(20 * LEND_US)),
			 -ETIMEDOUT);
	CHECK_EQ(ask(server, ADD_ONE, 1000, LEND_FOREVER), 0);
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	/* It has one that it frees at its end. */
	CHECK_EQ(ask(server, KEEP, 1, LEND_NOW), -ETIMEDOUT);
	CHECK_EQ(lend_tell(server, DROP, NULL, 0), 0);
	stop_server(server);
	return 0;
}

static int ask_and_forget(void *arg)
{
	struct lend_msg *reply;
	int err = lend_ask(*(lend_ref *)arg, DROP + 1, NULL, 0, LEND_FOREVER,
			   &reply);

	return err;
}

static int free_one_then_end(void *arg)
{
	struct lend_msg *msg;

	(void)arg;
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	for (int i = 0; i < 10; i++)
		lend_yield();
	/* The others' are in the mailbox. */
	return 0;
}

static int whoever_gets_no_answer_is_told(void *arg)
{
	lend_ref server, askers[10], nobody = { 0, 0 };
	int value;

	(void)arg;
	for (int round = 0; round < 10; round++) {
		server = test_spawn(free_one_then_end, NULL);
		for (unsigned i = 0; i < 10; i++)
			askers[i] = test_spawn_on(1 + i % test_options.workers,
						  ask_and_forget, &server);
		for (unsigned i = 0; i < 10; i++) {
			value = test_join(askers[i]);
			CHECK(value == -EPIPE || value == -ESRCH);
		}
		CHECK_EQ(test_join(server), 0);
	}
	CHECK_EQ(ask(server, ADD_ONE, 0, LEND_FOREVER), -ESRCH);
	CHECK_EQ(ask(nobody, ADD_ONE, 0, LEND_FOREVER), -ESRCH);
	CHECK_EQ(ask(lend_self(), ADD_ONE, 0, LEND_FOREVER), -EDEADLK);
	return 0;
}

static int ask_kept(void *arg)
{
	return ask(*(lend_ref *)arg, KEEP, 1, LEND_FOREVER);
}

static int askers_can_be_cancelled(void *arg)
{
	lend_ref server = test_spawn(serve, NULL), asker;

	(void)arg;
	for (int i = 0; i < 50; i++) {
		int value;

		asker = test_spawn(ask_kept, &server);
		for (int j = 0; j < i % 5; j++)
			lend_yield();
		CHECK_EQ(lend_cancel(asker), 0);
		value = test_join(asker);
		CHECK_EQ(value, -ECANCELED);
	}
	stop_server(server);
	return 0;
}

static int limits_hold(void *arg)
{
	static char big[LEND_MSG_SIZE_MAX + 1];
	lend_ref server = test_spawn(serve, NULL);
	struct lend_msg *reply;

	(void)arg;
	CHECK_EQ(lend_ask(server, ADD_ONE, big, sizeof(big), LEND_FOREVER,
			  &reply),
		 -E2BIG);
	stop_server(server);
	return 0;
}

/* ---- threads ---- */

struct outside {
	struct lend_runtime *runtime;
	lend_ref server;
	unsigned number;
};

static void *ask_from_outside(void *arg)
{
	const struct outside *outside = arg;
	struct lend_msg *reply;

	for (long i = 0; i < 100; i++) {
		bool late = (i + outside->number) % 3 == 0;
		int err = lend_runtime_ask(
			outside->runtime, outside->server,
			late ? KEEP : ADD_ONE, &i, sizeof(i),
			late ? lend_after(LEND_US) : LEND_FOREVER, &reply);

		/* One that is kept may be answered by the next in time. */
		CHECK(!err || (late && err == -ETIMEDOUT));
		if (err)
			continue;
		CHECK_EQ(number_of(reply), i + 1);
		lend_msg_free(reply);
	}
	return NULL;
}

static int ask_by_thread_rules(void *arg)
{
	struct lend_msg *reply;

	(void)arg;
	/* It would block the worker. */
	CHECK_EQ(lend_runtime_ask(lend_runtime_current(), lend_self(), ADD_ONE,
				  NULL, 0, LEND_FOREVER, &reply),
		 -EINVAL);
	return 0;
}

static int threads_ask(void)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_runtime *runtime;
	struct outside outside[4];
	pthread_t threads[4];
	struct lend_msg *reply;
	lend_ref server, rules;
	int value;

	if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, serve, NULL, &joinable, &server),
		 0);
	for (unsigned i = 0; i < 4; i++) {
		outside[i] = (struct outside){ runtime, server, i };
		CHECK_EQ(pthread_create(&threads[i], NULL, ask_from_outside,
					&outside[i]),
			 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(lend_runtime_ask(runtime, server, DROP, NULL, 0, LEND_FOREVER,
				  &reply),
		 -EPIPE);
	CHECK_EQ(lend_runtime_ask(runtime, server, KEEP, NULL, 0, LEND_NOW,
				  &reply),
		 -ETIMEDOUT);
	CHECK_EQ(lend_runtime_spawn(runtime, ask_by_thread_rules, NULL,
				    &joinable, &rules),
		 0);
	CHECK_EQ(lend_runtime_join(runtime, rules, NULL), 0);
	CHECK_EQ(lend_runtime_join_until(runtime, server, lend_after(LEND_MS),
					 &value),
		 -ETIMEDOUT);
	CHECK_EQ(lend_runtime_tell(runtime, server, STOP, NULL, 0), 0);
	CHECK_EQ(lend_runtime_join_until(runtime, server, LEND_FOREVER, &value),
		 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(lend_runtime_ask(runtime, server, ADD_ONE, NULL, 0,
				  LEND_FOREVER, &reply),
		 -ESRCH);
	lend_runtime_free(runtime);
	return 0;
}

static void *ask_while_it_stops(void *arg)
{
	const struct outside *outside = arg;
	struct lend_msg *reply;
	int err;

	err = lend_runtime_ask(outside->runtime, outside->server, KEEP, NULL, 0,
			       LEND_FOREVER, &reply);
	CHECK(err == -EPIPE || err == -ESRCH);
	return NULL;
}

/* A thread that waits for ever is told when the runtime stops. */
static int a_stop_refuses_questions(void)
{
	for (int round = 0; round < 5; round++) {
		struct lend_runtime *runtime;
		struct outside outside;
		pthread_t thread;

		if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
			return -1;
		outside.runtime = runtime;
		CHECK_EQ(lend_runtime_spawn(runtime, serve, NULL, NULL,
					    &outside.server),
			 0);
		CHECK_EQ(pthread_create(&thread, NULL, ask_while_it_stops,
					&outside),
			 0);
		if (round % 2)
			test_spin(LEND_MS);
		lend_runtime_stop(runtime);
		pthread_join(thread, NULL);
		lend_runtime_free(runtime);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("questions_are_answered", questions_are_answered);
	test_actor("tell_and_ask", tell_and_ask);
	test_actor("late_answers_reach_nobody", late_answers_reach_nobody);
	test_actor("whoever_gets_no_answer_is_told",
		   whoever_gets_no_answer_is_told);
	test_actor("askers_can_be_cancelled", askers_can_be_cancelled);
	test_actor("limits_hold", limits_hold);
	test_plain("threads_ask", threads_ask);
	test_plain("a_stop_refuses_questions", a_stop_refuses_questions);
	return test_finish();
}
