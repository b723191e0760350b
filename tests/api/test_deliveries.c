/*
 * Goal:   who has a place in a mailbox, and then no memory for the message,
 *         gives the place to somebody who waits for one; and a runtime is not
 *         freed as long as a thread delivers to its last actor.
 * Method: malloc() and the wake of a worker are wrapped by the linker. A sender
 *         is held up there until the receiver waits, or until the runtime is
 *         freed, which must not be before it goes on: so it is for some time.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "actor/actor.h"
#include "harness/harness.h"
#include "rt/waiting.h"
#include "rt/worker.h"

#define LATE (10 * LEND_S)

/* ---- where a sender is held up ---- */

static _Thread_local void (*hold_up)(void); /* once */
static atomic_bool is_held_up;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
bool __real_lend__worker_wake(struct lend_worker *worker);
bool __wrap_lend__worker_wake(struct lend_worker *worker);

static bool is_to_wait(void)
{
	void (*wait)(void) = hold_up;

	if (!wait)
		return false;
	hold_up = NULL;
	atomic_store(&is_held_up, true);
	wait();
	return true;
}

/* What the next one asks for is not there. */
static _Thread_local bool no_memory;

void *__wrap_malloc(size_t size)
{
	if (no_memory && is_to_wait()) {
		no_memory = false;
		return NULL;
	}
	return __real_malloc(size);
}

static atomic_bool is_freed, was_too_late;

bool __wrap_lend__worker_wake(struct lend_worker *worker)
{
	if (!no_memory && is_to_wait() && atomic_load(&is_freed)) {
		atomic_store(&was_too_late, true);
		return false;
	}
	return __real_lend__worker_wake(worker);
}

static bool waits_for(struct lend_runtime *runtime, lend_ref who, uint8_t kind)
{
	struct lend_waiting waiting;

	return lend__waiting_read(runtime, who.index, &waiting) &&
	       waiting.suspended &&
	       lend__actor_waits_opcode(waiting.waits_for) == kind;
}

/* ---- a place that was for nothing ---- */

static struct lend_runtime *runtime;
static lend_ref receiver;

static void until_it_waits(void)
{
	uint64_t late = lend_after(LATE);

	while (!waits_for(runtime, receiver, LEND_WAITS_END) &&
	       lend_now() < late)
		sched_yield();
}

static void *tell_without_memory(void *arg)
{
	/* Too big for the blocks that are kept. */
	static const char big[LEND_MSG_SIZE_MAX];

	(void)arg;
	hold_up = until_it_waits;
	no_memory = true;
	CHECK_EQ(lend_runtime_tell(runtime, receiver, 0, big, sizeof(big)),
		 -ENOMEM);
	return NULL;
}

static int send_one(void *arg)
{
	(void)arg;
	return lend_tell_wait(receiver, 1, NULL, 0, LEND_FOREVER);
}

static int a_place_without_a_message_is_for_who_waits(void *arg)
{
	pthread_t thread;
	lend_ref sender;
	int value = -1;

	(void)arg;
	runtime = lend_runtime_current();
	receiver = lend_self();
	atomic_store(&is_held_up, false);
	for (unsigned i = 0; i < LEND_MAILBOX_MAX; i++)
		CHECK_EQ(lend_tell(receiver, 0, NULL, 0), 0);
	sender = test_spawn(send_one, NULL);
	while (!waits_for(runtime, sender, LEND_WAITS_PLACE))
		CHECK_EQ(lend_yield(), 0);
	CHECK_EQ(test_receive(LEND_NOW), 0);
	/* It takes the place, and keeps it while we look. */
	pthread_create(&thread, NULL, tell_without_memory, NULL);
	while (!atomic_load(&is_held_up))
		sched_yield();
	CHECK_EQ(lend_join(sender, lend_after(LATE), &value), 0);
	CHECK_EQ(value, 0);
	pthread_join(thread, NULL);
	for (unsigned i = 1; i < LEND_MAILBOX_MAX; i++)
		CHECK_EQ(test_receive(LEND_NOW), 0);
	CHECK_EQ(test_receive(LEND_NOW), 1);
	CHECK_EQ(test_receive(LEND_NOW), -ETIMEDOUT);
	return 0;
}

/* ---- the last delivery ---- */

static void until_it_is_freed(void)
{
	uint64_t late = lend_after(100 * LEND_MS);

	while (!atomic_load(&is_freed) && lend_now() < late)
		sched_yield();
}

static void *tell(void *arg)
{
	(void)arg;
	hold_up = until_it_is_freed;
	CHECK_EQ(lend_runtime_tell(runtime, receiver, 0, NULL, 0), 0);
	return NULL;
}

static void *ask(void *arg)
{
	struct lend_msg *answer;

	(void)arg;
	hold_up = until_it_is_freed;
	CHECK_EQ(lend_runtime_ask(runtime, receiver, 0, NULL, 0, LEND_FOREVER,
				  &answer),
		 -EPIPE);
	return NULL;
}

static int receive_one(void *arg)
{
	int type = test_receive(LEND_FOREVER);

	(void)arg;
	return type < 0 ? type : 0;
}

/* Its worker needs nobody to wake it. */
static int stay_awake(void *arg)
{
	(void)arg;
	while (!lend_yield())
		;
	return 0;
}

static void free_during(void *(*deliver)(void *))
{
	struct lend_options options = test_one_worker();
	pthread_t thread;

	atomic_store(&is_held_up, false);
	atomic_store(&is_freed, false);
	atomic_store(&was_too_late, false);
	if (!CHECK_EQ(lend_runtime_new(&options, &runtime), 0))
		return;
	CHECK_EQ(lend_runtime_spawn(runtime, stay_awake, NULL, NULL, NULL), 0);
	CHECK_EQ(lend_runtime_spawn(runtime, receive_one, NULL, NULL,
				    &receiver),
		 0);
	while (!waits_for(runtime, receiver, LEND_WAITS_MESSAGE))
		sched_yield();
	pthread_create(&thread, NULL, deliver, NULL);
	while (!atomic_load(&is_held_up))
		sched_yield();
	lend_runtime_free(runtime);
	atomic_store(&is_freed, true);
	pthread_join(thread, NULL);
	CHECK(!atomic_load(&was_too_late));
}

static int a_runtime_outlives_who_delivers(void)
{
	free_during(tell);
	free_during(ask);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("a_place_without_a_message_is_for_who_waits",
		   a_place_without_a_message_is_for_who_waits);
	test_plain("a_runtime_outlives_who_delivers",
		   a_runtime_outlives_who_delivers);
	return test_finish();
}
