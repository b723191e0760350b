/*
 * Futexes: who waits for a word, in order.
 */
#include <errno.h>

#include "kernel.h"
#include "uring/compat.h"

int32_t sim_futex_wait(const struct sim_req *req)
{
	const uint32_t *word = (const void *)(uintptr_t)req->sqe.addr;

	return *word == (uint32_t)req->sqe.addr2 ? SIM_AGAIN : -EAGAIN;
}

static struct sim_req *first_waiter(uint64_t word)
{
	struct sim_req *req = sim_requests.next;

	while (req != &sim_requests &&
	       !(req->sqe.opcode == IORING_OP_FUTEX_WAIT &&
		 req->sqe.addr == word && req->state == SIM_REQ_ARMED))
		req = req->next;
	return req == &sim_requests ? NULL : req;
}

int32_t sim_futex_wake(const struct sim_req *req)
{
	uint64_t word = req->sqe.addr, most = req->sqe.addr2;
	int32_t woken = 0;

	while ((uint64_t)woken < most) {
		struct sim_req *waiter = first_waiter(word);

		if (!waiter)
			break;
		waiter->has_result = true;
		waiter->result = 0;
		/* It may be done, and gone, when this returns. */
		sim_work_add(waiter);
		woken++;
	}
	return woken;
}
