/*
 * Reading a trace: see trace_file.h. The bytes come from anywhere, so nothing
 * in them is believed before it was compared with their number.
 */
#include "trace_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As many workers and rings as a runtime can have, with room to grow. */
#define INDEX_MAX 4096

struct reader {
	const char *place;
	size_t left;
	char *fault;
};

static bool complain(struct reader *reader, const char *fault)
{
	snprintf(reader->fault, TRACE_FAULT_SIZE, "%s", fault);
	return false;
}

/* Copy @size bytes of a thing that has @stride of them: a later minor change
 * may have added some at its end. */
static bool take(struct reader *reader, void *thing, size_t size, size_t stride)
{
	if (reader->left < stride)
		return complain(reader, "it is cut off");
	memcpy(thing, reader->place, size);
	reader->place += stride;
	reader->left -= stride;
	return true;
}

static bool read_header(struct reader *reader, struct lend_trace_header *header)
{
	const size_t size = sizeof(*header);

	if (reader->left < sizeof(header->magic) ||
	    memcmp(reader->place, LEND_TRACE_MAGIC, sizeof(header->magic)) != 0)
		return complain(reader, "it is not a trace");
	if (reader->left < size)
		return complain(reader, "it is cut off");
	memcpy(header, reader->place, size);
	if (header->version != LEND_TRACE_VERSION) {
		snprintf(reader->fault, TRACE_FAULT_SIZE,
			 "its format is version %u, and this program knows %u",
			 header->version, LEND_TRACE_VERSION);
		return false;
	}
	if (header->header_size < size || header->header_size > reader->left ||
	    header->record_size < sizeof(struct lend_trace_record) ||
	    header->record_size > 4096 || header->rings > INDEX_MAX ||
	    header->workers > INDEX_MAX ||
	    header->tracks != header->workers + 1 ||
	    header->started_ns > header->written_ns)
		return complain(reader, "its header is damaged");
	reader->place += header->header_size;
	reader->left -= header->header_size;
	return true;
}

static bool is_index(uint32_t index, uint32_t count)
{
	return index < count || index == LEND_TRACE_NOBODY;
}

static bool is_plausible(const struct trace *trace,
			 const struct lend_trace_record *record)
{
	/* A grant or an end of one without ring or worker could not be drawn.
	 */
	if (record->event >= LEND_TRACE_GRANT &&
	    record->event <= LEND_TRACE_RETURN &&
	    (record->ring == LEND_TRACE_NOBODY ||
	     record->worker == LEND_TRACE_NOBODY))
		return false;
	return record->event > LEND_TRACE_NONE &&
	       record->event < LEND_TRACE_EVENTS && record->why < LEND_WHYS &&
	       is_index(record->ring, INDEX_MAX) &&
	       is_index(record->worker, INDEX_MAX) &&
	       is_index(record->by, INDEX_MAX) &&
	       record->time_ns >= trace->header.started_ns;
}

/* Rings and workers may be added while a trace is copied: then there are first
 * events of some that the header does not know. */
static bool is_known(const struct trace *trace,
		     const struct lend_trace_record *record)
{
	const struct lend_trace_header *header = &trace->header;

	return is_index(record->ring, header->rings) &&
	       is_index(record->worker, header->workers) &&
	       is_index(record->by, header->workers);
}

static bool read_records(struct reader *reader, struct trace *trace,
			 const struct lend_trace_track *track)
{
	struct trace_event *events;
	uint64_t before = 0;

	if (track->records > reader->left / trace->header.record_size)
		return complain(reader, "it is cut off");
	events = realloc(trace->events,
			 (trace->count + track->records + 1) * sizeof(*events));
	if (!events)
		return complain(reader, "there is not enough memory for it");
	trace->events = events;
	for (uint64_t i = 0; i < track->records; i++) {
		struct trace_event *event = &events[trace->count];

		if (!take(reader, &event->record, sizeof(event->record),
			  trace->header.record_size))
			return false;
		if (!is_plausible(trace, &event->record) ||
		    event->record.number <= before)
			return complain(reader, "an event in it is damaged");
		before = event->record.number;
		if (!is_known(trace, &event->record))
			continue;
		event->record.name[sizeof(event->record.name) - 1] = '\0';
		event->track = track->worker;
		if (event->record.time_ns > trace->to_ns)
			trace->to_ns = event->record.time_ns;
		trace->count++;
	}
	return true;
}

static bool read_tracks(struct reader *reader, struct trace *trace)
{
	for (uint32_t i = 0; i < trace->header.tracks; i++) {
		struct lend_trace_track *track = &trace->tracks[i];
		size_t first = trace->count;

		if (!take(reader, track, sizeof(*track), sizeof(*track)))
			return false;
		if (track->worker != (i ? i - 1 : LEND_TRACE_ARBITER))
			return complain(reader, "a track in it is damaged");
		if (!read_records(reader, trace, track))
			return false;
		trace->track_from_ns[i] = trace->header.started_ns;
		if (track->lost)
			trace->track_from_ns[i] =
				trace->count > first ?
					trace->events[first].record.time_ns :
					trace->header.written_ns;
	}
	return true;
}

static bool read_rings(struct reader *reader, struct trace *trace)
{
	for (uint32_t i = 0; i < trace->header.rings; i++) {
		struct lend_trace_ring *ring = &trace->rings[i];

		if (!take(reader, ring, sizeof(*ring), sizeof(*ring)))
			return false;
		if (!is_index(ring->holder, trace->header.workers))
			return complain(reader, "a ring in it is damaged");
	}
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct trace_event *left = a, *right = b;

	if (left->record.time_ns != right->record.time_ns)
		return left->record.time_ns < right->record.time_ns ? -1 : 1;
	if (left->track != right->track)
		return left->track < right->track ? -1 : 1;
	return left->record.number < right->record.number ? -1 : 1;
}

bool trace_read(const void *data, size_t size, struct trace *ret_trace,
		char *ret_fault)
{
	struct reader reader = { data, size, ret_fault };
	struct trace *trace = ret_trace;

	*trace = (struct trace){ 0 };
	if (!read_header(&reader, &trace->header))
		return false;
	trace->to_ns = trace->header.written_ns;
	trace->rings = calloc(trace->header.rings + 1, sizeof(*trace->rings));
	trace->tracks = calloc(trace->header.tracks, sizeof(*trace->tracks));
	trace->track_from_ns = calloc(trace->header.tracks,
				      sizeof(*trace->track_from_ns));
	if (!trace->rings || !trace->tracks || !trace->track_from_ns)
		return complain(&reader, "there is not enough memory for it");
	if (!read_rings(&reader, trace) || !read_tracks(&reader, trace))
		return false;
	if (reader.left)
		return complain(&reader, "something follows its end");
	qsort(trace->events, trace->count, sizeof(*trace->events), compare);
	trace->from_ns = trace->track_from_ns[0];
	for (uint32_t i = 1; i < trace->header.tracks; i++)
		if (trace->track_from_ns[i] < trace->from_ns)
			trace->from_ns = trace->track_from_ns[i];
	return true;
}

void trace_free(struct trace *trace)
{
	free(trace->rings);
	free(trace->tracks);
	free(trace->track_from_ns);
	free(trace->events);
	*trace = (struct trace){ 0 };
}

double trace_ms(const struct trace *trace, uint64_t time_ns)
{
	return ((double)time_ns - (double)trace->header.started_ns) / 1e6;
}

uint64_t trace_known_from(const struct trace *trace, uint32_t track)
{
	return trace
		->track_from_ns[track == LEND_TRACE_ARBITER ? 0 : track + 1];
}

uint64_t trace_lost(const struct trace *trace)
{
	uint64_t lost = 0;

	for (uint32_t i = 0; i < trace->header.tracks; i++)
		lost += trace->tracks[i].lost;
	return lost;
}
