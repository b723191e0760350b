/*
 * Goal:   K4: every call that waits comes back at its deadline, not before it
 *         and not for ever later, and leaves nothing in flight; timers go off
 *         in order, however many and however small the rings; a descriptor's
 *         own timeouts bound the calls on it.
 * Method: calls on things that never become ready, with deadlines of some
 *         milliseconds; how late they are is the benchmarks' business, as the
 *         machine may be away for any time.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define SPAN (10 * LEND_MS)
#define LATE (10 * LEND_S)

static int nothing(void *arg)
{
	(void)arg;
	return lend_sleep(LEND_FOREVER);
}

static int fds[2]; /* a silent pair */

static long long wait_in(int which, uint64_t deadline)
{
	struct lend_buffer buffer = { 0 };
	struct lend_msg *msg;
	static lend_ref sleeper;
	static uint16_t port;
	char byte;
	long long res;
	int fd;

	switch (which) {
	case 0:
		return lend_recv(fds[0], &byte, 1, 0, deadline);
	case 1:
		return lend_recv_buffer(fds[0], deadline, &buffer);
	case 2:
		return lend_poll(fds[0], POLLIN, deadline);
	case 3:
		return lend_read(fds[0], &byte, 1, -1, deadline);
	case 4:
		return lend_receive(deadline, &msg);
	case 5:
		sleeper = test_spawn(nothing, NULL);
		res = lend_join(sleeper, deadline, NULL);
		lend_cancel(sleeper);
		CHECK_EQ(test_join(sleeper), -ECANCELED);
		return res;
	case 6:
		fd = test_listen(1, &port);
		res = lend_accept(fd, NULL, NULL, deadline);
		CHECK_EQ(lend_close(fd), 0);
		return res;
	case 7:
		return lend_park(deadline);
	default:
		return -ENOSYS;
	}
}

#define CALLS 8

static int every_call_has_one(void *arg)
{
	(void)arg;
	test_pair(fds);
	for (int i = 0; i < CALLS; i++) {
		uint64_t before = lend_now(), took;

		CHECK_EQ(wait_in(i, lend_after(SPAN)), -ETIMEDOUT);
		took = lend_now() - before;
		CHECK_IN(took, SPAN, LATE);
		/* Long passed, and now: nothing is waited for. */
		CHECK_EQ(wait_in(i, 1), -ETIMEDOUT);
		CHECK_EQ(wait_in(i, LEND_NOW), -ETIMEDOUT);
	}
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	return 0;
}

/* LEND_NOW takes what is there. */
static int now_takes_what_is_there(void *arg)
{
	struct lend_buffer buffer = { 0 };
	char byte = 'x';

	(void)arg;
	test_pair(fds);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(write(fds[1], "ab", 2), 2);
	CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, LEND_NOW), 1);
	CHECK_EQ(byte, 'a');
	CHECK_EQ(lend_read(fds[0], &byte, 1, -1, LEND_NOW), 1);
	CHECK_EQ(lend_poll(fds[0], POLLIN, LEND_NOW), POLLIN);
	CHECK_EQ(lend_recv_buffer(fds[0], LEND_NOW, &buffer), 2);
	lend_buffer_release(&buffer);
	lend_close(fds[0]);
	lend_close(fds[1]);
	return 0;
}

/* ---- many at once ---- */

static int time_out(void *arg)
{
	int pair[2];
	char byte;
	long res;

	(void)arg;
	test_pair(pair);
	res = lend_recv(pair[0], &byte, 1, 0, *(uint64_t *)arg);
	lend_close(pair[0]);
	lend_close(pair[1]);
	return (int)res;
}

/* All deadlines at the same moment, on rings far smaller than that. */
static int a_thousand_at_once(void *arg)
{
	static lend_ref refs[1000];
	uint64_t deadline = lend_after(50 * LEND_MS);

	(void)arg;
	for (int i = 0; i < 1000; i++)
		refs[i] = test_spawn(time_out, &deadline);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(test_join(refs[i]), -ETIMEDOUT);
	return 0;
}

struct sleeper {
	uint64_t deadline;
	uint64_t woken;
};

static int sleep_until(void *arg)
{
	struct sleeper *sleeper = arg;
	int err = lend_sleep(sleeper->deadline);

	sleeper->woken = lend_now();
	return err;
}

static int sleepers_wake_in_order(void *arg)
{
	static struct sleeper sleepers[500];
	static lend_ref refs[500];
	uint64_t start = lend_after(5 * LEND_MS);
	uint64_t seed = 12345;

	(void)arg;
	for (int i = 0; i < 500; i++) {
		sleepers[i].deadline = start + test_random(&seed) % 30000000;
		refs[i] = test_spawn(sleep_until, &sleepers[i]);
	}
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(test_join(refs[i]), 0);
		CHECK(sleepers[i].woken >= sleepers[i].deadline);
		CHECK(sleepers[i].woken < sleepers[i].deadline + LATE);
	}
	return 0;
}

/* A deadline that moves away, and one that comes nearer: the timer is lazy, the
 * deadline is not. */
static int deadlines_that_move(void *arg)
{
	struct lend_msg *msg;
	uint64_t before;

	(void)arg;
	CHECK_EQ(lend_receive(lend_after(2 * LEND_MS), &msg), -ETIMEDOUT);
	for (int i = 0; i < 20; i++) {
		uint64_t span = (i % 2 ? 1 : 6) * LEND_MS;

		CHECK_EQ(lend_tell(lend_self(), 0, NULL, 0), 0);
		CHECK_EQ(lend_receive(lend_after(LATE), &msg), 0);
		lend_msg_free(msg);
		before = lend_now();
		CHECK_EQ(lend_sleep(lend_after(span)), 0);
		CHECK_IN(lend_now() - before, span, LATE);
	}
	CHECK_EQ(lend_sleep(LEND_NOW), 0);
	CHECK_EQ(lend_sleep(lend_now()), 0);
	return 0;
}

static int sleep_for_a_year(void *arg)
{
	(void)arg;
	return lend_sleep(lend_after(366 * 24 * 3600 * LEND_S));
}

/* A deadline may be the next microsecond or next year. */
static int near_beside_far(void *arg)
{
	static lend_ref refs[100];

	(void)arg;
	for (unsigned i = 0; i < 100; i++)
		refs[i] = test_spawn(sleep_for_a_year, NULL);
	for (unsigned i = 0; i < 300; i++) {
		uint64_t deadline = lend_after(i % 3 ? LEND_US : 1);

		CHECK_EQ(lend_sleep(deadline), 0);
		CHECK(lend_now() >= deadline);
	}
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(lend_cancel(refs[i]), 0);
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(test_join(refs[i]), -ECANCELED);
	return 0;
}

static _Atomic bool stop;

static int tease(void *arg)
{
	lend_ref *refs = arg;

	while (!atomic_load(&stop)) {
		for (int i = 0; i < 16; i++) {
			int err = lend_tell(refs[i], 0, NULL, 0);

			CHECK(!err || err == -EAGAIN || err == -ESRCH);
		}
		lend_yield();
	}
	return 0;
}

static int receive_with_short_deadlines(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg + 77;

	/* Messages race with timers that are just going off, on whatever
	 * worker: a lost timer shows as a hang. */
	for (int i = 0; i < 2000; i++) {
		struct lend_msg *msg;
		uint64_t span = test_random(&seed) % 60000;

		if (lend_receive(lend_after(span), &msg) == 0)
			lend_msg_free(msg);
	}
	return 0;
}

static int no_timer_is_lost(void *arg)
{
	static lend_ref refs[16];
	lend_ref teaser;

	(void)arg;
	atomic_store(&stop, false);
	for (int i = 0; i < 16; i++)
		refs[i] = test_spawn(receive_with_short_deadlines,
				     (void *)(intptr_t)i);
	teaser = test_spawn_on(test_options.workers, tease, refs);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	atomic_store(&stop, true);
	CHECK_EQ(test_join(teaser), 0);
	return 0;
}

/* ---- timeouts of descriptors ---- */

/* K4: calls without a deadline end all the same; those with a nearer one end by
 * that; those in the other direction are not bounded. */
static int descriptors_have_timeouts(void *arg)
{
	struct lend_buffer buffer = { 0 };
	static char bulk[65536];
	uint64_t before;
	char byte = 0;
	ssize_t res;

	(void)arg;
	test_pair(fds);
	CHECK_EQ(lend_set_timeouts(fds[0], 2 * LEND_MS, LEND_FOREVER), 0);
	before = lend_now();
	CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, LEND_FOREVER), -ETIMEDOUT);
	CHECK(lend_now() - before >= 2 * LEND_MS);
	CHECK_EQ(lend_read(fds[0], &byte, 1, -1, LEND_FOREVER), -ETIMEDOUT);
	CHECK_EQ(lend_recv_buffer(fds[0], LEND_FOREVER, &buffer), -ETIMEDOUT);
	CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, LEND_NOW), -ETIMEDOUT);
	CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, lend_after(LEND_US)),
		 -ETIMEDOUT);
	/* The other end has none, and what is there is received. */
	CHECK_EQ(lend_recv(fds[1], &byte, 1, 0, lend_after(4 * LEND_MS)),
		 -ETIMEDOUT);
	CHECK_EQ(lend_send(fds[1], "x", 1, 0, LEND_FOREVER), 1);
	/* A polling thread may come to it late: not within milliseconds. */
	CHECK_EQ(lend_set_timeouts(fds[0], LATE, LEND_FOREVER), 0);
	CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, LEND_FOREVER), 1);
	/* Writes. */
	CHECK_EQ(lend_set_timeouts(fds[0], LEND_FOREVER, 2 * LEND_MS), 0);
	do
		res = lend_send_all(fds[0], bulk, sizeof(bulk), LEND_FOREVER);
	while (res > 0);
	CHECK_EQ(res, -ETIMEDOUT);
	CHECK_EQ(lend_write(fds[0], "x", 1, -1, LEND_FOREVER), -ETIMEDOUT);
	CHECK_EQ(lend_recv(fds[0], &byte, 1, 0, lend_after(4 * LEND_MS)),
		 -ETIMEDOUT);
	CHECK_EQ(lend_set_timeouts(fds[0], 0, LEND_MS), -EINVAL);
	CHECK_EQ(lend_set_timeouts(fds[0], LEND_MS, 0), -EINVAL);
	CHECK_EQ(lend_set_timeouts(-1, LEND_MS, LEND_MS), -EBADF);
	CHECK_EQ(lend_set_timeouts(1 << 21, LEND_MS, LEND_MS), -EBADF);
	CHECK_EQ(lend_close(fds[0]), 0);
	CHECK_EQ(lend_close(fds[1]), 0);
	return 0;
}

/* They go with the descriptor: its number's next owner has none. */
static int timeouts_end_with_the_descriptor(void *arg)
{
	int old[2];
	char byte;

	(void)arg;
	test_pair(old);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(lend_set_timeouts(old[i], LEND_US, LEND_US), 0);
		CHECK_EQ(lend_close(old[i]), 0);
	}
	test_pair(fds);
	CHECK_EQ(fds[0], old[0]);
	for (int i = 0; i < 2; i++) {
		uint64_t before = lend_deadline_push(lend_after(3 * LEND_MS));

		/* By the block, not by a timeout. */
		CHECK_EQ(lend_recv(fds[i], &byte, 1, 0, LEND_FOREVER),
			 -ECANCELED);
		CHECK_EQ(lend_deadline_pop(before), -ETIMEDOUT);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(lend_close(fds[i]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("every_call_has_one", every_call_has_one);
	test_actor("now_takes_what_is_there", now_takes_what_is_there);
	test_actor("a_thousand_at_once", a_thousand_at_once);
	test_actor("sleepers_wake_in_order", sleepers_wake_in_order);
	test_actor("deadlines_that_move", deadlines_that_move);
	test_actor("near_beside_far", near_beside_far);
	test_actor("no_timer_is_lost", no_timer_is_lost);
	test_actor("descriptors_have_timeouts", descriptors_have_timeouts);
	test_actor("timeouts_end_with_the_descriptor",
		   timeouts_end_with_the_descriptor);
	return test_finish();
}
