/*
 * What tests of stealing and of calling share: workers without threads, whose
 * queues, clocks and loads are set by hand.
 */
#ifndef LEND_TESTS_CREW_H
#define LEND_TESTS_CREW_H

#include "rt/worker.h"

#include <criterion/criterion.h>
#include <lend/clock.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rt/runtime.h"

#define WORKERS 4
#define ACTORS	64

static struct lend_runtime runtime;
static struct lend_worker workers[WORKERS];
static struct lend_actor actors[ACTORS];

static void set_clocks(uint64_t now_ns)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].now_ns = now_ns;
		atomic_store(&workers[i].borrower.safe_ns, now_ns);
	}
}

static void setup(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].runtime = &runtime;
		workers[i].index = i;
		workers[i].random = i;
		workers[i].event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		cr_assert_geq(workers[i].event_fd, 0);
		cr_assert_eq(lend__run_queue_init(&workers[i].queue), 0);
	}
	for (unsigned i = 0; i < ACTORS; i++)
		actors[i].index = i;
	runtime.workers = workers;
	runtime.roster.topology = lend__topology();
	runtime.arbiter.stall_ns = LEND_MS;
	atomic_init(&runtime.lookout_ns, LEND_MS);
	atomic_init(&runtime.workers_count, WORKERS);
	set_clocks(LEND_S);
}

static void teardown(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		close(workers[i].event_fd);
		while (lend__run_queue_take(&workers[i].queue))
			;
		lend__run_queue_fini(&workers[i].queue);
	}
}

static void give(struct lend_worker *worker, unsigned from, unsigned count)
{
	for (unsigned i = from; i < from + count; i++)
		lend__run_queue_push(&worker->queue, LEND_RUN_READY,
				     &actors[i]);
}

static unsigned length(const struct lend_worker *worker)
{
	return lend__run_queue_length(&worker->queue);
}

/* In the last window. */
static void set_idle(struct lend_worker *worker, unsigned idle)
{
	atomic_store(&worker->load.idle, idle);
}

static void give_connections(struct lend_worker *worker, unsigned count)
{
	give(worker, 0, count);
	lend__affinity_set(&worker->affinity, count);
}

/* Nothing is shared by a CPU below 64 and one above. */
static void place(unsigned far)
{
	static struct lend_topology topology;

	for (unsigned cpu = 0; cpu < LEND_CPUS_MAX; cpu++)
		for (unsigned i = 0; i < LEND_FAR; i++)
			topology.groups[cpu][i] = (uint16_t)(cpu / 64);
	runtime.roster.topology = &topology;
	for (unsigned i = 0; i < WORKERS; i++)
		atomic_store(&runtime.roster.cpus[i], far >> i & 1 ? 64 : 0);
}

#endif
