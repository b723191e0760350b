/*
 * What the server for tests of HTTP serves: a path for each thing that a
 * handler may do, and for some that it should not.
 */
#ifndef LEND_TESTS_HTTP_TEST_SITE_H
#define LEND_TESTS_HTTP_TEST_SITE_H

#include <lend/http.h>

/* Give @server all routes. Return what the first that failed did, else 0. */
int http_test_site_route(struct lend_http_server *server);

#endif
