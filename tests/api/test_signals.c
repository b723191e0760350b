/*
 * Goal:   K11, signals as messages: each subscriber gets one for each signal of
 *         its set, with what came with it, until it unsubscribes or ends.
 * Method: the process sends signals to itself; all its threads block them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

#define TYPE 17

static sigset_t set_of(int first, int second)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, first);
	if (second)
		sigaddset(&set, second);
	return set;
}

static int subscribe(int first, int second)
{
	const int numbers[] = { first, second };

	return lend_signals_subscribe(numbers, second ? 2 : 1, TYPE);
}

/* The next one's number, or what lend_receive() says. */
static int next_signal(uint64_t deadline, struct lend_signal *signal)
{
	struct lend_msg *msg;
	int err = lend_receive(deadline, &msg);

	if (err)
		return err;
	CHECK_EQ(lend_msg_type(msg), TYPE);
	CHECK_EQ(lend_msg_size(msg), sizeof(*signal));
	memcpy(signal, lend_msg_data(msg), sizeof(*signal));
	lend_msg_free(msg);
	return signal->number;
}

static int they_come_as_messages(void *arg)
{
	struct lend_signal signal;

	(void)arg;
	CHECK_EQ(subscribe(SIGUSR1, SIGUSR2), 0);
	for (int i = 0; i < 20; i++) {
		int number = i % 2 ? SIGUSR1 : SIGUSR2;

		kill(getpid(), number);
		CHECK_EQ(next_signal(LEND_FOREVER, &signal), number);
		CHECK_EQ(signal.pid, getpid());
		CHECK_EQ(signal.uid, getuid());
		CHECK_EQ(signal.code, SI_USER);
	}
	/* Those from SIGRTMIN on queue up, with their values. */
	CHECK_EQ(subscribe(SIGRTMIN + 5, 0), 0);
	for (int i = 0; i < 5; i++)
		sigqueue(getpid(), SIGRTMIN + 5,
			 (union sigval){ .sival_ptr = (void *)(intptr_t)i });
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(next_signal(LEND_FOREVER, &signal), SIGRTMIN + 5);
		CHECK_EQ(signal.value, i);
		CHECK_EQ(signal.code, SI_QUEUE);
	}
	lend_signals_unsubscribe();
	lend_signals_unsubscribe();
	return 0;
}

static int what_can_not_be_had_is_refused(void *arg)
{
	static const int never[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGFPE };

	(void)arg;
	CHECK_EQ(lend_signals_subscribe(NULL, 0, TYPE), -EINVAL);
	CHECK_EQ(subscribe(SIGUSR1, 10000), -EINVAL);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(subscribe(never[i], SIGUSR1), -EINVAL);
	lend_signals_unsubscribe();
	return 0;
}

/* ---- several of them ---- */

struct wish {
	int first, second;
	_Atomic bool subscribed;
};

/* Gets signals until it gets SIGRTMIN + 2; how many it got before. */
static int count_signals(void *arg)
{
	struct wish *wish = arg;
	struct lend_signal signal;
	int count = 0, number;

	CHECK_EQ(subscribe(wish->first, wish->second), 0);
	wish->subscribed = true;
	while ((number = next_signal(LEND_FOREVER, &signal)) != SIGRTMIN + 2) {
		if (number < 0)
			return number;
		CHECK_EQ(number, wish->first);
		count++;
	}
	lend_signals_unsubscribe();
	return count;
}

/* The set of a cancelled or ended one does no harm. */
static int subscribe_and_end(void *arg)
{
	(void)arg;
	return subscribe(SIGUSR1, SIGRTMIN + 2);
}

static int each_gets_its_own(void *arg)
{
	static struct wish wishes[4];
	lend_ref others[4], gone = test_spawn(subscribe_and_end, NULL);

	(void)arg;
	CHECK_EQ(test_join(gone), 0);
	for (int i = 0; i < 4; i++) {
		wishes[i] = (struct wish){
			.first = i < 2 ? SIGRTMIN + 3 : SIGRTMIN + 4,
			.second = SIGRTMIN + 2,
		};
		others[i] = test_spawn(count_signals, &wishes[i]);
		while (!wishes[i].subscribed)
			lend_yield();
	}
	for (int i = 0; i < 10; i++)
		kill(getpid(), SIGRTMIN + 3);
	for (int i = 0; i < 6; i++)
		kill(getpid(), SIGRTMIN + 4);
	/* Those of lower numbers first, whatever the order: let them pass. */
	while (lend_sleep(lend_after(LEND_MS)) == 0) {
		sigset_t pending;

		sigpending(&pending);
		if (!sigismember(&pending, SIGRTMIN + 3) &&
		    !sigismember(&pending, SIGRTMIN + 4))
			break;
	}
	kill(getpid(), SIGRTMIN + 2);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(test_join(others[i]), i < 2 ? 10 : 6);
	return 0;
}

/* ---- the end of a subscription ---- */

static int none_comes_afterwards(void *arg)
{
	const struct timespec now = { 0, 0 };
	sigset_t set = set_of(SIGUSR1, 0);
	struct lend_signal signal;

	(void)arg;
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(subscribe(SIGUSR1, 0), 0);
		lend_signals_unsubscribe();
		kill(getpid(), SIGUSR1);
		CHECK_EQ(next_signal(i ? LEND_NOW : lend_after(5 * LEND_MS),
				     &signal),
			 -ETIMEDOUT);
		/* It is there, for whoever wants it next. */
		if (i % 2) {
			CHECK_EQ(subscribe(SIGUSR1, 0), 0);
			CHECK_EQ(next_signal(LEND_FOREVER, &signal), SIGUSR1);
			lend_signals_unsubscribe();
		} else {
			CHECK_EQ(sigtimedwait(&set, NULL, &now), SIGUSR1);
		}
	}
	return 0;
}

static int a_new_set_replaces_the_old(void *arg)
{
	const struct timespec now = { 0, 0 };
	sigset_t set = set_of(SIGUSR1, 0);
	struct lend_signal signal;

	(void)arg;
	CHECK_EQ(subscribe(SIGUSR1, 0), 0);
	CHECK_EQ(subscribe(SIGUSR2, 0), 0);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	CHECK_EQ(next_signal(LEND_FOREVER, &signal), SIGUSR2);
	CHECK_EQ(sigtimedwait(&set, NULL, &now), SIGUSR1);
	/* The runtime ends with a subscription. */
	return 0;
}

/* Changes the hub's set all the time, until it ends and as it ends. */
static int change_until_the_end(void *arg)
{
	(void)arg;
	while (!subscribe(SIGUSR1, 0)) {
		lend_yield();
		if (!subscribe(SIGUSR2, 0))
			lend_signals_unsubscribe();
	}
	lend_signals_unsubscribe();
	return 0;
}

#define ENDS	 300
#define CHANGERS 8

/* The hub is cancelled like everybody else. */
static int the_end_comes_to_all(void)
{
	struct lend_runtime *runtime;

	for (int i = 0; i < ENDS; i++) {
		if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
			return -1;
		for (int j = 0; j < CHANGERS; j++)
			CHECK_EQ(lend_runtime_spawn(runtime,
						    change_until_the_end, NULL,
						    NULL, NULL),
				 0);
		lend_runtime_free(runtime);
	}
	return 0;
}

int main(int argc, char **argv)
{
	sigset_t set = set_of(SIGUSR1, SIGUSR2);

	for (int i = 0; i < 8; i++)
		sigaddset(&set, SIGRTMIN + i);
	sigprocmask(SIG_BLOCK, &set, NULL);
	test_init(argc, argv, 100);
	test_actor("they come as messages", they_come_as_messages);
	test_actor("what can not be had is refused",
		   what_can_not_be_had_is_refused);
	test_actor("each gets its own", each_gets_its_own);
	test_actor("none comes afterwards", none_comes_afterwards);
	test_actor("a new set replaces the old", a_new_set_replaces_the_old);
	test_plain("the end comes to all", the_end_comes_to_all);
	return test_finish();
}
