/*
 * The watchdog: see watchdog.h. Called by the runtime's start and stop, and by
 * workers that wake up.
 *
 * Note [watch]
 * It looks four times in watchdog_ns. A stall is the time since a safe point,
 * so it is told once if the safe point after which it was told is remembered.
 * When all workers are parked, and were so all the time since the last look,
 * the watchdog sleeps, too, and an idle process wakes up for nothing: a worker
 * that then finds something to do sees that and wakes it. [D1]: it says that it
 * sleeps, then looks whether all are parked; a worker is parked no more, then
 * looks whether it sleeps. All four are sequentially consistent, so one of the
 * two sees the other.
 *
 * What it last looked for is a deadlock. If a worker was at work meanwhile, or
 * has run since and is parked again, that look was about something else: it
 * must be done anew, as nobody wakes the watchdog for what is over. So it does
 * not sleep before the same rounds were counted before the look and after it
 * has said that it sleeps. That is a look or two more and then the end of it:
 * parked workers do no rounds.
 */
#include "rt/watchdog.h"

#include <errno.h>
#include <lend/clock.h>
#include <signal.h>
#include <stdio.h>

#include "actor/actor.h"
#include "base/condition.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/symbol.h"
#include "rt/deadlock.h"
#include "rt/kick.h"
#include "rt/options.h"
#include "rt/runtime.h"
#include "rt/spares.h"
#include "rt/thread.h"
#include "rt/thread_state.h"
#include "rt/waiting.h"
#include "rt/worker.h"

#define LOOKS 4 /* in watchdog_ns */

/* Between two looks at least, and at most: a stall that is told late is told.
 */
#define PERIOD_MIN_NS LEND_MS
#define PERIOD_MAX_NS LEND_S

/* Longer than anybody waits; nothing overflows. */
#define SPAN_MAX_NS (365 * 24 * 3600 * LEND_S)

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* ---- options ---- */

static int take_signal(struct lend_options *options, const struct lend_log *log)
{
	int err = lend__kick_install(options->watchdog_signal);

	if (err)
		lend__log(
			log, LEND_LOG_ERROR, "option watchdog_signal is %d: %s",
			options->watchdog_signal,
			err == -EBUSY ?
				"the program has a handler for it; give another one, or -1" :
				"not a signal that can be handled; SIGURG can");
	return err;
}

/* Nobody misses it unless he has a handler: it is ignored by default. */
static bool is_free(int signal_number)
{
	struct sigaction old;

	if (lend__kick_is_installed(signal_number))
		return true;
	return !sigaction(signal_number, NULL, &old) &&
	       !(old.sa_flags & SA_SIGINFO) && old.sa_handler == SIG_DFL;
}

int lend__watchdog_complete(struct lend_options *options,
			    const struct lend_log *log)
{
	if (!options->watchdog_ns)
		options->watchdog_ns = LEND_S;
	if (options->watchdog_ns > SPAN_MAX_NS)
		options->watchdog_ns = LEND_FOREVER;
	if (options->spare_workers > LEND_WORKERS_MAX)
		return lend__option_refuse(log, "spare_workers",
					   options->spare_workers,
					   "at most 256");
	if (options->watchdog_signal < -1)
		return lend__option_refuse(
			log, "watchdog_signal", options->watchdog_signal,
			"a signal that can be handled, 0, or -1 for none");
	if (options->watchdog_signal > 0)
		return take_signal(options, log);
	if (!options->watchdog_signal)
		options->watchdog_signal = options->kick_signal;
	if (!options->watchdog_signal && is_free(SIGURG))
		options->watchdog_signal = SIGURG;
	return 0;
}

/* ---- looking ---- */

struct suspect {
	struct lend_worker *worker;
	uint64_t safe_ns; /* the safe point that it was at last */
	uint64_t age_ns;
	int tid;
	struct lend_thread_state state;
};

/* Is it still where it was? */
static bool is_still(const struct suspect *suspect)
{
	return load(&suspect->worker->borrower.safe_ns) == suspect->safe_ns;
}

static void tell_frames(struct lend_runtime *runtime,
			const struct lend_backtrace *backtrace)
{
	char text[256];

	for (unsigned i = 0; i < backtrace->count; i++) {
		/* A return address may be the next function's first. */
		const char *pc = backtrace->frames[i];

		lend__symbol_print(i ? pc - 1 : pc, text, sizeof(text));
		lend__log(&runtime->log, LEND_LOG_WARNING, "  %s %s",
			  backtrace->guessed && i ? "by" : "in", text);
	}
}

/* 0, or an error and why there is no backtrace. */
static int take_backtrace(const struct suspect *suspect, const char **ret_why)
{
	struct lend_runtime *runtime = suspect->worker->runtime;
	struct lend_watchdog *watchdog = &runtime->watchdog;
	int err;

	if (suspect->state.blocked) {
		lend__backtrace_guess(suspect->worker, &suspect->state,
				      &watchdog->backtrace);
		*ret_why = "its stack is not known";
		return watchdog->backtrace.count ? 0 : -ENOENT;
	}
	*ret_why = "there is no signal for it (watchdog_signal)";
	if (!watchdog->signal_number ||
	    lend__kick_install(watchdog->signal_number))
		return -EBUSY;
	*ret_why = "it does not answer";
	err = lend__backtrace_ask(suspect->worker, watchdog->signal_number,
				  &watchdog->backtrace);
	return err;
}

static void tell_backtrace(const struct suspect *suspect)
{
	struct lend_runtime *runtime = suspect->worker->runtime;
	const char *why;
	int err = take_backtrace(suspect, &why);

	/* Where somebody else is would mislead. */
	if (!is_still(suspect))
		lend__log(&runtime->log, LEND_LOG_WARNING,
			  "  it has just gone on");
	else if (err)
		lend__log(&runtime->log, LEND_LOG_WARNING, "  no backtrace: %s",
			  why);
	else
		tell_frames(runtime, &runtime->watchdog.backtrace);
}

static void print_place(const void *address, char *text, size_t size)
{
	if (address)
		lend__symbol_print(address, text, size);
	else
		snprintf(text, size, "?");
}

/* The actor that it runs: its name, what it is made of and where. */
static void print_actor(const struct lend_worker *worker, char *text,
			size_t size)
{
	struct lend_waiting actor;
	char function[192], place[192];

	if (!lend__waiting_running(worker, &actor)) {
		snprintf(text, size, "none that is alive");
		return;
	}
	print_place(actor.fn, function, sizeof(function));
	print_place(actor.spawned_at, place, sizeof(place));
	snprintf(text, size, "%s, %s, spawned in %s", actor.title, function,
		 place);
}

static void print_age(uint64_t age_ns, char text[32])
{
	if (age_ns < LEND_S)
		snprintf(text, 32, "%.1f ms", (double)age_ns / LEND_MS);
	else
		snprintf(text, 32, "%.1f s", (double)age_ns / LEND_S);
}

static void tell(struct suspect *suspect)
{
	struct lend_runtime *runtime = suspect->worker->runtime;
	struct lend_watchdog *watchdog = &runtime->watchdog;
	struct lend_stalls *stalls = &suspect->worker->stalls;
	uint64_t used_ns = lend__thread_state_cpu_ns(suspect->tid) -
			   stalls->sampled_cpu_ns;
	char actor[512], doing[96], age[32];

	lend__thread_state_read(suspect->tid, &suspect->state);
	print_actor(suspect->worker, actor, sizeof(actor));
	lend__thread_state_print(&suspect->state, doing, sizeof(doing));
	print_age(suspect->age_ns, age);
	if (!is_still(suspect))
		return;
	stalls->told_ns = suspect->safe_ns;
	stalls->told_blocked = suspect->state.blocked;
	lend_counter_add(suspect->state.blocked ? &watchdog->blocked :
						  &watchdog->computing,
			 1);
	lend__log(
		&runtime->log, LEND_LOG_WARNING,
		"worker %u has come to no safe point for %s and goes on: actor %s; it %s, and has lately used %.1f ms of processor time",
		suspect->worker->index, age, actor, doing,
		(double)used_ns / LEND_MS);
	tell_backtrace(suspect);
}

/* What it is to be measured by later: how much of the stall it computed. And it
 * is to note whom it has run meanwhile, as other workers have it do; but there
 * may be none, or they are stuck as well. */
static void sample(const struct suspect *suspect)
{
	struct lend_stalls *stalls = &suspect->worker->stalls;

	if (stalls->sampled_ns == suspect->safe_ns)
		return;
	atomic_store_explicit(&stalls->noticed, true, memory_order_relaxed);
	stalls->sampled_ns = suspect->safe_ns;
	stalls->sampled_cpu_ns = lend__thread_state_cpu_ns(suspect->tid);
}

static void look_at(struct lend_worker *worker, uint64_t now_ns)
{
	uint64_t limit_ns = worker->runtime->options.watchdog_ns;
	struct suspect suspect = {
		.worker = worker,
		.safe_ns = load(&worker->borrower.safe_ns),
		.tid = atomic_load_explicit(&worker->tid, memory_order_relaxed),
	};

	if (!suspect.safe_ns || !suspect.tid || now_ns < suspect.safe_ns ||
	    atomic_load_explicit(&worker->borrower.parked,
				 memory_order_relaxed))
		return;
	suspect.age_ns = now_ns - suspect.safe_ns;
	if (suspect.age_ns < limit_ns / LOOKS)
		return;
	sample(&suspect);
	if (suspect.age_ns >= limit_ns &&
	    worker->stalls.told_ns != suspect.safe_ns)
		tell(&suspect);
}

/* ---- the thread ---- */

/* Whether all are parked, and have been all the time since the last look. */
static bool look(struct lend_runtime *runtime)
{
	struct lend_watchdog *watchdog = &runtime->watchdog;
	uint64_t rounds = lend__deadlock_rounds(runtime), now_ns = lend_now();
	bool still;

	for (unsigned i = 0; i < lend__runtime_count(runtime); i++)
		look_at(&runtime->workers[i], now_ns);
	if (runtime->options.spare_workers)
		lend__spares_keep(runtime, now_ns);
	still = rounds == watchdog->rounds_seen &&
		!lend__spares_count(watchdog);
	watchdog->rounds_seen = rounds;
	return still;
}

static uint32_t state_of(const struct lend_watchdog *watchdog)
{
	return atomic_load_explicit(&watchdog->state, memory_order_seq_cst);
}

static void set_state(struct lend_watchdog *watchdog,
		      enum lend_watchdog_state state)
{
	atomic_store_explicit(&watchdog->state, state, memory_order_seq_cst);
}

/* [D1], Note [watch]. */
static void sleep_locked(struct lend_runtime *runtime)
{
	struct lend_watchdog *watchdog = &runtime->watchdog;

	set_state(watchdog, LEND_WATCHDOG_ASLEEP);
	/* The rounds second: of a worker that has parked anew, all is seen. */
	if (!lend__runtime_all_parked(runtime) ||
	    lend__deadlock_rounds(runtime) != watchdog->rounds_seen) {
		set_state(watchdog, LEND_WATCHDOG_AWAKE);
		return;
	}
	while (state_of(watchdog) == LEND_WATCHDOG_ASLEEP)
		pthread_cond_wait(&watchdog->changed, &watchdog->lock);
}

static void wait_locked(struct lend_watchdog *watchdog, uint64_t span_ns)
{
	uint64_t end_ns = lend_after(span_ns);

	while (state_of(watchdog) != LEND_WATCHDOG_ENDS)
		if (lend__condition_wait(&watchdog->changed, &watchdog->lock,
					 end_ns))
			return;
}

static uint64_t period_of(const struct lend_runtime *runtime)
{
	uint64_t period_ns = runtime->options.watchdog_ns / LOOKS;

	if (period_ns < PERIOD_MIN_NS)
		return PERIOD_MIN_NS;
	return period_ns < PERIOD_MAX_NS ? period_ns : PERIOD_MAX_NS;
}

static void *watch(void *argument)
{
	struct lend_runtime *runtime = argument;
	struct lend_watchdog *watchdog = &runtime->watchdog;
	uint64_t period_ns = period_of(runtime);

	pthread_setname_np(pthread_self(), "lend-watch");
	lend__backtrace_prime();
	pthread_mutex_lock(&watchdog->lock);
	while (state_of(watchdog) != LEND_WATCHDOG_ENDS) {
		bool still;

		wait_locked(watchdog, period_ns);
		if (state_of(watchdog) == LEND_WATCHDOG_ENDS)
			break;
		pthread_mutex_unlock(&watchdog->lock);
		still = look(runtime) && lend__deadlock_look(runtime);
		pthread_mutex_lock(&watchdog->lock);
		if (still && state_of(watchdog) == LEND_WATCHDOG_AWAKE)
			sleep_locked(runtime);
	}
	pthread_mutex_unlock(&watchdog->lock);
	return NULL;
}

void lend__watchdog_wake_slowly(struct lend_watchdog *watchdog)
{
	pthread_mutex_lock(&watchdog->lock);
	if (state_of(watchdog) == LEND_WATCHDOG_ASLEEP) {
		set_state(watchdog, LEND_WATCHDOG_AWAKE);
		pthread_cond_signal(&watchdog->changed);
	}
	pthread_mutex_unlock(&watchdog->lock);
}

/* ---- start and stop ---- */

void lend__watchdog_init(struct lend_runtime *runtime)
{
	struct lend_watchdog *watchdog = &runtime->watchdog;

	pthread_mutex_init(&watchdog->lock, NULL);
	lend__condition_init(&watchdog->changed);
	if (runtime->options.watchdog_ns != LEND_FOREVER &&
	    runtime->options.watchdog_signal > 0)
		watchdog->signal_number = runtime->options.watchdog_signal;
}

int lend__watchdog_start(struct lend_runtime *runtime)
{
	struct lend_watchdog *watchdog = &runtime->watchdog;
	sigset_t before;
	int err;

	if (runtime->options.watchdog_ns == LEND_FOREVER)
		return 0;
	set_state(watchdog, LEND_WATCHDOG_AWAKE);
	lend__thread_block_signals(&before);
	err = -pthread_create(&watchdog->thread, NULL, watch, runtime);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		set_state(watchdog, LEND_WATCHDOG_OFF);
	return err;
}

void lend__watchdog_stop(struct lend_runtime *runtime)
{
	struct lend_watchdog *watchdog = &runtime->watchdog;

	if (state_of(watchdog) == LEND_WATCHDOG_OFF)
		return;
	pthread_mutex_lock(&watchdog->lock);
	set_state(watchdog, LEND_WATCHDOG_ENDS);
	pthread_cond_signal(&watchdog->changed);
	pthread_mutex_unlock(&watchdog->lock);
	pthread_join(watchdog->thread, NULL);
	set_state(watchdog, LEND_WATCHDOG_OFF);
}

void lend__watchdog_fini(struct lend_runtime *runtime)
{
	pthread_cond_destroy(&runtime->watchdog.changed);
	pthread_mutex_destroy(&runtime->watchdog.lock);
}
