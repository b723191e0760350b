/*
 * A trace in the format of chrome://tracing and Perfetto: see trace_print.h.
 *
 * Two made-up processes: one whose threads are the workers, with the slices
 * "parked" and the stalls, and one whose threads are the rings, with a slice
 * for each loan. Waits for slots are asynchronous events of a third. Moments
 * are instant events, at the worker or ring they are about. Times are
 * microseconds since the runtime's start.
 */
#include <inttypes.h>
#include <lend/ring.h>
#include <stdio.h>

#include "trace_print.h"

enum process { WORKERS = 1, RINGS = 2, WAITS = 3 };

struct printer {
	struct text *text;
	const struct trace *trace;
	const struct trace_window *window;
};

static double us(const struct printer *printer, uint64_t time_ns)
{
	return trace_ms(printer->trace, time_ns) * 1e3;
}

static void name_process(struct printer *printer, enum process process,
			 const char *name)
{
	text_print(
		printer->text,
		"{\"ph\": \"M\", \"pid\": %d, \"name\": \"process_name\", \"args\": {\"name\": \"%s\"}},\n"
		"{\"ph\": \"M\", \"pid\": %d, \"name\": \"process_sort_index\", \"args\": {\"sort_index\": %d}},\n",
		process, name, process, process);
}

/* Number 0 would be an idle thread to some viewers. */
static void name_threads(struct printer *printer, enum process process,
			 const char *name, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		text_print(
			printer->text,
			"{\"ph\": \"M\", \"pid\": %d, \"tid\": %u, \"name\": \"thread_name\", \"args\": {\"name\": \"%s %u\"}},\n",
			process, i + 1, name, i);
}

static void print_slice(struct printer *printer, enum process process,
			unsigned thread, const struct span *span)
{
	text_print(printer->text,
		   "{\"ph\": \"X\", \"pid\": %d, \"tid\": %u, \"ts\": %.3f, ",
		   process, thread + 1, us(printer, span->from_ns));
	text_print(printer->text, "\"dur\": %.3f, ",
		   (double)(span->to_ns - span->from_ns) / 1e3);
}

static void print_loan(struct printer *printer, const struct span *span)
{
	print_slice(printer, RINGS, span->ring, span);
	text_print(printer->text,
		   "\"cat\": \"loan\", \"name\": \"worker %u\", \"args\": {",
		   span->worker);
	text_print(printer->text, "\"granted\": \"%s\", \"ended\": \"%s\", ",
		   span->is_cut_before ? "before the trace" :
					 lend_trace_why_name(span->why),
		   span->is_cut_after ? "after the trace" :
					lend_trace_event_name(span->end));
	text_print(printer->text, "\"why\": \"%s\"}},\n",
		   lend_trace_why_name(span->end_why));
}

static void print_wait(struct printer *printer, const struct span *span)
{
	char name[TRACE_NAME_SIZE];

	trace_name_json(span->name[0] ? span->name : "a claim", name);
	text_print(printer->text,
		   "{\"ph\": \"b\", \"pid\": %d, \"tid\": 1, \"id\": %" PRIu64
		   ", \"ts\": %.3f, \"cat\": \"wait\", \"name\": \"%s\"},\n",
		   WAITS, span->ticket, us(printer, span->from_ns), name);
	text_print(printer->text,
		   "{\"ph\": \"e\", \"pid\": %d, \"tid\": 1, \"id\": %" PRIu64
		   ", \"ts\": %.3f, \"cat\": \"wait\", \"name\": \"%s\"},\n",
		   WAITS, span->ticket, us(printer, span->to_ns), name);
}

static void print_span(struct printer *printer, const struct span *span)
{
	char name[TRACE_NAME_SIZE];

	switch (span->kind) {
	case SPAN_LOAN:
		print_loan(printer, span);
		break;
	case SPAN_PARK:
		print_slice(printer, WORKERS, span->worker, span);
		text_print(printer->text,
			   "\"cat\": \"park\", \"name\": \"parked\"},\n");
		break;
	case SPAN_STALL:
		print_slice(printer, WORKERS, span->worker, span);
		text_print(
			printer->text,
			"\"cat\": \"stall\", \"name\": \"stall: %s\", \"cname\": \"terrible\"},\n",
			trace_name_json(span->name[0] ? span->name : "unknown",
					name));
		break;
	case SPAN_WAIT:
		print_wait(printer, span);
		break;
	}
}

static void print_instant(struct printer *printer,
			  const struct trace_event *event)
{
	const struct lend_trace_record *record = &event->record;
	char words[TRACE_WORDS_SIZE], quoted[TRACE_WORDS_SIZE * 2];
	enum process process = WORKERS;
	unsigned thread = event->track;

	switch (record->event) {
	case LEND_TRACE_GRANT:
	case LEND_TRACE_RECALL:
	case LEND_TRACE_SEIZE:
	case LEND_TRACE_RETURN:
		process = RINGS;
		thread = record->ring;
		break;
	case LEND_TRACE_HOLDER:
	case LEND_TRACE_WAIT:
	case LEND_TRACE_WAITED:
	case LEND_TRACE_PARK:
	case LEND_TRACE_UNPARK:
	case LEND_TRACE_STALLED:
		return; /* spans tell it */
	default:
		break;
	}
	trace_words(record, words);
	text_print(
		printer->text,
		"{\"ph\": \"i\", \"s\": \"t\", \"pid\": %d, \"tid\": %u, \"ts\": %.3f, ",
		process, thread + 1, us(printer, record->time_ns));
	text_print(
		printer->text,
		"\"cat\": \"event\", \"name\": \"%s\", \"args\": {\"what\": \"%s\", ",
		lend_trace_event_name(record->event),
		trace_name_json(words, quoted));
	text_print(printer->text, "\"argument\": %" PRIu64 "}},\n",
		   record->argument);
}

void trace_print_chrome(struct text *text, const struct timeline *timeline,
			const struct trace_window *window)
{
	struct printer printer = { text, timeline->trace, window };
	const struct trace *trace = timeline->trace;
	const struct lend_trace_header *header = &trace->header;
	const char *mode = lend_ring_mode_name(
		(enum lend_ring_mode)header->mode);

	text_print(text, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n");
	name_process(&printer, WORKERS, "workers");
	name_threads(&printer, WORKERS, "worker", header->workers);
	name_process(&printer, RINGS, "rings");
	name_threads(&printer, RINGS, "ring", header->rings);
	name_process(&printer, WAITS, "waits for slots");
	for (size_t i = 0; i < timeline->count; i++) {
		const struct span *span = &timeline->spans[i];

		if (span->from_ns <= window->to_ns &&
		    span->to_ns >= window->from_ns)
			print_span(&printer, span);
	}
	for (size_t i = 0; i < trace->count; i++) {
		uint64_t time_ns = trace->events[i].record.time_ns;

		if (time_ns >= window->from_ns && time_ns <= window->to_ns)
			print_instant(&printer, &trace->events[i]);
	}
	/* An element without a comma behind it. */
	text_print(
		text,
		"{\"ph\": \"M\", \"pid\": %d, \"tid\": 1, \"name\": \"thread_name\", \"args\": {\"name\": \"claims\"}}\n"
		"], \"otherData\": {\"mode\": \"%s\", \"workers\": %u, \"rings\": %u, \"depth\": %u, ",
		WAITS, mode ? mode : "unknown", header->workers, header->rings,
		header->depth);
	text_print(text, "\"lost\": %" PRIu64 "}}\n", trace_lost(trace));
}
