/*
 * Spare workers: see spares.h. Called by the watchdog at each look; those that
 * come and go are size.c's.
 */
#include "rt/spares.h"

#include <lend/clock.h>
#include <lend/runtime.h>

#include "arbiter/mode.h"
#include "rt/monitor.h"
#include "rt/runtime.h"
#include "rt/size.h"
#include "rt/watchdog.h"
#include "rt/worker.h"

/* One has so long to leave. */
#define LEAVE_NS (100 * LEND_MS)

/* Of as many in a row the pauses become longer: 255 looks. */
#define FAILURES_MAX 8

/* Told to be blocked, and it has not come back since: it may have while others
 * were looked at, and where they are was found out. */
static bool is_blocked(const struct lend_worker *worker)
{
	const struct lend_stalls *stalls = &worker->stalls;

	return stalls->told_blocked &&
	       stalls->told_ns ==
		       atomic_load_explicit(&worker->borrower.safe_ns,
					    memory_order_relaxed) &&
	       !atomic_load_explicit(&worker->borrower.parked,
				     memory_order_relaxed);
}

static unsigned count_blocked(const struct lend_runtime *runtime)
{
	unsigned blocked = 0;

	for (unsigned i = 0; i < lend__runtime_count(runtime); i++)
		blocked += is_blocked(&runtime->workers[i]);
	return blocked;
}

/* In private mode a spare takes its ring along, which is closed when all others
 * have come to a safe point; before that no other spare can come. So none
 * leaves while one is stuck, or whoever is blocked next would wait for that
 * one. */
static bool may_leave(const struct lend_runtime *runtime, uint64_t now_ns)
{
	if (!runtime->arbiter.mode->one_to_one)
		return true;
	for (unsigned i = 0; i < lend__runtime_count(runtime); i++)
		if (lend__monitor_is_stuck(&runtime->workers[i], now_ns))
			return false;
	return true;
}

/* As many as are blocked, within the limit. One step a look: what it leads to
 * is seen at the next. Who can not be added or does not leave (an actor may be
 * pinned there) is tried again, but ever more rarely, as each time is a line in
 * the log. That something else has failed says nothing of it. */
void lend__spares_keep(struct lend_runtime *runtime, uint64_t now_ns)
{
	struct lend_watchdog *watchdog = &runtime->watchdog;
	unsigned spares = lend__spares_count(watchdog);
	unsigned wanted = count_blocked(runtime);
	unsigned workers = lend_runtime_workers(runtime);

	if (wanted > runtime->options.spare_workers)
		wanted = runtime->options.spare_workers;
	if (wanted > spares && workers < lend__size_workers_max(runtime))
		wanted = spares + 1;
	else if (wanted < spares && workers > 1)
		wanted = spares - 1;
	else
		wanted = spares;
	if (wanted != watchdog->tried)
		watchdog->failures = watchdog->pause = 0;
	watchdog->tried = wanted;
	if (wanted == spares ||
	    (wanted < spares && !may_leave(runtime, now_ns)))
		return;
	if (watchdog->pause) {
		watchdog->pause--;
		return;
	}
	if (!lend__size_set_spares(runtime, wanted, lend_after(LEAVE_NS)))
		watchdog->failures = 0;
	else if (watchdog->failures < FAILURES_MAX)
		watchdog->failures++;
	watchdog->pause = (1u << watchdog->failures) - 1;
}
