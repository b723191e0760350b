/*
 * What is registered with rings of the simulated kernel, and asked of them by
 * that call: the probe, buffers, cancellations; and membarrier.
 */
#include <errno.h>
#include <string.h>

#include "kernel.h"
#include "uring/compat.h"
#include "uring/sys.h"

/* ---- registering ---- */

static int probe(struct io_uring_probe *found, unsigned count)
{
	static const unsigned char known[] = {
		IORING_OP_NOP,	      IORING_OP_POLL_ADD,
		IORING_OP_SENDMSG,    IORING_OP_TIMEOUT,
		IORING_OP_ACCEPT,     IORING_OP_ASYNC_CANCEL,
		IORING_OP_CONNECT,    IORING_OP_LINK_TIMEOUT,
		IORING_OP_READ,	      IORING_OP_WRITE,
		IORING_OP_STATX,      IORING_OP_SEND,
		IORING_OP_RECV,	      IORING_OP_OPENAT2,
		IORING_OP_SHUTDOWN,   IORING_OP_RECVMSG,
		IORING_OP_READV,      IORING_OP_WRITEV,
		IORING_OP_FSYNC,      IORING_OP_FADVISE,
		IORING_OP_SPLICE,     IORING_OP_TEE,
		IORING_OP_MADVISE,    IORING_OP_SETXATTR,
		IORING_OP_FSETXATTR,  IORING_OP_GETXATTR,
		IORING_OP_FGETXATTR,  IORING_OP_SYNC_FILE_RANGE,
		IORING_OP_FTRUNCATE,  IORING_OP_FALLOCATE,
		IORING_OP_MKDIRAT,    IORING_OP_UNLINKAT,
		IORING_OP_RENAMEAT,   IORING_OP_LINKAT,
		IORING_OP_SYMLINKAT,  IORING_OP_SOCKET,
		IORING_OP_BIND,	      IORING_OP_LISTEN,
		IORING_OP_SEND_ZC,    IORING_OP_SENDMSG_ZC,
		IORING_OP_FUTEX_WAIT, IORING_OP_FUTEX_WAKE,
		IORING_OP_WAITID,
	};

	for (unsigned i = 0; i < count && i <= IORING_OP_LISTEN; i++) {
		found->ops[i].op = (uint8_t)i;
		found->ops_len = (uint8_t)(i + 1);
	}
	for (unsigned i = 0; i < sizeof(known); i++)
		found->ops[known[i]].flags = IO_URING_OP_SUPPORTED;
	return 0;
}

static int sync_cancel(struct sim_ring *ring,
		       const struct io_uring_sync_cancel_reg *cancel)
{
	unsigned already = 0;
	unsigned found = sim_req_cancel(ring, cancel->addr, cancel->fd,
					cancel->flags, &already);

	if (found > already)
		return 0;
	return already ? -ETIME : -ENOENT;
}

static int reg(struct sim_ring *ring, unsigned opcode, void *argument,
	       unsigned count)
{
	struct lend__buffer_reg *buffers = argument;

	switch (opcode) {
	case IORING_REGISTER_PROBE:
		return probe(argument, count);
	case IORING_REGISTER_PBUF_RING:
		if (buffers->flags)
			return -EINVAL; /* as before Linux 6.12 */
		ring->buffers = (void *)(uintptr_t)buffers->ring_addr;
		ring->buffers_count = buffers->ring_entries;
		ring->buffers_head = 0;
		return 0;
	case IORING_UNREGISTER_PBUF_RING:
		ring->buffers = NULL;
		return 0;
	case IORING_REGISTER_ENABLE_RINGS:
		if (!ring->disabled)
			return -EBADFD;
		ring->disabled = false;
		ring->owner = sim.current;
		return 0;
	case IORING_REGISTER_SYNC_CANCEL:
		return sync_cancel(ring, argument);
	default:
		return -EINVAL;
	}
}

int lend__sys_register(int fd, unsigned opcode, void *argument, unsigned count)
{
	struct sim_file *file;
	int result;

	sim_point();
	sim_drain(sim.current);
	file = sim_file_at(fd);
	if (!file || file->kind != SIM_FILE_RING)
		return -EBADF;
	if (!sim_ring_is_allowed(file->ring))
		return -EEXIST;
	result = reg(file->ring, opcode, argument, count);
	if (sim.current)
		sim_work_run(sim.current, true);
	return result;
}

int lend__sys_membarrier_register(void)
{
	return 0;
}

int lend__sys_membarrier(void)
{
	sim_point();
	sim_trace("membarrier", 0, 0, 0);
	if (sim_mutation == SIM_MUTATE_NO_MEMBARRIER) {
		sim_drain(sim.current);
		return 0;
	}
	if (sim_fault())
		return -ENOMEM;
	sim_drain_all();
	/* Those on a processor are interrupted, and on their way back do what
	 * waits for them. */
	for (unsigned i = 0; i < sim.threads_count; i++)
		sim_kernel_interrupt(sim.threads[i]);
	sim_point();
	return 0;
}
