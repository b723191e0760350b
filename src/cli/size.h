/*
 * `POST /workers?count=N` and `POST /rings?count=N` of the admin address:
 * change the size of the running service.
 */
#ifndef LEND_CLI_SIZE_H
#define LEND_CLI_SIZE_H

#include <lend/http.h>

/* Handlers; the argument is not used. */
void size_workers_handle(struct lend_http_request *request,
			 struct lend_http_response *response,
			 void *arg) LEND_AWAITS;
void size_rings_handle(struct lend_http_request *request,
		       struct lend_http_response *response,
		       void *arg) LEND_AWAITS;

#endif
