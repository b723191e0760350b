/* See door.h. */
#include "harness/door.h"

#include <stddef.h>

#include "uring/sys.h"

#define RINGS 64

/* One worker, so all of this is its own. */
static struct io_uring *rings[RINGS];
static unsigned seen[RINGS]; /* up to this tail */

int __real_lend__sys_ring_open(struct io_uring *uring, unsigned depth,
			       struct io_uring_params *params);
int __wrap_lend__sys_ring_open(struct io_uring *uring, unsigned depth,
			       struct io_uring_params *params);
void __real_lend__sys_ring_close(struct io_uring *uring);
void __wrap_lend__sys_ring_close(struct io_uring *uring);
int __real_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);
int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size);

int __wrap_lend__sys_ring_open(struct io_uring *uring, unsigned depth,
			       struct io_uring_params *params)
{
	int err = __real_lend__sys_ring_open(uring, depth, params);

	for (unsigned i = 0; !err && i < RINGS; i++) {
		if (rings[i])
			continue;
		rings[i] = uring;
		seen[i] = *uring->sq.ktail;
		break;
	}
	return err;
}

void __wrap_lend__sys_ring_close(struct io_uring *uring)
{
	for (unsigned i = 0; i < RINGS; i++)
		if (rings[i] == uring)
			rings[i] = NULL;
	__real_lend__sys_ring_close(uring);
}

int __wrap_lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
			   unsigned flags, void *argument, size_t size)
{
	for (unsigned i = 0; to_submit && i < RINGS; i++) {
		const struct io_uring *uring = rings[i];
		unsigned tail;

		if (!uring || uring->ring_fd != fd)
			continue;
		tail = __atomic_load_n(uring->sq.ktail, __ATOMIC_ACQUIRE);
		for (; seen[i] != tail; seen[i]++)
			test_door(&uring->sq.sqes[seen[i] &
						  *uring->sq.kring_mask]);
	}
	return __real_lend__sys_enter(fd, to_submit, min_complete, flags,
				      argument, size);
}
