/*
 * Why a runtime could not be started, for people: lend_explain(). What io_uring
 * itself refuses is explained by uring/features.c.
 */
#include <errno.h>
#include <lend/runtime.h>
#include <stdio.h>

#include "uring/features.h"

void lend_explain(int error, char *text, size_t size)
{
	switch (error) {
	case -EINVAL:
		snprintf(
			text, size,
			"an option is out of range, or LEND_DISABLE or LEND_DISABLE_OPCODES names what there is not; the line in the log says which");
		return;
	case -E2BIG:
		snprintf(
			text, size,
			"actors_max actors need more addresses than this process may have; lower actors_max or stack_size, or raise the limit (ulimit -v)");
		return;
	case -EAGAIN:
		snprintf(
			text, size,
			"a thread could not be started; use fewer workers, or raise the limit (ulimit -u, pids.max of the cgroup, TasksMax=)");
		return;
	case -EBUSY:
		snprintf(
			text, size,
			"the program has a handler for kick_signal; choose another signal, such as SIGURG");
		return;
	default:
		lend__features_explain(error, text, size);
	}
}
