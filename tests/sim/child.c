/*
 * Child processes, as far as somebody waits for them: they end when it is time,
 * and are there until they have been waited for.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "kernel.h"
#include "uring/compat.h"

#define CHILDREN_MAX 64
#define PID_FIRST    100

enum state {
	CHILD_FREE,
	CHILD_LIVES,
	CHILD_ENDED,
};

static struct child {
	enum state state;
	int pid, group, status;
} children[CHILDREN_MAX];

static int pids = PID_FIRST;

static bool is_meant(const struct child *child, const struct io_uring_sqe *sqe)
{
	return sqe->fd == (sqe->len == P_PID ? child->pid : child->group);
}

/* All that wait for it are woken, and look again in the order in which they
 * were submitted: one of them has it, the others learn if it was the last. */
static void end(void *arg)
{
	struct child *child = arg;
	/* Its place may be another's when the first of them has had it. */
	const struct child ended = *child;
	struct sim_req *req = sim_requests.next;
	uint64_t order = 0;

	child->state = CHILD_ENDED;
	while (req != &sim_requests) {
		if (req->order >= order &&
		    req->sqe.opcode == IORING_OP_WAITID &&
		    req->state == SIM_REQ_ARMED &&
		    is_meant(&ended, &req->sqe)) {
			order = req->order + 1;
			/* It may be done, and anything gone, afterwards. */
			sim_work_add(req);
			req = sim_requests.next;
		} else {
			req = req->next;
		}
	}
}

int sim_child_start(int group, int status, uint64_t end_ns)
{
	for (unsigned i = 0; i < CHILDREN_MAX; i++) {
		struct child *child = &children[i];

		if (child->state != CHILD_FREE)
			continue;
		*child = (struct child){ CHILD_LIVES, pids++, group, status };
		sim_at(end_ns, end, child);
		return child->pid;
	}
	return -EAGAIN;
}

static void tell(siginfo_t *info, const struct child *child)
{
	if (!info)
		return;
	memset(info, 0, sizeof(*info));
	if (!child)
		return;
	info->si_signo = SIGCHLD;
	info->si_code = CLD_EXITED;
	info->si_pid = child->pid;
	info->si_status = child->status;
}

int32_t sim_child_wait(const struct sim_req *req)
{
	siginfo_t *info = (void *)(uintptr_t)req->sqe.addr2;
	int options = (int)req->sqe.file_index;
	bool any = false;

	if (!(options & (WEXITED | WSTOPPED | WCONTINUED)) ||
	    (req->sqe.len != P_PID && req->sqe.len != P_PGID) ||
	    req->sqe.fd <= 0)
		return -EINVAL;
	for (unsigned i = 0; i < CHILDREN_MAX; i++) {
		struct child *child = &children[i];

		if (child->state == CHILD_FREE || !is_meant(child, &req->sqe))
			continue;
		any = true;
		if (child->state != CHILD_ENDED || !(options & WEXITED))
			continue;
		tell(info, child);
		if (!(options & WNOWAIT))
			child->state = CHILD_FREE;
		return 0;
	}
	if (!any)
		return -ECHILD;
	if (!(options & WNOHANG))
		return SIM_AGAIN;
	tell(info, NULL);
	return 0;
}
