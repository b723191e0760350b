/*
 * The life of one operation in the simulated kernel: it is tried, waits until
 * its file is ready, is tried again in completion work; or a kernel thread is
 * at it for a while; it is cancelled; its chain goes on or ends with it.
 */
#include <errno.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "uring/compat.h"

struct sim_req sim_requests = { .next = &sim_requests, .prev = &sim_requests };
static uint64_t orders;

struct sim_req *sim_req_new(struct sim_ring *ring,
			    const struct io_uring_sqe *sqe)
{
	struct sim_req *req = calloc(1, sizeof(*req));

	if (!req)
		abort();
	req->ring = ring;
	req->thread = sim.current;
	req->sqe = *sqe;
	req->state = SIM_REQ_CHAINED;
	req->order = orders++;
	if (sim_sqe_has_file(sqe))
		req->file = sim_file_at(sqe->fd);
	if (req->file)
		sim_file_hold(req->file);
	if (sim_sqe_is_splice(sqe))
		req->from = sim_file_at(sqe->splice_fd_in);
	if (req->from)
		sim_file_hold(req->from);
	sim_req_copy_arguments(req);
	req->next = &sim_requests;
	req->prev = sim_requests.prev;
	req->prev->next = req;
	sim_requests.prev = req;
	ring->requests++;
	return req;
}

void sim_req_free(struct sim_req *req)
{
	req->state = SIM_REQ_OVER;
	req->next->prev = req->prev;
	req->prev->next = req->next;
	req->ring->requests--;
	if (req->file)
		sim_file_release(req->file);
	if (req->from)
		sim_file_release(req->from);
	req->file = req->from = NULL;
	if (req->events)
		req->gone = true;
	else
		free(req);
}

/* ---- events about a request ---- */

static void event_at(struct sim_req *req, uint64_t time_ns,
		     void (*fn)(void *arg))
{
	req->events++;
	sim_at(time_ns, fn, req);
}

/* False: it is over, and now forgotten. */
static bool event_came(struct sim_req *req)
{
	req->events--;
	if (!req->gone)
		return true;
	if (!req->events)
		free(req);
	return false;
}

/* ---- chains ---- */

static void end_chain(struct sim_req *req)
{
	while (req) {
		struct sim_req *next = req->link;

		sim_ring_post(req->ring, req->sqe.user_data, -ECANCELED, 0);
		sim_req_free(req);
		req = next;
	}
}

void sim_req_finish(struct sim_req *req, int32_t res, uint32_t flags)
{
	struct sim_req *next = req->link, *timeout = req->timeout;
	bool hard = req->sqe.flags & IOSQE_IO_HARDLINK;
	bool failed = sim_req_has_failed(req, res);

	if (req->guarded)
		req->guarded->timeout = NULL;
	sim_ring_post(req->ring, req->sqe.user_data, res, flags);
	sim_req_free(req);
	/* A timeout that is linked to it, and has not gone off. */
	if (timeout) {
		timeout->guarded = NULL;
		if (timeout->state != SIM_REQ_QUEUED) {
			sim_ring_post(timeout->ring, timeout->sqe.user_data,
				      -ECANCELED, 0);
			sim_req_free(timeout);
		}
	}
	if (!next)
		return;
	if (failed && !hard)
		end_chain(next);
	else
		sim_req_issue(next);
}

/* ---- timeouts ---- */

static uint64_t timeout_at(const struct sim_req *req)
{
	const struct __kernel_timespec *ts =
		(const void *)(uintptr_t)req->sqe.addr;
	uint64_t span_ns = (uint64_t)ts->tv_sec * LEND_S +
			   (uint64_t)ts->tv_nsec;

	return req->sqe.timeout_flags & IORING_TIMEOUT_ABS ?
		       span_ns :
		       sim.now_ns + span_ns;
}

static void timeout_fires(void *arg)
{
	struct sim_req *req = arg, *guarded = req->guarded;

	if (!event_came(req) || req->state != SIM_REQ_DELAYED)
		return;
	req->has_result = true;
	req->result = -ETIME;
	if (guarded) {
		guarded->timeout = NULL;
		req->guarded = NULL;
		guarded->cancelled = true;
		if (guarded->state == SIM_REQ_ARMED)
			sim_work_add(guarded);
	}
	sim_work_add(req);
}

/* The next of the chain may be a timeout for this one: it starts now. */
static void arm_link_timeout(struct sim_req *req)
{
	struct sim_req *timeout = req->link;

	if (!timeout || timeout->sqe.opcode != IORING_OP_LINK_TIMEOUT)
		return;
	req->link = timeout->link;
	timeout->link = NULL;
	req->timeout = timeout;
	timeout->guarded = req;
	timeout->state = SIM_REQ_DELAYED;
	event_at(timeout, timeout_at(timeout), timeout_fires);
}

/* ---- running ---- */

static bool is_ready(const struct sim_req *req)
{
	return req->file &&
	       sim_file_ready(req->file) & sim_req_awaited_events(req);
}

static void end_delay(void *arg)
{
	struct sim_req *req = arg;

	if (!event_came(req))
		return;
	req->poked = false;
	if (req->state == SIM_REQ_DELAYED ||
	    (req->state == SIM_REQ_ARMED && is_ready(req)))
		sim_work_add(req);
}

/* Its file is ready: its thread has completion work. */
static void poke(struct sim_req *req)
{
	uint64_t delay_ns = sim_delay_ns();

	if (!delay_ns) {
		sim_work_add(req);
	} else if (!req->poked) {
		req->poked = true;
		event_at(req, sim.now_ns + delay_ns, end_delay);
	}
}

/* It ends though nobody has asked for that, as if its thread had gone. */
static void end_unasked(void *arg)
{
	struct sim_req *req = arg;

	if (!event_came(req) || req->state != SIM_REQ_ARMED)
		return;
	req->cancelled = true;
	sim_work_add(req);
}

static void arm(struct sim_req *req)
{
	if (sim_sqe_is_splice(&req->sqe)) {
		req->state = SIM_REQ_ELSEWHERE;
		req->blocked = true;
		/* The kernel's threads are told of the end of theirs once and
		 * for all: who was not waiting then does not begin to. */
		if (req->thread->state == SIM_ENDED)
			sim_req_interrupt(req);
		return;
	}
	req->state = SIM_REQ_ARMED;
	if (is_ready(req) && !req->after_change)
		poke(req);
	else if (sim_fault())
		event_at(req,
			 sim.now_ns + sim_random_below(&sim.kernel, 500000),
			 end_unasked);
}

/* A zero-copy send has its result first, and is over when the kernel has let
 * go of the memory; one that fails may have got hold of it, or not. */
static void give_result(struct sim_req *req, int32_t res, uint32_t flags)
{
	uint64_t later_ns;

	if (!sim_req_is_zero_copy(req) ||
	    (res < 0 && sim_random_below(&sim.kernel, 2))) {
		sim_req_finish(req, res, flags);
		return;
	}
	later_ns = sim.now_ns + sim_random_below(&sim.kernel, 200000);
	req->state = SIM_REQ_DELAYED;
	req->has_result = true;
	req->result = 0;
	req->result_flags = IORING_CQE_F_NOTIF;
	event_at(req, later_ns, end_delay);
	sim_ring_post(req->ring, req->sqe.user_data, res,
		      sim_mutation == SIM_MUTATE_ONE_COMPLETION ?
			      0 :
			      IORING_CQE_F_MORE);
}

void sim_req_run(struct sim_req *req)
{
	uint32_t flags = 0;
	int32_t res;

	if (req->has_result) {
		sim_req_finish(req, req->result, req->result_flags);
		return;
	}
	if (req->cancelled && req->sqe.opcode != IORING_OP_WAITID) {
		give_result(req, req->done ? (int32_t)req->done : -ECANCELED,
			    0);
		return;
	}
	res = sim_attempt(req, &flags);
	if (res != SIM_AGAIN) {
		give_result(req, res, flags);
	} else if (req->cancelled) {
		give_result(req, -ECANCELED, 0);
	} else if (!sim_req_may_wait(req)) {
		give_result(req, -EAGAIN, 0);
	} else {
		arm(req);
	}
}

static bool is_slow(const struct sim_req *req)
{
	return sim_sqe_has_path(&req->sqe) || sim_sqe_is_splice(&req->sqe) ||
	       (req->file && req->file->kind == SIM_FILE_REGULAR);
}

/* A kernel thread has done it. It posts by itself, but not to a ring whose
 * owner alone may. */
static void end_elsewhere(void *arg)
{
	struct sim_req *req = arg;

	if (!event_came(req))
		return;
	if (req->ring->flags & IORING_SETUP_DEFER_TASKRUN)
		sim_work_add(req);
	else
		sim_req_run(req);
}

/* It has what it waited for, or is to end. */
static void unblock(struct sim_req *req)
{
	req->blocked = false;
	event_at(req, sim.now_ns + 1 + sim_delay_ns(), end_elsewhere);
}

void sim_req_interrupt(struct sim_req *req)
{
	if (!req->blocked)
		return;
	req->has_result = true;
	req->result = -EINTR;
	unblock(req);
}

void sim_req_issue(struct sim_req *req)
{
	uint64_t delay_ns = sim_delay_ns();

	arm_link_timeout(req);
	if (sim_sqe_has_file(&req->sqe) && !req->file) {
		sim_req_finish(req, -EBADF, 0);
		return;
	}
	if (req->sqe.opcode == IORING_OP_TIMEOUT) {
		req->state = SIM_REQ_DELAYED;
		event_at(req, timeout_at(req), timeout_fires);
	} else if (is_slow(req) && (delay_ns || sim_sqe_is_splice(&req->sqe))) {
		req->state = SIM_REQ_ELSEWHERE;
		event_at(req, sim.now_ns + delay_ns, end_elsewhere);
	} else if (delay_ns) {
		req->state = SIM_REQ_DELAYED;
		event_at(req, sim.now_ns + delay_ns, end_delay);
	} else if (req->sqe.opcode == IORING_OP_RECV &&
		   req->sqe.ioprio & IORING_RECVSEND_POLL_FIRST) {
		arm(req);
	} else {
		sim_req_run(req);
	}
}

void sim_file_changed(struct sim_file *file)
{
	struct sim_req *req = sim_requests.next;

	while (req != &sim_requests) {
		uint64_t order = req->order;
		struct sim_req *next;

		if (req->blocked && (req->file == file || req->from == file))
			unblock(req);
		if (req->file == file && req->state == SIM_REQ_ARMED &&
		    !req->poked && is_ready(req)) {
			poke(req);
			/* The work may have been done, and anything ended. */
			next = sim_requests.next;
			while (next != &sim_requests && next->order <= order)
				next = next->next;
		} else {
			next = req->next;
		}
		req = next;
	}
}

/* ---- cancelling ---- */

static bool is_meant(const struct sim_req *req, const struct sim_ring *ring,
		     uint64_t user_data, int fd, unsigned flags)
{
	if (req->ring != ring || req->state == SIM_REQ_CHAINED ||
	    req->sqe.opcode == IORING_OP_LINK_TIMEOUT)
		return false;
	if (flags & IORING_ASYNC_CANCEL_ANY)
		return true;
	if (flags & IORING_ASYNC_CANCEL_FD)
		return sim_sqe_has_file(&req->sqe) && req->sqe.fd == fd;
	return req->sqe.user_data == user_data;
}

/* A wait for a child that has been woken looks once more, and is over then: who
 * cancels it now is told that there is none. Before, it is over at once. */
static bool cancel_wait(struct sim_req *req)
{
	bool found = req->state != SIM_REQ_QUEUED;

	req->cancelled = true;
	if (req->state == SIM_REQ_ARMED) {
		req->has_result = true;
		req->result = -ECANCELED;
		sim_work_add(req);
	}
	return found;
}

/* False: not to be found at this moment. */
static bool cancel(struct sim_req *req, unsigned *already)
{
	/* It is between two waits, or with a kernel thread that works for
	 * another thread than the caller. */
	if (sim_fault())
		return false;
	if (req->state == SIM_REQ_ELSEWHERE) {
		if (req->thread != sim.current)
			return false;
		++*already;
		if (req->blocked) {
			sim_req_interrupt(req);
			return true;
		}
		if (sim_random_below(&sim.kernel, 2)) {
			req->has_result = true;
			req->result = -EINTR;
		}
		return true;
	}
	/* It is over at once but for us, who delay it. */
	if (req->sqe.opcode == IORING_OP_NOP)
		return false;
	/* Woken, gone off, or its memory's end is awaited. */
	if (req->has_result)
		return false;
	if (req->sqe.opcode == IORING_OP_WAITID)
		return cancel_wait(req);
	/* Found while a kernel thread tried it, and not any more when the same
	 * call looked again: 0 is the answer, though it is about to wait, and
	 * has forgotten that it was cancelled. */
	if (req->state == SIM_REQ_DELAYED && sim_req_may_wait(req) &&
	    req->file && sim_random_below(&sim.kernel, 2))
		return true;
	req->cancelled = true;
	if (req->state == SIM_REQ_ARMED ||
	    (req->state == SIM_REQ_DELAYED &&
	     req->sqe.opcode == IORING_OP_TIMEOUT))
		sim_work_add(req);
	return true;
}

unsigned sim_req_cancel(struct sim_ring *ring, uint64_t user_data, int fd,
			unsigned flags, unsigned *already)
{
	struct sim_req *found[256];
	unsigned count = 0, ended = 0;
	struct sim_req *req;

	for (req = sim_requests.next; req != &sim_requests && count < 256;
	     req = req->next)
		if (is_meant(req, ring, user_data, fd, flags)) {
			/* Ending one may end another: keep them. */
			req->events++;
			found[count++] = req;
			if (!(flags & (IORING_ASYNC_CANCEL_ALL |
				       IORING_ASYNC_CANCEL_ANY)))
				break;
		}
	for (unsigned i = 0; i < count; i++)
		if (event_came(found[i]) && cancel(found[i], already))
			ended++;
	return ended;
}
