/*
 * What tells one version of a file from another, and what a client asks about
 * it: conditional requests (RFC 9110, section 13) and ranges (section 14).
 */
#ifndef LEND_CLI_VALIDATOR_H
#define LEND_CLI_VALIDATOR_H

#include <lend/http.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct stat;

struct validator {
	char etag[40];	    /* strong, quoted */
	char modified[32];  /* for Last-Modified */
	time_t modified_at; /* not in the future */
};

void validator_make(const struct stat *stat, struct validator *ret_validator);

/* Has the client this version already? */
bool validator_is_not_modified(const struct validator *validator,
			       const struct lend_http_request *request);

enum range_answer {
	RANGE_WHOLE,	     /* none was asked for, or not in a way we know */
	RANGE_PART,	     /* 206 */
	RANGE_UNSATISFIABLE, /* 416 */
};

struct range {
	uint64_t first;
	uint64_t size;
};

/* Which part of a file of @size bytes a GET asks for. Several ranges at once
 * are answered by the whole. @ret_range is written in any case. */
enum range_answer range_read(const struct validator *validator,
			     const struct lend_http_request *request,
			     uint64_t size, struct range *ret_range);

#endif
