/*
 * What the tests of the flight recorder share: a trace that is read, checked
 * for what is true of any, and added up. For one .c file each.
 */
#ifndef LEND_TESTS_READING_H
#define LEND_TESTS_READING_H

#include <string.h>

#include "harness/harness.h"

/* Enough to keep all of them. */
#define EVENTS 32768

static inline struct lend_options with_trace(unsigned events)
{
	struct lend_options options = test_options;

	options.trace_events = events;
	return options;
}

struct reading {
	void *data;
	const struct lend_trace_header *header;
	const struct lend_trace_ring *rings;
	uint64_t lost;
	uint64_t counts[LEND_TRACE_EVENTS];
	uint64_t sums[LEND_TRACE_EVENTS]; /* of their arguments */
	uint64_t why[LEND_TRACE_EVENTS][LEND_WHYS];
	uint64_t external;
	uint64_t longest_stall_ns;
	/* The arbiter's track. */
	const struct lend_trace_record *loans;
	uint64_t loans_count;
};

static inline void add_up(struct reading *reading,
			  const struct lend_trace_record *record)
{
	CHECK_IN(record->event, LEND_TRACE_NONE + 1, LEND_TRACE_EVENTS - 1);
	CHECK_IN(record->why, 0, LEND_WHYS - 1);
	CHECK(record->time_ns >= reading->header->started_ns);
	CHECK(record->time_ns <= lend_now());
	reading->counts[record->event]++;
	reading->sums[record->event] += record->argument;
	reading->why[record->event][record->why]++;
	if (record->event == LEND_TRACE_BIND &&
	    record->argument != record->ring)
		reading->external++;
	if (record->event == LEND_TRACE_STALLED &&
	    record->argument > reading->longest_stall_ns)
		reading->longest_stall_ns = record->argument;
}

static inline const char *read_one_track(struct reading *reading,
					 const char *place)
{
	const struct lend_trace_track *track = (const void *)place;
	const struct lend_trace_record *records = (const void *)(track + 1);

	reading->lost += track->lost;
	for (uint64_t i = 0; i < track->records; i++) {
		CHECK_EQ(records[i].number, track->lost + i + 1);
		CHECK(!i || records[i].time_ns >= records[i - 1].time_ns);
		add_up(reading, &records[i]);
	}
	if (track->worker == LEND_TRACE_ARBITER) {
		reading->loans = records;
		reading->loans_count = track->records;
	}
	return (const char *)(records + track->records);
}

static inline void parse(struct reading *reading, void *data, size_t size)
{
	const char *place = data;

	memset(reading, 0, sizeof(*reading));
	reading->data = data;
	reading->header = data;
	CHECK(!memcmp(reading->header->magic, LEND_TRACE_MAGIC, 8));
	CHECK_EQ(reading->header->version, LEND_TRACE_VERSION);
	CHECK_EQ(reading->header->header_size, 128);
	CHECK_EQ(reading->header->record_size, 64);
	CHECK_EQ(reading->header->mode, test_options.mode);
	CHECK_EQ(reading->header->tracks, reading->header->workers + 1);
	place += sizeof(*reading->header);
	reading->rings = (const void *)place;
	place += reading->header->rings * sizeof(*reading->rings);
	for (uint32_t i = 0; i < reading->header->tracks; i++)
		place = read_one_track(reading, place);
	CHECK_EQ(place - (const char *)data, size);
}

static inline bool read_trace(struct lend_runtime *runtime,
			      struct reading *reading)
{
	void *data;
	size_t size;

	if (!CHECK_EQ(lend_runtime_trace_read(runtime, &data, &size), 0))
		return false;
	parse(reading, data, size);
	return true;
}

#endif
