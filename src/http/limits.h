/*
 * How much of a request the server is willing to read, and the numbers that
 * stand for "unspecified".
 */
#ifndef LEND_HTTP_LIMITS_H
#define LEND_HTTP_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

/* The longest line the parser can describe; sizes of names are 16 bits. */
#define LEND__HTTP_LINE_MAX 65000

/* The longest method that is read; longer ones are nobody's: 501. */
#define LEND__HTTP_METHOD_MAX 24

/* Empty lines that are skipped before a request line (RFC 9112, 2.2). */
#define LEND__HTTP_EMPTY_LINES_MAX 2

/* Filled in by lend__http_limits_resolve(): 0 there means the default. */
struct lend__http_limits {
	/* Bytes of the request line without its CRLF; above: 414. Default
	 * 8192: RFC 9112, 3 asks for at least 8000. */
	uint32_t request_line_max;
	/* Bytes of one field line without its CRLF; above: 431. Default
	 * 8192. */
	uint32_t field_line_max;
	/* Field lines of a request; above: 431. Default 100. The array the
	 * caller supplies is a second bound. */
	uint32_t field_count_max;
	/* Bytes of the whole head, its empty line included; above: 431 (414
	 * while still in the request line). Default 32 KiB. */
	uint32_t head_max;
	/* Bytes of a body after decoding; above: 413. Default 1 MiB;
	 * UINT64_MAX for none. */
	uint64_t body_max;
	/* Bytes of chunk extensions that the data of their chunks does not
	 * outweigh; above: 400. Default 4096. */
	uint32_t extension_max;
	/* Bytes of a trailer section; above: 431. Default 8192. */
	uint32_t trailer_max;
	/* Refuse bodies whose length is not known in advance with 411
	 * (RFC 9110, 15.5.12). Default no. */
	bool length_required;
};

/**
 * Replace each 0 of @limits by its default and bound what the parser can not
 * represent. Needed once before @limits is used; doing it again changes
 * nothing.
 */
void lend__http_limits_resolve(struct lend__http_limits *limits);

#endif
