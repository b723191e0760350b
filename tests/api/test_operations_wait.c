/*
 * Goal:   K11, B12: polls, timeouts, futexes and child processes, in each of
 *         the three interfaces; pipes and terminals as descriptors like others.
 * Method: what is waited for is brought about by the test, by another actor,
 *         thread or process, while the actor waits.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "forms.h"

#define TIMEOUT_ETIME (-ETIME)

static void close_pair(const int pair[2])
{
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
}

/* ---- polls ---- */

static int polls(void *arg)
{
	int pair[2];

	(void)arg;
	test_pair(pair);
	CHECK_EQ(SYNC(poll, pair[0], POLLIN | POLLOUT), POLLOUT);
	CHECK_EQ(lend_poll(pair[0], POLLIN, lend_after(LEND_MS)), -ETIMEDOUT);
	STARTED(poll, pair[0], POLLIN);
	CHECK_EQ(lend_pending_await(started, LEND_NOW), -ETIMEDOUT);
	CHECK_EQ(write(pair[1], "x", 1), 1);
	CHECK_EQ(FINISHED(), POLLIN);
	CHECK_EQ(DIRECT(io_uring_prep_poll_add(direct_sqe, pair[0], POLLIN)),
		 POLLIN);
	CHECK_EQ(SYNC(poll, 1000000, POLLIN), -EBADF);
	CHECK_EQ(ASYNC(poll, 1000000, POLLIN), -EBADF);
	close_pair(pair);
	return 0;
}

/* ---- time ---- */

static int timeouts(void *arg)
{
	struct __kernel_timespec span = { .tv_nsec = 1000000 };
	struct lend_pending *pendings[2];
	uint64_t wake_ns = lend_after(3 * LEND_MS);
	int pair[2];
	char byte;

	(void)arg;
	CHECK_EQ(ASYNC(timeout, wake_ns), 0);
	CHECK(lend_now() >= wake_ns);
	CHECK_EQ(ASYNC(timeout, LEND_NOW), 0);
	/* To its author a direct one is what the kernel says. */
	CHECK_EQ(DIRECT(io_uring_prep_timeout(direct_sqe, &span, 0, 0)),
		 TIMEOUT_ETIME);
	/* Among others: what comes first. */
	test_pair(pair);
	wake_ns = lend_after(3 * LEND_MS);
	CHECK_EQ(lend_recv_async(pair[0], &byte, 1, 0, &pendings[0]), 0);
	CHECK_EQ(lend_timeout_async(wake_ns, &pendings[1]), 0);
	CHECK_EQ(lend_pending_await_any(pendings, 2, LEND_FOREVER), 1);
	CHECK_EQ(lend_pending_result(pendings[1]), 0);
	CHECK(lend_now() >= wake_ns);
	lend_pending_free(pendings[1]);
	CHECK_EQ(lend_timeout_async(LEND_FOREVER, &pendings[1]), 0);
	CHECK_EQ(write(pair[1], "x", 1), 1);
	CHECK_EQ(lend_pending_await_any(pendings, 2, LEND_FOREVER), 0);
	lend_pending_cancel(pendings[1]);
	CHECK_EQ(lend_pending_await(pendings[1], LEND_FOREVER), -ECANCELED);
	lend_pending_free(pendings[0]);
	lend_pending_free(pendings[1]);
	close_pair(pair);
	return 0;
}

/* ---- futexes ---- */

static _Atomic uint32_t word;
static const uint32_t *const address = (const uint32_t *)&word;

static long wake_thread(uint32_t count)
{
	return syscall(SYS_futex, &word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* Until it has found somebody there. */
static void *wake_one(void *arg)
{
	(void)arg;
	while (wake_thread(1) != 1)
		usleep(1000);
	return NULL;
}

static int wait_at_futex(void *arg)
{
	(void)arg;
	return SYNC(futex_wait, address, 5);
}

static int futexes(void *arg)
{
	pthread_t thread;
	lend_ref waiter;
	int woken = 0;

	(void)arg;
	atomic_store(&word, 5);
	if (!supported(SYNC(futex_wait, address, 6))) {
		CHECK_EQ(ASYNC(futex_wait, address, 6), -EOPNOTSUPP);
		CHECK_EQ(SYNC(futex_wake, address, 6), -EOPNOTSUPP);
		test_skip("futexes", "the kernel has none in rings");
		return 0;
	}
	CHECK_EQ(SYNC(futex_wait, address, 6), -EAGAIN);
	CHECK_EQ(ASYNC(futex_wait, address, 6), -EAGAIN);
	CHECK_EQ(lend_futex_wait(address, 5, lend_after(LEND_MS)), -ETIMEDOUT);
	CHECK_EQ(SYNC(futex_wake, address, 1), 0);
	CHECK_EQ(ASYNC(futex_wake, address, 1), 0);

	/* By a thread. */
	CHECK_EQ(pthread_create(&thread, NULL, wake_one, NULL), 0);
	CHECK_EQ(SYNC(futex_wait, address, 5), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(pthread_create(&thread, NULL, wake_one, NULL), 0);
	CHECK_EQ(ASYNC(futex_wait, address, 5), 0);
	pthread_join(thread, NULL);
	/* By an actor. */
	waiter = test_spawn(wait_at_futex, NULL);
	while (!woken) {
		woken = SYNC(futex_wake, address, 1);
		lend_yield();
	}
	CHECK_EQ(woken, 1);
	CHECK_EQ(test_join(waiter), 0);
	return 0;
}

/* ---- processes ---- */

/* A child that ends when its descriptor is written to. */
static pid_t start_child(int status, int *ret_fd)
{
	int ends[2];
	pid_t child;

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		char byte;

		if (read(ends[0], &byte, 1) != 1)
			_exit(99);
		_exit(status);
	}
	close(ends[0]);
	*ret_fd = ends[1];
	return child;
}

static void check_info(const siginfo_t *info, pid_t child, int status)
{
	CHECK_EQ(info->si_pid, child);
	CHECK_EQ(info->si_code, CLD_EXITED);
	CHECK_EQ(info->si_status, status);
}

static int children(void *arg)
{
	siginfo_t info;
	pid_t child;
	int fd;

	(void)arg;
	if (!supported(SYNC(waitid, P_PID, 1, &info, WEXITED))) {
		CHECK_EQ(ASYNC(waitid, P_PID, 1, &info, WEXITED), -EOPNOTSUPP);
		test_skip("children", "the kernel has no waitid in rings");
		return 0;
	}
	CHECK_EQ(SYNC(waitid, P_PID, 1, &info, WEXITED), -ECHILD);
	CHECK_EQ(ASYNC(waitid, P_PID, 1, NULL, WEXITED), -ECHILD);
	CHECK_EQ(ASYNC(waitid, P_PID, 1, NULL, 0), -EINVAL);

	child = start_child(3, &fd);
	memset(&info, 0, sizeof(info));
	CHECK_EQ(lend_waitid(P_PID, (uint32_t)child, &info, WEXITED,
			     lend_after(LEND_MS)),
		 -ETIMEDOUT);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(SYNC(waitid, P_PID, (uint32_t)child, &info, WEXITED), 0);
	check_info(&info, child, 3);
	close(fd);

	child = start_child(4, &fd);
	memset(&info, 0, sizeof(info));
	STARTED(waitid, P_PID, (uint32_t)child, &info, WEXITED);
	CHECK_EQ(lend_pending_await(started, lend_after(LEND_MS)), -ETIMEDOUT);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(FINISHED(), 0);
	check_info(&info, child, 4);
	close(fd);
	return 0;
}

/* ---- pipes and terminals ---- */

static int pipes(void *arg)
{
	char out[16] = "pipe", in[16];
	int ends[2];

	(void)arg;
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(lend_read(ends[0], in, 16, -1, lend_after(LEND_MS)),
		 -ETIMEDOUT);
	STARTED(read, ends[0], in, 16, -1);
	CHECK_EQ(SYNC(write, ends[1], out, 4, -1), 4);
	CHECK_EQ(FINISHED(), 4);
	CHECK(!memcmp(in, "pipe", 4));
	STARTED(read, ends[0], in, 16, -1);
	CHECK_EQ(lend_close(ends[1]), 0);
	CHECK_EQ(FINISHED(), 0);
	CHECK_EQ(lend_close(ends[0]), 0);
	return 0;
}

/* A terminal gives what is there: a line may come in two. */
static void expect_echo(int master, const char *text, bool is_async)
{
	size_t size = strlen(text), got = 0;
	char in[32];

	while (got < size) {
		ssize_t res = is_async ? ASYNC(read, master, in + got,
					       sizeof(in) - got, -1) :
					 SYNC(read, master, in + got,
					      sizeof(in) - got, -1);

		if (!CHECK(res > 0))
			return;
		got += (size_t)res;
	}
	CHECK_EQ(got, size);
	CHECK(!memcmp(in, text, size));
}

static int terminals(void *arg)
{
	char in[32], name[64];
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;

	(void)arg;
	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, sizeof(name))) {
		test_skip("terminals", "there are none here");
		if (master >= 0)
			close(master);
		return 0;
	}
	slave = SYNC(openat, AT_FDCWD, name, O_RDWR | O_NOCTTY, 0);
	if (!CHECK(slave >= 0))
		return -1;
	/* A line is there when it is complete. */
	CHECK_EQ(SYNC(write, master, "li", 2, -1), 2);
	CHECK_EQ(lend_read(slave, in, 32, -1, lend_after(LEND_MS)), -ETIMEDOUT);
	STARTED(read, slave, in, 32, -1);
	CHECK_EQ(SYNC(write, master, "ne\n", 3, -1), 3);
	CHECK_EQ(FINISHED(), 5);
	CHECK(!memcmp(in, "line\n", 5));
	/* Its echo. */
	expect_echo(master, "line\r\n", false);
	CHECK_EQ(ASYNC(write, slave, "answer", 6, -1), 6);
	expect_echo(master, "answer", true);
	CHECK_EQ(lend_close(slave), 0);
	CHECK_EQ(SYNC(read, master, in, 32, -1), -EIO);
	CHECK_EQ(lend_close(master), 0);
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("polls", polls);
	test_actor("timeouts", timeouts);
	test_actor("futexes", futexes);
	test_actor("children", children);
	test_actor("pipes", pipes);
	test_actor("terminals", terminals);
	return test_finish();
}
