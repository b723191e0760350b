/*
 * The door to the kernel: see sys.h.
 */
#include "uring/sys.h"

#include <errno.h>
#include <liburing.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

int lend__sys_ring_open(struct io_uring *uring, unsigned depth,
			struct io_uring_params *params)
{
	return io_uring_queue_init_params(depth, uring, params);
}

void lend__sys_ring_close(struct io_uring *uring)
{
	io_uring_queue_exit(uring);
}

int lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
		    unsigned flags, void *argument, size_t size)
{
	return io_uring_enter2((unsigned)fd, to_submit, min_complete, flags,
			       argument, size);
}

int lend__sys_register(int fd, unsigned opcode, void *argument, unsigned count)
{
	int res;

	/* Interrupted, it has done nothing. */
	do
		res = io_uring_register((unsigned)fd, opcode, argument, count);
	while (res == -EINTR);
	return res;
}

static int membarrier(int command)
{
	long result = syscall(SYS_membarrier, command, 0, 0);

	return result < 0 ? -errno : (int)result;
}

int lend__sys_membarrier_register(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

int lend__sys_membarrier(void)
{
	return membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}
