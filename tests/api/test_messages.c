/*
 * Goal:   messages arrive once, in their sender's order, also from threads that
 *         are no workers; a full mailbox says so; nothing is left behind.
 * Method: several senders number what they send; the receiver expects each
 *         sender's numbers to be consecutive.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "harness/harness.h"

#define SENDERS	 8
#define MESSAGES 2000

struct text {
	unsigned sender;
	unsigned number;
};

static int send_numbers(lend_ref to, unsigned sender,
			struct lend_runtime *from_outside)
{
	for (unsigned i = 0; i < MESSAGES;) {
		struct text text = { sender, i };
		int err = from_outside ?
				  lend_runtime_tell(from_outside, to, 17, &text,
						    sizeof(text)) :
				  lend_tell(to, 17, &text, sizeof(text));

		if (!err)
			i++;
		else if (err != -EAGAIN)
			return err;
		else if (!from_outside)
			lend_yield();
		else
			sched_yield();
	}
	return 0;
}

static lend_ref receiver;

static int sender_actor(void *arg)
{
	return send_numbers(receiver, (unsigned)(uintptr_t)arg, NULL);
}

static void receive_numbers(unsigned senders)
{
	unsigned next[2 * SENDERS] = { 0 };

	for (unsigned i = 0; i < senders * MESSAGES; i++) {
		struct lend_msg *msg;
		struct text text = { 0, 0 };

		if (!CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0))
			return;
		CHECK_EQ(lend_msg_type(msg), 17);
		if (CHECK_EQ(lend_msg_size(msg), sizeof(text)))
			memcpy(&text, lend_msg_data(msg), sizeof(text));
		lend_msg_free(msg);
		if (!CHECK_EQ(text.number, next[text.sender]++))
			return;
	}
}

static int order_of_each_sender(void *arg)
{
	struct lend_msg *msg;
	lend_ref refs[SENDERS];

	(void)arg;
	receiver = lend_self();
	for (unsigned i = 0; i < SENDERS; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers,
					sender_actor, (void *)(uintptr_t)i);
	receive_numbers(SENDERS);
	for (unsigned i = 0; i < SENDERS; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	return 0;
}

/* ---- from outside ---- */

struct outsider {
	struct lend_runtime *runtime;
	lend_ref to;
	unsigned index;
	pthread_t thread;
	int err;
};

static void *outsider_main(void *arg)
{
	struct outsider *outsider = arg;

	outsider->err = send_numbers(outsider->to, outsider->index,
				     outsider->runtime);
	return NULL;
}

static int receive_from_outside(void *arg)
{
	(void)arg;
	receive_numbers(4);
	return 9;
}

static int return_index(void *arg)
{
	return (int)(intptr_t)arg;
}

static int sleep_for_ever(void *arg)
{
	(void)arg;
	return lend_sleep(LEND_FOREVER);
}

static int messages_from_threads(void)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_runtime *runtime;
	struct outsider outsiders[4];
	lend_ref ref;
	int value = 0;

	if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, receive_from_outside, NULL,
				    &joinable, &ref),
		 0);
	for (unsigned i = 0; i < 4; i++) {
		outsiders[i] = (struct outsider){ .runtime = runtime,
						  .to = ref,
						  .index = i };
		pthread_create(&outsiders[i].thread, NULL, outsider_main,
			       &outsiders[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(outsiders[i].thread, NULL);
		CHECK_EQ(outsiders[i].err, 0);
	}
	CHECK_EQ(lend_runtime_join(runtime, ref, &value), 0);
	CHECK_EQ(value, 9);
	CHECK_EQ(lend_runtime_tell(runtime, ref, 0, NULL, 0), -ESRCH);
	CHECK_EQ(lend_runtime_cancel(runtime, ref), -ESRCH);
	CHECK_EQ(lend_runtime_join(runtime, ref, &value), -ESRCH);
	lend_runtime_free(runtime);
	return 0;
}

static void *spawn_many(void *arg)
{
	struct lend_runtime *runtime = arg;
	const struct lend_spawn_options joinable = { .joinable = true };

	for (int i = 0; i < 300; i++) {
		lend_ref ref;
		int value = -1;

		CHECK_EQ(lend_runtime_spawn(
				 runtime, i % 3 ? return_index : sleep_for_ever,
				 (void *)(intptr_t)i, &joinable, &ref),
			 0);
		if (i % 3 == 0)
			CHECK_EQ(lend_runtime_cancel(runtime, ref), 0);
		CHECK_EQ(lend_runtime_join(runtime, ref, &value), 0);
		CHECK_EQ(value, i % 3 ? i : -ECANCELED);
	}
	return NULL;
}

static int lives_from_threads(void)
{
	struct lend_runtime *runtime;
	pthread_t threads[3];

	if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
		return -1;
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, spawn_many, runtime);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	lend_runtime_free(runtime);
	return 0;
}

/* ---- bounds ---- */

static int count_mail(void *arg)
{
	struct lend_msg *msg;
	int count = 0;

	(void)arg;
	/* The first one says that the others are there. */
	while (lend_receive(LEND_NOW, &msg) == 0) {
		lend_msg_free(msg);
		count++;
	}
	return count;
}

static int full_mailbox_says_so(void *arg)
{
	static char big[LEND_MSG_SIZE_MAX + 1];
	lend_ref sleeper = test_spawn(sleep_for_ever, NULL), self = lend_self();

	(void)arg;
	for (unsigned i = 0; i < LEND_MAILBOX_MAX; i++)
		CHECK_EQ(lend_tell(self, i, NULL, 0), 0);
	CHECK_EQ(lend_tell(self, 0, NULL, 0), -EAGAIN);
	CHECK_EQ(lend_tell(self, 0, big, sizeof(big)), -E2BIG);
	/* There is room for each that is received, at once, and no more. */
	for (unsigned i = 0; i < 100; i++) {
		struct lend_msg *msg;

		CHECK_EQ(lend_receive(LEND_NOW, &msg), 0);
		lend_msg_free(msg);
		CHECK_EQ(lend_tell(self, i, NULL, 0), 0);
		CHECK_EQ(lend_tell(self, i, NULL, 0), -EAGAIN);
	}
	CHECK_EQ(count_mail(NULL), LEND_MAILBOX_MAX);
	CHECK_EQ(lend_tell(self, 0, big, sizeof(big) - 1), 0);
	CHECK_EQ(count_mail(NULL), 1);
	/* What is never received is freed with its receiver. */
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(lend_tell(sleeper, 0, big, 1000), 0);
	lend_cancel(sleeper);
	CHECK_EQ(test_join(sleeper), -ECANCELED);
	return 0;
}

/* Around the sizes that the library keeps memory of, out of two threads. */
static int every_size_arrives(void *arg)
{
	static const size_t sizes[] = { 0,  1,	16,  17,  79,  80,
					81, 82, 207, 208, 209, 5000 };
	static char data[5000];
	lend_ref self = lend_self();

	(void)arg;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	for (int round = 0; round < 200; round++) {
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
			CHECK_EQ(lend_tell(self, i, data, sizes[i]), 0);
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct lend_msg *msg;

			if (!CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0))
				return -1;
			CHECK_EQ(lend_msg_type(msg), i);
			CHECK_EQ(lend_msg_size(msg), sizes[i]);
			CHECK(!memcmp(lend_msg_data(msg), data, sizes[i]));
			lend_msg_free(msg);
		}
		lend_yield();
	}
	return 0;
}

static int deadlines_of_receive(void *arg)
{
	struct lend_msg *msg;
	uint64_t before = lend_now();

	(void)arg;
	CHECK_EQ(lend_receive(LEND_NOW, &msg), -ETIMEDOUT);
	CHECK_EQ(lend_receive(lend_after(5 * LEND_MS), &msg), -ETIMEDOUT);
	CHECK(lend_now() - before >= 5 * LEND_MS);
	CHECK_EQ(lend_tell(lend_self(), 3, "abc", 3), 0);
	CHECK_EQ(lend_receive(LEND_NOW, &msg), 0);
	CHECK_EQ(lend_msg_type(msg), 3);
	CHECK_EQ(lend_msg_sender(msg).index, lend_self().index);
	CHECK(!memcmp(lend_msg_data(msg), "abc", 3));
	lend_msg_free(msg);
	lend_msg_free(NULL);
	return 0;
}

static int bounce(void *arg)
{
	struct lend_msg *msg;

	(void)arg;
	while (lend_receive(LEND_FOREVER, &msg) == 0) {
		while (lend_tell(lend_msg_sender(msg), 0, NULL, 0) == -EAGAIN)
			lend_yield();
		lend_msg_free(msg);
	}
	return 0;
}

/* Each wakes the other from its sleep: the lost wake-up would show as a hang.
 */
static int ping_pong(void *arg)
{
	lend_ref other = test_spawn_on(test_options.workers, bounce, NULL);
	int rounds = test_is_slow() ? 2000 : 20000;

	(void)arg;
	for (int i = 0; i < rounds; i++) {
		struct lend_msg *msg;

		CHECK_EQ(lend_tell(other, 0, NULL, 0), 0);
		if (!CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0))
			break;
		lend_msg_free(msg);
	}
	lend_cancel(other);
	CHECK_EQ(test_join(other), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 30);
	test_actor("order_of_each_sender", order_of_each_sender);
	test_plain("messages_from_threads", messages_from_threads);
	test_plain("lives_from_threads", lives_from_threads);
	test_actor("full_mailbox_says_so", full_mailbox_says_so);
	test_actor("every_size_arrives", every_size_arrives);
	test_actor("deadlines_of_receive", deadlines_of_receive);
	test_actor("ping_pong", ping_pong);
	return test_finish();
}
