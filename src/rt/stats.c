/*
 * Reading the counters: see include/lend/stats.h.
 */
#include <lend/stats.h>

#include <errno.h>
#include <string.h>

#include "rt/current.h"
#include "rt/runtime.h"
#include "rt/worker.h"
#include "uring/ring.h"

static uint64_t read_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void read_ring_locked(const struct lend_arbiter *arbiter, unsigned index,
			     struct lend_ring_stats *stats)
{
	const struct lend_ring *ring = &arbiter->pool.rings[index];
	const struct lend_loan *loan = &arbiter->loans[index];

	stats->submissions = read_counter(&ring->published);
	stats->enters = read_counter(&ring->enters);
	stats->completions = read_counter(&ring->completions);
	stats->in_flight = lend__ring_in_flight(ring);
	stats->granted = loan->granted;
	stats->recalled = loan->recalled;
	stats->seized = loan->seized;
	stats->returned = loan->returned;
	memcpy(stats->granted_why, loan->granted_why,
	       sizeof(stats->granted_why));
	memcpy(stats->recalled_why, loan->recalled_why,
	       sizeof(stats->recalled_why));
	memcpy(stats->returned_why, loan->returned_why,
	       sizeof(stats->returned_why));
	stats->holder = loan->borrower ? (int)loan->borrower->index : -1;
}

static void add_ring(struct lend_ring_stats *total,
		     const struct lend_ring_stats *ring)
{
	total->submissions += ring->submissions;
	total->enters += ring->enters;
	total->completions += ring->completions;
	total->in_flight += ring->in_flight;
	total->granted += ring->granted;
	total->recalled += ring->recalled;
	total->seized += ring->seized;
	total->returned += ring->returned;
	for (unsigned i = 0; i < LEND_WHYS; i++) {
		total->granted_why[i] += ring->granted_why[i];
		total->recalled_why[i] += ring->recalled_why[i];
		total->returned_why[i] += ring->returned_why[i];
	}
}

static void add_borrower(struct lend_stats *total,
			 const struct lend_borrower *borrower)
{
	total->claims_revoked += read_counter(&borrower->claims_revoked);
	total->claims_bound += read_counter(&borrower->claims_bound);
	total->commits_external += read_counter(&borrower->commits_external);
	total->overflows += read_counter(&borrower->overflows);
	total->refused += read_counter(&borrower->refused);
}

static void add_flushes(struct lend_flush_stats *stats,
			const struct lend_flush *flush)
{
	stats->empty += read_counter(&flush->counts[LEND_FLUSH_EMPTY]);
	stats->rounds += read_counter(&flush->counts[LEND_FLUSH_ROUNDS]);
	stats->actors += read_counter(&flush->counts[LEND_FLUSH_ACTORS]);
	stats->sqes += read_counter(&flush->counts[LEND_FLUSH_SQES]);
}

static void add_stalls(struct lend_stats *stats,
		       const struct lend_stalls *stalls)
{
	uint64_t longest_ns = read_counter(&stalls->longest_ns);

	stats->stalls += read_counter(&stalls->count);
	stats->stalled_ns += read_counter(&stalls->total_ns);
	if (longest_ns > stats->longest_stall_ns)
		stats->longest_stall_ns = longest_ns;
}

static void add_heaps(struct lend_stats *stats,
		      const struct lend_heap_totals *totals)
{
	stats->heap_held = read_counter(&totals->held);
	stats->heap_held_peak = read_counter(&totals->held_peak);
	stats->heap_slices = read_counter(&totals->slices);
	stats->heap_trims = read_counter(&totals->trims);
	stats->heap_trimmed = read_counter(&totals->trimmed);
	stats->heap_refusals = read_counter(&totals->refusals);
	stats->heap_returns = read_counter(&totals->returns);
}

static void add_buffers(struct lend_stats *stats, const struct lend_ring *ring)
{
	stats->buffers.empty += read_counter(&ring->buffers_empty);
	stats->series.stopped += read_counter(&ring->stops);
	/* Of a ring that is closed, those that actors still have. */
	if (lend__ring_is_open(ring))
		stats->buffers.count += ring->buffers.count;
	stats->buffers.in_use += lend__buffers_held(&ring->buffers) +
				 lend__buffers_held(&ring->shared);
	if (ring->shared.parts) {
		stats->buffers.parts += lend__buffers_held(&ring->shared);
		if (lend__ring_is_open(ring))
			stats->buffers.spent += lend__buffers_in_use(
				&ring->shared);
	}
}

/* The lock orders nothing that a counter shows; it is taken for the loans'. */
static pthread_mutex_t *lock_of(const struct lend_arbiter *arbiter)
{
	return (pthread_mutex_t *)&arbiter->lock;
}

void lend_stats_read(const struct lend_runtime *runtime,
		     struct lend_stats *ret_stats)
{
	const struct lend_arbiter *arbiter;
	const struct lend_registry *registry;
	struct lend_stats stats = { 0 };

	if (!runtime)
		runtime = lend_runtime_current();
	if (!runtime) {
		*ret_stats = (struct lend_stats){ .total.holder = -1 };
		return;
	}
	arbiter = &runtime->arbiter;
	stats.uptime_ns = lend_now() - runtime->started_ns;
	stats.workers = lend__runtime_open(runtime);
	stats.rings = lend__arbiter_rings(arbiter);
	stats.total.holder = -1;
	pthread_mutex_lock(lock_of(arbiter));
	/* Those that are closed, too: what they did was done. */
	for (unsigned i = 0; i < lend__pool_used(&arbiter->pool); i++) {
		struct lend_ring_stats ring;

		read_ring_locked(arbiter, i, &ring);
		add_ring(&stats.total, &ring);
		add_buffers(&stats, &arbiter->pool.rings[i]);
	}
	stats.waits = arbiter->waits;
	stats.wait_ns = arbiter->wait_ns;
	stats.waiting = atomic_load_explicit(&arbiter->waiting,
					     memory_order_relaxed);
	pthread_mutex_unlock(lock_of(arbiter));
	stats.helped = read_counter(&arbiter->helped);
	stats.kicks = read_counter(&arbiter->kicks);
	for (unsigned i = 0; i < lend__runtime_used(runtime); i++) {
		const struct lend_worker *worker = &runtime->workers[i];

		stats.switches += read_counter(&worker->switches);
		stats.messages += read_counter(&worker->messages);
		stats.spawned += read_counter(&worker->magazine->spawned);
		stats.steals += read_counter(&worker->steals);
		stats.steals_far += read_counter(&worker->steals_far);
		stats.next_hits += read_counter(&worker->queue.next_hits);
		stats.queue_overflows += read_counter(&worker->queue.overflows);
		stats.budget_yields += read_counter(&worker->budget_yields);
		stats.parks += read_counter(&worker->parks);
		stats.wakes += read_counter(&worker->wakes);
		add_flushes(&stats.flushes, &worker->flush);
		add_stalls(&stats, &worker->stalls);
		add_borrower(&stats, &worker->borrower);
		stats.resubmitted += read_counter(&worker->resubmitted);
		stats.series.rearmed += read_counter(&worker->rearmed);
		stats.buffers.copied += read_counter(&worker->copied_receives);
		stats.buffers.own += read_counter(&worker->own_receives);
		stats.buffers.spared += read_counter(&worker->short_receives);
	}
	/* Its lock orders nothing that a counter shows. */
	lend__blocking_read((struct lend_blocking *)&runtime->blocking,
			    &stats.blocking);
	registry = &runtime->registry;
	/* The lock orders nothing that a counter shows. */
	stats.actors = lend__slots_alive((struct lend_slots *)&registry->free);
	stats.spawned += read_counter(&registry->spawned_outside);
	stats.stack_deepest = lend__stack_mark_read(
		(struct lend_stack_mark *)&registry->mark,
		stats.stack_deepest_name);
	stats.zombies = atomic_load_explicit(&registry->zombies,
					     memory_order_relaxed);
	add_heaps(&stats, &registry->heaps.totals);
	stats.watchdog_computing = read_counter(&runtime->watchdog.computing);
	stats.watchdog_blocked = read_counter(&runtime->watchdog.blocked);
	stats.spare_workers = atomic_load_explicit(&runtime->watchdog.spares,
						   memory_order_relaxed);
	*ret_stats = stats;
}

int lend_stats_read_ring(const struct lend_runtime *runtime, unsigned ring,
			 struct lend_ring_stats *ret_stats)
{
	const struct lend_arbiter *arbiter;

	if (!runtime)
		runtime = lend_runtime_current();
	if (!runtime)
		return -EINVAL;
	arbiter = &runtime->arbiter;
	if (ring >= lend__pool_count(&arbiter->pool))
		return -EINVAL;
	pthread_mutex_lock(lock_of(arbiter));
	read_ring_locked(arbiter, ring, ret_stats);
	pthread_mutex_unlock(lock_of(arbiter));
	return 0;
}
