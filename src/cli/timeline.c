/*
 * From events to spans: see timeline.h. A trace may begin in the middle of
 * anything, and recording may have been interrupted; a span whose begin or end
 * was not seen is cut there.
 */
#include "timeline.h"

#include <stdlib.h>
#include <string.h>

static struct span *add(struct timeline *timeline, const struct span *span)
{
	if (timeline->count == timeline->room) {
		size_t room = timeline->room ? timeline->room * 2 : 256;
		struct span *spans = realloc(timeline->spans,
					     room * sizeof(*spans));

		if (!spans) {
			timeline->failed = true;
			return NULL;
		}
		timeline->spans = spans;
		timeline->room = room;
	}
	timeline->spans[timeline->count] = *span;
	return &timeline->spans[timeline->count++];
}

/* ---- loans ---- */

/* The loan of one ring that is going on, if @is_held. */
struct holding {
	struct span span;
	bool is_held;
	bool is_known; /* an event has told who holds it */
};

static void loan_begin(struct holding *holding, uint16_t ring, uint16_t worker,
		       uint64_t from_ns, uint8_t why, bool is_cut)
{
	holding->is_held = true;
	holding->span = (struct span){
		.kind = SPAN_LOAN,
		.ring = ring,
		.worker = worker,
		.from_ns = from_ns,
		.is_cut_before = is_cut,
		.why = why,
	};
}

static void loan_end(struct timeline *timeline, struct holding *holding,
		     uint64_t to_ns, const struct lend_trace_record *end)
{
	struct span *span = &holding->span;

	if (!holding->is_held)
		return;
	holding->is_held = false;
	span->to_ns = to_ns;
	span->is_cut_after = !end;
	if (end) {
		span->end = end->event;
		span->end_why = end->why;
		span->by = end->by;
	}
	add(timeline, span);
}

static void loan_event(struct timeline *timeline, struct holding *holding,
		       const struct lend_trace_record *record)
{
	uint64_t known_ns = trace_known_from(timeline->trace,
					     LEND_TRACE_ARBITER);
	bool fits = holding->is_held && holding->span.worker == record->worker;

	switch (record->event) {
	case LEND_TRACE_GRANT:
		loan_end(timeline, holding, record->time_ns, NULL);
		loan_begin(holding, record->ring, record->worker,
			   record->time_ns, record->why, false);
		break;
	case LEND_TRACE_HOLDER:
		if (fits)
			break;
		loan_end(timeline, holding, record->time_ns, NULL);
		if (record->worker != LEND_TRACE_NOBODY)
			loan_begin(holding, record->ring, record->worker,
				   record->time_ns, 0, true);
		break;
	case LEND_TRACE_SEIZE:
	case LEND_TRACE_RETURN:
		if (!fits) {
			loan_end(timeline, holding, record->time_ns, NULL);
			/* Granted before the first event that is left. */
			loan_begin(holding, record->ring, record->worker,
				   holding->is_known ? record->time_ns :
						       known_ns,
				   0, true);
		}
		loan_end(timeline, holding, record->time_ns, record);
		break;
	default:
		return;
	}
	holding->is_known = true;
}

static void make_loans(struct timeline *timeline, uint16_t ring)
{
	const struct trace *trace = timeline->trace;
	struct holding holding = { 0 };

	for (size_t i = 0; i < trace->count; i++)
		if (trace->events[i].track == LEND_TRACE_ARBITER &&
		    trace->events[i].record.ring == ring)
			loan_event(timeline, &holding,
				   &trace->events[i].record);
	/* Nothing happened to it: it has been so all the time. */
	if (!holding.is_known && trace->rings[ring].holder != LEND_TRACE_NOBODY)
		loan_begin(&holding, ring, (uint16_t)trace->rings[ring].holder,
			   trace_known_from(trace, LEND_TRACE_ARBITER), 0,
			   true);
	loan_end(timeline, &holding, trace->to_ns, NULL);
}

/* ---- workers ---- */

/* What is known of a worker while its events go by. */
struct life {
	struct span park;
	bool is_parked;
	bool is_known;
	uint64_t awake_ns; /* the end of its last parking */
	struct span stall; /* one that was noticed */
	bool is_stuck;
};

static void park_event(struct timeline *timeline, struct life *life,
		       const struct trace_event *event)
{
	const struct lend_trace_record *record = &event->record;
	struct span *park = &life->park;

	/* It has been at a safe point in between. */
	life->is_stuck = false;
	if (record->event == LEND_TRACE_PARK) {
		*park = (struct span){ .kind = SPAN_PARK,
				       .ring = record->ring,
				       .worker = record->worker,
				       .from_ns = record->time_ns };
		life->is_parked = true;
	} else {
		if (!life->is_parked)
			*park = (struct span){
				.kind = SPAN_PARK,
				.ring = record->ring,
				.worker = record->worker,
				.from_ns = life->is_known ?
						   record->time_ns :
						   trace_known_from(
							   timeline->trace,
							   event->track),
				.is_cut_before = true,
			};
		park->to_ns = record->time_ns;
		add(timeline, park);
		life->is_parked = false;
		life->awake_ns = record->time_ns;
	}
	life->is_known = true;
}

static void stall_event(struct timeline *timeline, struct life *life,
			const struct lend_trace_record *record)
{
	struct span *stall = &life->stall;
	uint64_t from_ns = record->time_ns - record->argument;

	if (record->argument > record->time_ns ||
	    from_ns < timeline->trace->header.started_ns)
		from_ns = timeline->trace->header.started_ns;
	if (from_ns < life->awake_ns)
		from_ns = life->awake_ns;
	/* The first notice tells when it began, as its end does; it may have
	 * been noticed more than once. */
	if (!life->is_stuck || stall->from_ns > from_ns)
		stall->from_ns = from_ns;
	stall->kind = SPAN_STALL;
	stall->ring = LEND_TRACE_NOBODY;
	stall->worker = record->worker;
	if (record->name[0])
		memcpy(stall->name, record->name, sizeof(stall->name));
	life->is_stuck = record->event == LEND_TRACE_STALL;
	if (life->is_stuck)
		return;
	stall->from_ns = from_ns;
	stall->to_ns = record->time_ns;
	add(timeline, stall);
	*stall = (struct span){ 0 };
	life->awake_ns = record->time_ns;
}

static void make_worker(struct timeline *timeline, uint16_t worker)
{
	const struct trace *trace = timeline->trace;
	struct life life = { 0 };

	for (size_t i = 0; i < trace->count; i++) {
		const struct lend_trace_record *record =
			&trace->events[i].record;

		if (record->worker != worker)
			continue;
		if (record->event == LEND_TRACE_PARK ||
		    record->event == LEND_TRACE_UNPARK)
			park_event(timeline, &life, &trace->events[i]);
		else if (record->event == LEND_TRACE_STALL ||
			 record->event == LEND_TRACE_STALLED)
			stall_event(timeline, &life, record);
	}
	if (life.is_parked) {
		life.park.to_ns = trace->to_ns;
		life.park.is_cut_after = true;
		add(timeline, &life.park);
	} else if (life.is_stuck) {
		life.stall.to_ns = trace->to_ns;
		life.stall.is_cut_after = true;
		add(timeline, &life.stall);
	}
}

/* ---- waits ---- */

/* Tickets are given out in the order of the events, so the spans from @first
 * on are sorted by them. */
static struct span *find_wait(struct timeline *timeline, size_t first,
			      uint64_t ticket)
{
	size_t low = first, high = timeline->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (timeline->spans[middle].ticket < ticket)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < timeline->count && timeline->spans[low].ticket == ticket)
		return &timeline->spans[low];
	return NULL;
}

static void make_waits(struct timeline *timeline)
{
	const struct trace *trace = timeline->trace;
	size_t first = timeline->count;

	for (size_t i = 0; i < trace->count; i++) {
		const struct lend_trace_record *record =
			&trace->events[i].record;
		struct span span = {
			.kind = SPAN_WAIT,
			.ring = LEND_TRACE_NOBODY,
			.worker = LEND_TRACE_NOBODY,
			.from_ns = record->time_ns,
			.to_ns = trace->to_ns,
			.is_cut_after = true,
			.ticket = record->argument,
		};
		struct span *begun;

		if (record->event == LEND_TRACE_WAIT) {
			memcpy(span.name, record->name, sizeof(span.name));
			add(timeline, &span);
		} else if (record->event == LEND_TRACE_WAITED) {
			/* One whose begin is lost is left out: its length is
			 * not known. */
			begun = find_wait(timeline, first, record->argument);
			if (begun) {
				begun->to_ns = record->time_ns;
				begun->is_cut_after = false;
			}
		}
	}
}

bool timeline_make(const struct trace *trace, struct timeline *ret_timeline)
{
	struct timeline *timeline = ret_timeline;

	*timeline = (struct timeline){ .trace = trace };
	for (uint32_t i = 0; i < trace->header.rings; i++)
		make_loans(timeline, (uint16_t)i);
	for (uint32_t i = 0; i < trace->header.workers; i++)
		make_worker(timeline, (uint16_t)i);
	make_waits(timeline);
	return !timeline->failed;
}

void timeline_free(struct timeline *timeline)
{
	free(timeline->spans);
	*timeline = (struct timeline){ 0 };
}
