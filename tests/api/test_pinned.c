/*
 * Goal:   B13: an actor that is pinned is always on the same thread, whatever
 * it does and whoever else has nothing to do; so code that keeps the address of
 * a thread-local variable over a call works. Method: actors that look at a
 * thread-local's address after every kind of suspension, cancelled operations
 * among them, which the library ends on other workers; while a spinning actor
 * holds up their worker, so that others take over what may be taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/harness.h"

static _Thread_local int thread_mark;

/* Never merged with another call: a thread may have changed in between. */
__attribute__((noinline)) static uintptr_t thread_of(void)
{
	__asm__ volatile("" ::: "memory");
	return (uintptr_t)&thread_mark;
}

static unsigned workers(void)
{
	return lend_runtime_workers(lend_runtime_current());
}

/* ---- every way to suspend ---- */

static int do_nothing(void *arg)
{
	(void)arg;
	return lend_yield();
}

static int send_later(void *arg)
{
	int fd = (int)(intptr_t)arg;

	lend_sleep(lend_after(LEND_MS));
	return (int)lend_send(fd, "x", 1, 0, LEND_FOREVER);
}

static int read_until_closed(void *arg)
{
	char byte;

	return (int)lend_recv((int)(intptr_t)arg, &byte, 1, 0, LEND_FOREVER);
}

static void suspend_somehow(int fds[2], int way)
{
	uintptr_t thread = thread_of();
	struct lend_msg *msg;
	lend_ref other;
	int pair[2], fd;
	char byte;

	switch (way) {
	case 0:
		CHECK_EQ(lend_yield(), 0);
		break;
	case 1:
		CHECK_EQ(lend_sleep(lend_after(LEND_MS / 4)), 0);
		break;
	case 2:
		other = test_spawn(do_nothing, NULL);
		CHECK_EQ(test_join(other), 0);
		break;
	case 3:
		other = test_spawn_on(workers(), send_later,
				      (void *)(intptr_t)fds[1]);
		CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, LEND_FOREVER), 1);
		CHECK_EQ(test_join(other), 1);
		break;
	case 4:
		/* Cancelled where its ring is. */
		CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, lend_after(LEND_MS)),
			 -ETIMEDOUT);
		break;
	case 5:
		/* Ended on every other worker's ring. */
		test_pair(pair);
		/* A number that nobody else gets: the reader may be late. */
		fd = fcntl(pair[0], F_DUPFD, 400 + 2 * fds[0]);
		other = test_spawn_on(workers(), read_until_closed,
				      (void *)(intptr_t)fd);
		lend_sleep(lend_after(LEND_MS));
		CHECK_EQ(lend_close(fd), 0);
		CHECK_EQ(thread_of(), thread);
		CHECK_IN(test_join(other), -ECANCELED, -1);
		lend_close(pair[0]);
		lend_close(pair[1]);
		break;
	default:
		CHECK_EQ(lend_receive(lend_after(LEND_MS / 4), &msg),
			 -ETIMEDOUT);
		break;
	}
}

static int never_moves(void *arg)
{
	uintptr_t thread = thread_of();
	uint64_t random = (uintptr_t)arg + 1;
	int fds[2];

	test_pair(fds);
	for (int i = 0; i < 20; i++) {
		int way = (int)(test_random(&random) % 7);

		suspend_somehow(fds, way);
		if (!CHECK_EQ(thread_of(), thread))
			fprintf(stderr, "way %d\n", way);
	}
	lend_close(fds[0]);
	lend_close(fds[1]);
	return 0;
}

static int hog(void *arg)
{
	_Atomic bool *stop = arg;

	while (!atomic_load(stop)) {
		test_spin(LEND_MS);
		lend_sleep(lend_after(LEND_MS / 2));
	}
	return 0;
}

static int stays_on_its_thread(void *arg)
{
	_Atomic bool stop = false;
	lend_ref pinned[12], hogs[16];

	(void)arg;
	for (unsigned i = 0; i < workers(); i++)
		hogs[i] = test_spawn_on(i + 1, hog, &stop);
	for (uintptr_t i = 0; i < 12; i++)
		pinned[i] = test_spawn_pinned(0, never_moves, (void *)i);
	for (unsigned i = 0; i < 12; i++)
		CHECK_EQ(test_join(pinned[i]), 0);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < workers(); i++)
		test_join(hogs[i]);
	return 0;
}

/* ---- others take over what may be taken ---- */

static _Atomic unsigned ran;
static _Atomic bool go_on, is_blocked;

static int count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&ran, 1);
	return 0;
}

/* Keeps its worker until it is told. */
static int block_worker(void *arg)
{
	(void)arg;
	atomic_store(&is_blocked, true);
	while (!atomic_load(&go_on))
		test_spin(LEND_MS / 10);
	return 0;
}

/* On worker 1; what it looks at is on worker 2. */
static int watch_stealing(void *arg)
{
	lend_ref blocker, pinned, other;
	int value;

	(void)arg;
	atomic_store(&ran, 0);
	atomic_store(&go_on, false);
	atomic_store(&is_blocked, false);
	blocker = test_spawn_pinned(2, block_worker, NULL);
	while (!atomic_load(&is_blocked))
		lend_yield();
	pinned = test_spawn_pinned(2, count, NULL);
	other = test_spawn_on(2, count, NULL);
	CHECK_EQ(test_join(other), 0);
	CHECK_EQ(atomic_load(&ran), 1);
	CHECK_EQ(lend_join(pinned, lend_after(5 * LEND_MS), &value),
		 -ETIMEDOUT);
	CHECK_EQ(atomic_load(&ran), 1);
	atomic_store(&go_on, true);
	CHECK_EQ(test_join(pinned), 0);
	CHECK_EQ(atomic_load(&ran), 2);
	test_join(blocker);
	return 0;
}

static int is_not_taken_over(void *arg)
{
	(void)arg;
	if (workers() < 2)
		return 0; /* there is nobody to take it */
	return test_join(test_spawn_pinned(1, watch_stealing, NULL));
}

/* ---- where they are ---- */

static int tell_thread(void *arg)
{
	*(uintptr_t *)arg = thread_of();
	return 0;
}

static int they_are_spread(void *arg)
{
	uintptr_t threads[32] = { 0 };
	lend_ref refs[32];

	(void)arg;
	for (unsigned i = 0; i < 32; i++)
		refs[i] = test_spawn_pinned(0, tell_thread, &threads[i]);
	for (unsigned i = 0; i < 32; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	for (unsigned i = 0; i < 32; i++) {
		unsigned same = 0;

		for (unsigned j = 0; j < 32; j++)
			same += threads[i] == threads[j];
		CHECK_IN(same, 1, 32 / workers() + 1);
	}
	return 0;
}

static int wait_for_word(void *arg)
{
	(void)arg;
	return test_receive(LEND_FOREVER);
}

static int their_worker_can_not_leave(void *arg)
{
	struct lend_runtime *runtime = lend_runtime_current();
	unsigned before = workers();
	uintptr_t thread = 0;
	lend_ref ref;

	(void)arg;
	if (before < 2)
		return 0; /* the last one can never leave */
	ref = test_spawn_pinned(before, wait_for_word, NULL);
	CHECK_EQ(lend_runtime_set_workers(runtime, before - 1,
					  lend_after(20 * LEND_MS)),
		 -ETIMEDOUT);
	CHECK_EQ(workers(), before);
	CHECK_EQ(lend_tell(ref, 0, NULL, 0), 0);
	CHECK_EQ(test_join(ref), 0);
	CHECK_EQ(lend_runtime_set_workers(runtime, before - 1,
					  lend_after(30 * LEND_S)),
		 0);
	/* It is gone, so another one takes what is meant for it. */
	ref = test_spawn_pinned(before, tell_thread, &thread);
	CHECK_EQ(test_join(ref), 0);
	CHECK(thread);
	CHECK_EQ(lend_runtime_set_workers(runtime, before,
					  lend_after(30 * LEND_S)),
		 0);
	ref = test_spawn_pinned(before, never_moves, (void *)7);
	CHECK_EQ(test_join(ref), 0);
	return 0;
}

static int wake(void *arg)
{
	return lend_tell(*(lend_ref *)arg, 1, NULL, 0);
}

/* It begins on one worker, is pinned on another one, and ends what it has begun
 * only when it is cancelled. */
static int ends_far_away(void *arg)
{
	lend_ref self = lend_self(), waker;
	struct lend_pending *pending;
	struct lend_msg *msg;
	char byte;

	CHECK_EQ(lend_recv_async((int)(intptr_t)arg, &byte, 1, 0, &pending), 0);
	waker = test_spawn_pinned(2, wake, &self);
	CHECK_EQ(lend_receive(LEND_FOREVER, &msg), 0);
	lend_msg_free(msg);
	lend_pin();
	CHECK_EQ(test_join(waker), 0);
	CHECK_EQ(lend_cancel(self), 0);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), -ECANCELED);
	lend_pending_free(pending);
	return 0;
}

#define FAR_AWAY 100

static int hog_without_sleep(void *arg)
{
	_Atomic bool *stop = arg;

	while (!atomic_load(stop)) {
		test_spin(LEND_MS);
		lend_yield();
	}
	return 0;
}

/* What comes while it is on its way back is seen: it would be awaited for the
 * 100 ms after which a cancellation is repeated. */
static int an_end_on_the_way_back_is_seen(void *arg)
{
	_Atomic bool stop = false;
	unsigned quick = 0;
	lend_ref busy;
	int pair[2];

	(void)arg;
	if (workers() < 2)
		return 0;
	test_pair(pair);
	busy = test_spawn_pinned(2, hog_without_sleep, &stop);
	for (int i = 0; i < FAR_AWAY; i++) {
		uint64_t before_ns = lend_now();

		CHECK_EQ(test_join(test_spawn_on(1, ends_far_away,
						 (void *)(intptr_t)pair[0])),
			 0);
		quick += lend_now() - before_ns < 100 * LEND_MS;
	}
	/* All but the first take that long if they are not seen; a machine
	 * that is slow now and then does that to few. */
	CHECK_IN(quick, FAR_AWAY / 10, FAR_AWAY);
	atomic_store(&stop, true);
	CHECK_EQ(test_join(busy), 0);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return 0;
}

static int pins_itself(void *arg)
{
	_Atomic bool stop = false;
	lend_ref other = test_spawn(hog, &stop);

	(void)arg;
	lend_pin();
	lend_pin();
	CHECK_EQ(never_moves((void *)3), 0);
	lend_unpin();
	lend_unpin();
	atomic_store(&stop, true);
	test_join(other);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("stays on its thread", stays_on_its_thread);
	test_actor("is not taken over", is_not_taken_over);
	test_actor("they are spread", they_are_spread);
	test_actor("their worker can not leave", their_worker_can_not_leave);
	test_actor("an end on the way back is seen",
		   an_end_on_the_way_back_is_seen);
	test_actor("pins itself", pins_itself);
	return test_finish();
}
