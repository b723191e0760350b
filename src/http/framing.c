/*
 * Framing: lend__http_frame() holds every decision about where a request ends
 * and whether another may follow, frame_host() those about whom it is for. The
 * other functions only read values: each answers one question about one field
 * and decides nothing. Called by the
 * connection for each head; the parser has refused what is not well formed.
 */
#include "http/framing.h"

#include "http/chars.h"
#include "http/status.h"

#include <arpa/inet.h>
#include <string.h>

/* What the elements of a Transfer-Encoding are, taken together. */
enum codings {
	CODINGS_MALFORMED,
	/* Chunked is not there, not last, or there twice. */
	CODINGS_ENDLESS,
	/* Ends in chunked, with others before it. */
	CODINGS_UNKNOWN,
	CODINGS_CHUNKED,
};

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool equals(const char *text, size_t size, const char *lower)
{
	if (size != strlen(lower))
		return false;
	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != lower[i])
			return false;
	}
	return true;
}

/*
 * The next element of a comma-separated list, without the white space around
 * it; false at the end. Quoted strings are not known here: none of our lists
 * may have them.
 */
static bool next_element(const char **at, const char *end,
			 const char **ret_element, size_t *ret_size)
{
	const char *from = *at, *to;

	if (from > end)
		return false;
	to = memchr(from, ',', (size_t)(end - from));
	if (!to)
		to = end;
	*at = to + 1;
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	*ret_element = from;
	*ret_size = (size_t)(to - from);
	return true;
}

/*
 * Note [frames]
 * What only some requests need, and needs registers or an array for it, is not
 * inlined, so that its frame is no part of its caller's: a connection's stack
 * is in no near cache if there are hundreds of them, and each of its lines that
 * is touched is waited for.
 */

/* Whether @field and those of the same kind behind it list @token. Note
 * [frames]. */
__attribute__((noinline)) static bool
lists(const char *data, const struct lend__http_field *field,
      const struct lend__http_head *head, const char *token)
{
	const char *at, *end, *element;
	unsigned id = field->id;
	size_t size;

	for (; field < head->fields + head->field_count; field++) {
		if (field->id != id)
			continue;
		at = data + field->value;
		end = at + field->value_size;
		while (next_element(&at, end, &element, &size)) {
			if (equals(element, size, token))
				return true;
		}
	}
	return false;
}

/* Whether the Expect fields ask for 100-continue and for nothing else. Note
 * [frames]. */
__attribute__((noinline)) static bool
expects_only_continue(const char *data, const struct lend__http_head *head)
{
	const struct lend__http_field *field;
	const char *at, *end, *element;
	size_t size;

	field = lend__http_head_find(head, LEND__HTTP_FIELD_EXPECT);
	for (; field < head->fields + head->field_count; field++) {
		if (field->id != LEND__HTTP_FIELD_EXPECT)
			continue;
		at = data + field->value;
		end = at + field->value_size;
		while (next_element(&at, end, &element, &size)) {
			if (!equals(element, size, "100-continue"))
				return false;
		}
	}
	return true;
}

/* Note [frames]. */
__attribute__((noinline)) static enum codings
read_codings(const char *data, const struct lend__http_head *head)
{
	const struct lend__http_field *field;
	const char *at, *end, *element;
	unsigned chunked = 0, others = 0;
	size_t size, name;

	field = lend__http_head_find(head, LEND__HTTP_FIELD_TRANSFER_ENCODING);
	for (; field < head->fields + head->field_count; field++) {
		if (field->id != LEND__HTTP_FIELD_TRANSFER_ENCODING)
			continue;
		at = data + field->value;
		end = at + field->value_size;
		while (next_element(&at, end, &element, &size)) {
			name = 0;
			while (name < size &&
			       lend__http_is(element[name], LEND__HTTP_TOKEN))
				name++;
			/* An empty element may be ignored by the next hop
			 * and not by us, or the other way round. */
			if (name == 0 || (name < size && element[name] != ';' &&
					  !is_blank(element[name])))
				return CODINGS_MALFORMED;
			if (chunked)
				return CODINGS_ENDLESS;
			if (!equals(element, name, "chunked"))
				others++;
			else if (name < size)
				return CODINGS_MALFORMED;
			else
				chunked++;
		}
	}
	if (!chunked)
		return CODINGS_ENDLESS;
	return others ? CODINGS_UNKNOWN : CODINGS_CHUNKED;
}

/* The value of a Content-Length; false unless it is 1*DIGIT. A number above
 * 64 bits is valid all the same and becomes UINT64_MAX. */
static bool read_length(const char *text, size_t size, uint64_t *ret_length)
{
	uint64_t length = 0;

	if (size == 0)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (!lend__http_is(text[i], LEND__HTTP_DIGIT))
			return false;
		if (__builtin_mul_overflow(length, 10, &length) ||
		    __builtin_add_overflow(length, (uint64_t)(text[i] - '0'),
					   &length))
			/* Whatever is added or multiplied, it stays there. */
			length = UINT64_MAX;
	}
	*ret_length = length;
	return true;
}

/* "[" IPv6address "]"; the size with both brackets, or 0. IPvFuture has no
 * future yet. Note [frames]. */
__attribute__((noinline)) static size_t ip_literal_size(const char *text,
							size_t size)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	const char *close = memchr(text, ']', size);
	size_t length;

	if (!close)
		return 0;
	length = (size_t)(close - text) - 1;
	if (length >= sizeof(address))
		return 0;
	memcpy(address, text + 1, length);
	address[length] = '\0';
	return inet_pton(AF_INET6, address, &ignored) == 1 ? length + 2 : 0;
}

/* uri-host [ ":" port ] of RFC 3986, 3.2.2, with a host that is not empty. */
static bool is_authority(const char *text, size_t size, bool need_port)
{
	size_t i = 0;
	unsigned port = 0;

	if (size > 0 && text[0] == '[') {
		i = ip_literal_size(text, size);
	} else {
		for (;; i++) {
			while (i < size &&
			       lend__http_is(text[i], LEND__HTTP_REG_NAME))
				i++;
			if (size - i < 3 || text[i] != '%' ||
			    !lend__http_is(text[i + 1], LEND__HTTP_HEX) ||
			    !lend__http_is(text[i + 2], LEND__HTTP_HEX))
				break;
			i += 2;
		}
	}
	if (i == 0)
		return false;
	if (i == size)
		return !need_port;
	if (text[i++] != ':' || (need_port && i == size))
		return false;
	for (; i < size; i++) {
		if (!lend__http_is(text[i], LEND__HTTP_DIGIT))
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	return true;
}

/*
 * Whom the request is for has to be said once, and rightly. Returns 0 or a
 * refusal.
 */
static int check_host(const char *data, const struct lend__http_head *head)
{
	const struct lend__http_field *host;
	const char *authority = data + head->authority.at;

	/* RFC 9112, 3.2: a server MUST answer 400 to HTTP/1.1 without Host, to
	 * any request with two, and to an invalid one. An empty one is valid:
	 * that is what a client sends whose URI has no authority. */
	host = lend__http_head_find(head, LEND__HTTP_FIELD_HOST);
	if (!host && head->minor > 0)
		return -LEND__HTTP_BAD_REQUEST;
	if (head->repeated & (1u << LEND__HTTP_FIELD_HOST))
		return -LEND__HTTP_BAD_REQUEST;
	if (host && host->value_size > 0 &&
	    !is_authority(data + host->value, host->value_size, false))
		return -LEND__HTTP_BAD_REQUEST;

	switch ((enum lend__http_form)head->form) {
	case LEND__HTTP_ORIGIN_FORM:
		/* RFC 9112, 3.2.3: CONNECT has authority form only. */
		if (head->method == LEND__HTTP_CONNECT)
			return -LEND__HTTP_BAD_REQUEST;
		break;
	case LEND__HTTP_ABSOLUTE_FORM:
		/* RFC 9112, 3.2.2: the target's authority beats Host, so it is
		 * no matter that they differ. RFC 9110, 4.2.1 and 4.2.4: an
		 * empty host is an error, so is user information, whose "@"
		 * is_authority() does not know. We are no proxy to other
		 * schemes. */
		if (head->method == LEND__HTTP_CONNECT ||
		    head->scheme == LEND__HTTP_SCHEME_OTHER ||
		    !is_authority(authority, head->authority.size, false))
			return -LEND__HTTP_BAD_REQUEST;
		break;
	case LEND__HTTP_AUTHORITY_FORM:
		/* RFC 9112, 3.2.3: for CONNECT only, host and port. */
		if (head->method != LEND__HTTP_CONNECT ||
		    !is_authority(authority, head->authority.size, true))
			return -LEND__HTTP_BAD_REQUEST;
		/* RFC 9110, 9.3.6: what follows a CONNECT is the tunnel's, and
		 * we dig none. */
		return -LEND__HTTP_NOT_IMPLEMENTED;
	case LEND__HTTP_ASTERISK_FORM:
		/* RFC 9112, 3.2.4: for OPTIONS only. */
		if (head->method != LEND__HTTP_OPTIONS)
			return -LEND__HTTP_BAD_REQUEST;
		break;
	}
	return 0;
}

int lend__http_frame(const char *data, const struct lend__http_head *head,
		     const struct lend__http_limits *limits,
		     struct lend__http_framing *ret_framing)
{
	const struct lend__http_field *coding, *length, *expect, *connection;
	enum lend__http_body body = LEND__HTTP_BODY_NONE;
	uint64_t body_size = 0;
	bool expect_continue = false, keep_alive;
	enum codings codings;
	int error;

	coding = lend__http_head_find(head, LEND__HTTP_FIELD_TRANSFER_ENCODING);
	length = lend__http_head_find(head, LEND__HTTP_FIELD_CONTENT_LENGTH);
	expect = lend__http_head_find(head, LEND__HTTP_FIELD_EXPECT);
	connection = lend__http_head_find(head, LEND__HTTP_FIELD_CONNECTION);

	error = check_host(data, head);
	if (error)
		return error;
	if (coding) {
		/* RFC 9112, 6.1: with Content-Length it may be smuggling;
		 * in HTTP/1.0 the framing is faulty, whatever it says. */
		if (length || head->minor == 0)
			return -LEND__HTTP_BAD_REQUEST;
		codings = read_codings(data, head);
		/* RFC 9112, 6.3 (4): MUST be 400 unless chunked is last; 6.1:
		 * it MUST NOT be there twice; 7.1: it has no parameters. */
		if (codings == CODINGS_MALFORMED || codings == CODINGS_ENDLESS)
			return -LEND__HTTP_BAD_REQUEST;
		/* RFC 9112, 6.1: a coding we do not understand. */
		if (codings == CODINGS_UNKNOWN)
			return -LEND__HTTP_NOT_IMPLEMENTED;
		if (limits->length_required)
			return -LEND__HTTP_LENGTH_REQUIRED;
		body = LEND__HTTP_BODY_CHUNKED;
	} else if (length) {
		/* RFC 9112, 6.3 (5): an invalid value MUST be 400. RFC 9110,
		 * 8.6: the same value twice may be refused, and is. */
		if (head->repeated & (1u << LEND__HTTP_FIELD_CONTENT_LENGTH) ||
		    !read_length(data + length->value, length->value_size,
				 &body_size))
			return -LEND__HTTP_BAD_REQUEST;
		/* No file is longer than INT64_MAX, and sizes are signed in
		 * what a handler sees. */
		if (body_size > INT64_MAX || body_size > limits->body_max)
			return -LEND__HTTP_CONTENT_TOO_LARGE;
		if (body_size > 0)
			body = LEND__HTTP_BODY_LENGTH;
	}
	/* else RFC 9112, 6.3 (7): there is no body, also for POST. */

	/* RFC 9110, 10.1.1: nothing but 100-continue can be met; HTTP/1.0 knows
	 * no expectations; without a body there is nothing to ask for. */
	if (expect && head->minor > 0) {
		if (!expects_only_continue(data, head))
			return -LEND__HTTP_EXPECTATION_FAILED;
		expect_continue = body != LEND__HTTP_BODY_NONE;
	}

	/* RFC 9112, 9.3: close beats all, then the version decides, then
	 * keep-alive. */
	keep_alive = head->minor > 0 ||
		     (connection &&
		      lists(data, connection, head, "keep-alive"));
	if (connection && lists(data, connection, head, "close"))
		keep_alive = false;
	/* Written one by one, and not as a copy of a record: loads that span
	 * several fresh stores have to wait for them. */
	ret_framing->length = body_size;
	ret_framing->body = (uint8_t)body;
	ret_framing->keep_alive = keep_alive;
	ret_framing->expect_continue = expect_continue;
	return 0;
}
