/*
 * Operations that wait for something other than data: rows of the table, see
 * operation.h; what they do is in include/lend/wait.h.
 */
#include <lend/wait.h>

#include "io/operation.h"
#include "uring/compat.h"

LEND_OPERATION(int, poll, fd, (int fd, unsigned events),
	       io_uring_prep_poll_add(sqe, fd, events))

/* ---- time ---- */

static int prepare_timeout(struct lend_request *request, uint64_t wake_ns)
{
	const struct __kernel_timespec time = {
		.tv_sec = (int64_t)(wake_ns / LEND_S),
		.tv_nsec = (int64_t)(wake_ns % LEND_S),
	};
	void *copy = lend__request_copy(request, &time, sizeof(time));

	io_uring_prep_timeout(&request->sqe, copy, 0, IORING_TIMEOUT_ABS);
	return 0;
}

/* Its synchronous form is lend_sleep(). */
LEND__ASYNC_COPIES(timeout, (uint64_t wake_ns), (wake_ns), -EOPNOTSUPP)

/* ---- futexes ---- */

/* Without FUTEX2_PRIVATE: it may be in shared memory, and some kernels lose
 * wake-ups of private ones in rings. */
static int prepare_futex_wait(struct lend_request *request,
			      const uint32_t *word, uint32_t value)
{
	io_uring_prep_rw(IORING_OP_FUTEX_WAIT, &request->sqe, FUTEX2_SIZE_U32,
			 word, 0, value);
	request->sqe.addr3 = FUTEX_BITSET_MATCH_ANY;
	return 0;
}

LEND_OPERATION_COPIES(int, futex_wait, (const uint32_t *word, uint32_t value),
		      (word, value))

static int prepare_futex_wake(struct lend_request *request,
			      const uint32_t *word, unsigned count)
{
	io_uring_prep_rw(IORING_OP_FUTEX_WAKE, &request->sqe, FUTEX2_SIZE_U32,
			 word, 0, count);
	request->sqe.addr3 = FUTEX_BITSET_MATCH_ANY;
	return 0;
}

LEND_OPERATION_COPIES(int, futex_wake, (const uint32_t *word, unsigned count),
		      (word, count))

/* ---- processes ---- */

static int prepare_waitid(struct lend_request *request, int idtype, uint32_t id,
			  void *ret_info, int options)
{
	io_uring_prep_rw(IORING_OP_WAITID, &request->sqe, (int)id, NULL,
			 (unsigned)idtype, (uint64_t)(uintptr_t)ret_info);
	request->sqe.file_index = (unsigned)options;
	return 0;
}

LEND_OPERATION_COPIES(int, waitid,
		      (int idtype, uint32_t id, void *ret_info, int options),
		      (idtype, id, ret_info, options))
