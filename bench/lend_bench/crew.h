/*
 * The actors of a workload that is not served: each does its work over and over
 * until it is told to stop, and counts what it began and what it finished.
 */
#ifndef LEND_BENCH_CREW_H
#define LEND_BENCH_CREW_H

#include <lend/lend.h>
#include <stdatomic.h>
#include <stdint.h>

#include "histogram.h"
#include "lend_bench/subject.h"

/* One actor's. Counters have one writer, so they are no read-modify-write. */
struct member {
	_Alignas(64) struct subject *subject;
	unsigned index;
	lend_ref ref;
	uint64_t random; /* state of member_random() */
	void *own;	 /* the workload's */
	struct histogram *latency;
	_Atomic uint64_t started;  /* operations */
	_Atomic uint64_t finished; /* with the right result */
	_Atomic uint64_t errors;   /* with a wrong one */
	uint64_t counters[4];	   /* the workload's, read after the end */
};

struct crew {
	unsigned count;
	bool joined;
	struct member *members;
};

/* How a crew's actors are placed. */
enum placement { PLACE_SPREAD, PLACE_ON_ONE };

/**
 * Start @count actors, which run @fn with their struct member.
 *
 * Thread: the subject's main. Return: 0, or -errno after subject_fail().
 */
int crew_start(struct subject *subject, unsigned count,
	       enum placement placement, lend_actor_fn fn);

/* Wait until all have ended; their counters may then be read. */
void crew_join(struct subject *subject);

/* The same if need be, leave the sums in subject->shared, free it. */
void crew_stop(struct subject *subject);

/* Operations finished so far. Thread: any. */
uint64_t crew_finished(const struct crew *crew);

static inline void member_count(_Atomic uint64_t *counter, uint64_t count)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, value + count, memory_order_relaxed);
}

static inline bool member_goes_on(const struct member *member)
{
	return !subject_is_stopping(member->subject);
}

/* An operation that began at @began_ns and is over at @now_ns. */
static inline void member_time(struct member *member, uint64_t began_ns,
			       uint64_t now_ns)
{
	if (subject_is_measuring(member->subject))
		histogram_add(member->latency, now_ns - began_ns);
}

uint64_t member_random(struct member *member);

#endif
