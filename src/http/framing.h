/*
 * What a request head means for the bytes behind it and for the connection.
 */
#ifndef LEND_HTTP_FRAMING_H
#define LEND_HTTP_FRAMING_H

#include "http/parser.h"

enum lend__http_body {
	LEND__HTTP_BODY_NONE,
	LEND__HTTP_BODY_LENGTH,
	LEND__HTTP_BODY_CHUNKED,
};

struct lend__http_framing {
	/* Bytes of a LEND__HTTP_BODY_LENGTH; at least 1. */
	uint64_t length;
	uint8_t body; /* enum lend__http_body */
	/* The connection outlives this request, if its body is read. */
	bool keep_alive;
	/* A 100 is to be sent before the body is waited for. */
	bool expect_continue;
};

/**
 * Decide how the body of a request is delimited and whether another request
 * can follow. All such decisions are made here; doc/http.md lists them.
 *
 * @data    the buffer @head describes
 * @head    a complete head
 * @limits  resolved
 * @ret_framing  written only on success
 *
 * Return: 0
 *         -400, -411, -413, -417, -501  the refusal to send; the connection is
 *         then closed, for nobody can say where the next request starts
 */
LEND_NODISCARD int lend__http_frame(const char *data,
				    const struct lend__http_head *head,
				    const struct lend__http_limits *limits,
				    struct lend__http_framing *ret_framing);

#endif
