/*
 * Idle workers: parking inside the kernel, and waking.
 *
 * A parked worker waits in the enter of the ring it polls, with the next timer
 * as timeout; the same call submits what is left. Others wake it through an
 * event descriptor that the ring polls. If there is no ring for it, or more
 * rings than one to watch, it waits in ppoll(2) on all of them.
 * It does not look around for a while first: doc/adr/0033-no-spin.md.
 *
 * Note [parking]
 * A waker makes work visible, then looks whether the worker is parked; the
 * worker says that it is parked, then looks for work. Each of the four is
 * sequentially consistent, so at least one of the two sees the other (Dekker).
 * Moving PARKED to NOTIFIED is a compare-and-swap, so of a thousand wakers one
 * makes the system call.
 *
 * That write may come late, when the worker has woken up for something else. So
 * the event descriptor is not emptied when the worker wakes up, but before the
 * next poll on it is armed, where the look for work comes after it, and after a
 * ppoll(2) that it has ended, where the worker does not sleep any more. An
 * armed poll does not outlive a write. And whether it is still armed is looked
 * at with the completion lock in hand, as otherwise another worker may reap
 * what was to end the wait.
 *
 * tests/model/parking.pml is all that for spin, with mutations of each step.
 *
 * Note [watched]
 * Who finds that another worker is parked in the ring they share leaves it to
 * that one, which may be about to wake up. Then it is as if it had woken up a
 * moment later: it polls the ring before anything else, and parks in it again
 * by the same rule. So when all are parked each that trusts trusts one that
 * trusts nobody, as it holds the completion lock, or is in ppoll(2) with the
 * ring; one that leaves, or gets another ring, wakes all. While it runs an
 * actor for long, nobody is in the ring whether it was about to wake up or not:
 * that is the sentinel's business, which it has ensured. The simulation goes
 * through here in one seed of thirty, and finds a completion left behind (after
 * 347 seeds) if @watched is trusted without being looked at.
 */
#include <errno.h>
#include <lend/clock.h>
#include <liburing.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arbiter/claim.h"
#include "arbiter/mode.h"
#include "arbiter/poller.h"
#include "arbiter/removal.h"
#include "base/check.h"
#include "base/counter.h"
#include "rt/monitor.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"

/* Nobody tells a parked worker that the kernel takes submissions again which it
 * had refused, or that the polling thread has made room: it looks so often. */
#define RETRY_NS LEND_MS

/* Rings that one ppoll watches; the rest is seen when the timeout comes. */
#define WATCH_MAX 64

bool lend__worker_wake(struct lend_worker *worker)
{
	uint32_t parked = LEND_PARK_PARKED;
	uint64_t one = 1;

	/* [P1], Note [parking]: orders the work before the look. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&worker->park_state, memory_order_seq_cst) !=
		    LEND_PARK_PARKED ||
	    !atomic_compare_exchange_strong_explicit(
		    &worker->park_state, &parked, LEND_PARK_NOTIFIED,
		    memory_order_seq_cst, memory_order_relaxed))
		return false;
	atomic_fetch_add_explicit(&worker->wakes, 1, memory_order_relaxed);
	while (write(worker->event_fd, &one, sizeof(one)) < 0)
		if (errno != EINTR)
			lend_panic("an event descriptor is gone: %s",
				   lend_error_name(-errno));
	return true;
}

static bool call(struct lend_worker *worker, unsigned index)
{
	struct lend_worker *other = &worker->runtime->workers[index];

	/* Relaxed: a hint, which may be about another wake. */
	atomic_store_explicit(&other->called, worker->index + 1,
			      memory_order_relaxed);
	return lend__worker_wake(other);
}

/* The parked ones, @most of them, those that are near first. */
static void find_parked(struct lend_worker *worker, unsigned most,
			struct lend_candidates *ret_candidates)
{
	struct lend_runtime *runtime = worker->runtime;

	ret_candidates->count = 0;
	/* [P2]: who has found no sentinel must not miss one that parks. */
	if (!atomic_load_explicit(&runtime->parked, memory_order_seq_cst))
		return;
	lend__roster_find(&runtime->roster, worker->index,
			  lend__runtime_count(runtime), true,
			  lend__worker_draw(worker), most, ret_candidates);
}

void lend__worker_wake_one(struct lend_worker *worker)
{
	struct lend_candidates candidates;

	find_parked(worker, LEND_WORKERS_MAX, &candidates);
	for (unsigned i = 0; i < candidates.count; i++)
		if (call(worker, candidates.workers[i]))
			return;
}

void lend__worker_wake_idle(struct lend_worker *worker)
{
	struct lend_candidates candidates;

	find_parked(worker, LEND_STEAL_PROBES, &candidates);
	for (unsigned i = 0; i < candidates.count; i++) {
		unsigned index = candidates.workers[i];

		if (lend__load_may_help(&worker->runtime->workers[index].load,
					&worker->load, worker->now_ns) &&
		    call(worker, index))
			return;
	}
}

void lend__worker_wake_all(struct lend_runtime *runtime)
{
	for (unsigned i = 0; i < lend__runtime_count(runtime); i++)
		lend__worker_wake(&runtime->workers[i]);
}

static void drain_event(struct lend_worker *worker)
{
	uint64_t count;

	if (read(worker->event_fd, &count, sizeof(count)) < 0 &&
	    errno != EAGAIN && errno != EINTR)
		lend_panic("an event descriptor is gone: %s",
			   lend_error_name(-errno));
}

/* Have the ring that this worker will wait in tell it of its event descriptor.
 * NULL if it has no ring, or no room there. */
static struct lend_ring *arm_wake(struct lend_worker *worker)
{
	struct lend_borrower *borrower = &worker->borrower;
	const struct lend_mode *mode = borrower->arbiter->mode;
	struct lend_ring *own = mode->own_ring(borrower);
	struct lend_claim claim;
	struct lend_wake_op *wake;
	struct io_uring_sqe *sqe;

	if (!own)
		return NULL;
	wake = &worker->wake_ops[own->index];
	/* Acquire [P3], paired with wake_op_done(). */
	if (atomic_load_explicit(&wake->armed, memory_order_acquire))
		return own;
	/* It went off, perhaps for a wake whose write came after the worker
	 * had woken up for something else: the descriptor would be readable
	 * for ever. What it was about is visible by now. */
	drain_event(worker);
	if (lend__claim_begin(borrower, 1, NULL, &claim))
		return NULL;
	if (claim.ring != own) {
		/* It had no room; the next round has. */
		lend__claim_abandon(borrower, &claim);
		return NULL;
	}
	sqe = lend__claim_sqe(&claim, 0);
	io_uring_prep_poll_add(sqe, worker->event_fd, POLLIN);
	lend__op_init(&wake->op, wake->op.done);
	io_uring_sqe_set_data64(sqe, lend__op_user_data(&wake->op));
	atomic_store_explicit(&wake->armed, true, memory_order_relaxed);
	lend__claim_commit(borrower, &claim);
	/* The loan may have been recalled while the claim was open. */
	return mode->own_ring(borrower) == own ? own : NULL;
}

/* ---- what there is to watch ---- */

struct watch {
	struct pollfd fds[WATCH_MAX + 1];
	struct lend_ring *rings[WATCH_MAX];
	unsigned count;
	bool own_first;	 /* rings[0] is the worker's own */
	bool incomplete; /* there were more than fit */
};

static void add(struct watch *watch, struct lend_ring *ring)
{
	watch->fds[watch->count] = (struct pollfd){ .fd = lend__ring_fd(ring),
						    .events = POLLIN };
	watch->rings[watch->count++] = ring;
}

/* A worker always watches the ring it answers for. Rings that are nobody's
 * duty are watched by one parked worker each: @watched. */
static void collect(struct lend_worker *worker, struct watch *watch)
{
	struct lend_arbiter *arbiter = worker->borrower.arbiter;
	struct lend_ring *own = arbiter->mode->own_ring(&worker->borrower);

	watch->count = 0;
	watch->incomplete = false;
	watch->own_first = own != NULL;
	if (own)
		add(watch, own);
	if (!arbiter->mode->any_poller)
		return;
	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		struct lend_ring *ring = &arbiter->pool.rings[i];

		if (ring == own || !arbiter->mode->is_orphan(arbiter, ring) ||
		    !lend__ring_in_flight(ring))
			continue;
		if (watch->count == WATCH_MAX)
			watch->incomplete = true;
		else if (!atomic_exchange_explicit(&ring->watched, true,
						   memory_order_acq_rel))
			add(watch, ring);
	}
}

static void release(struct watch *watch)
{
	for (unsigned i = watch->own_first; i < watch->count; i++)
		atomic_store_explicit(&watch->rings[i]->watched, false,
				      memory_order_release);
}

/* ---- waiting ---- */

static void wait_in_ppoll(struct lend_worker *worker, struct watch *watch,
			  uint64_t timeout_ns)
{
	struct pollfd *event = &watch->fds[watch->count];
	struct timespec timeout;

	bool refused = !lend__arbiter_flush(&worker->borrower);

	/* What the kernel did not take would wait as long as this worker. */
	if (refused && timeout_ns > RETRY_NS)
		timeout_ns = RETRY_NS;
	for (unsigned i = 0; i < watch->count; i++) {
		if (lend__ring_has_cqe(watch->rings[i]) ||
		    lend__ring_overflowed(watch->rings[i])) {
			/* Somebody is at it, perhaps without a CPU. */
			if (lend__ring_cq_locked(watch->rings[i]))
				sched_yield();
			return;
		}
		/* What makes the ring readable may be what the kernel can
		 * not be asked for now: that would be a busy loop. */
		if (refused && lend__ring_unsubmitted(watch->rings[i]))
			watch->fds[i].fd = -1;
	}
	timeout.tv_sec = (time_t)(timeout_ns / LEND_S);
	timeout.tv_nsec = (long)(timeout_ns % LEND_S);
	*event = (struct pollfd){ .fd = worker->event_fd, .events = POLLIN };
	ppoll(watch->fds, watch->count + 1,
	      timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);
	if (event->revents)
		drain_event(worker);
}

/* What the enter that waits says is about the wait. Only a deferred ring takes
 * SQEs by the same call, and there the count is known before; others take them
 * by a call of their own, which is made here. */
static void record_flush(struct lend_worker *worker, struct lend_ring *own)
{
	unsigned count = lend__ring_unsubmitted(own);

	if (!count || own->sqpoll)
		return;
	if (own->deferred)
		lend__borrower_record(&worker->borrower, LEND_TRACE_FLUSH,
				      own->index, count);
	else
		lend__arbiter_enter(&worker->borrower, own);
}

/* Submit, and wait for a CQE of the worker's own ring. Others must not take
 * the CQE of the wake operation away between the last look and the wait, so
 * the ring's completions are this worker's meanwhile. -EALREADY: they are
 * somebody else's; -EBUSY, -EAGAIN: the kernel refuses, and has not waited. */
static int wait_in_ring(struct lend_worker *worker, struct lend_ring *own,
			uint64_t timeout_ns)
{
	struct lend_wake_op *wake = &worker->wake_ops[own->index];
	int res = 0;

	if (!lend__ring_cq_trylock(own))
		return -EALREADY;
	atomic_store_explicit(&own->watched, true, memory_order_relaxed);
	if (atomic_load_explicit(&wake->armed, memory_order_acquire)) {
		record_flush(worker, own);
		res = lend__ring_enter(own, 1, timeout_ns);
	}
	atomic_store_explicit(&own->watched, false, memory_order_relaxed);
	lend__ring_cq_unlock(own);
	return res;
}

static uint64_t time_to_wait(struct lend_worker *worker, bool keep_watch,
			     bool sentinel)
{
	uint64_t next_ns = atomic_load_explicit(&worker->timers.next_ns,
						memory_order_relaxed);
	uint64_t now_ns = worker->now_ns;
	uint64_t timeout_ns = UINT64_MAX;

	/* What is left of a burst of actors is looked at once. */
	if (next_ns > worker->magazine->look_ns)
		next_ns = worker->magazine->look_ns;
	if (next_ns != UINT64_MAX)
		timeout_ns = next_ns > now_ns ? next_ns - now_ns : 0;
	if (keep_watch) {
		uint64_t look_ns = lend__monitor_timeout(worker, now_ns);

		if (timeout_ns > look_ns)
			timeout_ns = look_ns;
	}
	if (sentinel) {
		uint64_t look_ns = lend__worker_lookout(worker);

		if (timeout_ns > look_ns)
			timeout_ns = look_ns;
	}
	if (timeout_ns > RETRY_NS &&
	    lend__arbiter_must_look(&worker->runtime->arbiter))
		timeout_ns = RETRY_NS;
	return timeout_ns;
}

static bool has_cqe(const struct watch *watch)
{
	for (unsigned i = 0; i < watch->count; i++)
		if (lend__ring_has_cqe(watch->rings[i]))
			return true;
	return false;
}

/* Has something come that others may depend on? */
static bool has_come(struct lend_worker *worker, const struct watch *watch)
{
	return has_cqe(watch) || lend__worker_has_work(worker) ||
	       atomic_load_explicit(&worker->timers.next_ns,
				    memory_order_relaxed) <= worker->now_ns;
}

static void wait_for_work(struct lend_worker *worker, struct watch *watch,
			  const struct lend_ring *armed, bool sentinel)
{
	uint64_t timeout_ns = time_to_wait(
		worker, sentinel || watch->incomplete, sentinel);

	if (armed && watch->count == 1 && watch->rings[0] == armed) {
		struct lend_ring *own = watch->rings[0];
		int res;

		if (!lend__arbiter_flush_others(&worker->borrower) &&
		    timeout_ns > RETRY_NS)
			timeout_ns = RETRY_NS;
		res = wait_in_ring(worker, own, timeout_ns);

		if (res == -EBUSY || res == -EAGAIN) {
			watch->fds[0].fd = -1;
			wait_in_ppoll(worker, watch,
				      timeout_ns < RETRY_NS ? timeout_ns :
							      RETRY_NS);
			return;
		}
		if (res != -EALREADY)
			return;
		lend__arbiter_enter(&worker->borrower, own);
		/* Polled at this moment: what is found may be for us, so look
		 * again. */
		if (!atomic_load_explicit(&own->watched, memory_order_relaxed))
			return;
		/* But if a worker that shares this ring is parked in it, it is
		 * in good hands: Note [watched]. A ring that is lent is shared
		 * with nobody: who watches it began to when it was vacant or
		 * its own, and will not come back to it; so it is watched from
		 * here too. */
		if (!worker->borrower.arbiter->mode->exclusive) {
			watch->count = 0;
			watch->own_first = false;
		}
		/* Who watches it does not submit what was refused just now. */
		if (lend__ring_unsubmitted(own) && timeout_ns > RETRY_NS)
			timeout_ns = RETRY_NS;
	}
	/* A deferred ring is to be waited in. Here it had no room for the wake
	 * operation, as the kernel refused what filled it; that goes in now,
	 * and a poll(2) of such a ring can miss that it has work (seen with an
	 * openat() that a kernel thread finishes). So try again soon. */
	if (watch->own_first && watch->rings[0]->deferred &&
	    timeout_ns > RETRY_NS)
		timeout_ns = RETRY_NS;
	wait_in_ppoll(worker, watch, timeout_ns);
}

static void record_park(struct lend_worker *worker, enum lend_trace_event event)
{
	struct lend_borrower *borrower = &worker->borrower;
	const struct lend_ring *own;

	/* Every round comes here. */
	if (!lend__recorder_is_on(&borrower->recorder))
		return;
	own = borrower->arbiter->mode->own_ring(borrower);
	lend__borrower_record(borrower, event,
			      own ? own->index : LEND_TRACE_NOBODY, 0);
}

static void enter_park(struct lend_worker *worker)
{
	record_park(worker, LEND_TRACE_PARK);
	atomic_fetch_add_explicit(&worker->runtime->parked, 1,
				  memory_order_seq_cst);
	atomic_store_explicit(&worker->borrower.parked, true,
			      memory_order_relaxed);
	lend__load_park(&worker->load, worker->now_ns);
	lend__roster_park(&worker->runtime->roster, worker->index);
	/* [P1], Note [parking]: this, then the look for work. */
	atomic_store_explicit(&worker->park_state, LEND_PARK_PARKED,
			      memory_order_seq_cst);
}

static void leave_park(struct lend_worker *worker)
{
	record_park(worker, LEND_TRACE_UNPARK);
	/* Awake is safe: until the next round others must not take this for a
	 * worker that is stuck. */
	worker->now_ns = lend_now();
	atomic_store_explicit(&worker->borrower.safe_ns, worker->now_ns,
			      memory_order_relaxed);
	atomic_store_explicit(&worker->borrower.parked, false,
			      memory_order_relaxed);
	lend__load_unpark(&worker->load, worker->now_ns);
	atomic_fetch_sub_explicit(&worker->runtime->parked, 1,
				  memory_order_seq_cst);
	lend__roster_unpark(&worker->runtime->roster, worker->index);
	/* A write that was for this park leaves the event descriptor readable:
	 * who waits for it next empties it. */
	atomic_store_explicit(&worker->park_state, LEND_PARK_RUNNING,
			      memory_order_seq_cst);
}

void lend__worker_park(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	const struct lend_ring *armed;
	struct watch watch;
	bool sentinel, waited = false;

	/* Settling, or the wait, submits. */
	lend__flush_note(worker, LEND_FLUSH_EMPTY);
	lend__arbiter_settle(&worker->borrower, true);
	lend__monitor_safe_point(worker);
	if (lend__worker_has_work(worker))
		return;
	armed = arm_wake(worker);

	enter_park(worker);
	collect(worker, &watch);
	sentinel = lend__monitor_take_watch(worker);
	/* Who has not passed may have another home by now, and would watch the
	 * one it had: Note [home]. */
	if (!lend__worker_has_work(worker) &&
	    lend__removal_has_passed(&worker->borrower) &&
	    !atomic_load_explicit(&runtime->halting, memory_order_seq_cst)) {
		wait_for_work(worker, &watch, armed, sentinel);
		waited = true;
	}
	lend_counter_add(&worker->parks, 1);
	release(&watch);
	leave_park(worker);
	if (sentinel) {
		lend__monitor_end_watch(worker);
		lend__monitor_look(worker);
	}
	/* Nobody has to look after one that finds nothing to do. */
	worker->unwatched = waited && !has_come(worker, &watch);
	worker->lookout.in_vain = sentinel && worker->unwatched;
	if (!worker->unwatched)
		lend__monitor_ensure_watch(worker);
}
