/*
 * Goal:   actors start, end, are joined once, are cancelled wherever they wait,
 *         and a reference never names anybody else.
 * Method: the public API in one runtime for each test; nothing sleeps to be
 *         right but where sleeping is the subject.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

static int return_arg(void *arg)
{
	return (int)(intptr_t)arg;
}

static int exit_with_arg(void *arg)
{
	lend_exit((int)(intptr_t)arg);
}

static int sleep_for_ever(void *arg)
{
	(void)arg;
	return lend_sleep(LEND_FOREVER);
}

static int receive_for_ever(void *arg)
{
	struct lend_msg *msg;

	(void)arg;
	return lend_receive(LEND_FOREVER, &msg);
}

static int join_arg(void *arg)
{
	return lend_join(*(lend_ref *)arg, LEND_FOREVER, NULL);
}

static int yield_until_cancelled(void *arg)
{
	int err;

	(void)arg;
	do
		err = lend_yield();
	while (!err);
	return err;
}

static int spin_until_cancelled(void *arg)
{
	(void)arg;
	while (!lend_is_cancelled())
		;
	return -ECANCELED;
}

/* ---- join ---- */

static int values_come_back(void *arg)
{
	lend_ref refs[50];

	(void)arg;
	for (int i = 0; i < 50; i++)
		refs[i] = test_spawn(i % 2 ? return_arg : exit_with_arg,
				     (void *)(intptr_t)(i * 3));
	for (int i = 0; i < 50; i++)
		CHECK_EQ(test_join(refs[i]), i * 3);
	return 0;
}

static int joinable_keeps_its_value(void *arg)
{
	lend_ref ref = test_spawn(return_arg, (void *)7);
	int value = 0;

	(void)arg;
	/* Long over before anybody asks. */
	for (int i = 0; i < 20; i++)
		lend_yield();
	CHECK_EQ(lend_join(ref, LEND_FOREVER, &value), 0);
	CHECK_EQ(value, 7);
	CHECK_EQ(lend_join(ref, LEND_FOREVER, &value), -ESRCH);
	return 0;
}

static int join_errors(void *arg)
{
	lend_ref nobody = { 0, 0 }, beyond = { UINT32_MAX, 1 };
	lend_ref sleeper = test_spawn(sleep_for_ever, NULL);
	int value = 42;

	(void)arg;
	CHECK_EQ(lend_join(lend_self(), LEND_FOREVER, NULL), -EDEADLK);
	CHECK_EQ(lend_join(nobody, LEND_FOREVER, NULL), -ESRCH);
	CHECK_EQ(lend_join(beyond, LEND_FOREVER, NULL), -ESRCH);
	CHECK_EQ(lend_join(sleeper, LEND_NOW, &value), -ETIMEDOUT);
	CHECK_EQ(lend_join(sleeper, lend_after(2 * LEND_MS), &value),
		 -ETIMEDOUT);
	CHECK_EQ(value, 42);
	CHECK_EQ(lend_cancel(sleeper), 0);
	CHECK_EQ(test_join(sleeper), -ECANCELED);
	return 0;
}

static int stale_references_name_nobody(void *arg)
{
	lend_ref old = test_spawn(return_arg, NULL), fresh;

	(void)arg;
	CHECK_EQ(test_join(old), 0);
	/* The slot is used again, the name is not. */
	for (int i = 0; i < 300; i++) {
		fresh = test_spawn(sleep_for_ever, NULL);
		CHECK(fresh.index != old.index ||
		      fresh.generation != old.generation);
		CHECK_EQ(lend_cancel(old), -ESRCH);
		CHECK_EQ(lend_tell(old, 0, NULL, 0), -ESRCH);
		CHECK_EQ(lend_join(old, LEND_FOREVER, NULL), -ESRCH);
		CHECK_EQ(lend_join(fresh, LEND_NOW, NULL), -ETIMEDOUT);
		CHECK_EQ(lend_cancel(fresh), 0);
		CHECK_EQ(test_join(fresh), -ECANCELED);
	}
	return 0;
}

static int many_join_one(void *arg)
{
	lend_ref target = test_spawn(sleep_for_ever, NULL);
	lend_ref joiners[20];

	(void)arg;
	for (int i = 0; i < 20; i++)
		joiners[i] = test_spawn(join_arg, &target);
	for (int i = 0; i < 10; i++)
		lend_yield();
	lend_cancel(joiners[3]);
	CHECK_EQ(test_join(joiners[3]), -ECANCELED);
	lend_cancel(target);
	for (int i = 0; i < 20; i++)
		if (i != 3)
			CHECK_IN(test_join(joiners[i]), -ESRCH, 0);
	return 0;
}

static int mutual_joins_can_be_cancelled(void *arg)
{
	lend_ref refs[2];

	(void)arg;
	refs[0] = test_spawn(sleep_for_ever, NULL);
	refs[1] = test_spawn(join_arg, &refs[0]);
	lend_yield();
	lend_cancel(refs[1]);
	CHECK_EQ(test_join(refs[1]), -ECANCELED);
	lend_cancel(refs[0]);
	CHECK_EQ(test_join(refs[0]), -ECANCELED);
	return 0;
}

/* ---- spawn ---- */

static int spawn_errors(void *arg)
{
	const struct lend_spawn_options nowhere = {
		.worker = test_options.workers + 1,
	};

	(void)arg;
	CHECK_EQ(lend_spawn(NULL, NULL, NULL, NULL), -EINVAL);
	CHECK_EQ(lend_spawn(return_arg, NULL, &nowhere, NULL), -EINVAL);
	return 0;
}

static int actors_run_out(void *arg)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	lend_ref refs[64];
	int count = 0, err;

	(void)arg;
	do
		err = lend_spawn(sleep_for_ever, NULL, &joinable, &refs[count]);
	while (!err && ++count < 64);
	CHECK_EQ(err, -ENOMEM);
	CHECK_EQ(count, 31); /* and this one */
	for (int i = 0; i < count; i++) {
		lend_cancel(refs[i]);
		CHECK_EQ(test_join(refs[i]), -ECANCELED);
	}
	/* All places are free again, as soon as those who ended have left
	 * their stacks. */
	for (int i = 0; i < 31; i++)
		while ((err = lend_spawn(return_arg, (void *)1, &joinable,
					 &refs[i])) == -ENOMEM)
			lend_yield();
	for (int i = 0; i < 31; i++)
		CHECK_EQ(test_join(refs[i]), 1);
	return 0;
}

static int check_name(void *arg)
{
	return strcmp(lend_self_name(), arg) ? -1 : 0;
}

/* What is not written out is 20, 28, 29 or 30 bytes. */
static const char *const characters[][2] = {
	{ "nine-and-twenty-bytes-of-name\xc3\xa4",
	  "nine-and-twenty-bytes-of-name\xc3\xa4" },
	{ "nine-and-twenty-bytes-of-name\xc3\xa4more",
	  "nine-and-twenty-bytes-of-name\xc3\xa4" },
	{ "thirty-bytes-of-name-before-it\xc3\xa4",
	  "thirty-bytes-of-name-before-it" },
	{ "nine-and-twenty-bytes-of-name\xe2\x82\xac",
	  "nine-and-twenty-bytes-of-name" },
	{ "eight-and-twenty-bytes-of-it\xf0\x9f\x98\x80",
	  "eight-and-twenty-bytes-of-it" },
	/* No UTF-8. */
	{ "twenty-bytes-of-name\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
	  "twenty-bytes-of-name\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" },
};

static int names_are_cut_between_characters(void *arg)
{
	struct lend_spawn_options options = { .joinable = true };
	lend_ref ref;

	(void)arg;
	for (unsigned i = 0; i < sizeof(characters) / sizeof(*characters);
	     i++) {
		options.name = characters[i][0];
		CHECK_EQ(lend_spawn(check_name, (void *)characters[i][1],
				    &options, &ref),
			 0);
		CHECK_EQ(test_join(ref), 0);
	}
	return 0;
}

static int names_are_cut(void *arg)
{
	const char *name = "a-name-that-is-longer-than-a-name-may-be";
	char cut[LEND_ACTOR_NAME_MAX + 1];
	struct lend_spawn_options options = { .joinable = true, .name = name };
	lend_ref ref;

	(void)arg;
	memcpy(cut, name, LEND_ACTOR_NAME_MAX);
	cut[LEND_ACTOR_NAME_MAX] = '\0';
	CHECK_EQ(lend_spawn(check_name, cut, &options, &ref), 0);
	CHECK_EQ(test_join(ref), 0);
	options.name = NULL;
	cut[0] = '\0';
	CHECK_EQ(lend_spawn(check_name, cut, &options, &ref), 0);
	CHECK_EQ(test_join(ref), 0);
	return 0;
}

static int ten_thousand(void *arg)
{
	static lend_ref refs[10000];
	/* ThreadSanitizer counts fibers as threads, and ends at 8,128. */
	const int count = TEST_UNDER_TSAN ? 4000 : 10000;
	long long sum = 0;

	(void)arg;
	for (int i = 0; i < count; i++)
		refs[i] = test_spawn(i % 2 ? return_arg : yield_until_cancelled,
				     (void *)1);
	for (int i = 0; i < count; i += 2)
		CHECK_EQ(lend_cancel(refs[i]), 0);
	for (int i = 0; i < count; i++)
		sum += test_join(refs[i]);
	CHECK_EQ(sum, count / 2 * (1 - ECANCELED));
	return 0;
}

/* ---- yield ---- */

static _Atomic unsigned turns[8];
static _Atomic bool stop_turns;

static int take_turns(void *arg)
{
	_Atomic unsigned *mine = &turns[(intptr_t)arg];

	while (!atomic_load(&stop_turns)) {
		atomic_fetch_add(mine, 1);
		lend_yield();
	}
	return 0;
}

static int yields_are_fair(void *arg)
{
	lend_ref refs[8];
	unsigned least = UINT32_MAX, most = 0;

	(void)arg;
	atomic_store(&stop_turns, false);
	for (int i = 0; i < 8; i++)
		atomic_store(&turns[i], 0);
	for (int i = 0; i < 8; i++)
		refs[i] = test_spawn_on(1, take_turns, (void *)(intptr_t)i);
	/* Whoever gets no turn keeps this one waiting. */
	for (int i = 0; i < 8; i++)
		while (atomic_load(&turns[i]) < 1000)
			lend_sleep(lend_after(LEND_MS));
	atomic_store(&stop_turns, true);
	for (int i = 0; i < 8; i++) {
		unsigned n = atomic_load(&turns[i]);

		CHECK_EQ(test_join(refs[i]), 0);
		least = n < least ? n : least;
		most = n > most ? n : most;
	}
	/* On one worker the turns are equal; stealing may bend that. */
	if (test_options.workers == 1)
		CHECK_IN(most - least, 0, 2 + most / 10);
	return 0;
}

/* ---- cancel ---- */

static int cancel_wherever(void *arg)
{
	lend_ref target = test_spawn(sleep_for_ever, NULL);
	lend_actor_fn fns[] = { sleep_for_ever, receive_for_ever, join_arg,
				yield_until_cancelled, spin_until_cancelled };

	(void)arg;
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 5; i++) {
			lend_ref ref;

			/* A spinner needs a worker of its own. */
			if (i == 4 && (test_options.workers < 2 || round % 10))
				continue;
			ref = i == 4 ? test_spawn_on(2, fns[i], &target) :
				       test_spawn(fns[i], &target);
			for (int j = 0; j < round % 4; j++)
				lend_yield();
			CHECK_EQ(lend_cancel(ref), 0);
			CHECK_EQ(test_join(ref), -ECANCELED);
		}
	}
	lend_cancel(target);
	CHECK_EQ(test_join(target), -ECANCELED);
	return 0;
}

static int cancel_sticks_body(void *arg)
{
	struct lend_msg *msg;
	char byte;

	(void)arg;
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_yield(), -ECANCELED);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), -ECANCELED);
	CHECK_EQ(lend_recv(0, &byte, 1, 0, LEND_FOREVER), -ECANCELED);
	CHECK(lend_is_cancelled());
	return 5;
}

static int cancel_sticks(void *arg)
{
	lend_ref ref = test_spawn(cancel_sticks_body, NULL);

	(void)arg;
	lend_yield();
	CHECK(!lend_is_cancelled());
	CHECK_EQ(lend_cancel(ref), 0);
	CHECK_EQ(test_join(ref), 5);
	CHECK_EQ(lend_cancel(ref), -ESRCH);
	return 0;
}

static int set_flag(void *arg)
{
	atomic_store((_Atomic bool *)arg, true);
	return 0;
}

/* It does not look at what its yields return, and the one that it waits for is
 * on its worker. */
static int yield_though_cancelled(void *arg)
{
	_Atomic bool flag = false;
	int yields = 0;

	(void)arg;
	CHECK_EQ(lend_cancel(lend_self()), 0);
	test_spawn_pinned(1, set_flag, &flag);
	while (!atomic_load(&flag) && yields++ < 1000000)
		CHECK_EQ(lend_yield(), -ECANCELED);
	CHECK(atomic_load(&flag));
	return 0;
}

static int who_goes_on_though_cancelled_lets_others_run(void *arg)
{
	(void)arg;
	CHECK_EQ(test_join(test_spawn_pinned(1, yield_though_cancelled, NULL)),
		 0);
	return 0;
}

/* Whoever is left is cancelled when the first actor ends. */
static int leave_a_crowd(void *arg)
{
	(void)arg;
	for (int i = 0; i < 500; i++)
		test_spawn(i % 2 ? sleep_for_ever : receive_for_ever, NULL);
	return 0;
}

static int spawn_again(void *arg)
{
	int err;

	(void)arg;
	do {
		err = lend_spawn(sleep_for_ever, NULL, NULL, NULL);
		if (!err || err == -ENOMEM)
			err = lend_yield();
	} while (!err);
	return err == -ESHUTDOWN || err == -ECANCELED ? 0 : err;
}

static int spawning_while_it_stops(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < test_options.workers; i++) {
		const struct lend_spawn_options there = { .worker = i + 1 };
		int err = lend_spawn(spawn_again, NULL, &there, NULL);

		/* Those before it may have taken all places. */
		CHECK(!err || err == -ENOMEM);
	}
	for (int i = 0; i < 5; i++)
		lend_yield();
	return 0;
}

int main(int argc, char **argv)
{
	struct lend_options few;

	test_init(argc, argv, 30);
	few = test_options;
	few.actors_max = 32;
	test_actor("values_come_back", values_come_back);
	test_actor("joinable_keeps_its_value", joinable_keeps_its_value);
	test_actor("join_errors", join_errors);
	test_actor("stale_references_name_nobody",
		   stale_references_name_nobody);
	test_actor("many_join_one", many_join_one);
	test_actor("mutual_joins_can_be_cancelled",
		   mutual_joins_can_be_cancelled);
	test_actor("spawn_errors", spawn_errors);
	test_actor_with("actors_run_out", actors_run_out, &few);
	test_actor("names_are_cut", names_are_cut);
	test_actor("names_are_cut_between_characters",
		   names_are_cut_between_characters);
	test_actor("ten_thousand", ten_thousand);
	test_actor("yields_are_fair", yields_are_fair);
	test_actor("cancel_wherever", cancel_wherever);
	test_actor("cancel_sticks", cancel_sticks);
	test_actor("who_goes_on_though_cancelled_lets_others_run",
		   who_goes_on_though_cancelled_lets_others_run);
	test_actor("leave_a_crowd", leave_a_crowd);
	few.actors_max = 1000;
	for (int i = 0; i < 20; i++)
		test_actor_with("spawning_while_it_stops",
				spawning_while_it_stops, &few);
	return test_finish();
}
