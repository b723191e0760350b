/*
 * Noticing stalls, and the rescue: see monitor.h.
 *
 * Note [sentinel]
 * A worker at its safe point looks after the others when nobody has for half
 * of stall_ns. If all that have work are stuck, nobody is at a safe point; so
 * while others are at work one parked worker waits with a timeout. When all
 * have been parked for a while it sleeps for good, and an idle process uses no
 * CPU; the first worker to wake up then wakes a new sentinel.
 * So does one that was woken in vain and only then finds work, and a sentinel
 * that takes it from one that is stuck: it may get stuck on that itself.
 *
 * Note [rescue]
 * What depends on a stuck worker, and who sees to it:
 *
 *  - its ring: the arbiter takes it, where loans can be taken;
 *  - operations that it published and did not submit: whoever flushes the ring
 *    next, which the look does;
 *  - runnable actors in its queue and inbox: stolen;
 *  - its timers: fired here;
 *  - completions of what it submitted: the kernel runs their completion work in
 *    the thread that submitted, and with COOP_TASKRUN does not interrupt it for
 *    that. Taking the ring does, as membarrier is an interrupt; afterwards the
 *    look does it again as long as the stall lasts and a ring says that there
 *    is such work. Looks are half a stall_ns apart, so that costs the stuck
 *    thread and the rescuer about 2 % of their time at 1 ms.
 *
 * In private mode nothing but the queue, the inbox and the timers can be had:
 * the rings are bound to their threads. The statistics show the stall. With
 * lend_options.kick_signal the thread itself is made to do its completion work,
 * which can be reaped from here: Note [kick] in kick.c.
 *
 * What a worker is doing that is stuck for long is the watchdog's to say.
 */
#include "rt/monitor.h"

#include <lend/clock.h>

#include "actor/actor.h"
#include "arbiter/arbiter.h"
#include "arbiter/mode.h"
#include "arbiter/poller.h"
#include "base/counter.h"
#include "base/log.h"
#include "rt/kick.h"
#include "rt/runtime.h"
#include "rt/waiting.h"
#include "rt/worker.h"

/* All parked for so long: the sentinel goes to sleep too. */
#define LINGER_NS (100 * LEND_MS)

/* A worker's stalls are logged at most so often; the next line says how many
 * were left out. */
#define LOG_INTERVAL_NS LEND_S

/* A stall of so many times stall_ns is a warning; a shorter one may well be
 * another process's time slice. */
#define WARN_FACTOR 10

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* How long ago @worker was at a safe point; 0 if it is parked, or has not
 * begun. */
static uint64_t age_of(const struct lend_worker *worker, uint64_t now_ns)
{
	uint64_t safe_ns = load(&worker->borrower.safe_ns);

	if (!safe_ns || now_ns < safe_ns ||
	    atomic_load_explicit(&worker->borrower.parked,
				 memory_order_relaxed))
		return 0;
	return now_ns - safe_ns;
}

bool lend__monitor_is_stuck(const struct lend_worker *worker, uint64_t now_ns)
{
	return age_of(worker, now_ns) >= worker->runtime->arbiter.stall_ns;
}

static void record(struct lend_worker *worker, const struct lend_worker *stuck,
		   enum lend_trace_event event, uint64_t span_ns,
		   const char *title)
{
	lend__record(&worker->borrower.recorder,
		     &(struct lend_event){
			     .event = event,
			     .ring = LEND_TRACE_NOBODY,
			     .worker = (uint16_t)stuck->index,
			     .by = (uint16_t)worker->index,
			     .argument = span_ns,
			     .name = title,
		     });
}

/* ---- the one that was stuck ---- */

void lend__monitor_blame(struct lend_worker *worker,
			 const struct lend_actor *actor)
{
	struct lend_stalls *stalls = &worker->stalls;

	atomic_store_explicit(&stalls->noticed, false, memory_order_relaxed);
	/* The notice may be about the round before: it was late. */
	if (stalls->blamed[0] ||
	    lend_now() - worker->now_ns < worker->runtime->arbiter.stall_ns)
		return;
	lend__actor_title(actor->name, actor->index, stalls->blamed);
}

static void log_stall(struct lend_worker *worker, uint64_t now_ns,
		      uint64_t length_ns)
{
	struct lend_stalls *stalls = &worker->stalls;
	struct lend_runtime *runtime = worker->runtime;
	bool long_one = length_ns >= WARN_FACTOR * runtime->arbiter.stall_ns;

	if (stalls->logged_ns && now_ns - stalls->logged_ns < LOG_INTERVAL_NS) {
		stalls->unlogged += long_one;
		return;
	}
	lend__log(
		&runtime->log, long_one ? LEND_LOG_WARNING : LEND_LOG_DEBUG,
		"worker %u came to no safe point for %.1f ms: actor %s computed or blocked (%llu other long stalls since the last line)",
		worker->index, (double)length_ns / LEND_MS,
		stalls->blamed[0] ? stalls->blamed : "unknown",
		(unsigned long long)stalls->unlogged);
	if (long_one) {
		stalls->logged_ns = now_ns;
		stalls->unlogged = 0;
	}
}

/* Kept apart from the safe point, of which there are many without a stall. */
__attribute__((noinline, cold)) static void
end_stall(struct lend_worker *worker, uint64_t now_ns)
{
	struct lend_stalls *stalls = &worker->stalls;
	uint64_t length_ns = now_ns - worker->now_ns;

	lend_counter_add(&stalls->count, 1);
	lend_counter_add(&stalls->total_ns, length_ns);
	if (length_ns > load(&stalls->longest_ns))
		atomic_store_explicit(&stalls->longest_ns, length_ns,
				      memory_order_relaxed);
	log_stall(worker, now_ns, length_ns);
	record(worker, worker, LEND_TRACE_STALLED, length_ns, stalls->blamed);
	stalls->blamed[0] = '\0';
}

void lend__monitor_safe_point(struct lend_worker *worker)
{
	uint64_t now_ns = lend_now();

	if (lend_unlikely(now_ns - worker->now_ns >=
			  worker->runtime->arbiter.stall_ns))
		end_stall(worker, now_ns);
	worker->now_ns = now_ns;
	atomic_store_explicit(&worker->borrower.safe_ns, now_ns,
			      memory_order_relaxed);
	lend__load_look(&worker->load, now_ns);
}

/* ---- those that look ---- */

static void notice(struct lend_worker *worker, struct lend_worker *stuck,
		   uint64_t age_ns)
{
	uint64_t safe_ns = worker->now_ns - age_ns;
	struct lend_waiting actor;

	if (!atomic_load_explicit(&stuck->stalls.noticed, memory_order_relaxed))
		atomic_store_explicit(&stuck->stalls.noticed, true,
				      memory_order_relaxed);
	/* The watchdog may have noticed it first, but records nothing. */
	if (!lend__recorder_is_on(&worker->borrower.recorder) ||
	    load(&stuck->stalls.traced_ns) == safe_ns)
		return;
	atomic_store_explicit(&stuck->stalls.traced_ns, safe_ns,
			      memory_order_relaxed);
	record(worker, stuck, LEND_TRACE_STALL, age_ns,
	       lend__waiting_running(stuck, &actor) ? actor.title : "none");
}

/* Note [kick] in kick.c. What a kick brings is reaped at the next look. */
static void kick_by_signal(struct lend_worker *worker,
			   struct lend_worker *stuck)
{
	struct lend_arbiter *arbiter = &worker->runtime->arbiter;
	struct lend_ring *ring = &arbiter->pool.rings[0];

	if (!worker->runtime->options.kick_signal)
		return;
	if (arbiter->mode->one_to_one) {
		ring = &arbiter->pool.rings[stuck->index];
		lend__poller_poll(ring, worker->now_ns);
		if (!lend__ring_wants_enter(ring) &&
		    !lend__ring_unsubmitted(ring))
			return;
	} else if (arbiter->has_membarrier) {
		/* The arbiter does it, without a signal. */
		return;
	}
	lend__kick(stuck);
	atomic_fetch_add_explicit(&arbiter->kicks, 1, memory_order_relaxed);
	lend__borrower_record(&worker->borrower, LEND_TRACE_KICK, ring->index,
			      0);
}

static bool is_any_stuck(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	bool any = false;

	for (unsigned i = 0; i < lend__runtime_count(runtime); i++) {
		struct lend_worker *other = &runtime->workers[i];
		uint64_t age_ns;

		if (other == worker)
			continue;
		age_ns = age_of(other, worker->now_ns);
		if (age_ns < runtime->arbiter.stall_ns)
			continue;
		any = true;
		notice(worker, other, age_ns);
		kick_by_signal(worker, other);
	}
	return any;
}

/* Timers of a worker that is late, and of one that sleeps and was not told. */
static void expire_for_others(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	uint64_t stall_ns = runtime->arbiter.stall_ns;

	for (unsigned i = 0; i < lend__runtime_count(runtime); i++) {
		struct lend_worker *other = &runtime->workers[i];

		if (other != worker && worker->now_ns > stall_ns)
			lend__timers_expire(&other->timers,
					    worker->now_ns - stall_ns);
	}
}

void lend__monitor_look(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	uint64_t looked_ns = load(&runtime->looked_ns);
	uint64_t stall_ns = runtime->arbiter.stall_ns;

	if (lend__runtime_count(runtime) == 1 ||
	    worker->now_ns < looked_ns + stall_ns / 2 ||
	    !atomic_compare_exchange_strong_explicit(
		    &runtime->looked_ns, &looked_ns, worker->now_ns,
		    memory_order_relaxed, memory_order_relaxed))
		return;
	expire_for_others(worker);
	if (!is_any_stuck(worker))
		return;
	lend__arbiter_rescue(&worker->borrower, worker->now_ns);
	lend__arbiter_settle(&worker->borrower, false);
	lend__arbiter_flush(&worker->borrower);
	/* Entering where somebody is submitting, too: that one may be without a
	 * CPU, and others leave its ring alone meanwhile. */
	lend__poller_help(&worker->borrower, worker->now_ns, stall_ns, true);
	lend__worker_steal(worker, LEND_WORKERS_MAX);
}

/* ---- the sentinel ---- */

bool lend__monitor_take_watch(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;
	uint64_t busy_ns = load(&runtime->last_busy_ns);
	bool all_parked = atomic_load_explicit(&runtime->parked,
					       memory_order_seq_cst) ==
			  lend__runtime_count(runtime);

	if (lend__runtime_count(runtime) == 1)
		return false;
	if (all_parked && worker->now_ns > busy_ns &&
	    worker->now_ns - busy_ns > LINGER_NS)
		return false;
	/* [P2]: of a worker that goes to sleep and one that needs a sentinel,
	 * one sees the other; the same in ensure_watch(). */
	return !atomic_exchange_explicit(&runtime->has_sentinel, true,
					 memory_order_seq_cst);
}

void lend__monitor_end_watch(struct lend_worker *worker)
{
	atomic_store_explicit(&worker->runtime->has_sentinel, false,
			      memory_order_seq_cst);
}

uint64_t lend__monitor_timeout(const struct lend_worker *worker,
			       uint64_t now_ns)
{
	const struct lend_runtime *runtime = worker->runtime;
	uint64_t stall_ns = runtime->arbiter.stall_ns;
	uint64_t timeout_ns = stall_ns;

	/* Until the first of them could be called stuck; one that is, is
	 * looked at again in half that time. */
	for (unsigned i = 0; i < lend__runtime_count(runtime); i++) {
		uint64_t age_ns = age_of(&runtime->workers[i], now_ns);
		uint64_t left_ns = age_ns < stall_ns ? stall_ns - age_ns :
						       stall_ns / 2;

		if (&runtime->workers[i] != worker && left_ns < timeout_ns)
			timeout_ns = left_ns;
	}
	return timeout_ns > stall_ns / 8 ? timeout_ns : stall_ns / 8;
}

void lend__monitor_ensure_watch(struct lend_worker *worker)
{
	struct lend_runtime *runtime = worker->runtime;

	lend__watchdog_wake(&runtime->watchdog);
	if (lend__runtime_count(runtime) == 1)
		return;
	/* Not at every park: the line is shared by all workers. */
	if (worker->now_ns > load(&runtime->last_busy_ns) + LINGER_NS / 8)
		atomic_store_explicit(&runtime->last_busy_ns, worker->now_ns,
				      memory_order_relaxed);
	if (!atomic_load_explicit(&runtime->has_sentinel, memory_order_seq_cst))
		lend__worker_wake_one(worker);
}
