/*
 * A watchdog without a clock and workers without threads: see
 * watchdog_stage.h.
 */
#include "watchdog_stage.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>

#include "arbiter/mode.h"
#include "base/condition.h"
#include "rt/deadlock.h"
#include "rt/size.h"
#include "rt/thread_state.h"
#include "rt/waiting.h"
#include "rt/watchdog.h"
#include "said.h"

struct stage stage;

uint64_t __wrap_lend_now(void);
uint64_t __wrap_lend_after(uint64_t span_ns);
int __wrap_lend__condition_wait(pthread_cond_t *condition,
				pthread_mutex_t *lock, uint64_t deadline);
void __wrap_lend__thread_state_read(int tid,
				    struct lend_thread_state *ret_state);
uint64_t __wrap_lend__thread_state_cpu_ns(int tid);
bool __wrap_lend__waiting_running(const struct lend_worker *worker,
				  struct lend_waiting *ret_waiting);
void __wrap_lend__backtrace_guess(const struct lend_worker *worker,
				  const struct lend_thread_state *state,
				  struct lend_backtrace *backtrace);
bool __wrap_lend__deadlock_look(struct lend_runtime *runtime);
int __wrap_lend__size_set_spares(struct lend_runtime *runtime, unsigned spares,
				 uint64_t deadline);

/* ---- what it sees ---- */

uint64_t __wrap_lend_now(void)
{
	return stage.clock_ns;
}

uint64_t __wrap_lend_after(uint64_t span_ns)
{
	return stage.clock_ns + span_ns;
}

/* A thread's number is its worker's, from 1 on. */
void __wrap_lend__thread_state_read(int tid,
				    struct lend_thread_state *ret_state)
{
	bool is_blocked = stage.blocked[tid - 1];

	*ret_state = (struct lend_thread_state){
		.call = -1,
		.code = is_blocked ? 'S' : 'R',
		.blocked = is_blocked,
	};
	if (stage.goes_on)
		stage_come_to_safe_point(stage.goes_on);
}

uint64_t __wrap_lend__thread_state_cpu_ns(int tid)
{
	return stage.cpu_ns[tid - 1];
}

bool __wrap_lend__waiting_running(const struct lend_worker *worker,
				  struct lend_waiting *ret_waiting)
{
	(void)worker;
	(void)ret_waiting;
	return false;
}

void __wrap_lend__backtrace_guess(const struct lend_worker *worker,
				  const struct lend_thread_state *state,
				  struct lend_backtrace *backtrace)
{
	(void)worker;
	(void)state;
	backtrace->count = 0;
	if (stage.goes_on_later)
		stage_come_to_safe_point(stage.goes_on_later);
}

/* There is no more to be known of that. */
bool __wrap_lend__deadlock_look(struct lend_runtime *runtime)
{
	(void)runtime;
	return true;
}

/* ---- what it does ---- */

static void set_workers(unsigned count)
{
	atomic_store(&stage.runtime.workers_open, count);
	atomic_store(&stage.runtime.workers_count, count);
}

int __wrap_lend__size_set_spares(struct lend_runtime *runtime, unsigned spares,
				 uint64_t deadline)
{
	_Atomic unsigned *now = &stage.runtime.watchdog.spares;

	cr_assert_eq(runtime, &stage.runtime);
	stage.changes++;
	stage.change_deadline = deadline;
	if (!stage.change_error) {
		set_workers(lend__runtime_count(runtime) + spares -
			    atomic_load(now));
		atomic_store(now, spares);
	}
	return stage.change_error;
}

static void remember(enum lend_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	said_append(stage.said, sizeof(stage.said), line);
}

unsigned stage_count_said(const char *what)
{
	return said_count(stage.said, what);
}

unsigned stage_count_told(void)
{
	return stage_count_said("has come to no safe point for");
}

/* ---- its looks ---- */

static pthread_cond_t has_looked = PTHREAD_COND_INITIALIZER;
static bool is_waiting; /* [lock: the watchdog's] */
static bool is_due;	/* [lock: the watchdog's] the next look */

int __wrap_lend__condition_wait(pthread_cond_t *condition,
				pthread_mutex_t *lock, uint64_t deadline)
{
	stage.wait_ns = deadline - stage.clock_ns;
	is_waiting = true;
	pthread_cond_signal(&has_looked);
	while (!is_due &&
	       atomic_load(&stage.runtime.watchdog.state) != LEND_WATCHDOG_ENDS)
		pthread_cond_wait(condition, lock);
	if (!is_due)
		return 0;
	is_due = is_waiting = false;
	return -ETIMEDOUT;
}

static void wait_for_watchdog_locked(void)
{
	while (!is_waiting)
		pthread_cond_wait(&has_looked, &stage.runtime.watchdog.lock);
}

void stage_start(void)
{
	struct lend_watchdog *watchdog = &stage.runtime.watchdog;

	cr_assert_eq(lend__watchdog_start(&stage.runtime), 0);
	pthread_mutex_lock(&watchdog->lock);
	wait_for_watchdog_locked();
	pthread_mutex_unlock(&watchdog->lock);
}

void stage_look(void)
{
	struct lend_watchdog *watchdog = &stage.runtime.watchdog;

	pthread_mutex_lock(&watchdog->lock);
	is_due = true;
	is_waiting = false;
	pthread_cond_signal(&watchdog->changed);
	wait_for_watchdog_locked();
	pthread_mutex_unlock(&watchdog->lock);
}

void stage_look_at(uint64_t now_ns)
{
	stage.clock_ns = now_ns;
	stage_look();
}

/* ---- workers ---- */

void stage_come_to_safe_point(struct lend_worker *worker)
{
	atomic_store(&worker->borrower.safe_ns, stage.clock_ns);
}

void stage_get_stuck(unsigned worker, bool is_blocked)
{
	stage.blocked[worker] = is_blocked;
	stage_come_to_safe_point(&stage.workers[worker]);
	atomic_store(&stage.workers[worker].borrower.parked, false);
}

void stage_set(void)
{
	struct lend_options *options = &stage.runtime.options;

	stage.runtime.workers = stage.workers;
	stage.runtime.arbiter.stall_ns = STAGE_STALL;
	stage.runtime.arbiter.mode = lend__mode_find(LEND_RING_BORROWED);
	options->watchdog_ns = STAGE_LIMIT;
	options->watchdog_signal = -1;
	options->workers_max = STAGE_WORKERS_MAX;
	set_workers(STAGE_WORKERS);
	lend__log_init(&stage.runtime.log, LEND_LOG_DEBUG, remember, NULL);
	lend__watchdog_init(&stage.runtime);
	stage.clock_ns = STAGE_BEGIN;
	for (unsigned i = 0; i < STAGE_WORKERS_MAX; i++) {
		struct lend_worker *worker = &stage.workers[i];

		worker->runtime = &stage.runtime;
		worker->index = i;
		atomic_store(&worker->tid, (int)i + 1);
		atomic_store(&worker->borrower.parked, true);
		stage_come_to_safe_point(worker);
	}
}

void stage_strike(void)
{
	lend__watchdog_stop(&stage.runtime);
	lend__watchdog_fini(&stage.runtime);
}
