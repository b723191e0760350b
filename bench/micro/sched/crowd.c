/*
 * Starting a crowd, looking at it, ending it: see crowd.h. Called by main.c,
 * and by lend-bench.
 */
#include "crowd.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "histogram.h"

/* A slice may be empty for so long before the workload counts as stuck: the
 * CPUs may be busy with something else. */
#define EMPTY_MAX_NS (20 * LEND_S)

static uint64_t clock_of(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * LEND_S + (uint64_t)now.tv_nsec;
}

/* Of the process. What a running thread has used is counted when its tick
 * comes, every 4 ms or so, which is a sixth of a slice; but at once for who
 * asks for the thread's own clock. It takes some 20 us, as long at a slice's
 * end as at its begin. */
static uint64_t cpu_time(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;

	while (tasks && (entry = readdir(tasks))) {
		pid_t thread = (pid_t)atoi(entry->d_name);
		struct timespec unused;

		/* The kernel's way to name a thread's clock, which libc has for
		 * a pthread_t alone. */
		if (thread)
			clock_gettime((clockid_t)(~(unsigned)thread << 3 | 6),
				      &unused);
	}
	if (tasks)
		closedir(tasks);
	return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void sleep_ms(unsigned ms)
{
	const struct timespec span = {
		.tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	nanosleep(&span, NULL);
}

/* ---- for workloads ---- */

static void spans_lock(struct crowd *crowd)
{
	while (atomic_exchange_explicit(&crowd->spans_lock, true,
					memory_order_acquire))
		sched_yield();
}

static void spans_unlock(struct crowd *crowd)
{
	atomic_store_explicit(&crowd->spans_lock, false, memory_order_release);
}

void crowd_span(struct crowd *crowd, uint64_t span_ns)
{
	spans_lock(crowd);
	histogram_add(crowd->spans, span_ns);
	spans_unlock(crowd);
}

unsigned crowd_span_extras(struct crowd *crowd,
			   struct crowd_extra extras[CROWD_EXTRAS_MAX])
{
	spans_lock(crowd);
	extras[0] = (struct crowd_extra){
		"p50_ns", (double)histogram_ns(crowd->spans, 0.5)
	};
	extras[1] = (struct crowd_extra){
		"p99_ns", (double)histogram_ns(crowd->spans, 0.99)
	};
	extras[2] = (struct crowd_extra){ "max_ns",
					  (double)crowd->spans->max_ns };
	memset(crowd->spans, 0, sizeof(*crowd->spans));
	spans_unlock(crowd);
	return 3;
}

void crowd_spans_take(struct crowd *crowd, struct histogram *into)
{
	spans_lock(crowd);
	histogram_merge(into, crowd->spans);
	memset(crowd->spans, 0, sizeof(*crowd->spans));
	spans_unlock(crowd);
}

uint64_t crowd_shown(struct crowd *crowd)
{
	uint64_t sum = 0, before = crowd->before[0];

	for (unsigned i = 0; i < crowd->count; i++)
		sum += atomic_load_explicit(&crowd->members[i].shown,
					    memory_order_relaxed);
	crowd->before[0] = sum;
	return sum - before;
}

/* ---- a crowd, on a runtime that is there ---- */

static int member_run(struct crowd_member *self)
{
	/* Acquire: by then all members' references are there. */
	while (!atomic_load_explicit(&self->crowd->go, memory_order_acquire)) {
		int err = lend_yield();

		if (err)
			return err;
	}
	return self->crowd->work->run(self);
}

static int member_main(void *arg)
{
	struct crowd_member *self = arg;
	int err = member_run(self);

	atomic_store_explicit(&self->ended, err ? err : -EPROTO,
			      memory_order_relaxed);
	return err;
}

int crowd_open(struct crowd *crowd, const struct crowd_work *work,
	       unsigned workers)
{
	size_t size;
	int err = -ENOMEM;

	*crowd = (struct crowd){
		.work = work,
		.workers = workers,
		.count = work->count(workers),
	};
	if (!crowd->count)
		return -EOPNOTSUPP;
	size = crowd->count * sizeof(struct crowd_member);
	crowd->members = aligned_alloc(_Alignof(struct crowd_member), size);
	crowd->spans = calloc(1, sizeof(*crowd->spans));
	if (crowd->members && crowd->spans) {
		memset(crowd->members, 0, size);
		err = work->prepare ? work->prepare(crowd) : 0;
		if (!err)
			return 0;
	}
	free(crowd->members);
	free(crowd->spans);
	return err;
}

void crowd_close(struct crowd *crowd)
{
	if (crowd->work->release)
		crowd->work->release(crowd);
	free(crowd->members);
	free(crowd->spans);
}

int crowd_start(struct crowd *crowd, struct lend_runtime *runtime)
{
	const struct crowd_work *work = crowd->work;

	crowd->runtime = runtime;

	for (unsigned i = 0; i < crowd->count; i++) {
		struct crowd_member *member = &crowd->members[i];
		const struct lend_spawn_options options = {
			.worker = work->place ? work->place(crowd, i) : 0,
			.pinned = work->pinned,
		};
		int err;

		member->crowd = crowd;
		member->index = i;
		member->random = 88172645463325252 + 7919 * (uint64_t)i;
		err = lend_runtime_spawn(crowd->runtime, member_main, member,
					 &options, &member->ref);
		if (err)
			return err;
	}
	atomic_store_explicit(&crowd->go, true, memory_order_release);
	return 0;
}

uint64_t crowd_operations(const struct crowd *crowd)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < crowd->count; i++)
		sum += atomic_load_explicit(&crowd->members[i].published,
					    memory_order_relaxed);
	return sum;
}

void crowd_stop(struct crowd *crowd)
{
	atomic_store(&crowd->stop, true);
	lend_runtime_stop(crowd->runtime);
}

/* ---- a measurement ---- */

static int look(struct crowd *crowd, const struct crowd_plan *plan,
		struct crowd_slice *slice)
{
	uint64_t operations = crowd_operations(crowd);
	uint64_t wall_ns = clock_of(CLOCK_MONOTONIC);
	uint64_t cpu_ns = cpu_time();

	/* Longer, where nothing came of it: others may have had the CPUs. */
	do {
		if (clock_of(CLOCK_MONOTONIC) - wall_ns > EMPTY_MAX_NS)
			return -EPROTO;
		sleep_ms(plan->slice_ms);
	} while (crowd_operations(crowd) == operations);
	slice->operations = crowd_operations(crowd) - operations;
	slice->wall_ns = clock_of(CLOCK_MONOTONIC) - wall_ns;
	slice->cpu_ns = cpu_time() - cpu_ns;
	slice->extra_count = 0;
	if (crowd->work->extras)
		slice->extra_count = crowd->work->extras(crowd, slice->extras);
	return 0;
}

static int look_at_all(struct crowd *crowd, const struct crowd_plan *plan,
		       struct crowd_slice *slices)
{
	struct crowd_slice unused;
	int err = 0;

	sleep_ms(plan->warmup_ms);
	if (crowd->work->extras)
		crowd->work->extras(crowd, unused.extras);
	for (unsigned i = 0; i < plan->slices && !err; i++)
		err = look(crowd, plan, &slices[i]);
	return err;
}

int crowd_measure(const struct crowd_work *work, const struct crowd_plan *plan,
		  struct crowd_slice *slices)
{
	const struct lend_options options = {
		.mode = plan->mode,
		.workers = plan->workers,
		/* Leaders that spin are what is wanted here. */
		.log_level = LEND_LOG_ERROR,
	};
	struct lend_runtime *runtime;
	struct crowd crowd;
	int err = crowd_open(&crowd, work, plan->workers);

	if (err)
		return err;
	err = lend_runtime_new(&options, &runtime);
	if (!err) {
		err = crowd_start(&crowd, runtime);
		if (!err)
			err = look_at_all(&crowd, plan, slices);
		crowd_stop(&crowd);
		lend_runtime_free(runtime);
	}
	crowd_close(&crowd);
	return err;
}
