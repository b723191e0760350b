/*
 * Probing: small rings are opened with each combination of flags we would
 * like, and the opcodes are asked for. Called once, when a runtime starts.
 */
#include "uring/features.h"

#include <errno.h>
#include <lend/base.h>
#include <lend/feature.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "uring/bundle_test.h"
#include "uring/compat.h"
#include "uring/parts_test.h"
#include "uring/sys.h"

/* Operations without which nothing works; the rest has fallbacks. */
static const unsigned char required_opcodes[] = {
	IORING_OP_NOP,	   IORING_OP_POLL_ADD,	   IORING_OP_ASYNC_CANCEL,
	IORING_OP_ACCEPT,  IORING_OP_CONNECT,	   IORING_OP_SEND,
	IORING_OP_RECV,	   IORING_OP_READ,	   IORING_OP_WRITE,
	IORING_OP_STATX,   IORING_OP_OPENAT2,	   IORING_OP_SHUTDOWN,
	IORING_OP_RECVMSG, IORING_OP_LINK_TIMEOUT,
};

static int read_environment(unsigned *ret_disabled)
{
	const char *list = getenv("LEND_DISABLE");

	return list ? lend_features_parse(list, ret_disabled) : 0;
}

/* Operations, not features: whoever asks for one is told that it is not there,
 * or is served without the ring. */
static int read_masked_opcodes(uint64_t ret_set[2])
{
	const char *list = getenv("LEND_DISABLE_OPCODES");

	ret_set[0] = ret_set[1] = 0;
	return list ? lend__opcodes_parse(list, ret_set) : 0;
}

static bool can_open(unsigned flags)
{
	struct io_uring_params params = { .flags = flags };
	struct io_uring uring;

	if (lend__sys_ring_open(&uring, 1, &params) < 0)
		return false;
	lend__sys_ring_close(&uring);
	return true;
}

static bool can_register_buffers(struct io_uring *uring)
{
	struct io_uring_buf_reg reg = { .ring_entries = 1, .bgid = 0 };
	void *ring = NULL;
	int err;

	if (posix_memalign(&ring, 4096, 4096))
		return false;
	memset(ring, 0, 4096);
	reg.ring_addr = (uint64_t)(uintptr_t)ring;
	err = lend__sys_register(uring->ring_fd, IORING_REGISTER_PBUF_RING,
				 &reg, 1);
	if (err >= 0)
		lend__sys_register(uring->ring_fd, IORING_UNREGISTER_PBUF_RING,
				   &reg, 1);
	free(ring);
	return err >= 0;
}

/* The result of an operation on no descriptor at all: a flag that the kernel
 * does not know is refused (EINVAL) before it misses the descriptor (EBADF). */
static int try_sqe(struct io_uring *uring, const struct io_uring_sqe *wanted)
{
	unsigned tail = *uring->sq.ktail;
	unsigned mask = *uring->sq.kring_mask;
	struct io_uring_sqe *sqe = &uring->sq.sqes[tail & mask];
	int res;

	*sqe = *wanted;
	sqe->fd = -1;
	if (uring->sq.array)
		uring->sq.array[tail & mask] = tail & mask;
	__atomic_store_n(uring->sq.ktail, tail + 1, __ATOMIC_RELEASE);
	/* An interrupted one has submitted nothing. */
	do
		res = lend__sys_enter(uring->ring_fd, 1, 1,
				      IORING_ENTER_GETEVENTS, NULL, _NSIG / 8);
	while (res == -EINTR);
	if (res < 0)
		return res;
	if (*uring->cq.khead ==
	    __atomic_load_n(uring->cq.ktail, __ATOMIC_ACQUIRE))
		return -EAGAIN;
	res = uring->cq.cqes[*uring->cq.khead & *uring->cq.kring_mask].res;
	__atomic_store_n(uring->cq.khead, *uring->cq.khead + 1,
			 __ATOMIC_RELEASE);
	return res;
}

static bool can_flag(struct io_uring *uring, unsigned opcode, unsigned ioprio)
{
	const struct io_uring_sqe sqe = {
		.opcode = (uint8_t)opcode,
		.ioprio = (uint16_t)ioprio,
	};

	return try_sqe(uring, &sqe) == -EBADF;
}

static bool can_limit_receives(struct io_uring *uring)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_RECV,
		.ioprio = IORING_RECV_MULTISHOT,
		.flags = IOSQE_BUFFER_SELECT,
	};

	lend__sqe_set_recv_credit(&sqe, 4096);
	return try_sqe(uring, &sqe) == -EBADF;
}

static int probe_opcodes(struct io_uring *uring, struct lend_features *features)
{
	struct io_uring_probe *probe;
	uint64_t masked[2];
	int err = read_masked_opcodes(masked);

	if (err)
		return err;
	probe = calloc(1, sizeof(*probe) + 256 * sizeof(probe->ops[0]));
	if (!probe)
		return -ENOMEM;
	err = lend__sys_register(uring->ring_fd, IORING_REGISTER_PROBE, probe,
				 256);
	for (unsigned i = 0; err >= 0 && i < probe->ops_len && i < 128; i++)
		if (probe->ops[i].flags & IO_URING_OP_SUPPORTED)
			features->opcodes[i / 64] |= UINT64_C(1) << (i % 64);
	free(probe);
	features->opcodes[0] &= ~masked[0];
	features->opcodes[1] &= ~masked[1];
	features->late_opcodes = features->opcodes[0] >>
					 (LEND_EARLY_OPCODE_MAX + 1) ||
				 features->opcodes[1];
	/* What does not know the question lacks the rest, too. */
	if (err < 0)
		return err == -EINVAL ? -EOPNOTSUPP : err;
	for (unsigned i = 0; i < sizeof(required_opcodes); i++)
		if (!lend__features_opcode(features, required_opcodes[i]))
			return -EOPNOTSUPP;
	return 0;
}

int lend__features_probe(struct lend_features *ret_features)
{
	const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG |
				IORING_FEAT_SUBMIT_STABLE |
				IORING_FEAT_FAST_POLL;
	struct lend_features features = { 0 };
	struct io_uring_params params = { 0 };
	unsigned disabled = 0;
	struct io_uring uring;
	int err;

	err = read_environment(&disabled);
	if (!err)
		err = lend__sys_ring_open(&uring, 4, &params);
	if (err < 0)
		return err;
	if ((params.features & needed) != needed)
		err = -EOPNOTSUPP;
	if (!err)
		err = probe_opcodes(&uring, &features);
	if (!err) {
		features.buffer_rings = can_register_buffers(&uring);
		features.multishot = can_flag(&uring, IORING_OP_ACCEPT,
					      IORING_ACCEPT_MULTISHOT);
		features.poll_first = can_flag(&uring, IORING_OP_RECV,
					       IORING_RECVSEND_POLL_FIRST);
		features.recv_credit = can_limit_receives(&uring);
	}
	lend__sys_ring_close(&uring);
	if (err)
		return err;

	features.submit_all = can_open(IORING_SETUP_SUBMIT_ALL);
	features.coop_taskrun = can_open(IORING_SETUP_COOP_TASKRUN |
					 IORING_SETUP_TASKRUN_FLAG);
	features.defer_taskrun = can_open(IORING_SETUP_SINGLE_ISSUER |
					  IORING_SETUP_DEFER_TASKRUN |
					  IORING_SETUP_TASKRUN_FLAG);
	/* A sandbox may know the one command and not the other. */
	features.membarrier = lend__sys_membarrier_register() >= 0 &&
			      lend__sys_membarrier() >= 0;
	/* Tried only if it is wanted and has what it needs. */
	features.recv_bundle = true;
	lend__features_mask(&features, disabled);
	if (features.recv_bundle)
		features.recv_bundle = lend__bundles_work();
	*ret_features = features;
	return 0;
}

int lend__features_probe_sqpoll(struct lend_features *features)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL,
					  .sq_thread_idle = 1 };
	unsigned disabled = 0;
	struct io_uring uring;
	int err = read_environment(&disabled);

	if (!err && disabled & LEND_FEATURE_SQPOLL)
		err = -EOPNOTSUPP;
	if (!err)
		err = lend__sys_ring_open(&uring, 1, &params);
	if (err < 0)
		return err;
	lend__sys_ring_close(&uring);
	features->sqpoll = true;
	return 0;
}

int lend__features_probe_parts(struct lend_features *features)
{
	unsigned disabled = 0;
	int err = read_environment(&disabled);

	if (err)
		return err;
	if (disabled & LEND_FEATURE_INC_BUFFERS || !features->buffer_rings ||
	    !lend__parts_work())
		return -EOPNOTSUPP;
	features->inc_buffers = true;
	return 0;
}

void lend__features_explain(int error, char *text, unsigned long size)
{
	struct rlimit limit = { 0 };
	const char *name = lend_error_name(error);

	switch (error) {
	case -ENOSYS:
		snprintf(
			text, size,
			"io_uring_setup failed with %s: this kernel or sandbox has no io_uring; use Linux 6.1 or newer, outside gVisor and WSL 1",
			name);
		return;
	case -EPERM:
	case -EACCES:
		snprintf(
			text, size,
			"io_uring_setup failed with %s: io_uring is forbidden here; set sysctl kernel.io_uring_disabled=0, or in a container allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile",
			name);
		return;
	case -ENOMEM:
		getrlimit(RLIMIT_MEMLOCK, &limit);
		if (limit.rlim_cur == RLIM_INFINITY) {
			snprintf(
				text, size,
				"no memory for the rings (%s); use a smaller --depth or fewer --rings, or raise the limit of the cgroup or of addresses (ulimit -v)",
				name);
			return;
		}
		snprintf(
			text, size,
			"io_uring_setup failed with %s: the limit of locked memory is %llu KiB; raise it (ulimit -l, LimitMEMLOCK=) or use a smaller --depth or fewer --rings",
			name, (unsigned long long)limit.rlim_cur / 1024);
		return;
	case -EMFILE:
	case -ENFILE:
		getrlimit(RLIMIT_NOFILE, &limit);
		snprintf(
			text, size,
			"io_uring_setup failed with %s: the limit of open files is %llu; raise it (ulimit -n, LimitNOFILE=)",
			name, (unsigned long long)limit.rlim_cur);
		return;
	case -EOPNOTSUPP:
		snprintf(
			text, size,
			"this kernel's io_uring is too old (an operation or IORING_FEAT_NODROP/EXT_ARG is missing), or has no polling threads (SQPOLL) where they were asked for; use Linux 6.1 or newer");
		return;
	default:
		snprintf(
			text, size,
			"io_uring_setup failed with %s (%s); use Linux 6.1 or newer and check kernel.io_uring_disabled, the seccomp profile and ulimit -l",
			name, lend_error_text(error));
	}
}
