/*
 * The built-in site: what / shows without --root.
 */
#ifndef LEND_CLI_SITE_H
#define LEND_CLI_SITE_H

#include <lend/http.h>
#include <stdbool.h>

#include "options.h"
#include "text.h"

struct site {
	struct text page;
};

/* Fill in what is known at the start. Return: false if memory ran out. */
bool site_make(struct site *site, const struct options *options);
void site_free(struct site *site);

/* The handler for GET of "/"; the argument is a struct site. */
void site_handle(struct lend_http_request *request,
		 struct lend_http_response *response, void *arg) LEND_AWAITS;

#endif
