/*
 * A request and its response while they are being dealt with: on the stack of
 * the connection's actor, below the frame in which it waits when idle.
 */
#ifndef LEND_HTTP_EXCHANGE_H
#define LEND_HTTP_EXCHANGE_H

#include <lend/http.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "http/chunked.h"
#include "http/connection.h"
#include "http/framing.h"
#include "http/parser.h"

/* Fields that need no span of their own: as many as browsers send. More would
 * have what is called from here on another page of the stack. */
#define LEND__HTTP_FIELDS_INLINE 24

/* Bytes of the fields that a handler may add. */
#define LEND__HTTP_ADDED_MAX 4096

struct lend_http_request {
	struct lend__http_connection *connection;
	struct lend__http_head head;
	struct lend__http_framing framing;
	uint32_t head_size; /* 0: there is none, it was refused */
	const char *data;   /* the head */
	struct lend_http_text path;
	struct lend_http_text query;
	uint64_t started_ns; /* if somebody wants to know */

	/* The body. */
	uint64_t body_max;
	uint64_t body_left;  /* with a length: not received yet */
	bool body_over;	     /* received in full */
	bool continue_due;   /* a 100 is due before we wait for it */
	int body_error;	     /* why there is no more */
	unsigned refusal;    /* the status for that; 0: nobody to tell */
	uint32_t decoded_at; /* chunked: body in the input, decoded */
	uint32_t decoded_end;
	struct lend__http_chunked chunked;
};

enum lend__http_delivery {
	LEND__HTTP_WITH_LENGTH,
	LEND__HTTP_IN_CHUNKS,
	LEND__HTTP_UNTIL_CLOSE,
};

struct lend_http_response {
	struct lend__http_connection *connection;
	struct lend_http_request *request;
	bool begun;
	bool ended;
	bool silent; /* no body is sent, whatever is written */
	bool keep;   /* the connection may go on after this */
	uint8_t delivery;
	uint16_t status;
	uint64_t left; /* with a length: not written yet */
	uint64_t body_bytes;
	char *added; /* fields of the handler's; NULL: none */
	uint32_t added_size;
	uint32_t added_room;
};

struct lend__http_exchange {
	struct lend_http_request request;
	struct lend_http_response response;
	char *path; /* of the request, decoded; NULL: it is in the head */
	/* Where the path leads; until that is known, where the last one did. */
	const struct lend__http_place *place;
	bool repeated; /* the head is that of the request before, to the byte */
	struct lend__http_field *fields; /* these, or a span of our heap */
	uint32_t field_capacity;
	struct lend__http_field fields_inline[LEND__HTTP_FIELDS_INLINE];
};

/*
 * Note [whose]
 * Requests and responses lie on the stack of their connection's actor, near its
 * end. So who has one less than LEND__HTTP_NEAR above its own frame runs on
 * that stack, as no stack is smaller than twice that, and it is the handler, or
 * what the handler calls: four instructions, which read no memory, as there may
 * be something else by now. Everybody else is looked at more closely.
 */
#define LEND__HTTP_NEAR 8192

#if defined(__x86_64__)
__extension__ register uintptr_t lend__http_stack __asm__("rsp");
#else
__extension__ register uintptr_t lend__http_stack __asm__("sp");
#endif

/* @part is not near: is it on the stack of the actor that is calling? If not,
 * the process ends. */
__attribute__((cold, noinline)) void
lend__http_exchange_check(const void *part);

/* The caller is the handler of the exchange that @part is of, and its actor. */
static inline void lend__http_check_caller(const void *part)
{
	if (lend_unlikely((uintptr_t)part - lend__http_stack >=
			  LEND__HTTP_NEAR))
		lend__http_exchange_check(part);
}

/* Serve what the input begins with, and all that has come behind it. The
 * answers are gathered, and not all sent. False: the connection is to end. */
bool lend__http_exchange_serve(struct lend__http_connection *connection)
	LEND_AWAITS;

/* The head has come, and there is a body: read it, when asked to, from where
 * the input is. */
LEND_NODISCARD int
lend__http_request_open_body(struct lend_http_request *request);

/* Read and drop what is left of a body that is not over. False: there is too
 * much, or it is not worth the wait; the connection can not go on. */
bool lend__http_request_drop_body(struct lend_http_request *request)
	LEND_AWAITS;

/* Answer with @status and its reason; @response has not begun. */
int lend__http_response_refuse(struct lend_http_response *response,
			       unsigned status) LEND_AWAITS;

#endif
