/*
 * The invariants of doc/architecture.md, section 7, as far as they can be seen
 * from outside: at each step, at each access to a submission queue, and when
 * memory is given back. Others are checked where they are decided: in the
 * kernel (submitted once, chains whole, nothing left at the end) and by the
 * programs of the scenario (each result as it must be).
 */
#include <pthread.h>
#include <stddef.h>

#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "arbiter/op.h"
#include "kernel.h"
#include "rt/runtime.h"
#include "rt/worker.h"

/* Accesses between the end of a claim and the return of a ring that was asked
 * back meanwhile: a few on the way to the arbiter's lock. */
#define ACCESSES_MAX 64

/* What the kernel has refused is tried again after a while. */
#define REFUSED_NS (2 * LEND_MS)

static struct lend_arbiter *arbiter(void)
{
	return sim.runtime ? &sim.runtime->arbiter : NULL;
}

static struct lend_borrower *borrower_of(const struct sim_thread *thread)
{
	return thread && thread->worker ? &thread->worker->borrower : NULL;
}

/* ---- who writes to a submission queue ---- */

static struct lend_ring *ring_of(const struct sim_ring *simulated)
{
	struct lend_pool *pool = &arbiter()->pool;

	for (unsigned i = 0; i < lend__pool_count(pool); i++)
		if (&pool->rings[i].uring == simulated->uring)
			return &pool->rings[i];
	return NULL;
}

static void check_writer(const struct sim_ring *simulated)
{
	const struct lend_ring *ring = ring_of(simulated);
	const struct lend_loan *loan;

	if (!ring || !arbiter()->mode->exclusive)
		return;
	loan = &arbiter()->loans[ring->index];
	if (loan->borrower && loan->borrower == borrower_of(sim.current))
		return;
	sim_fail("an exclusive ring has at most one borrower",
		 "thread %d writes to the queue of ring %u, whose loan is %s",
		 sim.current->index, ring->index,
		 loan->borrower ? "another's" : "vacant");
}

void sim_check_write(const void *address)
{
	const char *at = address;

	if (!sim.current || !sim.runtime)
		return;
	for (struct sim_ring *ring = sim_rings; ring; ring = ring->next) {
		const char *low = (const char *)ring->sqes;

		if (at >= low &&
		    at < low + ring->sq_entries * sizeof(*ring->sqes))
			check_writer(ring);
	}
}

/* ---- the handshake ---- */

static struct sim_thread *borrower_in_use_at(const void *address)
{
	const struct lend_runtime *runtime = sim.runtime;
	const char *low = (const char *)runtime->workers;
	size_t offset = (size_t)((const char *)address - low);

	if (offset >=
		    lend__runtime_count(runtime) * sizeof(struct lend_worker) ||
	    offset % sizeof(struct lend_worker) !=
		    offsetof(struct lend_worker, borrower.in_use))
		return NULL;
	for (unsigned i = 0; i < sim.threads_count; i++)
		if (sim.threads[i]->worker ==
		    &runtime->workers[offset / sizeof(struct lend_worker)])
			return sim.threads[i];
	return NULL;
}

/* Whoever was found inside a claim by a recall returns its ring right after
 * the claim; however busy it is then. */
static void check_return(struct sim_thread *self)
{
	const struct lend_borrower *borrower = borrower_of(self);

	if (!self->must_return || self->in_use)
		return;
	if (!borrower->recall_pending)
		self->must_return = false;
	else if (++self->since_leave > ACCESSES_MAX)
		sim_fail("a recalled ring is returned at the claim's end",
			 "thread %d goes on with something else", self->index);
}

void sim_check_burn(void)
{
	const struct lend_borrower *borrower = borrower_of(sim.current);

	if (sim.current->must_return && !sim.current->in_use &&
	    borrower->recall_pending)
		sim_fail("a recalled ring is returned at the claim's end",
			 "thread %d keeps it and computes", sim.current->index);
}

void sim_check_store(const void *address, uint64_t value)
{
	struct sim_thread *self = sim.current;
	struct lend_borrower *borrower = borrower_of(self);

	if (!borrower || !sim.runtime)
		return;
	self->left_claim = false;
	if (address == &borrower->in_use) {
		self->in_use = value != 0;
		self->left_claim = !value;
		self->since_leave = 0;
	}
	check_return(self);
}

static void hide_overflow(const void *address, uint64_t *value)
{
	for (struct sim_ring *ring = sim_rings; ring; ring = ring->next)
		if (address == &ring->sq_flags)
			*value &= ~(uint64_t)IORING_SQ_CQ_OVERFLOW;
}

void sim_check_load(const void *address, uint64_t *value)
{
	struct sim_thread *self = sim.current, *other;
	struct lend_borrower *borrower = borrower_of(self);

	if (sim_mutation == SIM_MUTATE_IGNORE_OVERFLOW)
		hide_overflow(address, value);
	if (!borrower || !sim.runtime)
		return;
	if (self->left_claim && address == &borrower->recalled &&
	    sim_mutation == SIM_MUTATE_NO_SECOND_LOOK)
		*value = 0;
	self->left_claim = false;
	check_return(self);
	if (address == &borrower->in_use)
		return;
	other = borrower_in_use_at(address);
	if (!other)
		return;
	if (*value && sim_mutation == SIM_MUTATE_SEIZE_IN_USE)
		*value = 0;
	if (*value)
		other->must_return = true;
	else
		sim_count(SIM_COUNT_SEIZED);
}

/* ---- at each step ---- */

static void check_loan(const struct lend_loan *loan)
{
	const struct lend_borrower *borrower = loan->borrower;

	if (lend__loan_state(loan) == LEND_LOAN_VACANT) {
		if (borrower)
			sim_fail("a vacant loan has no borrower", "ring %u",
				 loan->ring->index);
		return;
	}
	if (!borrower || borrower->ring != loan->ring || borrower->seized)
		sim_fail("an exclusive ring has at most one borrower",
			 "ring %u: its borrower knows of another one",
			 loan->ring->index);
}

void sim_check_step(void)
{
	struct lend_arbiter *now = arbiter();

	for (struct sim_ring *ring = sim_rings; ring; ring = ring->next) {
		if (ring->sq_tail - ring->sq_head > ring->sq_entries)
			sim_fail("the submission queue is one",
				 "ring %u: tail %u, head %u", ring->index,
				 ring->sq_tail, ring->sq_head);
		if ((unsigned)ring->posted !=
		    ring->cq_tail + ring->overflow_count)
			sim_fail(
				"no completion is dropped",
				"ring %u: %llu were posted, %u can be seen, %u overflowed",
				ring->index, (unsigned long long)ring->posted,
				ring->cq_tail, ring->overflow_count);
	}
	if (!now || !now->mode->exclusive || !now->loans ||
	    !sim_mutex_is_free(&now->lock))
		return;
	for (unsigned i = 0; i < lend__pool_count(&now->pool); i++)
		check_loan(&now->loans[i]);
}

/* ---- when the clock is about to leap ---- */

uint64_t sim_check_published(const struct io_uring *uring)
{
	return lend_container_of(uring, struct lend_ring, uring)->published;
}

/* Nobody is in the middle of publishing now. */
static void check_published(const struct sim_ring *simulated)
{
	const struct lend_ring *ring = ring_of(simulated);
	uint64_t seen = simulated->published + simulated->consumed +
			(simulated->sq_tail - simulated->sq_head);

	if (ring && ring->published != seen)
		sim_fail(
			"no submission is lost",
			"ring %u: %llu were published, the kernel has seen %llu",
			simulated->index, (unsigned long long)ring->published,
			(unsigned long long)seen);
}

/* Does any parked worker keep watch? Those that wait for a lock will do
 * something when they get it; one that is stuck while it looks after another,
 * or holds a lock, is more than can be rescued. */
static bool is_watched(uint64_t late_ns)
{
	bool any_idle = false;

	for (unsigned i = 0; i < sim.threads_count; i++) {
		const struct sim_thread *thread = sim.threads[i];

		if (!thread->worker || thread->state == SIM_ENDED)
			continue;
		if (thread->state == SIM_RUNNABLE) {
			if (!thread->burning)
				return true;
			continue;
		}
		if (!thread->idle_ns ||
		    sim.now_ns < thread->idle_ns + late_ns ||
		    thread->wake_ns < thread->idle_ns + late_ns)
			return true;
		any_idle = true;
	}
	return !any_idle;
}

/* While one is stuck, a worker that has nothing to do sees to what comes for
 * that one. Private rings are nobody else's. */
static void check_rescue(void)
{
	uint64_t late_ns = 4 * sim.knobs.options.stall_ns + 4 * LEND_MS;

	if (!sim.runtime || !arbiter()->mode->any_poller || is_watched(late_ns))
		return;
	for (struct sim_ring *ring = sim_rings; ring; ring = ring->next)
		if (ring->cq_head != ring->cq_tail &&
		    sim.now_ns > ring->visible_ns + late_ns)
			sim_fail("no completion waits while a worker is idle",
				 "ring %u: for %llu us, as another is stuck",
				 ring->index,
				 (unsigned long long)(sim.now_ns -
						      ring->visible_ns) /
					 1000);
}

/* Somebody has been woken, and the kernel takes its time to say so. */
static bool is_waking(void)
{
	const struct sim_req *req = sim_requests.next;

	while (req != &sim_requests &&
	       !(req->file && req->file->kind == SIM_FILE_EVENT &&
		 req->file->count))
		req = req->next;
	return req != &sim_requests;
}

void sim_check_idle(void)
{
	check_rescue();
	for (unsigned i = 0; i < sim.threads_count; i++)
		if (sim.threads[i]->stalled_ns > sim.now_ns)
			return;
	/* At the end the wakes' own completions are left where they are. */
	if (!sim.runtime || sim.runtime->halting || is_waking())
		return;
	for (struct sim_ring *ring = sim_rings; ring; ring = ring->next) {
		check_published(ring);
		if (ring->cq_head != ring->cq_tail || ring->overflow_count)
			sim_fail("no completion waits while a worker is idle",
				 "ring %u has %u completions and %u behind",
				 ring->index, ring->cq_tail - ring->cq_head,
				 ring->overflow_count);
		if (ring->sq_head != ring->sq_tail &&
		    sim.now_ns > ring->refused_ns + REFUSED_NS)
			sim_fail("no submission waits while a worker is idle",
				 "ring %u has %u to submit", ring->index,
				 ring->sq_tail - ring->sq_head);
	}
}

/* ---- memory that is given back ---- */

static bool overlaps(const void *a, size_t a_size, uint64_t b, size_t b_size)
{
	uint64_t at = (uint64_t)(uintptr_t)a;

	return at < b + b_size && b < at + a_size;
}

static void check_record(const void *address, size_t size, uint64_t user_data,
			 unsigned ring)
{
	uint64_t mask = (UINT64_C(1) << LEND_OP_ADDRESS_BITS) - 1;

	if (user_data &&
	    overlaps(address, size, user_data & mask, sizeof(struct lend_op)))
		sim_fail("no memory that the kernel may touch is given back",
			 "the record of an operation on ring %u", ring);
}

static void check_cqes(const struct sim_ring *ring, const void *address,
		       size_t size)
{
	for (unsigned i = ring->cq_head; i != ring->cq_tail; i++)
		check_record(address, size,
			     ring->cqes[i & (ring->cq_entries - 1)].user_data,
			     ring->index);
	for (unsigned i = 0; i < ring->overflow_count; i++)
		check_record(address, size, ring->overflow[i].user_data,
			     ring->index);
}

void sim_check_free(const void *address, size_t size)
{
	for (struct sim_req *req = sim_requests.next; req != &sim_requests;
	     req = req->next) {
		for (unsigned i = 0; i < req->parts_count; i++)
			if (overlaps(
				    address, size,
				    (uint64_t)(uintptr_t)req->parts[i].iov_base,
				    req->parts[i].iov_len))
				sim_fail(
					"no memory that the kernel may touch is given back",
					"a buffer of opcode %u",
					req->sqe.opcode);
		check_record(address, size, req->sqe.user_data,
			     req->ring->index);
		if (req->sqe.opcode == IORING_OP_RECVMSG &&
		    overlaps(address, size, req->sqe.addr,
			     sizeof(struct msghdr)))
			sim_fail("no memory that the kernel may touch is given "
				 "back",
				 "the header of a message");
	}
	for (struct sim_ring *ring = sim_rings; ring; ring = ring->next)
		check_cqes(ring, address, size);
}

/* ---- at the end ---- */

void sim_check_end(void)
{
	if (sim_rings)
		sim_fail("all rings are closed at the end", "ring %u is not",
			 sim_rings->index);
	if (sim_requests.next != &sim_requests)
		sim_fail("nothing is in flight at the end", "opcode %u",
			 sim_requests.next->sqe.opcode);
	if (sim_file_open_count())
		sim_fail("all descriptors are closed at the end", "%u are not",
			 sim_file_open_count());
}
