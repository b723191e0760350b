/*
 * The flight recorder: see record.h.
 *
 * Note [recorder]
 *
 *   writer, record n                    reader, record n
 *   ----------------                    ----------------
 *   number = 0       (relaxed)          number == n ?  (acquire)  [F2]
 *   words = ...      (release) [F1]     copy the words (acquire)  [F1]
 *   number = n       (release) [F2]     number == n ?  (relaxed)
 *   count = n        (release) [F3]
 *
 * The place of record n is n modulo the capacity, so what lay there is record
 * n - capacity, and a reader of that one may be in the middle of its copy.
 *
 * The copy is not older than record n: the first look at the number read what
 * the release [F2] stored, so the words that precede it are visible. It is not
 * newer either: if one of the words is a later record's, the acquire that read
 * it pairs with that word's release [F1]; the store of 0, which precedes it in
 * the writer's program, is then visible, and the second look at the number can
 * not find n there any more, as it was overwritten before. So two equal looks
 * mean that every word in between is record n's, and otherwise the record is
 * lost to this reader, who does not try again: it is the oldest one.
 *
 * The releases are why there is no fence: on x86-64 each is a plain store, on
 * AArch64 a store-release. Nobody ever waits for anybody.
 *
 * The order of writers that follow each other (under the arbiter's lock) is
 * the lock's.
 */
#include "base/record.h"

#include <errno.h>
#include <lend/clock.h>
#include <stdlib.h>
#include <string.h>

int lend__recorder_init(struct lend_recorder *recorder, uint64_t count)
{
	uint64_t capacity = lend_ceil_power_of_two(count);
	void *records;

	lend_assert(!recorder->records);
	lend_assert(count >= 1 && count <= LEND_TRACE_EVENTS_MAX);
	if (posix_memalign(&records, LEND_CACHE_LINE,
			   capacity * sizeof(struct lend_record)))
		return -ENOMEM;
	/* Number 0: nothing there. Touching the pages now keeps page faults
	 * out of what is to be measured. */
	memset(records, 0, capacity * sizeof(struct lend_record));
	recorder->records = records;
	recorder->mask = capacity - 1;
	atomic_store_explicit(&recorder->on, true, memory_order_relaxed);
	return 0;
}

void lend__recorder_fini(struct lend_recorder *recorder)
{
	free(recorder->records);
	memset(recorder, 0, sizeof(*recorder));
}

/* Release [F1]. */
static void put(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static void put_name(struct lend_record *record, const char *name)
{
	uint64_t words[4] = { 0 };

	if (!name) {
		/* The first byte says that there is none. */
		put(&record->name[0], 0);
		return;
	}
	memcpy(words, name, strnlen(name, sizeof(words) - 1));
	for (unsigned i = 0; i < 4; i++)
		put(&record->name[i], words[i]);
}

void lend__recorder_write(struct lend_recorder *recorder,
			  const struct lend_event *event)
{
	uint64_t number = atomic_load_explicit(&recorder->count,
					       memory_order_relaxed) +
			  1;
	struct lend_record *record =
		&recorder->records[number & recorder->mask];

	lend_debug_assert(event->event < LEND_TRACE_EVENTS);
	lend_debug_assert(event->why < LEND_WHYS);
	atomic_store_explicit(&record->number, 0, memory_order_relaxed);
	put(&record->time_ns, lend_now());
	put(&record->what, (uint64_t)event->event | (uint64_t)event->why << 8 |
				   (uint64_t)event->ring << 16 |
				   (uint64_t)event->worker << 32 |
				   (uint64_t)event->by << 48);
	put(&record->argument, event->argument);
	put_name(record, event->name);
	/* Release [F2], [F3]. */
	atomic_store_explicit(&record->number, number, memory_order_release);
	atomic_store_explicit(&recorder->count, number, memory_order_release);
}

uint64_t lend__recorder_count(const struct lend_recorder *recorder)
{
	/* Acquire [F3]: all records up to this one are complete. */
	return atomic_load_explicit(&recorder->count, memory_order_acquire);
}

bool lend__recorder_read(const struct lend_recorder *recorder, uint64_t number,
			 struct lend_trace_record *ret_record)
{
	const struct lend_record *record;
	struct lend_trace_record copy = { .number = number };
	uint64_t what, name[4];

	if (!recorder->records || !number)
		return false;
	record = &recorder->records[number & recorder->mask];
	/* Acquire [F2]. */
	if (atomic_load_explicit(&record->number, memory_order_acquire) !=
	    number)
		return false;
	/* Acquire [F1], each of them. */
	copy.time_ns = atomic_load_explicit(&record->time_ns,
					    memory_order_acquire);
	what = atomic_load_explicit(&record->what, memory_order_acquire);
	copy.argument = atomic_load_explicit(&record->argument,
					     memory_order_acquire);
	for (unsigned i = 0; i < 4; i++)
		name[i] = atomic_load_explicit(&record->name[i],
					       memory_order_acquire);
	if (atomic_load_explicit(&record->number, memory_order_relaxed) !=
	    number)
		return false;
	copy.event = (uint8_t)what;
	copy.why = (uint8_t)(what >> 8);
	copy.ring = (uint16_t)(what >> 16);
	copy.worker = (uint16_t)(what >> 32);
	copy.by = (uint16_t)(what >> 48);
	/* Behind an empty name lies what an earlier one left. */
	if (name[0])
		memcpy(copy.name, name, sizeof(copy.name));
	*ret_record = copy;
	return true;
}
