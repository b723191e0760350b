/*
 * What the tests of operations that are submitted again share: an outsider, who
 * finds the rings among the descriptors of the process and cancels everything
 * on them, from each worker's thread, as a private ring obeys nobody else. For
 * one .c file each.
 */
#ifndef LEND_TESTS_OUTSIDER_H
#define LEND_TESTS_OUTSIDER_H

#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/harness.h"

#define FD_MAX 1024

static inline bool is_ring(int fd)
{
	char path[64], name[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	size = readlink(path, name, sizeof(name) - 1);
	if (size <= 0)
		return false;
	name[size] = '\0';
	return strcmp(name, "anon_inode:[io_uring]") == 0;
}

/* What the kernel has in hand is submitted by now: the worker does that
 * before it comes to its next actor. */
static inline int cancel_all(void *arg)
{
	struct io_uring_sync_cancel_reg cancel = {
		.fd = -1,
		.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
	};
	int rings = 0;

	(void)arg;
	for (int fd = 0; fd < FD_MAX; fd++)
		if (is_ring(fd) &&
		    syscall(SYS_io_uring_register, fd,
			    IORING_REGISTER_SYNC_CANCEL, &cancel, 1) >= 0)
			rings++;
	return rings;
}

/* One storm reaches everything that has been submitted, whoever did it: nobody
 * else's thread would do, so the outsiders are pinned. */
static inline void storm(void)
{
	struct lend_spawn_options options = { .joinable = true,
					      .pinned = true };
	lend_ref outsider;

	/* All have said what they want: let each worker submit it. */
	lend_sleep(lend_after(3 * LEND_MS));
	for (unsigned i = 1; i <= test_options.workers; i++) {
		options.worker = i;
		if (CHECK_EQ(lend_spawn(cancel_all, NULL, &options, &outsider),
			     0))
			test_join(outsider);
	}
}

static inline uint64_t resubmitted(void)
{
	struct lend_stats stats;

	lend_stats_read(NULL, &stats);
	return stats.resubmitted;
}

#endif
