/*
 * Goal:   whatever actors do at the same time, on whatever rings: data arrives
 *         right, every join returns, nothing is left in flight or open.
 * Method: runtimes of random mode, workers, rings and depth, one after another
 *         until the time is up. In each, families of actors do random things
 *         to each other: echo, sleep, tell, cancel, close under others' hands,
 *         hold claims over yields, spin. At the end all operations must have
 *         completed, and no descriptor may be open that was not before.
 *
 * usage: stress_runtime [seed]		(LEND_STRESS_SECONDS: how long; 3)
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/harness.h"

#define FAMILIES 12
#define STEPS	 60

static uint64_t seed;
static uint64_t end_ns;

struct family {
	uint64_t random;
	lend_ref sibling; /* somebody to annoy */
	_Atomic int shared_fd;
};

static struct family families[FAMILIES];

static bool time_is_up(void)
{
	return lend_now() >= end_ns;
}

/* ---- what actors do ---- */

static int echo_server(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;
	long size;

	for (;;) {
		memset(&buffer, 0, sizeof(buffer));
		size = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
		if (size <= 0)
			break;
		if (lend_send_all(fd, buffer.data, (size_t)size,
				  LEND_FOREVER) != size)
			size = -EIO;
		lend_buffer_release(&buffer);
	}
	CHECK_EQ(lend_close(fd), 0);
	return (int)size;
}

/* Bytes that go out come back, however they are cut. */
static void do_echo(uint64_t *random)
{
	char out[3000], in[3000];
	size_t size = 1 + test_random(random) % sizeof(out), got = 0;
	lend_ref server;
	int pair[2], value;

	test_pair(pair);
	server = test_spawn(echo_server, (void *)(intptr_t)pair[1]);
	for (size_t i = 0; i < size; i++)
		out[i] = (char)(test_random(random) >> 8);
	if (lend_send_all(pair[0], out, size, LEND_FOREVER) == (long)size)
		while (got < size) {
			long n = lend_recv(pair[0], in + got, size - got, 0,
					   LEND_FOREVER);

			if (n <= 0) {
				CHECK_EQ(n, -ECANCELED);
				break;
			}
			got += (size_t)n;
		}
	CHECK(!memcmp(in, out, got));
	CHECK_EQ(lend_close(pair[0]), 0);
	if (lend_join(server, LEND_FOREVER, &value) == 0)
		CHECK(value == 0 || value == -ECANCELED || value == -EIO ||
		      value == -ECONNRESET);
}

static int wait_for_data(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	return (int)lend_recv(fd, &byte, 1, 0, LEND_FOREVER);
}

static int poll_for_data(void *arg)
{
	return lend_poll((int)(intptr_t)arg, POLLIN, LEND_FOREVER);
}

/* The same socket by a number that nobody else gets: whoever is late to use it
 * must find nothing, and not somebody else's socket. */
static int with_own_number(int fd)
{
	static _Atomic unsigned next;
	int low = 4000 + (int)(atomic_fetch_add(&next, 1) % 12000);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, low);

	CHECK(copy >= 0);
	close(fd);
	return copy;
}

/* Close what others wait on, or cancel them, or both. */
static void do_close(uint64_t *random)
{
	lend_ref refs[6];
	uint64_t how = test_random(random);
	int pair[2], count = 1 + (int)(how % 6);

	test_pair(pair);
	pair[0] = with_own_number(pair[0]);
	for (int i = 0; i < count; i++)
		refs[i] = test_spawn_on(
			1 + (unsigned)(how >> i) % test_options.workers,
			how >> i & 8 ? wait_for_data : poll_for_data,
			(void *)(intptr_t)pair[0]);
	if (how & 0x100)
		lend_yield();
	if (how & 0x200)
		lend_sleep(lend_after(test_random(random) % 100000));
	for (int i = 0; how & 0x400 && i < count; i++)
		lend_cancel(refs[i]);
	if (how & 0x800)
		for (int i = 0; i < count; i++)
			if (how & 0x400)
				CHECK_IN(lend_join(refs[i], LEND_FOREVER, NULL),
					 -ECANCELED, 0);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	for (int i = 0; i < count; i++) {
		int value = -ECANCELED;
		int err = lend_join(refs[i], LEND_FOREVER, &value);

		CHECK(!err || err == -ESRCH || err == -ECANCELED);
		CHECK(value == -ECANCELED || value == -EBADF);
	}
}

static void do_claim(uint64_t *random)
{
	struct lend_claim_handle *claim;
	struct lend_pending *pending[4];
	unsigned depth = test_options.depth < 4 ? test_options.depth : 4;
	unsigned count = 1 + (unsigned)test_random(random) % depth;
	uint64_t how = test_random(random);
	int err = lend_claim(count,
			     how & 1 ? LEND_FOREVER : lend_after(how % 100000),
			     &claim);

	if (err) {
		CHECK(err == -ETIMEDOUT || err == -ECANCELED);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		io_uring_prep_nop(lend_claim_sqe(claim, i));
		if (i + 1 < count)
			lend_claim_sqe(claim, i)->flags |= IOSQE_IO_LINK;
	}
	if (how & 0x10)
		lend_yield();
	if (how & 0x20)
		lend_sleep(lend_after(how >> 20 & 0xffff));
	if ((how & 0xc0) == 0xc0) {
		lend_claim_abandon(claim);
		return;
	}
	err = lend_claim_commit(claim, pending);
	if (err) {
		CHECK_EQ(err, -ECANCELED);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		if (how & 0x100)
			CHECK_IN(lend_pending_await(pending[i], LEND_FOREVER),
				 -ECANCELED, 0);
		lend_pending_free(pending[i]);
	}
}

static void do_timed_chain(uint64_t *random)
{
	struct __kernel_timespec *timeout = lend_io_alloc(64);
	struct lend_claim_handle *claim;
	struct lend_pending *pending[2];
	char *span = lend_io_alloc(64);
	int pair[2], res;

	if (test_options.depth < 2 || !timeout || !span)
		return;
	timeout->tv_sec = 0;
	timeout->tv_nsec = (long long)(test_random(random) % 300000);
	test_pair(pair);
	if (lend_claim(2, LEND_FOREVER, &claim) == 0) {
		io_uring_prep_recv(lend_claim_sqe(claim, 0), pair[0], span, 64,
				   0);
		lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
		io_uring_prep_link_timeout(lend_claim_sqe(claim, 1), timeout,
					   0);
		if (lend_claim_commit(claim, pending) == 0) {
			res = lend_pending_await(pending[0], LEND_FOREVER);
			CHECK_EQ(res, -ECANCELED);
			lend_pending_free(pending[0]);
			/* A chain that was cut would say EINVAL. */
			res = lend_pending_await(pending[1], LEND_FOREVER);
			CHECK(res == -ETIME || res == -ECANCELED ||
			      res == -ENOENT || res == -EALREADY);
			lend_pending_free(pending[1]);
		}
	}
	lend_io_free(timeout);
	lend_io_free(span);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
}

static void do_receive(uint64_t *random)
{
	struct lend_msg *msg;
	int err = lend_receive(lend_after(test_random(random) % 200000), &msg);

	if (!err)
		lend_msg_free(msg);
	else
		CHECK(err == -ETIMEDOUT || err == -ECANCELED);
}

static void do_tell(uint64_t *random)
{
	struct family *other = &families[test_random(random) % FAMILIES];
	lend_ref to = other->sibling;
	int err = lend_tell(to, 1, random, sizeof(*random));

	CHECK(!err || err == -ESRCH || err == -EAGAIN);
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 4;
}

static void do_spawn(uint64_t *random)
{
	lend_ref refs[8];

	for (unsigned i = 0; i < 8; i++)
		refs[i] = test_spawn_on((unsigned)test_random(random) %
						(test_options.workers + 1),
					do_nothing, NULL);
	for (unsigned i = 0; i < 8; i++) {
		int value = 4, err = lend_join(refs[i], LEND_FOREVER, &value);

		CHECK(!err || err == -ECANCELED);
		CHECK_EQ(value, 4);
	}
}

static void do_sleep(uint64_t *random)
{
	lend_sleep(lend_after(test_random(random) % 300000));
}

static void do_spin(uint64_t *random)
{
	if (test_random(random) % 8 == 0)
		test_spin(test_random(random) % 5000000);
	lend_yield();
}

/* What is here more often is done more often. */
static void (*const actions[])(uint64_t *random) = {
	do_echo,  do_echo,  do_echo,  do_close,	      do_close,
	do_close, do_claim, do_claim, do_claim,	      do_tell,
	do_sleep, do_spawn, do_spin,  do_timed_chain, do_receive,
};

#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

static int do_random_things(void *arg)
{
	struct family *family = arg;
	uint64_t random = family->random;

	for (int i = 0; i < STEPS && !time_is_up(); i++) {
		if (lend_is_cancelled())
			return -ECANCELED;
		actions[test_random(&random) % ACTIONS](&random);
	}
	return 0;
}

/* ---- one runtime ---- */

static int spawn_families(void *arg)
{
	uint64_t *random = arg;
	lend_ref refs[FAMILIES];

	for (unsigned i = 0; i < FAMILIES; i++) {
		families[i].random = test_random(random);
		families[i].sibling = lend_self();
	}
	for (unsigned i = 0; i < FAMILIES; i++)
		refs[i] = test_spawn_on((unsigned)test_random(random) %
						(test_options.workers + 1),
					do_random_things, &families[i]);
	/* Some do not get to the end. */
	for (unsigned i = 0; i < FAMILIES; i++) {
		if (test_random(random) % 3)
			continue;
		lend_sleep(lend_after(test_random(random) % 2000000));
		lend_cancel(refs[i]);
	}
	for (unsigned i = 0; i < FAMILIES; i++)
		CHECK_IN(test_join(refs[i]), -ECANCELED, 0);
	return 0;
}

static void random_options(uint64_t *random)
{
	static const char *const masks[] = { "",
					     "",
					     "",
					     "membarrier",
					     "coop_taskrun",
					     "defer_taskrun",
					     "buffer_rings" };

	test_options = (struct lend_options){
		.mode = LEND_RING_BORROWED + (int)(test_random(random) % 3),
		.workers = 1 + (unsigned)(test_random(random) % 4),
		.depth = 1u << test_random(random) % 5,
		.actors_max = 4096,
		.log_level = LEND_LOG_ERROR,
	};
	test_options.rings = test_options.mode == LEND_RING_PRIVATE ?
				     test_options.workers :
				     1 + (unsigned)(test_random(random) % 6);
	setenv("LEND_DISABLE", masks[test_random(random) % 7], 1);
}

static int one_runtime(void)
{
	const struct lend_spawn_options joinable = { .joinable = true };
	struct lend_runtime *runtime;
	struct lend_stats stats;
	uint64_t random = seed;
	lend_ref first;
	int value = -1;

	random_options(&random);
	if (!CHECK_EQ(lend_runtime_new(&test_options, &runtime), 0))
		return -1;
	CHECK_EQ(lend_runtime_spawn(runtime, spawn_families, &random, &joinable,
				    &first),
		 0);
	CHECK_EQ(lend_runtime_join(runtime, first, &value), 0);
	CHECK_EQ(value, 0);
	lend_runtime_stop(runtime);
	lend_stats_read(runtime, &stats);
	CHECK_EQ(stats.actors, 0);
	/* What is left are the workers' own polls, one a worker and ring. */
	CHECK_IN(stats.total.in_flight, 0,
		 test_options.workers * test_options.rings);
	lend_runtime_free(runtime);
	return 0;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("LEND_STRESS_SECONDS");
	uint64_t next;

	test_init(1, argv, 60);
	seed = test_seed(argc, argv, 1);
	end_ns = lend_after((seconds ? strtoull(seconds, NULL, 0) : 3) *
			    LEND_S);
	/* A seed that is given is run once, to its end. */
	next = seed;
	do {
		char name[96];

		seed = next;
		random_options(&next);
		next = seed;
		snprintf(name, sizeof(name), "%s:%u:%u:%u %s seed %llu",
			 lend_ring_mode_name(test_options.mode),
			 test_options.workers, test_options.rings,
			 test_options.depth, getenv("LEND_DISABLE"),
			 (unsigned long long)seed);
		test_watchdog(60);
		test_plain(name, one_runtime);
		test_random(&next);
	} while (!time_is_up());
	return test_finish();
}
