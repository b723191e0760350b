/*
 * Decoding of request targets. A byte is decoded exactly once, here: whoever
 * decodes a result again undoes what has been checked. Called by the router
 * and by whoever serves files.
 */
#include "http/uri.h"

#include "base/check.h"
#include "http/chars.h"
#include "http/status.h"

#include <string.h>

void lend__http_uri_split(const char *target, size_t size,
			  struct lend__http_uri *ret_uri)
{
	const char *mark = size ? memchr(target, '?', size) : NULL;

	*ret_uri = (struct lend__http_uri){ .path = target, .path_size = size };
	if (mark) {
		ret_uri->path_size = (size_t)(mark - target);
		ret_uri->query = mark + 1;
		ret_uri->query_size = size - ret_uri->path_size - 1;
	}
}

/* The byte that "%xx" at @at stands for, or -1. */
static int decode_escape(const char *at, const char *end)
{
	if (end - at < 3 || !lend__http_is(at[1], LEND__HTTP_HEX) ||
	    !lend__http_is(at[2], LEND__HTTP_HEX))
		return -1;
	return (int)(lend__http_hex_value(at[1]) << 4 |
		     lend__http_hex_value(at[2]));
}

/*
 * Decode one segment of a path, up to "/" or @end, and move *@at behind it.
 * Returns its size or a refusal.
 */
static int decode_segment(const char **at, const char *end, char *buffer,
			  size_t capacity)
{
	const char *from = *at;
	size_t size = 0;
	int c;

	for (; from < end && *from != '/'; from++) {
		c = (unsigned char)*from;
		if (c == '%') {
			c = decode_escape(from, end);
			from += 2;
		}
		if (c <= 0 || c == '/')
			return -LEND__HTTP_BAD_REQUEST;
		if (size == capacity)
			return -LEND__HTTP_URI_TOO_LONG;
		buffer[size++] = (char)c;
	}
	*at = from;
	return (int)size;
}

int lend__http_path_normalise(const char *path, size_t size, char *buffer,
			      size_t capacity, size_t *ret_size)
{
	const char *at = path, *end = path + size;
	size_t used = 1;
	int segment;

	if (size > 0 && path[0] != '/')
		return -LEND__HTTP_BAD_REQUEST;
	if (capacity == 0 || size > INT32_MAX)
		return -LEND__HTTP_URI_TOO_LONG;
	/* buffer[0, used) is always the form of what has been read, and ends
	 * in "/": the next segment goes behind it. */
	buffer[0] = '/';
	while (at < end) {
		at++;
		segment = decode_segment(&at, end, buffer + used,
					 capacity - used);
		if (segment < 0)
			return segment;
		if (segment == 0 || (segment == 1 && buffer[used] == '.'))
			continue;
		if (segment == 2 && memcmp(buffer + used, "..", 2) == 0) {
			if (used == 1)
				return -LEND__HTTP_BAD_REQUEST;
			do
				used--;
			while (buffer[used - 1] != '/');
			continue;
		}
		used += (size_t)segment;
		if (at < end) {
			if (used == capacity)
				return -LEND__HTTP_URI_TOO_LONG;
			buffer[used++] = '/';
		}
	}
	lend_assert(used <= capacity);
	lend_assert(buffer[0] == '/');
	*ret_size = used;
	return 0;
}

/* Whether the encoded name [@at, @end) is @name. */
static bool is_parameter(const char *at, const char *end, const char *name)
{
	int c;

	for (; at < end && *name; at++, name++) {
		c = (unsigned char)*at;
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			c = decode_escape(at, end);
			at += 2;
		}
		if (c != (unsigned char)*name)
			return false;
	}
	return at == end && !*name;
}

bool lend__http_query_find(const char *query, size_t size, const char *name,
			   const char **ret_value, size_t *ret_size)
{
	const char *at = query, *end = query + size, *next, *equals;

	for (; at < end; at = next + 1) {
		next = memchr(at, '&', (size_t)(end - at));
		if (!next)
			next = end;
		equals = memchr(at, '=', (size_t)(next - at));
		if (!equals)
			equals = next;
		if (!is_parameter(at, equals, name))
			continue;
		*ret_value = equals < next ? equals + 1 : next;
		*ret_size = (size_t)(next - *ret_value);
		return true;
	}
	return false;
}

int lend__http_query_decode(const char *text, size_t size, char *buffer,
			    size_t capacity, size_t *ret_size)
{
	const char *at = text, *end = text + size;
	size_t used = 0;
	int c;

	for (; at < end; at++) {
		c = *at == '+' ? ' ' : (unsigned char)*at;
		if (c == '%') {
			c = decode_escape(at, end);
			at += 2;
		}
		if (c < 0)
			return -LEND__HTTP_BAD_REQUEST;
		if (used == capacity)
			return -LEND__HTTP_URI_TOO_LONG;
		buffer[used++] = (char)c;
	}
	*ret_size = used;
	return 0;
}
