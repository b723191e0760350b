/*
 * A trace as text, and names in other people's languages: see trace_print.h.
 */
#include <inttypes.h>
#include <lend/base.h>
#include <lend/ring.h>
#include <stdio.h>
#include <string.h>

#include "trace_print.h"

static bool is_printable(char c)
{
	return c >= ' ' && c <= '~';
}

const char *trace_name_json(const char *name, char *ret_text)
{
	char *to = ret_text;

	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			*to++ = '\\';
		*to++ = is_printable(*name) ? *name : '?';
	}
	*to = '\0';
	return ret_text;
}

const char *trace_name_xml(const char *name, char *ret_text)
{
	char *to = ret_text;

	for (; *name; name++) {
		const char *entity = *name == '<' ? "&lt;" :
				     *name == '>' ? "&gt;" :
				     *name == '&' ? "&amp;" :
				     *name == '"' ? "&quot;" :
						    NULL;

		if (entity)
			to = stpcpy(to, entity);
		else
			*to++ = is_printable(*name) ? *name : '?';
	}
	*to = '\0';
	return ret_text;
}

/* ---- what an event says ---- */

static void loan_words(const struct lend_trace_record *record, char *words)
{
	const char *why = lend_trace_why_name(record->why);
	char by[32] = "";

	if (record->by != LEND_TRACE_NOBODY && record->by != record->worker)
		snprintf(by, sizeof(by), ", by worker %u", record->by);
	snprintf(words, TRACE_WORDS_SIZE, "ring %u %s worker %u%s%s%s%s",
		 record->ring, record->event == LEND_TRACE_GRANT ? "to" : "of",
		 record->worker, by, why[0] ? " (" : "", why,
		 why[0] ? ")" : "");
}

static void ring_words(const struct lend_trace_record *record, char *words)
{
	unsigned long long n = record->argument;

	switch (record->event) {
	case LEND_TRACE_REVOKE:
		snprintf(words, TRACE_WORDS_SIZE,
			 "ring %u: a claim of %llu SQEs of a suspended actor",
			 record->ring, n);
		break;
	case LEND_TRACE_BIND:
		snprintf(words, TRACE_WORDS_SIZE,
			 "ring %u: a claim that began on ring %llu%s",
			 record->ring, n,
			 n == record->ring ? "" : " (external)");
		break;
	case LEND_TRACE_FLUSH:
		snprintf(words, TRACE_WORDS_SIZE, "ring %u: %llu SQEs",
			 record->ring, n);
		break;
	case LEND_TRACE_REFUSED:
		snprintf(words, TRACE_WORDS_SIZE, "ring %u: %s", record->ring,
			 lend_error_name(-(int)(n & 0xfff)));
		break;
	case LEND_TRACE_HELP:
		snprintf(words, TRACE_WORDS_SIZE, "ring %u: %llu CQEs",
			 record->ring, n);
		break;
	default:
		if (record->ring == LEND_TRACE_NOBODY)
			snprintf(words, TRACE_WORDS_SIZE, "no ring");
		else
			snprintf(words, TRACE_WORDS_SIZE, "ring %u",
				 record->ring);
		break;
	}
}

void trace_words(const struct lend_trace_record *record, char *ret_words)
{
	unsigned long long n = record->argument;
	char name[32];
	size_t i;

	for (i = 0; i + 1 < sizeof(name) && record->name[i]; i++)
		name[i] = is_printable(record->name[i]) ? record->name[i] : '?';
	name[i] = '\0';
	switch (record->event) {
	case LEND_TRACE_HOLDER:
		if (record->worker == LEND_TRACE_NOBODY) {
			snprintf(ret_words, TRACE_WORDS_SIZE,
				 "ring %u of nobody", record->ring);
			break;
		}
		/* fallthrough */
	case LEND_TRACE_GRANT:
	case LEND_TRACE_RECALL:
	case LEND_TRACE_SEIZE:
	case LEND_TRACE_RETURN:
		loan_words(record, ret_words);
		break;
	case LEND_TRACE_WAIT:
	case LEND_TRACE_WAITED:
		snprintf(ret_words, TRACE_WORDS_SIZE, "ticket %llu%s%s", n,
			 name[0] ? ": actor " : "", name);
		break;
	case LEND_TRACE_STALL:
		snprintf(ret_words, TRACE_WORDS_SIZE,
			 "worker %u, for %.3f ms so far: actor %s",
			 record->worker, (double)n / 1e6,
			 name[0] ? name : "unknown");
		break;
	case LEND_TRACE_STALLED:
		snprintf(ret_words, TRACE_WORDS_SIZE,
			 "worker %u, for %.3f ms: actor %s", record->worker,
			 (double)n / 1e6, name[0] ? name : "unknown");
		break;
	case LEND_TRACE_STEAL:
		snprintf(ret_words, TRACE_WORDS_SIZE,
			 "%llu actors of worker %u", n, record->worker);
		break;
	default:
		ring_words(record, ret_words);
		break;
	}
}

/* ---- the text ---- */

void trace_print_text(struct text *text, const struct trace *trace,
		      const struct trace_window *window)
{
	const struct lend_trace_header *header = &trace->header;
	const char *mode = lend_ring_mode_name(
		(enum lend_ring_mode)header->mode);

	text_print(
		text,
		"# mode %s, %u workers, %u rings of %u; %zu events from %.3f to %.3f ms after the start; %" PRIu64
		" older ones are lost\n",
		mode ? mode : "unknown", header->workers, header->rings,
		header->depth, trace->count, trace_ms(trace, trace->from_ns),
		trace_ms(trace, trace->to_ns), trace_lost(trace));
	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_event *event = &trace->events[i];
		char words[TRACE_WORDS_SIZE], who[24] = "arbiter";

		if (event->record.time_ns < window->from_ns ||
		    event->record.time_ns > window->to_ns)
			continue;
		if (event->track != LEND_TRACE_ARBITER)
			snprintf(who, sizeof(who), "worker %u", event->track);
		trace_words(&event->record, words);
		text_print(text, "%14.6f  %-10s %-8s %s\n",
			   trace_ms(trace, event->record.time_ns), who,
			   lend_trace_event_name(event->record.event), words);
	}
}
