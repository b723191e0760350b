/*
 * Goal:   a storm of signals changes nothing: no call returns -EINTR or another
 *         result than it would have, whatever the signals interrupt (row K2).
 * Method: a thread sends a signal to every thread of the process, over and
 *         over. Its handler does not have system calls restarted. Workers block
 *         signals but those of faults, so it is one of these. The handler
 *         looks at what it has interrupted: that system calls were among it is
 *         checked at the end.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "harness/harness.h"

#define STORM_SIGNAL SIGTRAP

static _Atomic unsigned long signals, interrupted;
static _Atomic bool stop;
static pthread_t storm;
static pid_t storm_tid;

/* What a system call that the signal interrupts is about to return. */
static inline __attribute__((always_inline)) long
about_to_return(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (long)context->uc_mcontext.gregs[REG_RAX];
#else
	return (long)context->uc_mcontext.regs[0];
#endif
}

/* ThreadSanitizer calls handlers of faults at once, also in a thread that it
 * has not yet made its own: there this must note nothing for it. */
__attribute__((no_sanitize("thread"))) static void
take_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	atomic_fetch_add_explicit(&signals, 1, memory_order_relaxed);
	if (about_to_return(context) == -EINTR)
		atomic_fetch_add_explicit(&interrupted, 1,
					  memory_order_relaxed);
}

static void signal_all(void)
{
	DIR *directory = opendir("/proc/self/task");
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		int tid = atoi(entry->d_name);

		if (tid && tid != storm_tid)
			syscall(SYS_tgkill, getpid(), tid, STORM_SIGNAL);
	}
	if (directory)
		closedir(directory);
}

static void *send_signals(void *arg)
{
	(void)arg;
	storm_tid = (pid_t)syscall(SYS_gettid);
	while (!atomic_load(&stop)) {
		signal_all();
		/* Others are to get on, too. */
		usleep(test_is_slow() ? 500 : 50);
	}
	return NULL;
}

static void begin_storm(void)
{
	struct sigaction action = { .sa_sigaction = take_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaction(STORM_SIGNAL, &action, NULL);
	atomic_store(&stop, false);
	CHECK_EQ(pthread_create(&storm, NULL, send_signals, NULL), 0);
}

static void end_storm(void)
{
	atomic_store(&stop, true);
	pthread_join(storm, NULL);
}

/* ---- what goes on meanwhile ---- */

#define ROUNDS 100

static int ping(void *arg)
{
	int fd = *(int *)arg;
	char byte = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (!CHECK_EQ(lend_send(fd, "p", 1, 0, LEND_FOREVER), 1) ||
		    !CHECK_EQ(lend_recv(fd, &byte, 1, 0, LEND_FOREVER), 1))
			return -1;
		if (i % 10 == 0)
			CHECK_EQ(lend_recv(fd, &byte, 1, 0,
					   lend_after(LEND_MS)),
				 -ETIMEDOUT);
	}
	return 0;
}

static int pong(void *arg)
{
	int fd = *(int *)arg;
	struct lend_buffer buffer = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		if (!CHECK_EQ(lend_recv_buffer(fd, LEND_FOREVER, &buffer), 1))
			return -1;
		lend_buffer_release(&buffer);
		CHECK_EQ(lend_send(fd, "p", 1, 0, LEND_FOREVER), 1);
	}
	return 0;
}

static int talk(void *arg)
{
	lend_ref refs[8];
	int pairs[4][2];

	(void)arg;
	for (int i = 0; i < 4; i++) {
		test_pair(pairs[i]);
		refs[2 * i] = test_spawn_on(1 + i % test_options.workers, ping,
					    &pairs[i][0]);
		refs[2 * i + 1] = test_spawn_on(test_options.workers, pong,
						&pairs[i][1]);
	}
	for (int i = 0; i < 8; i++)
		CHECK_EQ(test_join(refs[i]), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(lend_close(pairs[i][0]), 0);
		CHECK_EQ(lend_close(pairs[i][1]), 0);
	}
	return 0;
}

static int files(void *arg)
{
	char path[64], text[8];

	(void)arg;
	snprintf(path, sizeof(path), "/tmp/lend-storm-%d", getpid());
	for (int i = 0; i < ROUNDS; i++) {
		/* O_CREAT: by a thread of the kernel's. */
		int fd = lend_openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0600,
				     LEND_FOREVER);

		if (!CHECK(fd >= 0))
			return fd;
		CHECK_EQ(lend_write(fd, "seven..", 7, 0, LEND_FOREVER), 7);
		CHECK_EQ(lend_read(fd, text, 7, 0, LEND_FOREVER), 7);
		CHECK_EQ(lend_close(fd), 0);
	}
	unlink(path);
	return 0;
}

static int accept_some(void *arg)
{
	int listener = *(int *)arg;

	for (int i = 0; i < 20; i++) {
		int fd = lend_accept(listener, NULL, NULL, LEND_FOREVER);

		CHECK(fd >= 0);
		CHECK_EQ(lend_close(fd), 0);
	}
	return 0;
}

static int connections(void *arg)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	uint16_t port;
	int listener = test_listen(64, &port);
	lend_ref server = test_spawn(accept_some, &listener);

	(void)arg;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 20; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		CHECK_EQ(lend_connect(fd, (struct sockaddr *)&address,
				      sizeof(address), LEND_FOREVER),
			 0);
		CHECK_EQ(lend_close(fd), 0);
	}
	CHECK_EQ(test_join(server), 0);
	CHECK_EQ(lend_close(listener), 0);
	return 0;
}

static _Atomic int waiting;

/* Counted when the operation is: a number that is closed before may be
 * somebody else's by then. */
static int waiter(void *arg)
{
	char *byte = lend_io_alloc(1);
	struct lend_pending *pending;
	int fd = *(int *)arg, res;

	CHECK_EQ(lend_recv_async(fd, byte, 1, 0, &pending), 0);
	atomic_fetch_add(&waiting, 1);
	res = lend_pending_await(pending, LEND_FOREVER);
	lend_pending_free(pending);
	return res;
}

/* Cancellations and closes are calls of the kernel, too. */
static int ends(void *arg)
{
	(void)arg;
	for (int round = 0; round < 10; round++) {
		lend_ref refs[4];
		int pair[2];

		test_pair(pair);
		atomic_store(&waiting, 0);
		for (int i = 0; i < 4; i++)
			refs[i] = test_spawn_on(1 + i % test_options.workers,
						waiter, &pair[0]);
		while (atomic_load(&waiting) < 4)
			CHECK_EQ(lend_yield(), 0);
		CHECK_EQ(lend_cancel(refs[0]), 0);
		CHECK_EQ(test_join(refs[0]), -ECANCELED);
		CHECK_EQ(lend_close(pair[0]), 0);
		for (int i = 1; i < 4; i++)
			CHECK_EQ(test_join(refs[i]), -ECANCELED);
		CHECK_EQ(lend_close(pair[1]), 0);
	}
	return 0;
}

static const lend_actor_fn parts[] = { talk, files, connections, ends };

#define PARTS 4

/* So many interrupted calls are a storm; on a slow machine it has to do with
 * what came in so many rounds. */
#define ENOUGH	   300
#define ROUNDS_MAX 10

static int all_parts(void *arg)
{
	lend_ref refs[PARTS];

	(void)arg;
	for (int round = 0;
	     round < ROUNDS_MAX && atomic_load(&interrupted) < ENOUGH;
	     round++) {
		for (int i = 0; i < PARTS; i++)
			refs[i] = test_spawn(parts[i], NULL);
		for (int i = 0; i < PARTS; i++)
			CHECK_EQ(test_join(refs[i]), 0);
	}
	return 0;
}

/* Starting and stopping is in the storm, too. */
static int storm_changes_nothing(void)
{
	int res;

	begin_storm();
	res = lend_run(&test_options, all_parts, NULL);
	end_storm();
	printf("%lu signals, %lu system calls interrupted\n",
	       atomic_load(&signals), atomic_load(&interrupted));
	/* ThreadSanitizer has its own handler, and calls this one later. */
	if (!TEST_UNDER_TSAN)
		CHECK(atomic_load(&interrupted) > 0);
	return res;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_plain("storm_changes_nothing", storm_changes_nothing);
	return test_finish();
}
