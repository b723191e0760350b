/*
 * The chunked transfer coding, decoded in place and in any portions.
 */
#ifndef LEND_HTTP_CHUNKED_H
#define LEND_HTTP_CHUNKED_H

#include "http/limits.h"

#include <lend/base.h>

/* The state of one body; zeroed, it is at its start. */
struct lend__http_chunked {
	/* Bytes of the present chunk that are still to come. */
	uint64_t left;
	/* Body bytes of all chunks so far, the present one's in full. */
	uint64_t total;
	/* Extension bytes that no data has made up for. */
	uint64_t overhead;
	uint32_t trailer_size;
	uint8_t state;
	/* Digits of the present chunk's size. */
	uint8_t digits;
};

/**
 * Decode the next portion of a chunked body.
 *
 * Chunk extensions and the trailer section are checked and thrown away.
 *
 * @data  on return its first *@ret_body bytes are body; what follows them, up
 *        to *@ret_used, is undefined
 * @size  bytes at @data
 * @ret_used  bytes of @data that belong to this body; all of them unless it
 *            has ended or is refused. Written always, as is
 * @ret_body  bytes of body at @data, never more than *@ret_used
 *
 * Return: 1     the body has ended; bytes from *@ret_used on are not its own
 *         0     more is needed
 *         -400  not the chunked coding, or too many extensions
 *         -413  the body is longer than limits->body_max
 *         -431  the trailer section is too long
 */
LEND_NODISCARD int
lend__http_chunked_decode(struct lend__http_chunked *chunked,
			  const struct lend__http_limits *limits, char *data,
			  size_t size, size_t *ret_used, size_t *ret_body);

#endif
