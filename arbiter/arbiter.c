/*
 * The arbiter's own work: pool, wait queue, safe points, rescue. What differs
 * between the modes is behind mode.h; the handshake is in loan.c.
 */
#include "arbiter/arbiter.h"

#include <errno.h>
#include <lend/clock.h>
#include <lend/feature.h>
#include <stdlib.h>
#include <string.h>

#include "arbiter/mode.h"
#include "arbiter/removal.h"
#include "base/check.h"
#include "base/counter.h"
#include "uring/ring.h"
#include "uring/sys.h"

/* The first ring at this place is about to be lent. */
static void make_loan(struct lend_arbiter *arbiter, unsigned index)
{
	struct lend_loan *loan = &arbiter->loans[index];

	if (loan->ring)
		return;
	loan->ring = &arbiter->pool.rings[index];
	pthread_mutex_init(&loan->sq_lock, NULL);
}

int lend__arbiter_init(struct lend_arbiter *arbiter,
		       const struct lend_arbiter_options *options,
		       const struct lend_features *features)
{
	const struct lend_pool_options pool_options = {
		.rings = options->rings,
		.rings_max = options->rings_max,
		.buffers = options->buffers,
		.buffer_size = options->buffer_size,
		.depth = options->depth,
		.setup_flags = lend__mode_setup_flags(options->mode, features),
		.sqpoll_idle_ms = options->sqpoll_idle_ms,
	};
	int err;

	memset(arbiter, 0, sizeof(*arbiter));
	arbiter->mode = options->mode;
	arbiter->features = *features;
	arbiter->has_membarrier = features->membarrier;
	arbiter->stall_ns = options->stall_ns;
	lend_list_init(&arbiter->waiters);
	arbiter->loans = calloc(options->rings_max ? options->rings_max :
						     options->rings,
				sizeof(*arbiter->loans));
	if (!arbiter->loans)
		return -ENOMEM;
	if (options->trace_events) {
		err = lend__recorder_init(&arbiter->recorder,
					  options->trace_events);
		if (err)
			goto fail_loans;
	}
	err = lend__pool_init(&arbiter->pool, &pool_options, features);
	if (err)
		goto fail_recorder;
	pthread_mutex_init(&arbiter->lock, NULL);
	for (unsigned i = 0; i < options->rings; i++)
		make_loan(arbiter, i);
	atomic_store_explicit(&arbiter->rings_open, options->rings,
			      memory_order_relaxed);
	return 0;

fail_recorder:
	lend__recorder_fini(&arbiter->recorder);
fail_loans:
	free(arbiter->loans);
	return err;
}

void lend__arbiter_fini(struct lend_arbiter *arbiter)
{
	lend_assert(atomic_load_explicit(&arbiter->borrowers,
					 memory_order_relaxed) == 0);
	lend_assert(lend_list_empty(&arbiter->waiters));
	for (unsigned i = 0; i < lend__pool_used(&arbiter->pool); i++)
		pthread_mutex_destroy(&arbiter->loans[i].sq_lock);
	pthread_mutex_destroy(&arbiter->lock);
	lend__pool_fini(&arbiter->pool);
	lend__recorder_fini(&arbiter->recorder);
	free(arbiter->loans);
}

int lend__arbiter_add_ring(struct lend_arbiter *arbiter)
{
	unsigned index = lend__pool_count(&arbiter->pool);
	int err;

	if (index == arbiter->pool.rings_max)
		return -E2BIG;
	/* Before its number is published: others index both arrays by it. */
	make_loan(arbiter, index);
	/* Its record may be one that had a ring before: who gives buffers of an
	 * ended actor back looks at it, too, under the lock. */
	pthread_mutex_lock(&arbiter->lock);
	err = lend__pool_open(&arbiter->pool);
	pthread_mutex_unlock(&arbiter->lock);
	if (err)
		return err;
	lend__removal_admit(arbiter, index + 1);
	return 0;
}

void lend__arbiter_give_buffers(struct lend_arbiter *arbiter, uint32_t owner)
{
	struct lend_pool *pool = &arbiter->pool;

	/* Also of rings that are closed, or being closed or opened: the lock
	 * is for those. */
	pthread_mutex_lock(&arbiter->lock);
	for (unsigned i = 0; i < lend__pool_used(pool); i++) {
		lend__buffers_give_all(&pool->rings[i].buffers, owner);
		lend__buffers_give_all(&pool->rings[i].shared, owner);
	}
	pthread_mutex_unlock(&arbiter->lock);
}

unsigned lend__arbiter_features(const struct lend_arbiter *arbiter)
{
	unsigned set = lend__features_set(&arbiter->features);
	unsigned flags = arbiter->pool.rings[0].setup_flags;

	if (!(flags & IORING_SETUP_DEFER_TASKRUN))
		set &= ~(unsigned)LEND_FEATURE_DEFER_TASKRUN;
	if (!(flags & IORING_SETUP_COOP_TASKRUN))
		set &= ~(unsigned)LEND_FEATURE_COOP_TASKRUN;
	/* Where nothing is ever recalled there is no handshake. */
	if (!arbiter->mode->revocable)
		set &= ~(unsigned)LEND_FEATURE_MEMBARRIER;
	return set;
}

int lend__arbiter_attach(struct lend_arbiter *arbiter,
			 struct lend_borrower *borrower, unsigned index)
{
	int err;

	borrower->arbiter = arbiter;
	borrower->index = index;
	/* Without membarrier the fast path is never safe: see loan.c. */
	atomic_store_explicit(&borrower->recalled,
			      !arbiter->has_membarrier ||
					      !arbiter->mode->exclusive ?
				      LEND_RECALLED :
				      0,
			      memory_order_relaxed);
	/* Nothing is known to it that could be stale. */
	atomic_store_explicit(&borrower->epoch,
			      atomic_load_explicit(&arbiter->epoch,
						   memory_order_acquire),
			      memory_order_release);
	err = arbiter->mode->attach(arbiter, borrower);
	if (err)
		return err;
	/* Relaxed: a number that modes use as a hint. */
	atomic_fetch_add_explicit(&arbiter->borrowers, 1, memory_order_relaxed);
	return 0;
}

void lend__arbiter_detach(struct lend_borrower *borrower)
{
	struct lend_arbiter *arbiter = borrower->arbiter;

	arbiter->mode->detach(arbiter, borrower);
	atomic_fetch_sub_explicit(&arbiter->borrowers, 1, memory_order_relaxed);
}

void lend__arbiter_settle(struct lend_borrower *borrower, bool parking)
{
	struct lend_arbiter *arbiter = borrower->arbiter;

	arbiter->mode->settle(arbiter, borrower, parking);
}

bool lend__arbiter_flush(struct lend_borrower *borrower)
{
	return borrower->arbiter->mode->flush(borrower->arbiter, borrower,
					      false);
}

bool lend__arbiter_flush_others(struct lend_borrower *borrower)
{
	return borrower->arbiter->mode->flush(borrower->arbiter, borrower,
					      true);
}

int lend__arbiter_enter(struct lend_borrower *borrower, struct lend_ring *ring)
{
	int res;

	if (lend_unlikely(lend__ring_overflowed(ring))) {
		lend_counter_add(&borrower->overflows, 1);
		lend__borrower_record(borrower, LEND_TRACE_OVERFLOW,
				      ring->index, 0);
	}
	res = lend__ring_enter(ring, 0, 0);
	if (res > 0) {
		lend__borrower_record(borrower, LEND_TRACE_FLUSH, ring->index,
				      (uint64_t)res);
	} else if (lend_unlikely(res < 0)) {
		lend_counter_add(&borrower->refused, 1);
		lend__borrower_record(borrower, LEND_TRACE_REFUSED, ring->index,
				      (uint64_t)-res);
	}
	/* Whoever finds waiters at its safe point comes through here before
	 * it parks, so a flag that was cleared a moment ago is set again. */
	if (lend_unlikely(lend__ring_unsubmitted(ring)) &&
	    !atomic_load_explicit(&borrower->arbiter->refusing,
				  memory_order_relaxed))
		atomic_store_explicit(&borrower->arbiter->refusing, true,
				      memory_order_relaxed);
	return res;
}

bool lend__arbiter_submit(struct lend_borrower *borrower,
			  struct lend_ring *ring)
{
	lend__arbiter_enter(borrower, ring);
	/* What is left to a polling thread is nobody else's any more. */
	return ring->sqpoll || !lend__ring_unsubmitted(ring);
}

void lend__arbiter_clear(struct lend_borrower *borrower, struct lend_ring *ring)
{
	if (ring->sqpoll)
		lend__ring_clear(ring);
	else
		lend__arbiter_enter(borrower, ring);
}

bool lend__arbiter_must_look(const struct lend_arbiter *arbiter)
{
	return atomic_load_explicit(&arbiter->waiting, memory_order_relaxed) &&
	       (arbiter->features.sqpoll ||
		atomic_load_explicit(&arbiter->refusing, memory_order_relaxed));
}

/* Why a loan should be asked back, of a borrower that is stuck; or not. */
static enum lend_trace_why
why_recall_locked(const struct lend_arbiter *arbiter,
		  const struct lend_loan *loan,
		  const struct lend_borrower *rescuer, uint64_t now_ns)
{
	const struct lend_borrower *holder = loan->borrower;
	uint64_t safe_ns;

	if (!holder || holder == rescuer ||
	    atomic_load_explicit(&holder->parked, memory_order_relaxed))
		return LEND_WHY_NONE;
	safe_ns = atomic_load_explicit(&holder->safe_ns, memory_order_relaxed);
	if (now_ns < safe_ns || now_ns - safe_ns < arbiter->stall_ns)
		return LEND_WHY_NONE;
	if (lend__ring_in_flight(loan->ring))
		return LEND_WHY_STALL;
	if (atomic_load_explicit(&arbiter->waiting, memory_order_relaxed))
		return LEND_WHY_WAITER;
	/* With nothing to rescue it may keep its ring. */
	return LEND_WHY_NONE;
}

/* Completion work is done by the thread that submitted, which with
 * COOP_TASKRUN is not interrupted for it. membarrier is such an interrupt. */
static void kick(struct lend_borrower *rescuer)
{
	struct lend_arbiter *arbiter = rescuer->arbiter;

	if (!arbiter->mode->any_poller || !arbiter->has_membarrier)
		return;
	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++) {
		if (!lend__ring_wants_enter(&arbiter->pool.rings[i]))
			continue;
		lend__sys_membarrier();
		atomic_fetch_add_explicit(&arbiter->kicks, 1,
					  memory_order_relaxed);
		lend__borrower_record(rescuer, LEND_TRACE_KICK, i, 0);
		return;
	}
}

unsigned lend__arbiter_rescue(struct lend_borrower *rescuer, uint64_t now_ns)
{
	struct lend_arbiter *arbiter = rescuer->arbiter;
	bool recalled = false;
	unsigned seized = 0;

	if (arbiter->mode->revocable) {
		pthread_mutex_lock(&arbiter->lock);
		for (unsigned i = 0; i < lend__pool_count(&arbiter->pool);
		     i++) {
			struct lend_loan *loan = &arbiter->loans[i];
			enum lend_trace_why why = why_recall_locked(
				arbiter, loan, rescuer, now_ns);

			if (why == LEND_WHY_NONE)
				continue;
			recalled = true;
			seized += lend__loan_recall(loan, rescuer, why);
		}
		pthread_mutex_unlock(&arbiter->lock);
	}
	/* A recall was a kick. */
	if (!recalled)
		kick(rescuer);
	return seized;
}

static void record_waiter(struct lend_arbiter *arbiter,
			  const struct lend_waiter *waiter,
			  enum lend_trace_event event)
{
	lend__record(&arbiter->recorder, &(struct lend_event){
						 .event = event,
						 .ring = LEND_TRACE_NOBODY,
						 .worker = LEND_TRACE_NOBODY,
						 .by = LEND_TRACE_NOBODY,
						 .argument = waiter->order,
						 .name = waiter->name,
					 });
}

void lend__arbiter_mark_locked(struct lend_borrower *borrower, uint32_t bit)
{
	/* Not read-modify-write: all writers have the lock. Relaxed: [a] of
	 * Note [handshake], where membarrier is the fence; and in a line who
	 * sees it late has barged, no more. */
	uint32_t word = atomic_load_explicit(&borrower->recalled,
					     memory_order_relaxed);

	atomic_store_explicit(&borrower->recalled, word | bit,
			      memory_order_relaxed);
}

void lend__arbiter_clear_marks_locked(struct lend_arbiter *arbiter,
				      struct lend_borrower *borrower)
{
	uint32_t word = 0;

	/* Where loans are revoked without a membarrier no fast path is safe. */
	if (arbiter->mode->revocable && !arbiter->has_membarrier)
		word |= LEND_RECALLED;
	if (atomic_load_explicit(&arbiter->waiting, memory_order_relaxed))
		word |= LEND_IN_LINE;
	atomic_store_explicit(&borrower->recalled, word, memory_order_relaxed);
}

/* A line begins: nobody takes the fast path past it. */
static void form_line_locked(struct lend_arbiter *arbiter)
{
	for (unsigned i = 0; i < lend__pool_count(&arbiter->pool); i++)
		if (arbiter->loans[i].borrower)
			lend__arbiter_mark_locked(arbiter->loans[i].borrower,
						  LEND_IN_LINE);
}

void lend__arbiter_queue_locked(struct lend_arbiter *arbiter,
				struct lend_waiter *waiter)
{
	struct lend_list *place = &arbiter->waiters;

	if (waiter->queued)
		return;
	if (!waiter->order) {
		waiter->order = ++arbiter->next_order;
		waiter->since_ns = lend_now();
		arbiter->waits++;
		record_waiter(arbiter, waiter, LEND_TRACE_WAIT);
		if (atomic_fetch_add_explicit(&arbiter->waiting, 1,
					      memory_order_relaxed) == 0)
			form_line_locked(arbiter);
	} else {
		/* Served in vain: back to where it stood. The list is short
		 * at its front: only others served in the same round. */
		lend_list_for_each (link, &arbiter->waiters) {
			struct lend_waiter *other = lend_container_of(
				link, struct lend_waiter, link);

			if (other->order > waiter->order) {
				place = link;
				break;
			}
		}
	}
	lend_list_insert_before(place, &waiter->link);
	waiter->queued = true;
}

static void remove_waiter(struct lend_arbiter *arbiter,
			  struct lend_waiter *waiter)
{
	lend_list_remove(&waiter->link);
	waiter->queued = false;
	if (lend_list_empty(&arbiter->waiters))
		atomic_store_explicit(&arbiter->refusing, false,
				      memory_order_relaxed);
}

void lend__arbiter_serve_locked(struct lend_arbiter *arbiter, unsigned room)
{
	while (!lend_list_empty(&arbiter->waiters)) {
		struct lend_waiter *waiter = lend_container_of(
			arbiter->waiters.next, struct lend_waiter, link);

		if (waiter->count > room)
			return;
		room -= waiter->count;
		remove_waiter(arbiter, waiter);
		/* Release [L1], paired with the acquire of who waits for it. */
		atomic_store_explicit(&waiter->served, true,
				      memory_order_release);
		waiter->wake(waiter);
	}
}

void lend__arbiter_withdraw(struct lend_arbiter *arbiter,
			    struct lend_waiter *waiter)
{
	pthread_mutex_lock(&arbiter->lock);
	if (waiter->queued)
		remove_waiter(arbiter, waiter);
	if (waiter->order) {
		atomic_fetch_sub_explicit(&arbiter->waiting, 1,
					  memory_order_relaxed);
		arbiter->wait_ns += lend_now() - waiter->since_ns;
		record_waiter(arbiter, waiter, LEND_TRACE_WAITED);
		waiter->order = 0;
	}
	pthread_mutex_unlock(&arbiter->lock);
}
