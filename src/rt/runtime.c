/*
 * Starting and stopping a runtime: see include/lend/runtime.h.
 */
#include "rt/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/actor.h"
#include "arbiter/mode.h"
#include "base/check.h"
#include "base/topology.h"
#include "base/cpu.h"
#include "mem/pages.h"
#include "rt/current.h"
#include "rt/kick.h"
#include "rt/lifecycle.h"
#include "rt/options.h"
#include "rt/overflow.h"
#include "rt/places.h"
#include "rt/program.h"
#include "rt/report.h"
#include "rt/thread.h"
#include "rt/worker.h"

static void runnable(struct lend_host *host, struct lend_actor *actor)
{
	struct lend_runtime *runtime = lend_container_of(
		host, struct lend_runtime, host);
	struct lend_worker *worker = lend__current_worker();

	/* Where its completion was seen it runs: its next operation goes to
	 * the same ring. */
	if (lend_likely(worker && worker->runtime == runtime))
		lend__worker_resume(worker, actor);
	else if (actor->pinned_to)
		lend__pinned_send(actor);
	else
		lend__worker_send(lend__runtime_pick_worker(runtime), actor);
}

struct lend_worker *lend__runtime_pick_worker(struct lend_runtime *runtime)
{
	unsigned next = atomic_fetch_add_explicit(&runtime->next_worker, 1,
						  memory_order_relaxed);

	return &runtime->workers[next % lend__runtime_open(runtime)];
}

/* ---- start ---- */

void lend__runtime_worker_started(struct lend_runtime *runtime, int err)
{
	pthread_mutex_lock(&runtime->lock);
	runtime->starting--;
	if (err)
		runtime->start_error = err;
	pthread_cond_broadcast(&runtime->started);
	pthread_mutex_unlock(&runtime->lock);
}

static void join_threads(struct lend_runtime *runtime, unsigned count)
{
	/* See Note [parking]: no worker goes to sleep after it. */
	atomic_store_explicit(&runtime->halting, true, memory_order_seq_cst);
	for (unsigned i = 0; i < count; i++)
		lend__worker_wake(&runtime->workers[i]);
	for (unsigned i = 0; i < count; i++)
		pthread_join(runtime->workers[i].thread, NULL);
}

static int start_threads(struct lend_runtime *runtime)
{
	unsigned count = 0;
	int err = 0;

	while (count < runtime->options.workers && !err) {
		err = lend__thread_start(runtime, count);
		count += !err;
	}
	pthread_mutex_lock(&runtime->lock);
	while (runtime->starting)
		pthread_cond_wait(&runtime->started, &runtime->lock);
	if (!err)
		err = runtime->start_error;
	pthread_mutex_unlock(&runtime->lock);
	if (err)
		join_threads(runtime, count);
	return err;
}

static int open_arbiter(struct lend_runtime *runtime)
{
	struct lend_arbiter_options options = {
		.mode = lend__mode_find(runtime->options.mode),
		.rings = runtime->options.rings,
		.rings_max = runtime->options.rings_max,
		.depth = runtime->options.depth,
		.stall_ns = runtime->options.stall_ns,
		.sqpoll_idle_ms = runtime->options.sqpoll_idle_ms,
		.trace_events = runtime->options.trace_events,
		.buffers = runtime->options.buffers,
		.buffer_size = runtime->options.buffer_size,
	};
	struct lend_features features;
	int err = lend__features_probe(&features);

	if (err)
		return err;
	if (options.sqpoll_idle_ms &&
	    !(runtime->options.without & LEND_FEATURE_SQPOLL))
		err = lend__features_probe_sqpoll(&features);
	if (runtime->options.shared_buffers &&
	    (runtime->options.without & LEND_FEATURE_INC_BUFFERS ||
	     lend__features_probe_parts(&features)))
		lend__log(
			&runtime->log, LEND_LOG_INFO,
			"no shared buffers: this kernel can not fill buffers in parts (IOU_PBUF_RING_INC), or not as it should, or it is masked");
	lend__features_mask(&features, runtime->options.without);
	if (options.sqpoll_idle_ms && !features.sqpoll) {
		lend__log(&runtime->log, LEND_LOG_INFO,
			  "no polling thread (IORING_SETUP_SQPOLL): %s",
			  err ? lend_error_text(err) : "masked");
		/* What there is too little of may be there later. */
		return err == -ENOMEM || err == -EMFILE || err == -ENFILE ||
				       err == -EAGAIN ?
			       err :
			       -EOPNOTSUPP;
	}
	return lend__arbiter_init(&runtime->arbiter, &options, &features);
}

/* Addresses for all that there may be; memory for those that there are. */
static size_t workers_size(const struct lend_runtime *runtime)
{
	return lend_align_up(runtime->options.workers_max *
				     sizeof(struct lend_worker),
			     LEND_PAGE_SIZE);
}

static void free_parts(struct lend_runtime *runtime)
{
	/* Rings first: the kernel's last reference to what follows. */
	lend__arbiter_fini(&runtime->arbiter);
	for (unsigned i = 0; i < lend__runtime_used(runtime); i++)
		lend__worker_fini(&runtime->workers[i]);
	lend__pages_unreserve(runtime->workers, workers_size(runtime));
	lend__registry_fini(&runtime->registry);
	lend__message_depot_fini(&runtime->message_depot);
	lend__blocking_fini(&runtime->blocking);
	lend__watchdog_fini(runtime);
	pthread_cond_destroy(&runtime->started);
	pthread_mutex_destroy(&runtime->lock);
	free(runtime);
}

/* All of them before the first thread looks at the others. */
static int make_workers(struct lend_runtime *runtime)
{
	unsigned count = runtime->options.workers;
	void *workers;
	int err = lend__pages_reserve(workers_size(runtime), &workers);

	if (err)
		return err;
	runtime->workers = workers;
	for (unsigned i = 0; i < count && !err; i++)
		err = lend__worker_init(&runtime->workers[i], runtime, i);
	atomic_store_explicit(&runtime->workers_used, count,
			      memory_order_relaxed);
	atomic_store_explicit(&runtime->workers_count, count,
			      memory_order_relaxed);
	atomic_store_explicit(&runtime->workers_open, count,
			      memory_order_relaxed);
	return err;
}

/* What it is made of, and which fallbacks it was left with. */
static void log_start(const struct lend_runtime *runtime)
{
	unsigned used = lend__arbiter_features(&runtime->arbiter);
	unsigned there = lend__features_set(&runtime->arbiter.features);
	unsigned missing = LEND_FEATURES_ALL & ~there;
	char text[LEND_FEATURES_TEXT_MAX];

	lend__log(&runtime->log, LEND_LOG_INFO,
		  "%u workers, %u rings of %u, mode %s",
		  runtime->options.workers, runtime->options.rings,
		  runtime->arbiter.pool.depth, runtime->arbiter.mode->name);
	lend_features_format(used, text, sizeof(text));
	lend__log(&runtime->log, LEND_LOG_INFO, "features in use: %s", text);
	/* What nobody asked for is not missed. */
	if (!runtime->options.sqpoll_idle_ms)
		missing &= ~(unsigned)LEND_FEATURE_SQPOLL;
	if (!runtime->options.shared_buffers)
		missing &= ~(unsigned)LEND_FEATURE_INC_BUFFERS;
	lend_features_format(missing, text, sizeof(text));
	lend__log(&runtime->log, LEND_LOG_INFO,
		  "not in this kernel, or masked: %s", text);
	lend_features_format(there & ~used, text, sizeof(text));
	lend__log(&runtime->log, LEND_LOG_DEBUG, "of no use in this mode: %s",
		  text);
}

static int take_kick_signal(const struct lend_options *options,
			    const struct lend_log *log)
{
	int err = options->kick_signal ?
			  lend__kick_install(options->kick_signal) :
			  0;

	if (err)
		lend__log(
			log, LEND_LOG_ERROR, "option kick_signal is %d: %s",
			options->kick_signal,
			err == -EBUSY ?
				"the program has a handler for it; give another one, such as SIGURG" :
				"not a signal that can be handled; SIGURG can");
	return err;
}

/* Hardened builds. Without it all works, and less is checked. */
static void split_heaps(struct lend_runtime *runtime)
{
	int err = LEND_HEAP_VIEWS ?
			  lend__heap_range_split(&runtime->registry.heaps) :
			  0;

	if (err)
		lend__log(
			&runtime->log, LEND_LOG_WARNING,
			"buffers stay open to the program while operations work on them: %s",
			lend_error_text(err));
}

int lend_runtime_new(const struct lend_options *options,
		     struct lend_runtime **ret_runtime)
{
	struct lend_options complete = { 0 };
	struct lend_runtime *runtime = NULL;
	struct lend_log log;
	int err;

	if (options)
		complete = *options;
	lend__log_init(&log, complete.log_level, complete.log,
		       complete.log_arg);
	err = lend__options_complete(&complete, &log);
	if (!err)
		err = lend__blocking_complete(&complete, &log);
	if (!err)
		err = lend__options_check_masks(&complete, &log);
	if (!err)
		err = take_kick_signal(&complete, &log);
	if (!err)
		err = lend__watchdog_complete(&complete, &log);
	if (err)
		return err;
	if (posix_memalign((void **)&runtime, LEND_CACHE_LINE,
			   sizeof(*runtime)))
		return -ENOMEM;
	memset(runtime, 0, sizeof(*runtime));
	runtime->host.runnable = runnable;
	runtime->options = complete;
	runtime->log = log;
	runtime->roster.topology = lend__topology();
	atomic_init(&runtime->lookout_ns, complete.stall_ns);
	lend__program_take_log(runtime);
	runtime->started_ns = lend_now();
	lend__fp_modes_read(&runtime->fp_modes);
	pthread_mutex_init(&runtime->lock, NULL);
	pthread_cond_init(&runtime->started, NULL);
	lend__blocking_init(&runtime->blocking, &complete, &runtime->log);
	lend__message_depot_init(&runtime->message_depot);
	lend__watchdog_init(runtime);
	err = open_arbiter(runtime);
	if (err) {
		lend__message_depot_fini(&runtime->message_depot);
		lend__blocking_fini(&runtime->blocking);
		lend__watchdog_fini(runtime);
		free(runtime);
		return err;
	}
	err = lend__registry_init(&runtime->registry, complete.actors_max,
				  complete.workers_max, complete.stack_size,
				  complete.heap_total_max);
	if (err == -ENOMEM) {
		/* Another errno than that of rings. */
		err = -E2BIG;
		lend__log(
			&log, LEND_LOG_ERROR,
			"no room for the addresses of %u actors (%llu GiB): lower actors_max, or the stack size, or raise ulimit -v",
			complete.actors_max,
			(unsigned long long)complete.actors_max *
					(complete.stack_size +
					 LEND_HEAP_SLICE_DEFAULT) >>
				30);
	}
	if (!err)
		split_heaps(runtime);
	if (!err)
		err = make_workers(runtime);
	lend__overflow_install();
	if (!err)
		err = start_threads(runtime);
	if (!err) {
		err = lend__watchdog_start(runtime);
		if (err)
			join_threads(runtime, runtime->options.workers);
	}
	if (err) {
		free_parts(runtime);
		return err;
	}
	if (complete.report_leaks)
		lend__places_begin();
	runtime->threads_running = true;
	log_start(runtime);
	*ret_runtime = runtime;
	return 0;
}

/* ---- stop ---- */

/* After that a stop says what it still waits for. */
#define PATIENCE_NS (5 * LEND_S)

int lend_runtime_drain(struct lend_runtime *runtime, uint64_t deadline)
{
	struct lend_registry *registry = &runtime->registry;
	int err;

	if (!runtime->threads_running)
		return 0;
	lend__registry_close(registry);
	lend__registry_signal_all(registry, LEND_SIGNAL_CANCEL);
	err = lend__registry_wait(registry, deadline);
	if (err)
		lend__report_actors(runtime);
	return err;
}

void lend_runtime_stop(struct lend_runtime *runtime)
{
	if (!runtime->threads_running)
		return;
	/* It says what it waits for, and goes on waiting. */
	if (lend_runtime_drain(runtime, lend_after(PATIENCE_NS)))
		lend__registry_wait(&runtime->registry, LEND_FOREVER);
	/* It may be about to add a worker, or to remove one. */
	lend__watchdog_stop(runtime);
	/* Functions that their actors have left. Before the workers, which
	 * their threads may be about to wake. */
	lend__blocking_stop(&runtime->blocking, PATIENCE_NS);
	join_threads(runtime, lend__runtime_count(runtime));
	runtime->threads_running = false;
}

struct lend_runtime *lend_runtime_free(struct lend_runtime *runtime)
{
	if (runtime) {
		lend_runtime_stop(runtime);
		if (runtime->options.report_leaks)
			lend__places_end(runtime);
		free_parts(runtime);
	}
	return NULL;
}

int lend_run(const struct lend_options *options, lend_actor_fn fn, void *arg)
{
	const struct lend_spawn_options joinable = {
		.name = "main",
		.joinable = true,
	};
	struct lend_runtime *runtime;
	lend_ref first;
	int value = 0, err;

	err = lend_runtime_new(options, &runtime);
	if (err)
		return err;
	atomic_store_explicit(&runtime->alone, true, memory_order_relaxed);
	err = lend_runtime_spawn(runtime, fn, arg, &joinable, &first);
	if (!err)
		err = lend_runtime_join(runtime, first, &value);
	lend_runtime_free(runtime);
	return err ? err : value;
}

struct lend_runtime *lend_runtime_current(void)
{
	struct lend_worker *worker = lend__current_worker();

	return worker ? worker->runtime : NULL;
}

unsigned lend_runtime_workers(const struct lend_runtime *runtime)
{
	return lend__runtime_open(runtime);
}

unsigned lend_runtime_rings(const struct lend_runtime *runtime)
{
	return lend__arbiter_rings(&runtime->arbiter);
}

enum lend_ring_mode lend_runtime_mode(const struct lend_runtime *runtime)
{
	return runtime->options.mode;
}

unsigned lend_runtime_features(const struct lend_runtime *runtime)
{
	return lend__arbiter_features(&runtime->arbiter);
}
