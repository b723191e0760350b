/*
 * What a trace's events add up to: who held which ring from when to when, when
 * workers were parked or stuck, which claims waited.
 */
#ifndef LEND_CLI_TIMELINE_H
#define LEND_CLI_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace_file.h"

enum span_kind {
	SPAN_LOAN,  /* @worker held @ring */
	SPAN_PARK,  /* @worker had nothing to do */
	SPAN_STALL, /* @worker came to no safe point; @name: because of whom */
	SPAN_WAIT,  /* @name waited for slots; @ticket */
};

struct span {
	enum span_kind kind;
	uint16_t ring;
	uint16_t worker;
	uint64_t from_ns;
	uint64_t to_ns;
	bool is_cut_before; /* it began before what is recorded */
	bool is_cut_after;  /* it goes on after it, or nobody saw its end */
	uint8_t why;	    /* of a loan: why it was granted */
	uint8_t end;	    /* of a loan: LEND_TRACE_RETURN or _SEIZE; 0: cut */
	uint8_t end_why;
	uint16_t by; /* of a seizure */
	uint64_t ticket;
	char name[32];
};

struct timeline {
	const struct trace *trace;
	struct span *spans; /* loans by ring, then the others */
	size_t count;
	size_t room;
	bool failed; /* no memory */
};

/* Spans never overlap others of the same kind and ring or worker, and stalls
 * do not overlap parking. Ownership: timeline_free(). */
bool timeline_make(const struct trace *trace, struct timeline *ret_timeline);
void timeline_free(struct timeline *timeline);

#endif
