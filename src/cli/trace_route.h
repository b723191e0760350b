/*
 * /trace of the admin address: what the flight recorder has now.
 */
#ifndef LEND_CLI_TRACE_ROUTE_H
#define LEND_CLI_TRACE_ROUTE_H

#include <lend/http.h>

/* A handler without an argument; parameters are "ms" and "format". */
void trace_handle(struct lend_http_request *request,
		  struct lend_http_response *response, void *arg) LEND_AWAITS;

#endif
