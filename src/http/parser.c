/*
 * The parser of request heads: splits lines, checks their characters and
 * recognises the fields the server cares about, in one pass and without
 * memory of its own. It knows the grammar; it does not judge what the fields
 * mean together (framing.c does) and it does no I/O. The connection calls it
 * with every delivery until the head is complete.
 *
 * Strict on purpose. Each leniency that RFC 9112 allows (LF for CRLF, any
 * white space between the words of the request line, folded lines) is one that
 * some other implementation on the way reads differently, and that difference
 * is what request smuggling is made of.
 */
#include "http/parser.h"

#include "base/check.h"
#include "http/chars.h"
#include "http/names.h"
#include "http/status.h"
#include "http/words.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct lend__http_field) == 16, "four to a cache line");

/* Bytes of the path at @path, which ends at @end or before, that need no
 * decoding: all of it, or 0. */
static inline uint32_t normal_size(const char *path, const char *end)
{
	return *end == ' ' || *end == '?' ? (uint32_t)(end - path) : 0;
}

static inline bool is_alpha(char c)
{
	return (unsigned)((c | 0x20) - 'a') < 26;
}

/* Where the "://" of an absolute URI is, or 0 (RFC 3986, 3.1). */
static size_t scheme_size(const char *target, size_t size)
{
	size_t i = 0;

	if (!is_alpha(target[0]))
		return 0;
	while (i < size &&
	       (is_alpha(target[i]) || target[i] == '+' || target[i] == '-' ||
		target[i] == '.' || lend__http_is(target[i], LEND__HTTP_DIGIT)))
		i++;
	return size - i >= 3 && memcmp(target + i, "://", 3) == 0 ? i : 0;
}

/*
 * Tell the forms of a target that does not start with "/" apart and find its
 * parts. Whether the form goes with the method is for framing.c.
 */
static void split_target(const char *data, struct lend__http_head *head)
{
	const char *target = data + head->target.at;
	uint32_t size = head->target.size, scheme, at;

	if (size == 1 && target[0] == '*') {
		head->form = LEND__HTTP_ASTERISK_FORM;
		head->path = head->target;
		return;
	}
	scheme = (uint32_t)scheme_size(target, size);
	if (scheme == 0) {
		head->form = LEND__HTTP_AUTHORITY_FORM;
		head->authority = head->target;
		return;
	}
	head->form = LEND__HTTP_ABSOLUTE_FORM;
	head->scheme = LEND__HTTP_SCHEME_OTHER;
	if (scheme == 4 && lend__http_is_name(target, "http", 4))
		head->scheme = LEND__HTTP_SCHEME_HTTP;
	else if (scheme == 5 && lend__http_is_name(target, "https", 5))
		head->scheme = LEND__HTTP_SCHEME_HTTPS;
	at = scheme + 3;
	while (at < size && target[at] != '/' && target[at] != '?')
		at++;
	head->authority.at = head->target.at + scheme + 3;
	head->authority.size = at - scheme - 3;
	head->path.at = head->target.at + at;
	head->path.size = size - at;
	/* The version is behind the target. */
	if (at < size && target[at] == '/')
		head->normal_size = normal_size(
			target + at, lend__http_skip_normal(
					     target + at, target + size + 11));
}

/*
 * "HTTP/1.1" CRLF at @at (RFC 9112, 2.3). Returns like parse_request_line().
 */
static int parse_version(const char *at, const char *end,
			 struct lend__http_head *head)
{
	static const char pattern[] = "HTTP/d.d\r\n";

	if (lend_likely(end - at >= 10 &&
			lend__http_load64(at) ==
				lend__http_load64("HTTP/1.1") &&
			at[8] == '\r' && at[9] == '\n')) {
		head->minor = 1;
		return 10;
	}
	for (int i = 0; i < 10; i++) {
		if (at + i == end)
			return 0;
		if (pattern[i] == 'd' ?
			    !lend__http_is(at[i], LEND__HTTP_DIGIT) :
			    at[i] != pattern[i])
			return -LEND__HTTP_BAD_REQUEST;
	}
	/* Any other major version may have any other syntax from here on; the
	 * preface of HTTP/2 is the one that is met. */
	if (at[5] != '1')
		return -LEND__HTTP_VERSION_UNSUPPORTED;
	head->minor = (uint8_t)(at[7] - '0');
	return 10;
}

/*
 * The request line at @line (RFC 9112, 3): one SP between its three words and
 * nothing else. Returns its size with CRLF, 0 if @end comes first, or a
 * refusal.
 */
static int parse_request_line(const char *data, const char *line,
			      const char *end, struct lend__http_head *head)
{
	const char *at = line, *target, *plain;
	int used;

	if (lend_likely(end - at >= 4 &&
			lend__http_load32(at) == lend__http_load32("GET "))) {
		head->method = LEND__HTTP_GET;
		at += 3;
	} else {
		while (at < end && lend__http_is(*at, LEND__HTTP_TOKEN)) {
			/* RFC 9112, 3: longer than any we implement. */
			if (++at - line > LEND__HTTP_METHOD_MAX)
				return -LEND__HTTP_NOT_IMPLEMENTED;
		}
		if (at == end)
			return 0;
		if (*at != ' ' || at == line)
			return -LEND__HTTP_BAD_REQUEST;
		head->method = lend__http_method_of(line, (size_t)(at - line));
	}
	head->method_name.at = (uint32_t)(line - data);
	head->method_name.size = (uint32_t)(at - line);

	target = plain = ++at;
	if (lend_likely(at < end && *at == '/'))
		at = plain = lend__http_skip_normal(at, end);
	if (lend_unlikely(at == end || *at != ' '))
		at = lend__http_skip_target(at, end);
	if (at == end)
		return 0;
	if (*at != ' ' || at == target)
		return -LEND__HTTP_BAD_REQUEST;
	head->target.at = (uint32_t)(target - data);
	head->target.size = (uint32_t)(at - target);

	used = parse_version(at + 1, end, head);
	if (used <= 0)
		return used;
	if (lend_likely(*target == '/')) {
		head->form = LEND__HTTP_ORIGIN_FORM;
		/* As above, and not a copy of it: a load of eight bytes would
		 * have to wait for the two stores of four. */
		head->path.at = (uint32_t)(target - data);
		head->path.size = (uint32_t)(at - target);
		head->normal_size = normal_size(target, plain);
	} else {
		head->normal_size = 0;
		split_target(data, head);
	}
	return (int)(at + 1 - line) + used;
}

/*
 * The field line at @line (RFC 9112, 5). A line that starts with white space
 * (obs-fold, or the white space before the first field of 2.2) has no name
 * and is refused with the rest; so is white space before the colon (5.1), a
 * CR without LF, LF without CR, and any control character but HTAB. Returns
 * like parse_request_line().
 */
static inline int parse_field(const char *data, const char *line,
			      const char *end, struct lend__http_head *head)
{
	struct lend__http_field *field = &head->fields[head->field_count];
	const char *at = line, *value, *value_end;
	size_t name_size;
	unsigned id;

	while (at < end && lend__http_is(*at, LEND__HTTP_TOKEN))
		at++;
	if (at == end)
		return 0;
	if (*at != ':' || at == line)
		return -LEND__HTTP_BAD_REQUEST;
	name_size = (size_t)(at - line);

	at++;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	value = at;
	at = lend__http_skip_value(at, end);
	if (end - at < 2)
		return at == end || *at == '\r' ? 0 : -LEND__HTTP_BAD_REQUEST;
	if (at[0] != '\r' || at[1] != '\n')
		return -LEND__HTTP_BAD_REQUEST;
	value_end = at;
	while (value_end > value &&
	       (value_end[-1] == ' ' || value_end[-1] == '\t'))
		value_end--;

	id = lend__http_field_of(line, name_size);
	field->name = (uint32_t)(line - data);
	field->name_size = (uint16_t)name_size;
	field->id = (uint16_t)id;
	field->value = (uint32_t)(value - data);
	field->value_size = (uint32_t)(value_end - value);
	head->field_count++;
	if (id != LEND__HTTP_FIELD_OTHER) {
		if (head->first[id])
			head->repeated |= 1u << id;
		else
			head->first[id] = (uint16_t)head->field_count;
	}
	return (int)(at + 2 - line);
}

/*
 * Skip the CRLFs that RFC 9112, 2.2 tolerates before a request line. Returns
 * 1 when at another byte than CR, 0 when more is needed, or a refusal.
 */
static int skip_empty_lines(const char *data, size_t size,
			    struct lend__http_head *head)
{
	while (head->line < size && data[head->line] == '\r') {
		if (head->line + 1 == size)
			return 0;
		if (data[head->line + 1] != '\n' ||
		    head->empty_lines == LEND__HTTP_EMPTY_LINES_MAX)
			return -LEND__HTTP_BAD_REQUEST;
		head->empty_lines++;
		head->line += 2;
	}
	return head->line < size;
}

/* The first byte that the line at head->line, CRLF included, may not reach. */
static inline size_t line_bound(const struct lend__http_head *head,
				const struct lend__http_limits *limits)
{
	size_t bound = head->line + 2;

	bound += head->target.size ? limits->field_line_max :
				     limits->request_line_max;
	return bound < limits->head_max ? bound : limits->head_max;
}

/*
 * The line at head->line is not complete: a refusal if it never can be, else
 * 0 with a note how far the search for its end has come.
 */
static int line_pending(size_t size, size_t bound, struct lend__http_head *head)
{
	if (size >= bound)
		return head->target.size ? -LEND__HTTP_FIELDS_TOO_LARGE :
					   -LEND__HTTP_URI_TOO_LONG;
	head->scanned = (uint32_t)size;
	return 0;
}

void lend__http_head_init(struct lend__http_head *head,
			  struct lend__http_field *fields, uint32_t capacity)
{
	char *from = (char *)&head->field_count, *first = (char *)head->first;

	/* In two pieces, as one is long enough for the compiler to make it a
	 * string instruction, which starts slowly. */
	static_assert(offsetof(struct lend__http_head, first) <= 80 &&
			      sizeof(*head) - offsetof(struct lend__http_head,
						       first) <=
				      80,
		      "short pieces");
	head->fields = fields;
	head->field_capacity = capacity;
	memset(from, 0, (size_t)(first - from));
	memset(first, 0,
	       sizeof(*head) - offsetof(struct lend__http_head, first));
}

/*
 * All lines from head->line on. A line that has begun is parsed at once, on
 * the chance that it is complete; if it was not, it is parsed once more when
 * its LF is there or its limit is reached, and not before. The bound of a line
 * does not depend on what has arrived, hence neither does the verdict.
 */
static int parse_lines(const char *data, size_t size,
		       const struct lend__http_limits *limits,
		       struct lend__http_head *head)
{
	uint32_t count_max = limits->field_count_max;
	const char *at, *end;
	size_t bound;
	int used;

	if (count_max > head->field_capacity)
		count_max = head->field_capacity;
	if (head->target.size == 0) {
		used = skip_empty_lines(data, size, head);
		if (used < 0)
			return used;
		bound = line_bound(head, limits);
		end = data + (size < bound ? size : bound);
		if (used > 0)
			used = parse_request_line(data, data + head->line, end,
						  head);
		if (used < 0)
			return used;
		if (used == 0) {
			head->target.size = 0;
			return line_pending(size, bound, head);
		}
		head->line += (uint32_t)used;
	}
	for (;;) {
		bound = line_bound(head, limits);
		at = data + head->line;
		end = data + (size < bound ? size : bound);
		if (at >= end)
			return line_pending(size, bound, head);
		if (*at == '\r') {
			if (end - at < 2)
				return line_pending(size, bound, head);
			if (at[1] != '\n')
				return -LEND__HTTP_BAD_REQUEST;
			return (int)(head->line + 2);
		}
		if (head->field_count == count_max)
			return -LEND__HTTP_FIELDS_TOO_LARGE;
		used = parse_field(data, at, end, head);
		if (used < 0)
			return used;
		if (used == 0)
			return line_pending(size, bound, head);
		head->line += (uint32_t)used;
	}
}

int lend__http_parse_head(const char *data, size_t size,
			  const struct lend__http_limits *limits,
			  struct lend__http_head *head)
{
	size_t bound;

	lend_debug_assert(limits->head_max > 0);
	lend_debug_assert(head->scanned <= size);

	if (head->scanned > head->line) {
		bound = line_bound(head, limits);
		if (size < bound &&
		    !memchr(data + head->scanned, '\n', size - head->scanned)) {
			head->scanned = (uint32_t)size;
			return 0;
		}
	}
	return parse_lines(data, size, limits, head);
}

int lend__http_parse_alike(const char *data, size_t size, uint32_t before,
			   const struct lend__http_limits *limits,
			   struct lend__http_head *head)
{
	uint8_t method = head->method, minor = head->minor;
	size_t bound = limits->request_line_max + 2;
	uint32_t first, rest, shift;
	int used;

	if (!head->field_count || head->form != LEND__HTTP_ORIGIN_FORM)
		return 0;
	first = head->fields[0].name;
	lend_debug_assert(first < before);
	rest = before - first;
	if (bound > limits->head_max)
		bound = limits->head_max;
	used = parse_request_line(data, data,
				  data + (size < bound ? size : bound), head);
	if (used <= 0 || head->method != method || head->minor != minor ||
	    head->form != LEND__HTTP_ORIGIN_FORM ||
	    (size_t)used + rest > size ||
	    (size_t)used + rest > limits->head_max ||
	    memcmp(data + used, data - rest, rest) != 0)
		return 0;
	shift = (uint32_t)used - first;
	for (uint32_t i = 0; shift && i < head->field_count; i++) {
		head->fields[i].name += shift;
		head->fields[i].value += shift;
	}
	head->line = (uint32_t)used + rest - 2;
	head->scanned = 0;
	head->empty_lines = 0;
	return used + (int)rest;
}
