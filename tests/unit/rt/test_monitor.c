/*
 * Goal:   a stall is one that lasts as long as stall_ns, is counted when it
 *         ends, and blamed on the actor that came back from it; of those that
 *         are long there is a warning, one a second for each worker, which says
 *         how many were left out; whoever sees it first, it is traced once.
 *         One worker that is parked keeps watch, until all have been parked
 *         for long, and sleeps until the first of those that are at work may
 *         be stuck.
 * Method: workers without threads, and a clock that is made up.
 */
#include "rt/monitor.h"

#include <criterion/criterion.h>
#include <lend/clock.h>
#include <stdio.h>
#include <string.h>

#include "arbiter/mode.h"
#include "rt/runtime.h"
#include "rt/waiting.h"
#include "rt/worker.h"

#define WORKERS 3
#define BEGIN	(100 * LEND_S)
#define STALL	(2 * LEND_MS)
#define LONG	(10 * STALL) /* worth a warning */

static struct lend_runtime runtime;
static struct lend_worker workers[WORKERS];
static struct lend_actor actor;
static uint64_t clock_ns;

static char said[4096];
static unsigned warnings, others;

uint64_t __wrap_lend_now(void);
unsigned __wrap_lend__arbiter_rescue(struct lend_borrower *rescuer,
				     uint64_t now_ns);
bool __wrap_lend__arbiter_flush(struct lend_borrower *borrower);
unsigned __wrap_lend__poller_help(struct lend_borrower *borrower,
				  uint64_t now_ns, uint64_t age_ns, bool waits);
bool __wrap_lend__waiting_running(const struct lend_worker *worker,
				  struct lend_waiting *ret_waiting);
bool __wrap_lend__worker_steal(struct lend_worker *worker, unsigned probes);

uint64_t __wrap_lend_now(void)
{
	return clock_ns;
}

unsigned __wrap_lend__arbiter_rescue(struct lend_borrower *rescuer,
				     uint64_t now_ns)
{
	(void)rescuer;
	(void)now_ns;
	return 0;
}

bool __wrap_lend__arbiter_flush(struct lend_borrower *borrower)
{
	(void)borrower;
	return true;
}

unsigned __wrap_lend__poller_help(struct lend_borrower *borrower,
				  uint64_t now_ns, uint64_t age_ns, bool waits)
{
	(void)borrower;
	(void)now_ns;
	(void)age_ns;
	/* Others do not enter where somebody is submitting. */
	cr_expect(waits);
	return 0;
}

bool __wrap_lend__waiting_running(const struct lend_worker *worker,
				  struct lend_waiting *ret_waiting)
{
	(void)worker;
	(void)ret_waiting;
	return false;
}

bool __wrap_lend__worker_steal(struct lend_worker *worker, unsigned probes)
{
	(void)worker;
	(void)probes;
	return false;
}

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	(void)arg;
	if (level == LEND_LOG_WARNING)
		warnings++;
	else
		others++;
	snprintf(said, sizeof(said), "%s", line);
}

static void setup(void)
{
	lend__log_init(&runtime.log, LEND_LOG_DEBUG, remember, NULL);
	runtime.workers = workers;
	runtime.arbiter.stall_ns = STALL;
	atomic_store(&runtime.workers_count, WORKERS);
	clock_ns = BEGIN;
	runtime.arbiter.mode = lend__mode_find(LEND_RING_BORROWED);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].runtime = &runtime;
		workers[i].borrower.arbiter = &runtime.arbiter;
		atomic_store(&workers[i].timers.next_ns, UINT64_MAX);
		atomic_store(&workers[i].timers.ahead_ns, UINT64_MAX);
		workers[i].index = i;
		workers[i].now_ns = BEGIN;
		atomic_store(&workers[i].borrower.safe_ns, BEGIN);
	}
	strcpy(actor.name, "hog");
	actor.index = 7;
}

TestSuite(monitor, .init = setup);

/* The first worker comes to no safe point for @span_ns; the monitor sees it, if
 * it is @blamed, and the actor comes back. */
static void stall(uint64_t span_ns, bool blamed)
{
	clock_ns += span_ns;
	if (blamed) {
		atomic_store(&workers[0].stalls.noticed, true);
		lend__monitor_blame(&workers[0], &actor);
	}
	lend__monitor_safe_point(&workers[0]);
}

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load(counter);
}

/* ---- the one that was stuck ---- */

Test(monitor, a_stall_has_a_length)
{
	const struct lend_stalls *stalls = &workers[0].stalls;

	stall(STALL - 1, false);
	cr_expect_eq(load(&stalls->count), 0);
	cr_expect_eq(load(&workers[0].borrower.safe_ns), clock_ns);
	stall(STALL, false);
	cr_expect_eq(load(&stalls->count), 1);
	cr_expect_eq(load(&stalls->total_ns), STALL);
	cr_expect_eq(load(&stalls->longest_ns), STALL);
	stall(3 * STALL, false);
	stall(2 * STALL, false);
	cr_expect_eq(load(&stalls->count), 3);
	cr_expect_eq(load(&stalls->total_ns), 6 * STALL);
	cr_expect_eq(load(&stalls->longest_ns), 3 * STALL);
	cr_expect_eq(load(&workers[0].borrower.safe_ns), clock_ns);
	cr_expect_eq(load(&workers[1].stalls.count), 0);
}

Test(monitor, long_ones_are_warned_of)
{
	stall(LONG - 1, true);
	cr_expect_eq(warnings, 0);
	cr_expect_eq(others, 1);
	stall(LONG, true);
	cr_expect_eq(warnings, 1);
	cr_expect_not_null(strstr(said, "worker 0 came to no safe point for "
					"20.0 ms: actor hog #7 computed"),
			   "%s", said);
}

Test(monitor, one_warning_a_second_counts_the_others)
{
	stall(LONG, true);
	cr_expect_eq(warnings, 1);
	cr_expect_not_null(strstr(said, "(0 other long stalls"), "%s", said);
	stall(LONG, true);
	stall(LONG, true);
	stall(STALL, true); /* not a long one */
	lend__monitor_safe_point(&workers[0]);
	stall(LEND_S - 2 * LONG - STALL - 1, true);
	cr_expect_eq(warnings, 1);
	cr_expect_eq(others, 0);

	stall(LONG, true);
	cr_expect_eq(warnings, 2);
	cr_expect_not_null(strstr(said, "(3 other long stalls"), "%s", said);
	stall(LEND_S, true);
	cr_expect_eq(warnings, 3);
	cr_expect_not_null(strstr(said, "(0 other long stalls"), "%s", said);
}

/* Who comes back from one that was noticed, but not whoever comes next; nor
 * whoever comes back soon, as the notice was about the round before. */
Test(monitor, the_one_that_came_back_is_blamed)
{
	struct lend_actor second = { .name = "second", .index = 8 };

	clock_ns += LONG;
	atomic_store(&workers[0].stalls.noticed, true);
	lend__monitor_blame(&workers[0], &actor);
	cr_expect_not(atomic_load(&workers[0].stalls.noticed));
	lend__monitor_blame(&workers[0], &second);
	lend__monitor_safe_point(&workers[0]);
	cr_expect_not_null(strstr(said, "actor hog #7"), "%s", said);

	clock_ns += STALL - 1;
	lend__monitor_blame(&workers[0], &second);
	clock_ns += 2 * LEND_S;
	lend__monitor_safe_point(&workers[0]);
	cr_expect_not_null(strstr(said, "actor unknown"), "%s", said);
}

/* ---- those that look ---- */

Test(monitor, who_is_parked_is_not_stuck)
{
	atomic_store(&workers[1].borrower.parked, true);
	cr_expect_eq(lend__monitor_timeout(&workers[0], BEGIN + 100 * STALL),
		     STALL / 2);
	atomic_store(&workers[2].borrower.parked, true);
	cr_expect_eq(lend__monitor_timeout(&workers[0], BEGIN + 100 * STALL),
		     STALL);
}

Test(monitor, the_sentinel_sleeps_until_one_may_be_stuck)
{
	atomic_store(&workers[1].borrower.parked, true);
	cr_expect_eq(lend__monitor_timeout(&workers[0], BEGIN), STALL);
	cr_expect_eq(lend__monitor_timeout(&workers[0], BEGIN + STALL / 4),
		     STALL - STALL / 4);
	cr_expect_eq(lend__monitor_timeout(&workers[0], BEGIN + STALL - 1),
		     STALL / 8);
	cr_expect_eq(lend__monitor_timeout(&workers[0], BEGIN + STALL),
		     STALL / 2);
	atomic_store(&workers[1].borrower.parked, false);
	atomic_store(&workers[1].borrower.safe_ns, BEGIN + STALL / 2);
	cr_expect_eq(lend__monitor_timeout(&workers[2], BEGIN + STALL),
		     STALL / 2);
	cr_expect_eq(lend__monitor_timeout(&workers[2],
					   BEGIN + STALL + STALL / 4),
		     STALL / 4);
	/* It does not look at itself. */
	atomic_store(&workers[0].borrower.parked, true);
	atomic_store(&workers[2].borrower.safe_ns, BEGIN + STALL / 2);
	cr_expect_eq(lend__monitor_timeout(&workers[1], BEGIN + STALL / 2),
		     STALL);
}

static void look(struct lend_worker *worker)
{
	worker->now_ns = clock_ns;
	atomic_store(&worker->borrower.safe_ns, clock_ns);
	lend__monitor_look(worker);
}

static unsigned count_traced(const struct lend_worker *worker)
{
	const struct lend_recorder *recorder = &worker->borrower.recorder;
	struct lend_trace_record record;
	unsigned count = 0;

	for (uint64_t i = 1; lend__recorder_read(recorder, i, &record); i++)
		count += record.event == LEND_TRACE_STALL && !record.worker;
	return count;
}

/* The first worker is stuck, whom the watchdog may have seen before; the others
 * look in turn. */
Test(monitor, each_stall_is_traced_once)
{
	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert_eq(lend__recorder_init(&workers[i].borrower.recorder,
						 64),
			     0);
	for (unsigned i = 0; i < 4; i++) {
		if (i % 2)
			atomic_store(&workers[0].stalls.noticed, true);
		for (unsigned k = 0; k < 4; k++) {
			clock_ns += STALL;
			look(&workers[1 + k % 2]);
			cr_expect(atomic_load(&workers[0].stalls.noticed));
		}
		cr_expect_eq(count_traced(&workers[1]), i + 1);
		cr_expect_eq(count_traced(&workers[2]), 0);
		lend__monitor_blame(&workers[0], &actor);
		lend__monitor_safe_point(&workers[0]);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		lend__recorder_fini(&workers[i].borrower.recorder);
}

Test(monitor, one_keeps_watch)
{
	cr_expect(lend__monitor_take_watch(&workers[0]));
	cr_expect_not(lend__monitor_take_watch(&workers[1]));
	lend__monitor_end_watch(&workers[0]);
	cr_expect(lend__monitor_take_watch(&workers[1]));
}

Test(monitor, who_is_alone_watches_nobody)
{
	atomic_store(&runtime.workers_count, 1);
	cr_expect_not(lend__monitor_take_watch(&workers[0]));
}

/* When all have been parked for long, and not before. */
Test(monitor, an_idle_process_has_no_sentinel)
{
	const uint64_t linger_ns = 100 * LEND_MS;

	atomic_store(&runtime.parked, WORKERS);
	atomic_store(&runtime.last_busy_ns, BEGIN);
	workers[0].now_ns = BEGIN + linger_ns;
	cr_expect(lend__monitor_take_watch(&workers[0]));
	lend__monitor_end_watch(&workers[0]);
	workers[0].now_ns++;
	cr_expect_not(lend__monitor_take_watch(&workers[0]));
	atomic_store(&runtime.parked, WORKERS - 1);
	cr_expect(lend__monitor_take_watch(&workers[0]));
}
