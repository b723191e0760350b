/*
 * The head of an HTTP/1.x request: what its lines say, as offsets into the
 * buffer it was received in. What that means for the connection and the body
 * is decided in framing.h.
 */
#ifndef LEND_HTTP_PARSER_H
#define LEND_HTTP_PARSER_H

#include "http/limits.h"

#include <lend/base.h>

/* A piece of the buffer. Offsets rather than pointers: the buffer may move
 * between two calls. */
struct lend__http_span {
	uint32_t at;
	uint32_t size;
};

enum lend__http_method {
	LEND__HTTP_METHOD_OTHER,
	LEND__HTTP_GET,
	LEND__HTTP_HEAD,
	LEND__HTTP_POST,
	LEND__HTTP_PUT,
	LEND__HTTP_DELETE,
	LEND__HTTP_CONNECT,
	LEND__HTTP_OPTIONS,
	LEND__HTTP_TRACE,
	LEND__HTTP_PATCH,
	LEND__HTTP_METHOD_COUNT,
};

/* RFC 9112, 3.2: the four forms of a request target. */
enum lend__http_form {
	LEND__HTTP_ORIGIN_FORM,
	LEND__HTTP_ABSOLUTE_FORM,
	LEND__HTTP_AUTHORITY_FORM,
	LEND__HTTP_ASTERISK_FORM,
};

enum lend__http_scheme {
	LEND__HTTP_SCHEME_NONE,
	LEND__HTTP_SCHEME_HTTP,
	LEND__HTTP_SCHEME_HTTPS,
	LEND__HTTP_SCHEME_OTHER,
};

/* The fields that framing or the server itself asks for; they are recognised
 * while they are parsed, so nobody searches for them. */
enum lend__http_field_id {
	LEND__HTTP_FIELD_OTHER,
	LEND__HTTP_FIELD_HOST,
	LEND__HTTP_FIELD_CONTENT_LENGTH,
	LEND__HTTP_FIELD_TRANSFER_ENCODING,
	LEND__HTTP_FIELD_CONNECTION,
	LEND__HTTP_FIELD_EXPECT,
	LEND__HTTP_FIELD_RANGE,
	LEND__HTTP_FIELD_IF_RANGE,
	LEND__HTTP_FIELD_IF_MATCH,
	LEND__HTTP_FIELD_IF_NONE_MATCH,
	LEND__HTTP_FIELD_IF_MODIFIED_SINCE,
	LEND__HTTP_FIELD_IF_UNMODIFIED_SINCE,
	LEND__HTTP_FIELD_ACCEPT_ENCODING,
	LEND__HTTP_FIELD_CONTENT_TYPE,
	LEND__HTTP_FIELD_UPGRADE,
	LEND__HTTP_FIELD_COUNT,
};

struct lend__http_field {
	uint32_t name;
	/* Without the white space around it. */
	uint32_t value;
	uint32_t value_size;
	uint16_t name_size;
	/* enum lend__http_field_id. */
	uint16_t id;
};

/* What lend__http_parse_head() knows, and between two calls its memory. */
struct lend__http_head {
	/* The caller's array. */
	struct lend__http_field *fields;
	uint32_t field_capacity;
	uint32_t field_count;

	/* The first byte of the first line that has not been parsed, and how
	 * far that line is known to hold no LF: what makes delivery byte by
	 * byte cost two passes and not n. */
	uint32_t line;
	uint32_t scanned;
	uint8_t empty_lines;

	uint8_t method; /* enum lend__http_method */
	uint8_t form;	/* enum lend__http_form */
	uint8_t scheme; /* enum lend__http_scheme */
	/* The digit after "HTTP/1."; 2 to 9 are to be treated like 1. */
	uint8_t minor;

	struct lend__http_span method_name;
	/* All of the target, as sent. */
	struct lend__http_span target;
	/* Absolute and authority form: host and port. */
	struct lend__http_span authority;
	/* Path and query; may be empty in absolute form, which means "/". */
	struct lend__http_span path;
	/* Bytes of it that are its path, up to a "?" or its end, if that has
	 * the form that lend__http_path_normalise() gives it, as it has in
	 * nearly all requests; 0 if it may not. */
	uint32_t normal_size;

	/* Index plus one of the first field of each kind, 0 for none. */
	uint16_t first[LEND__HTTP_FIELD_COUNT];
	/* Bit n: there is more than one field of kind n. */
	uint32_t repeated;
};

/**
 * Prepare @head for a new request.
 *
 * @fields    where the field lines go; stays the caller's
 * @capacity  entries of @fields
 */
void lend__http_head_init(struct lend__http_head *head,
			  struct lend__http_field *fields, uint32_t capacity);

/**
 * Parse a request head that starts at @data, as far as it has arrived.
 *
 * Nothing is copied. To go on after a 0, call again with the same bytes and
 * more behind them, wherever they are by then. However the bytes were split,
 * the verdict is the same; a refusal may come as soon as its first bad byte is
 * there and comes at the latest with the end of its line. After a refusal
 * @head is of no use, and where the next request starts is unknown.
 *
 * @size    bytes at @data, pipelined ones of the next request included
 * @limits  resolved
 *
 * Return: bytes of the head, its empty line included
 *         0     more is needed
 *         -400  the syntax is wrong, or could be read two ways
 *         -414, -431  a limit is exceeded
 *         -501  the method is longer than any
 *         -505  the major version is not 1
 */
LEND_NODISCARD int lend__http_parse_head(const char *data, size_t size,
					 const struct lend__http_limits *limits,
					 struct lend__http_head *head);

/**
 * Parse a request head right behind another, if but for its request line it
 * has the same bytes: who sends several requests at once sends the same fields
 * with each of them. What the fields say together is the same then, too.
 *
 * @before  bytes of the head that ends at @data; @head is what was found in it
 *
 * Return: bytes of the head, whose method, version and form are those of the
 *                one before, in origin form
 *         0      it is another, incomplete or wrong: lend__http_head_init(),
 *                and lend__http_parse_head() says which
 */
LEND_NODISCARD int
lend__http_parse_alike(const char *data, size_t size, uint32_t before,
		       const struct lend__http_limits *limits,
		       struct lend__http_head *head);

/* The first field of kind @id, or NULL. */
static inline const struct lend__http_field *
lend__http_head_find(const struct lend__http_head *head,
		     enum lend__http_field_id id)
{
	return head->first[id] ? &head->fields[head->first[id] - 1] : NULL;
}

#endif
