/*
 * The counters of a running service, as JSON, and its health.
 */
#ifndef LEND_CLI_STATS_H
#define LEND_CLI_STATS_H

#include <lend/http.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "options.h"

/* What the counters are about. */
struct stats_source {
	const struct options *options;
	/* The service's own; of a service that is not HTTP, requests and
	 * responses stay 0. */
	void (*read)(void *arg, struct lend_http_stats *ret_stats);
	void *arg;
	_Atomic bool draining; /* set by the actor that got the signal */
};

/* Handlers; the argument is a struct stats_source. */
void stats_handle(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg) LEND_AWAITS;
void health_handle(struct lend_http_request *request,
		   struct lend_http_response *response, void *arg) LEND_AWAITS;

#endif
