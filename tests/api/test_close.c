/*
 * Goal:   closing a descriptor ends what others have in flight on it, in
 * bounded time, wherever they run; an actor that is cancelled or ends takes its
 *         operations along; no descriptor is left open.
 * Method: actors on all workers wait on one descriptor; another closes it. The
 *         harness counts descriptors before and after each test.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"

#define BOUND (10 * LEND_S)

static _Atomic int shared_fd;
static _Atomic int waiting;

static int wait_on_fd(void *arg)
{
	struct lend_buffer buffer = { 0 };
	int fd = shared_fd;
	char byte;
	long res;

	atomic_fetch_add(&waiting, 1);
	switch ((intptr_t)arg % 4) {
	case 0:
		return (int)lend_recv(fd, &byte, 1, 0, LEND_FOREVER);
	case 1:
		return lend_poll(fd, POLLIN, LEND_FOREVER);
	case 2:
		res = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
		lend_buffer_release(&buffer);
		return (int)res;
	default:
		return (int)lend_read(fd, &byte, 1, -1, LEND_FOREVER);
	}
}

static int accept_on_fd(void *arg)
{
	int fd = shared_fd;

	(void)arg;
	atomic_fetch_add(&waiting, 1);
	return lend_accept(fd, NULL, NULL, LEND_FOREVER);
}

/* In flight when it counts: nobody can close the descriptor too early. */
static int accept_begun_on_fd(void *arg)
{
	struct lend_pending *pending;
	int res;

	(void)arg;
	if (!CHECK_EQ(lend_accept_async(shared_fd, NULL, NULL, &pending), 0))
		return -1;
	atomic_fetch_add(&waiting, 1);
	res = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return res;
}

static void await_waiting(int count)
{
	while (atomic_load(&waiting) < count)
		lend_yield();
}

static void close_bounded(int fd)
{
	uint64_t before = lend_now();

	CHECK_EQ(lend_close(fd), 0);
	CHECK_IN(lend_now() - before, 0, BOUND);
}

static int close_ends_others(void *arg)
{
	lend_ref refs[24];
	int pair[2];

	(void)arg;
	for (int round = 0; round < 20; round++) {
		int count = 1 + round % 24;

		test_pair(pair);
		shared_fd = pair[0];
		atomic_store(&waiting, 0);
		for (int i = 0; i < count; i++)
			refs[i] = test_spawn_on(1 + i % test_options.workers,
						wait_on_fd,
						(void *)(intptr_t)i);
		await_waiting(count);
		/* Just submitted, and long in flight. */
		if (round % 2)
			lend_sleep(lend_after(LEND_MS));
		close_bounded(pair[0]);
		for (int i = 0; i < count; i++) {
			int res = test_join(refs[i]);

			CHECK(res == -ECANCELED || res == -EBADF);
		}
		CHECK_EQ(lend_close(pair[1]), 0);
	}
	return 0;
}

static int close_ends_accept(void *arg)
{
	lend_ref refs[4];
	uint16_t port;

	(void)arg;
	shared_fd = test_listen(16, &port);
	atomic_store(&waiting, 0);
	for (int i = 0; i < 4; i++)
		refs[i] = test_spawn_on(
			1 + i % test_options.workers,
			i % 2 ? accept_on_fd : accept_begun_on_fd, NULL);
	await_waiting(4);
	lend_sleep(lend_after(LEND_MS));
	close_bounded(shared_fd);
	for (int i = 0; i < 4; i++) {
		int res = test_join(refs[i]);

		CHECK(res == -ECANCELED || (i % 2 && res == -EBADF));
	}
	return 0;
}

static int close_errors(void *arg)
{
	int pair[2];
	char byte;

	(void)arg;
	test_pair(pair);
	CHECK_EQ(lend_close(-1), -EBADF);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[0]), -EBADF);
	CHECK_EQ(lend_recv(pair[0], &byte, 1, 0, LEND_FOREVER), -EBADF);
	CHECK_EQ(lend_recv(-1, &byte, 1, 0, LEND_FOREVER), -EBADF);
	/* The other end sees it at once: nothing keeps the socket. */
	CHECK_EQ(lend_recv(pair[1], &byte, 1, 0, LEND_FOREVER), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int close_in_cancelled_actor(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(lend_sleep(LEND_FOREVER), -ECANCELED);
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int close_works_when_cancelled(void *arg)
{
	lend_ref refs[20];

	(void)arg;
	for (int i = 0; i < 20; i++)
		refs[i] = test_spawn(close_in_cancelled_actor, NULL);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(lend_cancel(refs[i]), 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	return 0;
}

/* Closing and sending at the same time: whatever the senders get, each number
 * is used by one socket only, and every close returns. */
static _Atomic bool stop;

static int hammer(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		char byte;
		int fd = shared_fd;
		long res = lend_recv(fd, &byte, 1, 0, lend_after(LEND_MS));

		CHECK(res == -EBADF || res == -ECANCELED || res == 0 ||
		      res == -ETIMEDOUT);
		lend_yield();
	}
	return 0;
}

static int close_under_fire(void *arg)
{
	lend_ref refs[4];
	int pair[2];

	(void)arg;
	atomic_store(&stop, false);
	test_pair(pair);
	shared_fd = pair[0];
	for (int i = 0; i < 4; i++)
		refs[i] = test_spawn_on(1 + i % test_options.workers, hammer,
					NULL);
	for (int round = 0; round < 200; round++) {
		lend_yield();
		close_bounded(pair[0]);
		close_bounded(pair[1]);
		test_pair(pair);
		shared_fd = pair[0];
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	close_bounded(pair[0]);
	close_bounded(pair[1]);
	return 0;
}

/* ---- cancel ---- */

static int cancel_ends_operations(void *arg)
{
	lend_ref refs[40];
	int pair[2];
	uint16_t port;
	int listener = test_listen(16, &port);

	(void)arg;
	for (int round = 0; round < 10; round++) {
		test_pair(pair);
		atomic_store(&waiting, 0);
		for (int i = 0; i < 40; i++) {
			bool accepts = i % 5 == 4;
			int before = atomic_load(&waiting);

			shared_fd = accepts ? listener : pair[0];
			refs[i] = test_spawn_on(1 + i % test_options.workers,
						accepts ? accept_on_fd :
							  wait_on_fd,
						(void *)(intptr_t)i);
			await_waiting(before + 1);
		}
		if (round % 2)
			lend_sleep(lend_after(LEND_MS));
		for (int i = 0; i < 40; i++)
			CHECK_EQ(lend_cancel(refs[i]), 0);
		for (int i = 0; i < 40; i++)
			CHECK_EQ(test_join(refs[i]), -ECANCELED);
		close_bounded(pair[0]);
		close_bounded(pair[1]);
	}
	close_bounded(listener);
	return 0;
}

/* An openat() that a kernel thread is stuck in: only the thread that submitted
 * it can cancel it. */
static int open_a_fifo(void *arg)
{
	char path[64];
	uint64_t before;

	(void)arg;
	snprintf(path, sizeof(path), "/tmp/lend-test-fifo-%d", getpid());
	if (!CHECK_EQ(mkfifo(path, 0600), 0))
		return -1;
	for (int i = 0; i < 5; i++) {
		before = lend_now();
		/* O_CREAT has the kernel open it in a thread, where it waits
		 * for somebody who writes. */
		CHECK_EQ(lend_openat(AT_FDCWD, path, O_RDONLY | O_CREAT, 0600,
				     lend_after(20 * LEND_MS)),
			 -ETIMEDOUT);
		CHECK_IN(lend_now() - before, 20 * LEND_MS, BOUND);
		lend_yield();
	}
	unlink(path);
	return 0;
}

static int busy_yielder(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		lend_yield();
	return 0;
}

static int kernel_threads_are_cancelled(void *arg)
{
	lend_ref busy[2], ref;

	(void)arg;
	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		busy[i] = test_spawn_on(1 + i % test_options.workers,
					busy_yielder, NULL);
	ref = test_spawn(open_a_fifo, NULL);
	CHECK_EQ(test_join(ref), 0);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(test_join(busy[i]), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 100);
	test_actor("close_ends_others", close_ends_others);
	test_actor("close_ends_accept", close_ends_accept);
	test_actor("close_errors", close_errors);
	test_actor("close_works_when_cancelled", close_works_when_cancelled);
	test_actor("close_under_fire", close_under_fire);
	test_actor("cancel_ends_operations", cancel_ends_operations);
	test_actor("kernel_threads_are_cancelled",
		   kernel_threads_are_cancelled);
	return test_finish();
}
