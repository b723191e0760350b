/*
 * From a path and a method to a handler.
 *
 * Filled before the server serves, constant afterwards: lookups take no lock.
 */
#ifndef LEND_HTTP_ROUTER_H
#define LEND_HTTP_ROUTER_H

#include <lend/http.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/parser.h"

/* Bytes of an Allow field's value; methods that do not fit are left out. */
#define LEND__HTTP_ALLOW_MAX 256

struct lend__http_route {
	struct lend__http_route *next;
	char *method; /* NULL: any */
	size_t method_size;
	enum lend__http_method id;
	lend_http_handler handler;
	void *arg;
};

/* The first and the last eight bytes of a path; of a shorter one, all. They
 * tell most paths apart by themselves, and are what is hashed: the middle
 * rarely differs. */
struct lend__http_ends {
	uint64_t first;
	uint64_t last;
};

/* A path, with a route for each method it has. */
struct lend__http_place {
	struct lend__http_ends ends;
	size_t size;
	char *path;
	uint64_t body_max;
	bool has_body_max;
	bool prefix; /* ends with a slash: all that begins with it */
	/* As of the last seal; nothing under LEND__HTTP_METHOD_OTHER. */
	const struct lend__http_route *by_method[LEND__HTTP_METHOD_COUNT];
	struct lend__http_route *routes; /* in the order they were added */
};

struct lend__http_router {
	struct lend__http_place *places; /* longest path first */
	unsigned count;
	unsigned prefixes; /* of them */
	uint16_t *table;   /* by hash of exact paths: index + 1; 0: free */
	unsigned table_mask;
};

/* 0, -ENOMEM, or -EINVAL for a path without a slash in front. */
LEND_NODISCARD int lend__http_router_add(struct lend__http_router *router,
					 const char *method, const char *path,
					 lend_http_handler handler, void *arg);

/* The place that was added as @path, or NULL. */
struct lend__http_place *
lend__http_router_place(const struct lend__http_router *router,
			const char *path);

/* Prepare for lookups; again after more was added. 0 or -ENOMEM. */
LEND_NODISCARD int lend__http_router_seal(struct lend__http_router *router);

void lend__http_router_fini(struct lend__http_router *router);

/* The place with the longest path that matches, or NULL. */
const struct lend__http_place *
lend__http_router_find(const struct lend__http_router *router, const char *path,
		       size_t size);

/* Its route for a method that is known by its name alone, or NULL. Of others
 * it is in @by_method. */
const struct lend__http_route *
lend__http_place_route(const struct lend__http_place *place, const char *method,
		       size_t size);

/* Is there any route for a method of that name? */
bool lend__http_router_knows(const struct lend__http_router *router,
			     const char *method, size_t size);

/* Write the value of an Allow field: the methods of @place, or of all places
 * if it is NULL. At least LEND__HTTP_ALLOW_MAX bytes; terminated. */
void lend__http_router_allow(const struct lend__http_router *router,
			     const struct lend__http_place *place, char *text);

#endif
