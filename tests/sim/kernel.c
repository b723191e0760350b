/*
 * Rings of the simulated kernel: their queues, submission, completion work and
 * waiting. Stands in for src/uring/sys.c.
 *
 * Completion work belongs to the thread that submitted. It is done when that
 * thread is in the kernel; without COOP_TASKRUN it is interrupted for it; with
 * it, the work waits for a call of the thread's, a kick by membarrier, or a
 * timer tick; with DEFER_TASKRUN for the owner's wait on that ring.
 */
#include <errno.h>
#include <linux/time_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel.h"
#include "uring/compat.h"
#include "uring/sys.h"

#define TICK_NS (4 * LEND_MS)
#define POISON	0xa5
#define KNOWN_SETUP                                                            \
	(IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |  \
	 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |               \
	 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |             \
	 IORING_SETUP_R_DISABLED)

struct sim_ring *sim_rings;
static unsigned rings_opened;

bool sim_fault(void)
{
	/* Not while the library finds out what the kernel can do. */
	bool fault = sim.runtime &&
		     sim_random_chance(&sim.kernel, sim.knobs.fault_chance);

	if (fault)
		sim_count(SIM_COUNT_FAULTS);
	return fault;
}

size_t sim_shorten(size_t size)
{
	if (size < 2 || !sim_random_chance(&sim.kernel, sim.knobs.short_chance))
		return size;
	sim_count(SIM_COUNT_SHORTS);
	return 1 + sim_random_below(&sim.kernel, (unsigned)size);
}

uint64_t sim_delay_ns(void)
{
	if (!sim_random_chance(&sim.kernel, sim.knobs.delay_chance))
		return 0;
	return sim_random_from(&sim.kernel, 1, sim.knobs.delay_us_max) * 1000;
}

/* ---- opening ---- */

int lend__sys_ring_open(struct io_uring *uring, unsigned depth,
			struct io_uring_params *params)
{
	unsigned most = sim.knobs.cq_entries_max;
	struct sim_ring *ring;
	struct sim_file *file;

	sim_point();
	if (params->flags & ~KNOWN_SETUP)
		return -EINVAL;
	ring = calloc(1, sizeof(*ring));
	ring->uring = uring;
	ring->flags = params->flags;
	ring->disabled = params->flags & IORING_SETUP_R_DISABLED;
	ring->index = rings_opened++;
	if (sim.runtime)
		ring->published = sim_check_published(uring);
	ring->sq_entries = 1;
	while (ring->sq_entries < depth)
		ring->sq_entries *= 2;
	ring->cq_entries = params->flags & IORING_SETUP_CQSIZE ?
				   params->cq_entries :
				   2 * ring->sq_entries;
	/* Not what the real one does: it gives what was asked for. */
	if (most && ring->cq_entries > most)
		ring->cq_entries = most;
	ring->sqes = mmap(NULL, ring->sq_entries * sizeof(*ring->sqes),
			  PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	ring->cqes = calloc(ring->cq_entries, sizeof(*ring->cqes));
	memset(ring->sqes, POISON, ring->sq_entries * sizeof(*ring->sqes));
	memset(uring, 0, sizeof(*uring));
	uring->sq.khead = &ring->sq_head;
	uring->sq.ktail = &ring->sq_tail;
	uring->sq.kflags = &ring->sq_flags;
	ring->sq_mask = ring->sq_entries - 1;
	ring->cq_mask = ring->cq_entries - 1;
	uring->sq.kring_mask = &ring->sq_mask;
	uring->cq.kring_mask = &ring->cq_mask;
	uring->sq.kring_entries = &ring->sq_entries;
	uring->cq.kring_entries = &ring->cq_entries;
	uring->sq.array = calloc(ring->sq_entries, sizeof(unsigned));
	uring->sq.sqes = ring->sqes;
	uring->sq.ring_entries = ring->sq_entries;
	uring->sq.ring_mask = ring->sq_entries - 1;
	uring->cq.khead = &ring->cq_head;
	uring->cq.ktail = &ring->cq_tail;
	uring->cq.cqes = ring->cqes;
	uring->cq.ring_entries = ring->cq_entries;
	uring->cq.ring_mask = ring->cq_entries - 1;
	file = sim_file_new(SIM_FILE_RING);
	file->ring = ring;
	ring->fd = sim_file_install(file);
	uring->ring_fd = uring->enter_ring_fd = ring->fd;
	uring->flags = params->flags;
	params->sq_entries = ring->sq_entries;
	params->cq_entries = ring->cq_entries;
	params->features = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG |
			   IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL;
	ring->next = sim_rings;
	sim_rings = ring;
	sim_trace("open", ring->index, ring->sq_entries, ring->cq_entries);
	return 0;
}

/* What may be left: polls of event descriptors, by which workers are woken. */
static void end_requests(struct sim_ring *ring)
{
	struct sim_req *req = sim_requests.next;

	while (req != &sim_requests) {
		struct sim_req *next = req->next;

		if (req->ring == ring) {
			if (req->file && req->file->kind != SIM_FILE_EVENT)
				sim_fail("nothing is in flight at the end",
					 "operation %u, opcode %u",
					 (unsigned)req->order, req->sqe.opcode);
			sim_req_free(req);
		}
		req = next;
	}
}

static void check_unsubmitted(const struct sim_ring *ring)
{
	for (unsigned i = ring->sq_head; i != ring->sq_tail; i++) {
		const struct io_uring_sqe *sqe =
			&ring->sqes[i & (ring->sq_entries - 1)];

		if (sqe->opcode != IORING_OP_POLL_ADD)
			sim_fail("no submission is lost",
				 "ring %u is closed with opcode %u to submit",
				 ring->index, sqe->opcode);
	}
}

void lend__sys_ring_close(struct io_uring *uring)
{
	struct sim_file *file = sim_file_at(uring->ring_fd);
	struct sim_ring *ring = file->ring, **at = &sim_rings;

	check_unsubmitted(ring);
	end_requests(ring);
	while (*at != ring)
		at = &(*at)->next;
	*at = ring->next;
	sim_file_close(uring->ring_fd);
	munmap(ring->sqes, ring->sq_entries * sizeof(*ring->sqes));
	free(uring->sq.array);
	free(ring->cqes);
	free(ring->overflow);
	free(ring);
}

/* ---- the completion queue ---- */

static void put_cqe(struct sim_ring *ring, const struct io_uring_cqe *cqe)
{
	if (ring->cq_tail == ring->cq_head)
		ring->visible_ns = sim.now_ns;
	ring->cqes[ring->cq_tail & (ring->cq_entries - 1)] = *cqe;
	ring->cq_tail++;
}

static bool cq_is_full(const struct sim_ring *ring)
{
	return ring->cq_tail - ring->cq_head == ring->cq_entries;
}

void sim_ring_post(struct sim_ring *ring, uint64_t user_data, int32_t res,
		   uint32_t flags)
{
	struct io_uring_cqe cqe = {
		.user_data = user_data,
		.res = res,
		.flags = flags,
	};

	ring->posted++;
	sim_count(SIM_COUNT_CQES);
	sim_trace("cqe", ring->index, (uint64_t)res, flags);
	if (!ring->overflow_count && !cq_is_full(ring)) {
		put_cqe(ring, &cqe);
		return;
	}
	sim_count(SIM_COUNT_OVERFLOWS);
	if (sim_mutation == SIM_MUTATE_DROP_OVERFLOW)
		return;
	if (ring->overflow_count == ring->overflow_room) {
		ring->overflow_room = ring->overflow_room * 2 + 8;
		ring->overflow = realloc(ring->overflow,
					 ring->overflow_room * sizeof(cqe));
	}
	ring->overflow[ring->overflow_count++] = cqe;
	ring->sq_flags |= IORING_SQ_CQ_OVERFLOW;
}

static void flush_overflow(struct sim_ring *ring)
{
	unsigned moved = 0;

	while (moved < ring->overflow_count && !cq_is_full(ring))
		put_cqe(ring, &ring->overflow[moved++]);
	ring->overflow_count -= moved;
	for (unsigned i = 0; moved && i < ring->overflow_count; i++)
		ring->overflow[i] = ring->overflow[i + moved];
	if (!ring->overflow_count)
		ring->sq_flags &= ~IORING_SQ_CQ_OVERFLOW;
}

bool sim_ring_readable(const struct sim_ring *ring)
{
	return ring->cq_head != ring->cq_tail || ring->overflow_count ||
	       ring->deferred_first;
}

/* ---- completion work ---- */

static void append(struct sim_req **first, struct sim_req **last,
		   struct sim_req *req)
{
	req->work_next = NULL;
	if (*first)
		(*last)->work_next = req;
	else
		*first = req;
	*last = req;
}

static void tick(void *arg)
{
	struct sim_thread *thread = arg;

	if (!thread->work_first)
		return;
	if (thread->stalled_ns > sim.now_ns && !thread->spinning)
		sim_at(sim.now_ns + TICK_NS, tick, thread);
	else
		sim_work_run(thread, false);
}

void sim_work_add(struct sim_req *req)
{
	struct sim_thread *thread = req->thread;
	struct sim_ring *ring = req->ring;

	req->state = SIM_REQ_QUEUED;
	if (ring->flags & IORING_SETUP_TASKRUN_FLAG)
		ring->sq_flags |= IORING_SQ_TASKRUN;
	if (ring->flags & IORING_SETUP_DEFER_TASKRUN) {
		append(&ring->deferred_first, &ring->deferred_last, req);
		return;
	}
	if (thread->state == SIM_ENDED && req->sqe.opcode != IORING_OP_NOP)
		req->cancelled = true;
	append(&thread->work_first, &thread->work_last, req);
	if (thread->state == SIM_ENDED || thread->state == SIM_BLOCKED)
		sim_work_run(thread, true);
	else if (!(ring->flags & IORING_SETUP_COOP_TASKRUN))
		sim_kernel_interrupt(thread);
	else
		sim_at(sim.now_ns + sim_random_below(&sim.kernel, TICK_NS),
		       tick, thread);
}

void sim_work_run(struct sim_thread *thread, bool entered)
{
	struct sim_req *req;

	(void)entered;
	while ((req = thread->work_first)) {
		thread->work_first = req->work_next;
		/* As in the kernel: whoever did some of a ring's work clears
		 * its flag, though another thread may have some left. */
		req->ring->sq_flags &= ~IORING_SQ_TASKRUN;
		sim_req_run(req);
	}
}

static void run_deferred(struct sim_ring *ring)
{
	struct sim_req *req;

	ring->sq_flags &= ~IORING_SQ_TASKRUN;
	while ((req = ring->deferred_first)) {
		ring->deferred_first = req->work_next;
		sim_req_run(req);
	}
}

static bool is_on_cpu(const struct sim_thread *thread)
{
	return thread->state == SIM_RUNNABLE &&
	       (thread->stalled_ns <= sim.now_ns || thread->spinning);
}

void sim_kernel_interrupt(struct sim_thread *thread)
{
	if (is_on_cpu(thread))
		sim_work_run(thread, false);
}

void sim_kernel_return_to_user(struct sim_thread *thread)
{
	bool switched_in = thread->stalled_ns && !thread->spinning;

	if (thread->stalled_ns <= sim.now_ns)
		thread->stalled_ns = 0;
	if (thread->work_first &&
	    (switched_in ||
	     sim_random_chance(&sim.kernel, sim.knobs.interrupt_chance)))
		sim_work_run(thread, false);
}

/* What it has submitted and what still waits goes on waiting, and ends when it
 * gets something to do, as was measured. */
void sim_kernel_thread_exit(struct sim_thread *thread)
{
	struct sim_req *req;

	sim_work_run(thread, true);
	for (req = sim_requests.next; req != &sim_requests; req = req->next)
		if (req->thread == thread && req->file &&
		    req->file->kind != SIM_FILE_EVENT && !sim.knobs.resizes)
			sim_fail("a worker does not leave its operations",
				 "opcode %u is in flight", req->sqe.opcode);
	thread->worker = NULL;
}

/* ---- submission ---- */

static void check_sqe(struct sim_ring *ring, const struct io_uring_sqe *sqe)
{
	struct sim_req *other;

	if (sqe->opcode == POISON)
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
		byte[i] = POISON;
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
			run_deferred(ring);
		flush_overflow(ring);
	}
	return 0;
}

static bool is_allowed(const struct sim_ring *ring)
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
	if (!is_allowed(ring) &&
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
			run_deferred(ring);
		flush_overflow(ring);
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

/* ---- registering ---- */

static int probe(struct io_uring_probe *found, unsigned count)
{
	static const unsigned char known[] = {
		IORING_OP_NOP,
		IORING_OP_POLL_ADD,
		IORING_OP_SENDMSG,
		IORING_OP_TIMEOUT,
		IORING_OP_ACCEPT,
		IORING_OP_ASYNC_CANCEL,
		IORING_OP_CONNECT,
		IORING_OP_LINK_TIMEOUT,
		IORING_OP_READ,
		IORING_OP_WRITE,
		IORING_OP_STATX,
		IORING_OP_SEND,
		IORING_OP_RECV,
		IORING_OP_OPENAT2,
		IORING_OP_SHUTDOWN,
		IORING_OP_RECVMSG,
		IORING_OP_READV,
		IORING_OP_WRITEV,
		IORING_OP_FSYNC,
		IORING_OP_FADVISE,
		IORING_OP_SYNC_FILE_RANGE,
		IORING_OP_FTRUNCATE,
		IORING_OP_FALLOCATE,
		IORING_OP_MKDIRAT,
		IORING_OP_UNLINKAT,
		IORING_OP_RENAMEAT,
		IORING_OP_LINKAT,
		IORING_OP_SYMLINKAT,
		IORING_OP_SOCKET,
		IORING_OP_BIND,
		IORING_OP_LISTEN,
		IORING_OP_SEND_ZC,
		IORING_OP_SENDMSG_ZC,
		IORING_OP_FUTEX_WAIT,
		IORING_OP_FUTEX_WAKE,
	};

	for (unsigned i = 0; i < count && i <= IORING_OP_LISTEN; i++) {
		found->ops[i].op = (uint8_t)i;
		found->ops_len = (uint8_t)(i + 1);
	}
	for (unsigned i = 0; i < sizeof(known); i++)
		found->ops[known[i]].flags = IO_URING_OP_SUPPORTED;
	return 0;
}

static int sync_cancel(struct sim_ring *ring,
		       const struct io_uring_sync_cancel_reg *cancel)
{
	unsigned already = 0;
	unsigned found = sim_req_cancel(ring, cancel->addr, cancel->fd,
					cancel->flags, &already);

	if (found > already)
		return 0;
	return already ? -ETIME : -ENOENT;
}

static int reg(struct sim_ring *ring, unsigned opcode, void *argument,
	       unsigned count)
{
	struct lend__buffer_reg *buffers = argument;

	switch (opcode) {
	case IORING_REGISTER_PROBE:
		return probe(argument, count);
	case IORING_REGISTER_PBUF_RING:
		if (buffers->flags)
			return -EINVAL; /* as before Linux 6.12 */
		ring->buffers = (void *)(uintptr_t)buffers->ring_addr;
		ring->buffers_count = buffers->ring_entries;
		ring->buffers_head = 0;
		return 0;
	case IORING_UNREGISTER_PBUF_RING:
		ring->buffers = NULL;
		return 0;
	case IORING_REGISTER_ENABLE_RINGS:
		if (!ring->disabled)
			return -EBADFD;
		ring->disabled = false;
		ring->owner = sim.current;
		return 0;
	case IORING_REGISTER_SYNC_CANCEL:
		return sync_cancel(ring, argument);
	default:
		return -EINVAL;
	}
}

int lend__sys_register(int fd, unsigned opcode, void *argument, unsigned count)
{
	struct sim_file *file;
	int result;

	sim_point();
	sim_drain(sim.current);
	file = sim_file_at(fd);
	if (!file || file->kind != SIM_FILE_RING)
		return -EBADF;
	if (!is_allowed(file->ring))
		return -EEXIST;
	result = reg(file->ring, opcode, argument, count);
	if (sim.current)
		sim_work_run(sim.current, true);
	return result;
}

int lend__sys_membarrier_register(void)
{
	return 0;
}

int lend__sys_membarrier(void)
{
	sim_point();
	sim_trace("membarrier", 0, 0, 0);
	if (sim_mutation == SIM_MUTATE_NO_MEMBARRIER) {
		sim_drain(sim.current);
		return 0;
	}
	if (sim_fault())
		return -ENOMEM;
	sim_drain_all();
	/* Those on a processor are interrupted, and on their way back do what
	 * waits for them. */
	for (unsigned i = 0; i < sim.threads_count; i++)
		sim_kernel_interrupt(sim.threads[i]);
	sim_point();
	return 0;
}

/* ---- for whoever has to find out ---- */

void sim_kernel_print(void)
{
	static const char *const states[] = {
		[SIM_REQ_CHAINED] = "behind another",
		[SIM_REQ_ARMED] = "armed",
		[SIM_REQ_QUEUED] = "completion work",
		[SIM_REQ_DELAYED] = "delayed",
		[SIM_REQ_ELSEWHERE] = "with a kernel thread",
		[SIM_REQ_OVER] = "over",
	};

	for (struct sim_ring *ring = sim_rings; ring; ring = ring->next)
		printf("  ring %u (fd %d, flags %#x): %u to submit, %u completions, %u overflowed, flags %u\n",
		       ring->index, ring->fd, ring->flags,
		       ring->sq_tail - ring->sq_head,
		       ring->cq_tail - ring->cq_head, ring->overflow_count,
		       ring->sq_flags);
	for (struct sim_req *req = sim_requests.next; req != &sim_requests;
	     req = req->next)
		printf("  ring %u, thread %d: opcode %u, fd %d (ready for %#x): %s%s\n",
		       req->ring->index, req->thread->index, req->sqe.opcode,
		       req->sqe.fd, req->file ? sim_file_ready(req->file) : 0,
		       states[req->state], req->cancelled ? ", cancelled" : "");
}
