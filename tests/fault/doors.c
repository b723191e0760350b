/*
 * What the library calls to enter io_uring: calls that fail, and operations
 * that end with an error. See inject.h.
 *
 * An operation that is to fail is rewritten, on its way into the kernel, into a
 * NOP that ends with that error (IORING_NOP_INJECT_RESULT, Linux 6.9): so
 * nothing has been done, and everything else, links and order too, is the
 * kernel's doing.
 */
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault/inject.h"

#define ERRORS(...) ((const int[]){ __VA_ARGS__, 0 })

/* Newer headers have it. */
#define NOP_INJECT_RESULT 1U
#define RINGS_MAX	  1024

int fault_io_uring_queue_init_params(unsigned depth, struct io_uring *uring,
				     struct io_uring_params *params);
void fault_io_uring_queue_exit(struct io_uring *uring);
int fault_io_uring_enter2(unsigned fd, unsigned to_submit,
			  unsigned min_complete, unsigned flags,
			  sigset_t *argument, size_t size);
int fault_io_uring_register(unsigned fd, unsigned opcode, const void *argument,
			    unsigned count);
long fault_syscall(long number, long a, long b, long c, long d, long e, long f);

/* Rings by their descriptor; the lock also keeps two that enter one ring from
 * rewriting what the other submits. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct io_uring *rings[RINGS_MAX]; /* [lock] */
static unsigned rewritten[RINGS_MAX];	  /* [lock] up to this tail */

int fault_io_uring_queue_init_params(unsigned depth, struct io_uring *uring,
				     struct io_uring_params *params)
{
	int err = inject_point(INJECT_KERNEL, "io_uring_setup",
			       ERRORS(-ENOMEM, -EMFILE, -EPERM, -EAGAIN));

	if (!err)
		err = io_uring_queue_init_params(depth, uring, params);
	if (err >= 0 && uring->ring_fd < RINGS_MAX) {
		pthread_mutex_lock(&lock);
		rings[uring->ring_fd] = uring;
		rewritten[uring->ring_fd] = *uring->sq.ktail;
		pthread_mutex_unlock(&lock);
	}
	return err;
}

void fault_io_uring_queue_exit(struct io_uring *uring)
{
	pthread_mutex_lock(&lock);
	if (uring->ring_fd < RINGS_MAX)
		rings[uring->ring_fd] = NULL;
	pthread_mutex_unlock(&lock);
	io_uring_queue_exit(uring);
}

/* What the kernel may say of an operation without having begun it. */
static const int *operation_errors(uint8_t opcode)
{
	static const int of_new_descriptors[] = { -EMFILE, -ENFILE, -ENOMEM,
						  -ECANCELED, 0 };
	static const int of_sockets[] = { -ENOBUFS, -ENOMEM, -ECANCELED, -EINTR,
					  0 };
	static const int of_others[] = { -ENOMEM, -ECANCELED, -EINTR, 0 };

	switch (opcode) {
	case IORING_OP_ACCEPT:
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
	case IORING_OP_SOCKET:
		return of_new_descriptors;
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
		return of_sockets;
	default:
		return of_others;
	}
}

/* In the kernel's place, and as unseen by ThreadSanitizer as that is: when it
 * has taken a slot, the head of the queue says so to the next one to fill it.
 */
#define AS_THE_KERNEL __attribute__((no_sanitize("thread")))

AS_THE_KERNEL static void rewrite(struct io_uring_sqe *sqe, int error)
{
	uint8_t links = sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
	uint64_t user_data = sqe->user_data;

	*sqe = (struct io_uring_sqe){
		.opcode = IORING_OP_NOP,
		.flags = links,
		.fd = -1,
		.len = (uint32_t)error,
		.rw_flags = (int)NOP_INJECT_RESULT,
		.user_data = user_data,
	};
}

AS_THE_KERNEL static void look_at_operations(const struct io_uring *uring)
{
	unsigned tail = __atomic_load_n(uring->sq.ktail, __ATOMIC_ACQUIRE);
	unsigned *from = &rewritten[uring->ring_fd];

	for (; *from != tail; (*from)++) {
		struct io_uring_sqe *sqe =
			&uring->sq.sqes[*from & *uring->sq.kring_mask];
		int error;

		/* A link's timeout is no operation of its own, and without
		 * user_data nobody waits for it. */
		if (!sqe->user_data || sqe->opcode == IORING_OP_LINK_TIMEOUT)
			continue;
		error = inject_point(INJECT_OPERATION, "an operation",
				     operation_errors(sqe->opcode));
		if (error)
			rewrite(sqe, error);
	}
}

static int enter_looking(unsigned fd, unsigned to_submit, unsigned min_complete,
			 unsigned flags, sigset_t *argument, size_t size)
{
	struct io_uring *uring;
	bool waits = min_complete;
	int res = 0;

	pthread_mutex_lock(&lock);
	uring = fd < RINGS_MAX ? rings[fd] : NULL;
	if (uring && !(uring->flags & IORING_SETUP_SQPOLL))
		look_at_operations(uring);
	/* Who waits keeps no lock: it is the only one on its ring then. */
	if (!waits)
		res = io_uring_enter2(fd, to_submit, min_complete, flags,
				      argument, size);
	pthread_mutex_unlock(&lock);
	return waits ? io_uring_enter2(fd, to_submit, min_complete, flags,
				       argument, size) :
		       res;
}

int fault_io_uring_enter2(unsigned fd, unsigned to_submit,
			  unsigned min_complete, unsigned flags,
			  sigset_t *argument, size_t size)
{
	int err = inject_point(INJECT_KERNEL, "io_uring_enter",
			       ERRORS(-EINTR, -EAGAIN, -EBUSY, -ENOMEM));

	if (err)
		return err;
	if (to_submit)
		return enter_looking(fd, to_submit, min_complete, flags,
				     argument, size);
	return io_uring_enter2(fd, to_submit, min_complete, flags, argument,
			       size);
}

static const char *register_name(unsigned opcode)
{
	switch (opcode) {
	case IORING_REGISTER_SYNC_CANCEL:
		return "io_uring_register (cancel)";
	case IORING_REGISTER_PBUF_RING:
		return "io_uring_register (buffers)";
	case IORING_UNREGISTER_PBUF_RING:
		return "io_uring_register (no buffers)";
	case IORING_REGISTER_ENABLE_RINGS:
		return "io_uring_register (enable)";
	default:
		return "io_uring_register";
	}
}

int fault_io_uring_register(unsigned fd, unsigned opcode, const void *argument,
			    unsigned count)
{
	int err = inject_point(INJECT_KERNEL, register_name(opcode),
			       ERRORS(-ENOMEM, -EINTR, -EPERM, -EINVAL));

	return err ? err : io_uring_register(fd, opcode, argument, count);
}

/* The library's have three arguments at most; the others are whatever lies
 * there, and nobody looks at them. */
long fault_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	int err = 0;

	if (number == SYS_membarrier)
		err = inject_point(INJECT_KERNEL, "membarrier",
				   ERRORS(-ENOMEM, -EPERM));
	if (number == SYS_pidfd_open)
		err = inject_point(INJECT_KERNEL, "pidfd_open",
				   ERRORS(-EMFILE, -ENFILE, -ENOMEM));
	if (err) {
		errno = -err;
		return -1;
	}
	return syscall(number, a, b, c, d, e, f);
}

bool inject_has_operations(void)
{
	struct io_uring uring;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	int res = 0;

	if (io_uring_queue_init(2, &uring, 0))
		return false;
	sqe = io_uring_get_sqe(&uring);
	rewrite(sqe, -ENFILE);
	if (io_uring_submit(&uring) == 1 && !io_uring_wait_cqe(&uring, &cqe))
		res = cqe->res;
	io_uring_queue_exit(&uring);
	return res == -ENFILE;
}
