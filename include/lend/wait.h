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

LEND_END_DECLS

#endif
