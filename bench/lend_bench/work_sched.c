/*
 * The workloads of lend-bench-micro, which do nothing but schedule, in every
 * mode: cycle, yield, churn, locality, transfer, spawn, pingpong, fan-in,
 * wake-latency and what else there is in ../micro/sched/.
 *
 * They check by themselves what they hand to each other. Here it is seen that
 * none of their actors ended unasked, and that in the end each one goes on: who
 * was never woken, or never had its turn, does not.
 */
#include "lend_bench/work_sched.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lend_bench/subject.h"
#include "lend_bench/workload.h"
#include "micro/sched/crowd.h"

static const struct timespec a_moment = { .tv_nsec = LEND_MS };

static int start(struct subject *subject)
{
	const struct config *config = subject->config;
	const char *name = workload_at(config->workload)->name;
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	int err = -ENOMEM;

	if (crowd)
		err = crowd_open(crowd, crowd_work_find(name), config->workers);
	if (err) {
		free(crowd);
		return subject_fail(subject, err, "the actors' memory");
	}
	subject->own = crowd;
	err = crowd_start(crowd, subject->runtime);
	return err ? subject_fail(subject, err, "spawning an actor") : 0;
}

static bool counts(const struct crowd *crowd, unsigned index)
{
	return !crowd->work->counter || crowd->work->counter == index + 1;
}

static uint64_t done_by(const struct crowd_member *member)
{
	return atomic_load_explicit(&member->published, memory_order_relaxed);
}

static int ended(const struct crowd_member *member)
{
	return atomic_load_explicit(&member->ended, memory_order_relaxed);
}

/* Since the time before: how long what was timed took, and other figures. */
static void take_figures(struct subject *subject)
{
	struct shared *shared = subject->shared;
	struct crowd *crowd = subject->own;
	struct crowd_extra extras[CROWD_EXTRAS_MAX];
	unsigned count = 0;

	memset(&shared->latency, 0, sizeof(shared->latency));
	crowd_spans_take(crowd, &shared->latency);
	shared->extras.count = 0;
	if (crowd->work->extras && crowd->work->extras != crowd_span_extras)
		count = crowd->work->extras(crowd, extras);
	for (unsigned i = 0; i < count; i++)
		extras_add(&shared->extras, extras[i].name, extras[i].value);
}

static uint64_t look(struct subject *subject)
{
	take_figures(subject);
	return crowd_operations(subject->own);
}

/* Somebody ends, though nobody should: not a receiver of many, which would not
 * notice before they have ended. That is an error; or, where something is to be
 * lost, what is not done any more is. */
static void tamper(struct subject *subject, struct crowd *crowd)
{
	struct crowd_member *victim =
		&crowd->members[crowd->work->counter == 1 ? 1 : 0];

	lend_runtime_cancel(subject->runtime, victim->ref);
	while (!ended(victim))
		nanosleep(&a_moment, NULL);
	if (subject->config->tamper == TAMPER_LOSE)
		atomic_store(&victim->ended, 0);
}

/* How many of those who count do nothing until @deadline. */
static unsigned count_stuck(const struct crowd *crowd, uint64_t deadline)
{
	uint64_t *before = calloc(crowd->count, sizeof(*before));
	unsigned stuck = 0;

	if (!before)
		return crowd->count;
	for (unsigned i = 0; i < crowd->count; i++)
		before[i] = done_by(&crowd->members[i]);
	for (unsigned i = 0; i < crowd->count; i++) {
		if (!counts(crowd, i))
			continue;
		while (done_by(&crowd->members[i]) == before[i] &&
		       lend_now() < deadline)
			nanosleep(&a_moment, NULL);
		stuck += done_by(&crowd->members[i]) == before[i];
	}
	free(before);
	return stuck;
}

/* Was it told to end, or found that another one had been, or everybody? */
static bool ended_well(const struct crowd_member *member)
{
	int how = ended(member);

	return !how || how == -ECANCELED || how == -ESRCH || how == -ESHUTDOWN;
}

static void stop(struct subject *subject)
{
	struct shared *shared = subject->shared;
	struct crowd *crowd = subject->own;
	unsigned stuck = 0;

	if (subject->config->tamper)
		tamper(subject, crowd);
	for (unsigned i = 0; i < crowd->count; i++)
		shared->errors += ended(&crowd->members[i]) != 0;
	/* Who waits for one that has ended is no news. The engine's patience
	 * is for this and for the runtime's end. */
	if (!shared->errors)
		stuck = count_stuck(crowd, lend_after(shared->patience_ns / 2));
	crowd_stop(crowd);
	for (unsigned i = 0; i < crowd->count && !shared->errors; i++)
		shared->errors += !ended_well(&crowd->members[i]);
	shared->finished = crowd_operations(crowd);
	shared->started = shared->finished + stuck;
	crowd_close(crowd);
	free(crowd);
}

/* The fewest that it makes sense with. */
static unsigned workers_min(const struct crowd_work *work)
{
	unsigned workers = 1;

	while (!work->count(workers))
		workers++;
	return workers;
}

const struct workload *work_sched_at(unsigned index)
{
	static struct workload workloads[WORK_SCHED_MAX];

	if (index >= WORK_SCHED_MAX || !crowd_works[index])
		return NULL;
	workloads[index] = (struct workload){
		.name = crowd_works[index]->name,
		.summary = crowd_works[index]->help,
		.workers_min = workers_min(crowd_works[index]),
		.start = start,
		.look = look,
		.stop = stop,
	};
	return &workloads[index];
}
