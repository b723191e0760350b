/*
 * Operations that wait for something other than data: rows of the table, see
 * operation.h; what they do is in include/lend/wait.h.
 */
#include <lend/wait.h>

#include "io/operation.h"

LEND_OPERATION(int, poll, fd, (int fd, unsigned events),
	       io_uring_prep_poll_add(sqe, fd, events))
