/*
 * What the tests of HTTP servers have in common: an actor that serves, its end,
 * and a handler that ends its own. For one .c file each.
 */
#ifndef LEND_TESTS_SERVING_H
#define LEND_TESTS_SERVING_H

#include <lend/http.h>

#include "harness/harness.h"

/* @arg is the server. */
static inline int serve(void *arg)
{
	return lend_http_serve(arg);
}

/* @serving is the actor. */
static inline void stop_and_free(struct lend_http_server *server,
				 lend_ref serving)
{
	lend_http_stop(server);
	CHECK_EQ(test_join(serving), 0);
	lend_http_server_free(server);
}

static inline void on_exit_(struct lend_http_request *request,
			    struct lend_http_response *response, void *arg)
{
	(void)request;
	(void)response;
	(void)arg;
	lend_exit(0);
}

#endif
