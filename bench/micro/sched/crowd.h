/*
 * A crowd: the actors of one scheduling benchmark, and what they have done.
 *
 * Everything here uses the public interface alone, so that the figures are what
 * a program gets. The counterpart in Go is ../go/: the two are kept alike.
 */
#ifndef BENCH_MICRO_CROWD_H
#define BENCH_MICRO_CROWD_H

#include <lend/lend.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Operations are published in bunches: an atomic store costs as much as a part
 * of what is measured. */
#define CROWD_BUNCH 64

#define CROWD_EXTRAS_MAX 4

struct crowd;
struct histogram;

struct crowd_member {
	/* [const] while it runs */
	struct crowd *crowd;
	lend_ref ref;
	unsigned index;
	/* [owner] */
	uint64_t done;
	uint64_t random;
	/* [atomic: counter] @done, now and then */
	_Atomic uint64_t published;
	/* [owner] of whom it concerns */
	void *data;
	uint64_t value;
	_Atomic uint64_t shown; /* an epoch, or a count */
	_Atomic int ended;	/* how run() did; 0: it has not */
} __attribute__((aligned(128)));

/* A figure beside operations and time, of one slice. */
struct crowd_extra {
	const char *name;
	double value;
};

struct crowd_work {
	const char *name;
	const char *help; /* what an operation is */
	/* How many actors, of @workers workers; 0: not with so few. */
	unsigned (*count)(unsigned workers);
	/* On which worker a member starts, from 1; NULL, 0: spread. */
	unsigned (*place)(const struct crowd *crowd, unsigned index);
	bool pinned;
	/* The only one whose operations are counted, + 1; 0: all are. */
	unsigned counter;
	/* Before and after; either may be NULL. prepare: 0 or -ENOMEM. */
	int (*prepare)(struct crowd *crowd);
	void (*release)(struct crowd *crowd);
	/* What each member does, until a call of it says -ECANCELED. */
	int (*run)(struct crowd_member *self);
	/* NULL, or: figures since it was asked last; how many. */
	unsigned (*extras)(struct crowd *crowd,
			   struct crowd_extra extras[CROWD_EXTRAS_MAX]);
};

struct crowd {
	const struct crowd_work *work;
	struct lend_runtime *runtime;
	unsigned workers;
	unsigned count;
	struct crowd_member *members;
	void *data;		 /* the workload's */
	struct histogram *spans; /* [lock: spans_lock] or NULL */
	_Atomic bool spans_lock; /* held for instructions */
	_Atomic bool go, stop;
	uint64_t before[CROWD_EXTRAS_MAX]; /* what extras() saw last */
};

/* What happened between two looks. */
struct crowd_slice {
	uint64_t operations;
	uint64_t wall_ns;
	uint64_t cpu_ns; /* of the whole process */
	struct crowd_extra extras[CROWD_EXTRAS_MAX];
	unsigned extra_count;
};

struct crowd_plan {
	enum lend_ring_mode mode;
	unsigned workers;
	unsigned slices;
	unsigned slice_ms;
	unsigned warmup_ms;
};

/* Every workload, ended by NULL. */
extern const struct crowd_work *const crowd_works[];
const struct crowd_work *crowd_work_find(const char *name);

/* ---- a crowd on a runtime that is there ---- */

/**
 * What the members need, but not they themselves.
 *
 * Return: 0, then crowd_close() ends it
 *         -EOPNOTSUPP  it makes no sense with so few workers
 *         -ENOMEM
 */
int crowd_open(struct crowd *crowd, const struct crowd_work *work,
	       unsigned workers);
void crowd_close(struct crowd *crowd);

/* Spawn all, and let them begin. 0 or an error of the library; crowd_stop()
 * comes next in either case. */
int crowd_start(struct crowd *crowd, struct lend_runtime *runtime);

/* Have them end, and stop the runtime: all have ended afterwards. */
void crowd_stop(struct crowd *crowd);

/* What all have done so far; rounded down to bunches. */
uint64_t crowd_operations(const struct crowd *crowd);

/* How long what crowd_span() was told of took, since it was taken last. */
void crowd_spans_take(struct crowd *crowd, struct histogram *into);

/**
 * Run one workload and look at it @plan->slices times.
 *
 * Return: 0
 *         -EOPNOTSUPP  it makes no sense with so few workers
 *         -EPROTO      nothing at all was done for 20 s
 *         or an error of the library
 */
int crowd_measure(const struct crowd_work *work, const struct crowd_plan *plan,
		  struct crowd_slice *slices);

/* ---- for workloads ---- */

static inline void crowd_count(struct crowd_member *self)
{
	if (++self->done % CROWD_BUNCH == 0)
		atomic_store_explicit(&self->published, self->done,
				      memory_order_relaxed);
}

/* The same for what is rare. */
static inline void crowd_count_at_once(struct crowd_member *self)
{
	atomic_store_explicit(&self->published, ++self->done,
			      memory_order_relaxed);
}

static inline uint64_t crowd_random(struct crowd_member *self)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return self->random;
}

static inline bool crowd_stops(const struct crowd *crowd)
{
	return atomic_load_explicit(&crowd->stop, memory_order_relaxed);
}

/* Wake another one, which is in crowd_park() or will be. The counterpart in Go
 * is a channel of one place, which is how it is done there. */
static inline int crowd_wake(const struct crowd_member *who)
{
	return lend_unpark(who->ref);
}

static inline int crowd_park(void) LEND_AWAITS;
static inline int crowd_park(void)
{
	return lend_park(LEND_FOREVER);
}

/* Note how long something took; and the figures of all since the last time. */
void crowd_span(struct crowd *crowd, uint64_t span_ns);
unsigned crowd_span_extras(struct crowd *crowd,
			   struct crowd_extra extras[CROWD_EXTRAS_MAX]);

/* The sum of all members' @shown since the last time. */
uint64_t crowd_shown(struct crowd *crowd);

#endif
