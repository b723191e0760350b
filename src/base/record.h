/*
 * A flight recorder: the last events of one writer, in memory.
 *
 * One thread at a time writes (a worker, or whoever holds the arbiter's lock);
 * any thread reads meanwhile. The writer takes no lock and waits for nobody;
 * the oldest record is overwritten. See "Note [recorder]" in record.c.
 *
 * Events are for slow paths: a recorder that is off costs a load and a branch,
 * one that is on a look at the clock.
 */
#ifndef LEND_BASE_RECORD_H
#define LEND_BASE_RECORD_H

#include <lend/trace.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/check.h"

/* One line of the cache; an event without a name uses half of it. */
struct lend_record {
	LEND_CACHE_ALIGNED _Atomic uint64_t number; /* 0: being written */
	_Atomic uint64_t time_ns;
	_Atomic uint64_t what; /* event, why, ring, worker, by */
	_Atomic uint64_t argument;
	_Atomic uint64_t name[4];
};

_Static_assert(sizeof(struct lend_record) == 64, "a line of the cache");
_Static_assert(sizeof(struct lend_trace_record) == 64, "the format");

/* Records that one recorder of a runtime keeps: 64 MiB. */
#define LEND_TRACE_EVENTS_MAX (1U << 20)

struct lend_recorder {
	/* [const] after init */
	struct lend_record *records; /* NULL: there is none */
	uint64_t mask;
	/* [atomic: rarely written] */
	_Atomic bool on;
	/* [owner] written, read by others */
	_Atomic uint64_t count; /* records ever written */
};

/* What to record; @ring, @worker and @by may be LEND_TRACE_NOBODY. */
struct lend_event {
	uint8_t event; /* enum lend_trace_event */
	uint8_t why;   /* enum lend_trace_why */
	uint16_t ring;
	uint16_t worker;
	uint16_t by;
	uint64_t argument;
	const char *name; /* up to 31 bytes of it; NULL: none */
};

/**
 * Make room for records, and begin to record.
 *
 * @recorder  zeroed; without this call it records nothing
 * @count     records to keep, 1 to LEND_TRACE_EVENTS_MAX; rounded up to a power
 * of two
 *
 * Return: 0 or -ENOMEM
 */
int lend__recorder_init(struct lend_recorder *recorder, uint64_t count);
void lend__recorder_fini(struct lend_recorder *recorder);

void lend__recorder_write(struct lend_recorder *recorder,
			  const struct lend_event *event);

/* Where even making up an event would cost too much. */
static inline bool lend__recorder_is_on(const struct lend_recorder *recorder)
{
	/* Relaxed: whoever turns it on or off does not care about one event
	 * more or less. */
	return lend_unlikely(
		atomic_load_explicit(&recorder->on, memory_order_relaxed));
}

/* Record an event, now. Thread: the recorder's writer. */
static inline void lend__record(struct lend_recorder *recorder,
				const struct lend_event *event)
{
	if (lend__recorder_is_on(recorder))
		lend__recorder_write(recorder, event);
}

/* ---- reading: any thread ---- */

/* The number of the newest record; 0: there is none. */
uint64_t lend__recorder_count(const struct lend_recorder *recorder);

/* How many records it can keep. */
static inline uint64_t
lend__recorder_capacity(const struct lend_recorder *recorder)
{
	return recorder->records ? recorder->mask + 1 : 0;
}

/**
 * Copy record @number.
 *
 * Return: true; false if it is not there any more, or not yet
 */
bool lend__recorder_read(const struct lend_recorder *recorder, uint64_t number,
			 struct lend_trace_record *ret_record);

#endif
