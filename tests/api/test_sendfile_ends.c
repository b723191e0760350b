/*
 * Goal:   K3: who closes a descriptor of a sendfile ends that, also before it
 *         has begun anything; and nothing is kept of one that is over, however
 *         it ended.
 * Method: the call for its pipe is wrapped by the linker: there the close is
 *         waited for, or the pipe refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actor/actor.h"
#include "harness/harness.h"
#include "io/descriptors.h"
#include "rt/current.h"

/* ---- its pipe ---- */

static _Atomic bool refuses;
static _Atomic int awaits = -1; /* the close of that descriptor */
static _Atomic bool is_there;

int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags)
{
	int fd = atomic_exchange(&awaits, -1);

	if (atomic_exchange(&refuses, false)) {
		errno = EMFILE;
		return -1;
	}
	if (fd >= 0) {
		atomic_store(&is_there, true);
		while (!lend__descriptor_is_closing(fd))
			sched_yield();
	}
	return __real_pipe2(fds, flags);
}

/* ---- ends ---- */

static int files[2];

static void open_files(void)
{
	for (unsigned i = 0; i < 2; i++) {
		files[i] = memfd_create("lend-test", MFD_CLOEXEC);
		CHECK(files[i] >= 0);
	}
	CHECK_EQ(write(files[0], "0123456789", 10), 10);
}

static long send_files(void)
{
	int64_t offset = 0;
	long res = lend_sendfile(files[1], files[0], &offset, 10, LEND_FOREVER);

	/* What would be its caller's stack. */
	CHECK(!lend__current_actor()->also_fds);
	return res;
}

static int nothing_is_kept(void *arg)
{
	(void)arg;
	open_files();
	CHECK_EQ(send_files(), 10);
	atomic_store(&refuses, true);
	CHECK_EQ(send_files(), -EMFILE);
	CHECK_EQ(send_files(), 10);
	/* Nobody waits for what is over. */
	CHECK_EQ(lend_close(files[0]), 0);
	CHECK_EQ(send_files(), -EBADF);
	CHECK_EQ(lend_close(files[1]), 0);
	return 0;
}

static int closer(void *arg)
{
	const int *fd = arg;

	while (!atomic_load(&is_there))
		CHECK_EQ(lend_yield(), 0);
	return lend_close(*fd);
}

static int sender(void *arg)
{
	const int *fd = arg;

	atomic_store(&awaits, *fd);
	return (int)send_files();
}

static int closed_before_it_begins(void *arg)
{
	(void)arg;
	for (unsigned which = 0; which < 2; which++) {
		lend_ref closing, sending;

		open_files();
		atomic_store(&is_there, false);
		closing = test_spawn_pinned(1, closer, &files[which]);
		sending = test_spawn_pinned(2, sender, &files[which]);
		CHECK_EQ(test_join(closing), 0);
		CHECK_EQ(test_join(sending), -ECANCELED);
		CHECK_EQ(lend_close(files[1 - which]), 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	test_actor("nothing_is_kept", nothing_is_kept);
	if (test_options.workers < 2)
		test_skip("closed_before_it_begins", "one worker");
	else
		test_actor("closed_before_it_begins", closed_before_it_begins);
	return test_finish();
}
