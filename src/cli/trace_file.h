/*
 * A trace, read and checked: what <lend/trace.h> describes, in the order of
 * time.
 */
#ifndef LEND_CLI_TRACE_FILE_H
#define LEND_CLI_TRACE_FILE_H

#include <lend/trace.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_event {
	struct lend_trace_record record;
	uint32_t track; /* a worker, or LEND_TRACE_ARBITER */
};

struct trace {
	struct lend_trace_header header;
	struct lend_trace_ring *rings;	 /* header.rings of them */
	struct lend_trace_track *tracks; /* header.tracks of them */
	uint64_t *track_from_ns;	 /* since when a track is complete */
	struct trace_event *events;	 /* by time */
	size_t count;
	uint64_t from_ns; /* the first moment something is known of */
	uint64_t to_ns;	  /* when it was written */
};

/* Big enough for what trace_read() has to say. */
#define TRACE_FAULT_SIZE 128

/**
 * Check and sort a trace.
 *
 * @data       as in a file; not needed afterwards
 * @ret_fault  at least TRACE_FAULT_SIZE bytes: what is wrong, if something is
 *
 * Ownership: trace_free(), also after a failure.
 */
bool trace_read(const void *data, size_t size, struct trace *ret_trace,
		char *ret_fault);
void trace_free(struct trace *trace);

/* Milliseconds since the runtime started. */
double trace_ms(const struct trace *trace, uint64_t time_ns);

/* Since when the track of a worker, or the arbiter's, is complete. */
uint64_t trace_known_from(const struct trace *trace, uint32_t track);

/* Records that were overwritten, of all tracks. */
uint64_t trace_lost(const struct trace *trace);

#endif
