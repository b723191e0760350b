/*
 * The routes of --demo.
 */
#ifndef LEND_CLI_DEMO_H
#define LEND_CLI_DEMO_H

#include <lend/http.h>

/* Add them. Return: 0, or what lend_http_route() says. */
int demo_routes(struct lend_http_server *server);

#endif
