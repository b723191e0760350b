/*
 * Changing the number of workers and rings of a running service: see size.h.
 * The answer is the size that it then has, or a line that says why not; the
 * runtime's log says more.
 */
#include "size.h"

#include <errno.h>
#include <inttypes.h>
#include <lend/clock.h>
#include <lend/runtime.h>
#include <stdio.h>
#include <string.h>

#define TEXT_PLAIN "text/plain; charset=utf-8"

/* What is removed has so long to come to an end: for anything shorter than a
 * handler that computes for ever. */
#define REMOVAL_NS (10 * LEND_S)

typedef int (*change_fn)(struct lend_runtime *runtime, unsigned count,
			 uint64_t deadline);

/* The number behind "count=", all digits; -1: there is none. */
static long count_of(const struct lend_http_request *request)
{
	struct lend_http_text text = lend_http_parameter(request, "count");
	long count = 0;

	if (!text.size || text.size > 6)
		return -1;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		count = count * 10 + text.data[i] - '0';
	}
	return count;
}

static void complain(struct lend_http_response *response, int status,
		     const char *line)
{
	lend_http_reply(response, status, TEXT_PLAIN, line, strlen(line));
}

static void refuse(struct lend_http_response *response, int error)
{
	char line[160];

	switch (error) {
	case -EINVAL:
		complain(
			response, 400,
			"not in this mode, or less than 1: private mode has a ring for each worker\n");
		return;
	case -E2BIG:
		complain(response, 400, "more than 256\n");
		return;
	case -EBUSY:
		complain(response, 409,
			 "another change is going on; try again\n");
		return;
	case -ETIMEDOUT:
		complain(
			response, 409,
			"something did not come to an end in 10 s, and stays; the log says what\n");
		return;
	default:
		snprintf(line, sizeof(line), "%s\n", lend_error_text(error));
		complain(response, 503, line);
	}
}

static void change(const struct lend_http_request *request,
		   struct lend_http_response *response, change_fn change_it)
{
	struct lend_runtime *runtime = lend_runtime_current();
	long count = count_of(request);
	char line[80];
	int err;

	lend_http_add_header(response, "Cache-Control", "no-store");
	/* Any page that somebody here looks at can have a browser send this;
	 * then it says where it comes from. */
	if (lend_http_header(request, "Origin").data) {
		complain(response, 403, "not for pages in a browser\n");
		return;
	}
	if (count < 0) {
		complain(response, 400, "?count=N is missing: a number\n");
		return;
	}
	err = change_it(runtime, (unsigned)count, lend_after(REMOVAL_NS));
	if (err) {
		refuse(response, err);
		return;
	}
	snprintf(line, sizeof(line), "{\"workers\": %u, \"rings\": %u}\n",
		 lend_runtime_workers(runtime), lend_runtime_rings(runtime));
	lend_http_reply(response, 200, "application/json", line, strlen(line));
}

void size_workers_handle(struct lend_http_request *request,
			 struct lend_http_response *response, void *arg)
{
	(void)arg;
	change(request, response, lend_runtime_set_workers);
}

void size_rings_handle(struct lend_http_request *request,
		       struct lend_http_response *response, void *arg)
{
	(void)arg;
	change(request, response, lend_runtime_set_rings);
}
