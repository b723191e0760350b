/*
 * Rings of the simulated kernel: their queues and completion work. Together
 * with submit.c and register.c it stands in for src/uring/sys.c.
 *
 * Completion work belongs to the thread that submitted. It is done when that
 * thread is in the kernel; without COOP_TASKRUN it is interrupted for it; with
 * it, the work waits for a call of the thread's, a kick by membarrier, or a
 * timer tick; with DEFER_TASKRUN for the owner's wait on that ring.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel.h"
#include "uring/compat.h"
#include "uring/sys.h"

#define TICK_NS (4 * LEND_MS)
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
	memset(ring->sqes, SIM_POISON, ring->sq_entries * sizeof(*ring->sqes));
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

void sim_ring_flush_overflow(struct sim_ring *ring)
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

void sim_ring_run_deferred(struct sim_ring *ring)
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
	/* So do those that it has in the kernel. */
	for (req = sim_requests.next; req != &sim_requests; req = req->next)
		if (req->thread == thread)
			sim_req_interrupt(req);
	thread->worker = NULL;
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
