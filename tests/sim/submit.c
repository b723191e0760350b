/*
 * Entering the simulated kernel: what is submitted, and who waits.
 */
#include <errno.h>
#include <linux/time_types.h>

#include "kernel.h"
#include "uring/sys.h"

/* ---- submission ---- */

static void check_sqe(struct sim_ring *ring, const struct io_uring_sqe *sqe)
{
	struct sim_req *other;

	if (sqe->opcode == SIM_POISON)
		sim_fail("no SQE is submitted twice",
			 "ring %u submits a slot that nobody has filled since",
			 ring->index);
	for (other = sim_requests.next;
	     sqe->user_data && other != &sim_requests; other = other->next)
		if (other->sqe.user_data == sqe->user_data)
			sim_fail("no SQE is submitted twice",
				 "ring %u, opcode %u: it is in flight",
				 ring->index, sqe->opcode);
}

/* A slot that was submitted and not filled since is recognised by this. Not
 * memset(), which is taken for a worker's. */
static void poison(struct io_uring_sqe *sqe)
{
	volatile unsigned char *byte = (volatile unsigned char *)sqe;

	for (unsigned i = 0; i < sizeof(*sqe); i++)
		byte[i] = SIM_POISON;
}

static bool is_linked(const struct io_uring_sqe *sqe)
{
	return sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
}

/* How many of those asked for it takes; it may be short of memory, but not in
 * the middle of a chain. */
static unsigned accept_count(struct sim_ring *ring, unsigned to_submit)
{
	unsigned there = ring->sq_tail - ring->sq_head, fewer;

	if (there > ring->sq_entries)
		sim_fail("the submission queue is one",
			 "ring %u: the tail is %u ahead of the head, depth %u",
			 ring->index, there, ring->sq_entries);
	if (to_submit > there)
		to_submit = there;
	if (to_submit < 2)
		return to_submit;
	if (sim_mutation == SIM_MUTATE_SPLIT_CHAIN &&
	    is_linked(&ring->sqes[ring->sq_head & (ring->sq_entries - 1)]))
		return 1;
	if (!sim_fault())
		return to_submit;
	fewer = sim_random_from(&sim.kernel, 1, to_submit);
	while (fewer < to_submit &&
	       is_linked(&ring->sqes[(ring->sq_head + fewer - 1) &
				     (ring->sq_entries - 1)]))
		fewer++;
	return fewer;
}

static unsigned submit(struct sim_ring *ring, unsigned to_submit)
{
	unsigned count = accept_count(ring, to_submit);
	struct sim_req *head = NULL, *last = NULL;

	for (unsigned i = 0; i < count; i++) {
		struct io_uring_sqe *sqe =
			&ring->sqes[ring->sq_head & (ring->sq_entries - 1)];
		struct sim_req *req;
		bool linked = is_linked(sqe);

		check_sqe(ring, sqe);
		req = sim_req_new(ring, sqe);
		sim_trace("sqe", ring->index, sqe->opcode, (uint64_t)sqe->fd);
		sim_count(SIM_COUNT_SQES);
		if (sim_mutation != SIM_MUTATE_SUBMIT_TWICE || !sim.runtime ||
		    linked || sim_random_below(&sim.kernel, 64))
			poison(sqe);
		else
			ring->sq_head--;
		ring->sq_head++;
		ring->consumed++;
		if (head)
			last->link = req;
		else
			head = req;
		last = req;
		if (linked && i + 1 < count)
			continue;
		if (linked)
			sim_fail("no chain is split",
				 "ring %u: a submission ends in its middle",
				 ring->index);
		sim_req_issue(head);
		head = NULL;
	}
	return count;
}

/* ---- entering ---- */

struct wait {
	struct sim_ring *ring;
	unsigned target;
};

static bool is_woken(void *arg)
{
	struct wait *wait = arg;
	struct sim_ring *ring = wait->ring;

	return (int)(ring->cq_tail - wait->target) >= 0 ||
	       ring->overflow_count || ring->deferred_first;
}

static uint64_t wait_deadline(unsigned flags, const void *argument)
{
	const struct io_uring_getevents_arg *arg = argument;
	const struct __kernel_timespec *ts;

	if (!(flags & IORING_ENTER_EXT_ARG) || !arg->ts)
		return SIM_NEVER;
	ts = (const void *)(uintptr_t)arg->ts;
	return sim.now_ns + (uint64_t)ts->tv_sec * LEND_S +
	       (uint64_t)ts->tv_nsec;
}

static int wait_for(struct sim_ring *ring, unsigned min_complete,
		    uint64_t deadline)
{
	struct wait wait = { ring, ring->cq_head + min_complete };
	bool interrupted = sim_fault();

	if (interrupted)
		deadline = sim.now_ns + sim_random_below(&sim.kernel, 200000);
	while ((int)(ring->cq_tail - wait.target) < 0) {
		if (!sim_idle(is_woken, &wait, deadline))
			return interrupted ? -EINTR : -ETIME;
		if (ring->flags & IORING_SETUP_DEFER_TASKRUN)
			sim_ring_run_deferred(ring);
		sim_ring_flush_overflow(ring);
	}
	return 0;
}

bool sim_ring_is_allowed(const struct sim_ring *ring)
{
	return !(ring->flags & IORING_SETUP_SINGLE_ISSUER) || !ring->owner ||
	       ring->owner == sim.current;
}

static int fault_of_enter(void)
{
	static const int errors[] = { -EBUSY, -EAGAIN, -EINTR };

	return sim_fault() ? errors[sim_random_below(&sim.kernel, 3)] : 0;
}

static int enter(struct sim_ring *ring, unsigned to_submit,
		 unsigned min_complete, unsigned flags, const void *argument)
{
	uint64_t deadline = wait_deadline(flags, argument);
	unsigned submitted = 0;
	int err = 0;

	if (ring->disabled)
		return -EBADFD;
	if (!sim_ring_is_allowed(ring) &&
	    (to_submit || ring->flags & IORING_SETUP_DEFER_TASKRUN))
		return -EEXIST;
	if (to_submit) {
		err = fault_of_enter();
		if (!err)
			submitted = submit(ring, to_submit);
		if (ring->sq_head != ring->sq_tail)
			ring->refused_ns = sim.now_ns;
		if (err)
			return err;
		if (submitted < to_submit)
			return (int)submitted;
	}
	if (flags & IORING_ENTER_GETEVENTS) {
		if (ring->flags & IORING_SETUP_DEFER_TASKRUN)
			sim_ring_run_deferred(ring);
		sim_ring_flush_overflow(ring);
		if (min_complete)
			err = wait_for(ring, min_complete, deadline);
	}
	return submitted ? (int)submitted : err;
}

int lend__sys_enter(int fd, unsigned to_submit, unsigned min_complete,
		    unsigned flags, void *argument, size_t size)
{
	struct sim_file *file;
	struct sim_ring *ring;
	int result;

	(void)size;
	sim_point();
	sim_drain(sim.current);
	file = sim_file_at(fd);
	if (!file || file->kind != SIM_FILE_RING)
		return -EBADF;
	ring = file->ring;
	sim_file_hold(file);
	/* Whatever waits for this thread is done on the way in. */
	if (sim.current)
		sim_work_run(sim.current, true);
	sim_trace("enter", ring->index, to_submit, min_complete);
	result = enter(ring, to_submit, min_complete, flags, argument);
	if (sim.current)
		sim_work_run(sim.current, true);
	sim_file_release(file);
	sim_trace("entered", ring->index, (uint64_t)result, 0);
	return result;
}
