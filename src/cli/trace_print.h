/*
 * The forms that a trace can be shown in.
 */
#ifndef LEND_CLI_TRACE_PRINT_H
#define LEND_CLI_TRACE_PRINT_H

#include "text.h"
#include "timeline.h"

/* A part of a trace: what lies, with some of its length, in it. */
struct trace_window {
	uint64_t from_ns;
	uint64_t to_ns;
};

/* What an event says, in a few words; NUL-terminated. */
#define TRACE_WORDS_SIZE 192
void trace_words(const struct lend_trace_record *record, char *ret_words);

/* A line for each event. */
void trace_print_text(struct text *text, const struct trace *trace,
		      const struct trace_window *window);

/* The format that chrome://tracing and Perfetto read. */
void trace_print_chrome(struct text *text, const struct timeline *timeline,
			const struct trace_window *window);

/* A picture. */
void trace_print_svg(struct text *text, const struct timeline *timeline,
		     const struct trace_window *window);

/* A name, as it can stand inside quotes of JSON, or in XML. What is not
 * printable ASCII becomes '?'. */
#define TRACE_NAME_SIZE 256
const char *trace_name_json(const char *name, char *ret_text);
const char *trace_name_xml(const char *name, char *ret_text);

#endif
