/*
 * Operations that wait for something other than data. What all operations have
 * in common (who may call, deadlines, errors) is in io.h; the _async forms give
 * a handle, see pending.h.
 */
#ifndef LEND_WAIT_H
#define LEND_WAIT_H

#include <lend/base.h>
#include <lend/clock.h>
#include <lend/pending.h>

LEND_BEGIN_DECLS

/**
 * Wait until a descriptor is ready, as poll(2).
 *
 * @events  of POLLIN, POLLOUT ...
 *
 * Return: the events that came, which may be POLLERR and POLLHUP too
 */
LEND_API LEND_NODISCARD int lend_poll(int fd, unsigned events,
				      uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_poll_async(int fd, unsigned events,
		struct lend_pending **ret_pending) LEND_AWAITS;

/**
 * An operation that is over when the time has come, with the result 0: a sleep
 * among others that are awaited. Alone it is lend_sleep(), which is cheaper.
 *
 * @wake_ns  as a deadline
 */
LEND_API LEND_NODISCARD int
lend_timeout_async(uint64_t wake_ns,
		   struct lend_pending **ret_pending) LEND_AWAITS;

/**
 * Wait at a futex as long as it has a value, or wake who waits there: actors,
 * threads, other processes. With futex(2) they use it without
 * FUTEX_PRIVATE_FLAG.
 *
 * @word   32 bits, which stay until the operation is over
 * @value  if *@word is another one there is nothing to wait for
 * @count  how many at most
 *
 * Return: 0, somebody woke it; or how many were woken
 *         -EAGAIN      *@word is not @value
 *         -EOPNOTSUPP  before Linux 6.7
 */
LEND_API LEND_NODISCARD int lend_futex_wait(const uint32_t *word,
					    uint32_t value,
					    uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_futex_wait_async(const uint32_t *word, uint32_t value,
		      struct lend_pending **ret_pending) LEND_AWAITS;
LEND_API LEND_NODISCARD int lend_futex_wake(const uint32_t *word,
					    unsigned count,
					    uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_futex_wake_async(const uint32_t *word, unsigned count,
		      struct lend_pending **ret_pending) LEND_AWAITS;

/**
 * waitid(2): wait for a child process.
 *
 * @idtype    P_PID, P_PIDFD, P_PGID or P_ALL, with @id
 * @ret_info  a siginfo_t for what became of it; NULL if not wanted
 * @options   of WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT
 *
 * Return: 0
 *         -ECHILD      there is no such child
 *         -EOPNOTSUPP  before Linux 6.7
 */
LEND_API LEND_NODISCARD int lend_waitid(int idtype, uint32_t id, void *ret_info,
					int options,
					uint64_t deadline) LEND_AWAITS;
LEND_API LEND_NODISCARD int
lend_waitid_async(int idtype, uint32_t id, void *ret_info, int options,
		  struct lend_pending **ret_pending) LEND_AWAITS;

LEND_END_DECLS

#endif
