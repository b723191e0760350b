/*
 * Calls that wait, each on a thing that never becomes ready: for tests of what
 * ends a wait. make_world() is first, end_world() last. For one .c file each.
 */
#ifndef LEND_TESTS_WAITS_H
#define LEND_TESTS_WAITS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "harness/harness.h"

/* What never becomes ready. */
static struct {
	int silent[2];	  /* nobody sends */
	int full[2];	  /* a socket that nobody reads */
	int full_pipe[2]; /* the same as a pipe */
	int listening;
	lend_ref sleeper; /* does not end, does not answer */
	_Atomic bool release_hog;
} world;

/* ---- the table ---- */

static inline long in_recv(uint64_t deadline)
{
	char byte;

	return lend_recv(world.silent[0], &byte, 1, 0, deadline);
}

static inline long in_recv_buffer(uint64_t deadline)
{
	struct lend_buffer buffer = { 0 };

	return lend_recv_buffer(world.silent[0], deadline, &buffer);
}

static inline long in_read(uint64_t deadline)
{
	char byte;

	return lend_read(world.silent[0], &byte, 1, -1, deadline);
}

static inline long in_poll(uint64_t deadline)
{
	return lend_poll(world.silent[0], POLLIN, deadline);
}

static inline long in_send(uint64_t deadline)
{
	return lend_send(world.full[0], "x", 1, 0, deadline);
}

static inline long in_send_all(uint64_t deadline)
{
	return lend_send_all(world.full[0], "xyz", 3, deadline);
}

static inline long in_write(uint64_t deadline)
{
	return lend_write(world.full_pipe[1], "x", 1, -1, deadline);
}

static inline long in_accept(uint64_t deadline)
{
	return lend_accept(world.listening, NULL, NULL, deadline);
}

static inline long in_listener(uint64_t deadline)
{
	struct lend_listener *listener;
	long res = lend_listener_open("127.0.0.1:0", 0, &listener);

	if (res)
		return res;
	res = lend_listener_accept(listener, deadline);
	lend_listener_close(listener);
	return res;
}

static inline long in_pending(uint64_t deadline)
{
	struct lend_pending *pending;
	char *span = lend_io_alloc(64);
	long res = lend_recv_async(world.silent[0], span, 64, 0, &pending);

	if (!res) {
		res = lend_pending_await(pending, deadline);
		lend_pending_free(pending);
	}
	lend_io_free(span);
	return res;
}

static inline long in_sleep(uint64_t deadline)
{
	long res = lend_sleep(deadline);

	/* Its deadline is no error. */
	return res ? res : -ETIMEDOUT;
}

static inline long in_receive(uint64_t deadline)
{
	struct lend_msg *msg;

	return lend_receive(deadline, &msg);
}

static inline long in_join(uint64_t deadline)
{
	return lend_join(world.sleeper, deadline, NULL);
}

static inline long in_ask(uint64_t deadline)
{
	struct lend_msg *answer;

	return lend_ask(world.sleeper, 1, NULL, 0, deadline, &answer);
}

static inline int sleep_for_ever(void *arg)
{
	(void)arg;
	return lend_sleep(LEND_FOREVER);
}

/* The member's cleanup takes its time, and so does the close. */
static inline void dawdle(void *arg)
{
	(void)arg;
	CHECK_EQ(lend_sleep(lend_after(100 * LEND_US)), 0);
}

static inline int member(void *arg)
{
	CHECK_EQ(lend_defer(dawdle, NULL), 0);
	return sleep_for_ever(arg);
}

static inline long in_scope(uint64_t deadline, bool next)
{
	struct lend_scope *scope;
	long res = lend_scope_open(NULL, &scope);

	if (res)
		return res;
	res = lend_scope_spawn(scope, member, NULL, NULL, NULL);
	if (!res && next)
		res = lend_scope_next(scope, deadline, NULL, NULL);
	else if (!res)
		res = lend_scope_join(scope, deadline);
	/* Cancelled, the member may end before its owner looks. */
	if (lend_is_cancelled() && (!res || res == -ESRCH))
		res = -ECANCELED;
	/* Not cut short, though the actor is cancelled by now. */
	CHECK_EQ(lend_scope_close(scope), 0);
	return res;
}

static inline long in_scope_join(uint64_t deadline)
{
	return in_scope(deadline, false);
}

static inline long in_scope_next(uint64_t deadline)
{
	return in_scope(deadline, true);
}

static inline int block_until_released(void *arg)
{
	(void)arg;
	while (!atomic_load(&world.release_hog))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return 0;
}

static inline long in_blocking(uint64_t deadline)
{
	int res;

	return lend_blocking(block_until_released, NULL, deadline, &res);
}

/* Claims come and go between actors; on small rings they wait. */
static inline long in_claims(uint64_t deadline)
{
	struct lend_claim_handle *claim;
	long res;

	do {
		res = lend_claim(1, deadline, &claim);
		if (res)
			return res;
		lend_claim_abandon(claim);
		if (lend_now() >= deadline)
			return -ETIMEDOUT;
		lend_yield();
	} while (true);
}

static const struct wait {
	const char *name;
	long (*fn)(uint64_t deadline);
} waits[] = {
	{ "recv", in_recv },
	{ "recv_buffer", in_recv_buffer },
	{ "read", in_read },
	{ "poll", in_poll },
	{ "send", in_send },
	{ "send_all", in_send_all },
	{ "write", in_write },
	{ "accept", in_accept },
	{ "listener_accept", in_listener },
	{ "pending_await", in_pending },
	{ "sleep", in_sleep },
	{ "receive", in_receive },
	{ "join", in_join },
	{ "ask", in_ask },
	{ "scope_join", in_scope_join },
	{ "scope_next", in_scope_next },
	{ "blocking", in_blocking },
	{ "claim", in_claims },
};

#define WAITS (sizeof(waits) / sizeof(waits[0]))

/* ---- the world ---- */

static inline void fill(int fd)
{
	static const char zeros[4096];

	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (write(fd, zeros, sizeof(zeros)) > 0 || write(fd, "", 1) > 0)
		;
	CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
}

static lend_ref hog;

static inline int be_a_hog(void *arg)
{
	int res;

	(void)arg;
	return lend_blocking(block_until_released, NULL, LEND_FOREVER, &res);
}

static inline void make_world(void)
{
	struct lend_stats stats;
	uint16_t port;

	test_pair(world.silent);
	test_pair(world.full);
	fill(world.full[0]);
	CHECK_EQ(pipe2(world.full_pipe, O_CLOEXEC), 0);
	fill(world.full_pipe[1]);
	world.listening = test_listen(1, &port);
	world.sleeper = test_spawn(sleep_for_ever, NULL);
	atomic_store(&world.release_hog, false);
	/* It has the only thread of the pool. */
	hog = test_spawn(be_a_hog, NULL);
	do {
		lend_yield();
		lend_stats_read(NULL, &stats);
	} while (!stats.blocking.running);
}

static inline void end_world(void)
{
	atomic_store(&world.release_hog, true);
	CHECK_EQ(test_join(hog), 0);
	CHECK_EQ(lend_cancel(world.sleeper), 0);
	CHECK_EQ(test_join(world.sleeper), -ECANCELED);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(lend_close(world.silent[i]), 0);
		CHECK_EQ(lend_close(world.full[i]), 0);
		CHECK_EQ(lend_close(world.full_pipe[i]), 0);
	}
	CHECK_EQ(lend_close(world.listening), 0);
}

#endif
