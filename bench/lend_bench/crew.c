/*
 * Actors that work by themselves: see crew.h.
 */
#include "lend_bench/crew.h"

#include <errno.h>
#include <stdlib.h>

uint64_t member_random(struct member *member)
{
	/* splitmix64: any seed will do, also 0. */
	uint64_t z = member->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void crew_free(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++)
		free(crew->members[i].latency);
	free(crew->members);
	free(crew);
}

static struct crew *crew_new(struct subject *subject, unsigned count)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	size_t size = count * sizeof(*crew->members);

	if (!crew)
		return NULL;
	crew->members = aligned_alloc(_Alignof(struct member), size);
	if (!crew->members) {
		free(crew);
		return NULL;
	}
	for (unsigned i = 0; i < count; i++) {
		crew->members[i] = (struct member){
			.subject = subject,
			.index = i,
			.random = subject->config->seed ^ ((uint64_t)i << 32),
			/* Large, but touched only where it counts. */
			.latency = calloc(1, sizeof(struct histogram)),
		};
		crew->count++;
		if (!crew->members[i].latency) {
			crew_free(crew);
			return NULL;
		}
	}
	return crew;
}

int crew_start(struct subject *subject, unsigned count,
	       enum placement placement, lend_actor_fn fn)
{
	struct crew *crew = crew_new(subject, count);

	if (!crew)
		return subject_fail(subject, -ENOMEM, "the actors' counters");
	subject->crew = crew;
	for (unsigned i = 0; i < count; i++) {
		const struct lend_spawn_options options = {
			.name = "member",
			.worker = placement == PLACE_ON_ONE ?
					  1 :
					  1 + i % subject->config->workers,
			.joinable = true,
		};
		int err = lend_runtime_spawn(subject->runtime, fn,
					     &crew->members[i], &options,
					     &crew->members[i].ref);

		if (err)
			return subject_fail(subject, err, "spawning an actor");
	}
	return 0;
}

uint64_t crew_finished(const struct crew *crew)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < crew->count; i++)
		sum += atomic_load_explicit(&crew->members[i].finished,
					    memory_order_relaxed);
	return sum;
}

void crew_join(struct subject *subject)
{
	struct crew *crew = subject->crew;

	/* -ESRCH would mean that a joinable actor was forgotten. */
	for (unsigned i = 0; i < crew->count && !crew->joined; i++)
		if (lend_runtime_join(subject->runtime, crew->members[i].ref,
				      NULL))
			subject->shared->errors++;
	crew->joined = true;
}

void crew_stop(struct subject *subject)
{
	struct shared *shared = subject->shared;
	struct crew *crew = subject->crew;

	crew_join(subject);
	for (unsigned i = 0; i < crew->count; i++) {
		struct member *member = &crew->members[i];

		shared->started += member->started;
		shared->finished += member->finished;
		shared->errors += member->errors;
		histogram_merge(&shared->latency, member->latency);
	}
	subject->crew = NULL;
	crew_free(crew);
}
