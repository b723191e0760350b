/*
 * Routes: see router.h. Exact paths are in a hash table; prefixes, of which
 * there are few, are tried longest first.
 */
#include "http/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/check.h"
#include "http/names.h"
#include "http/words.h"

/* Their indices have 16 bits. */
#define PLACES_MAX 32768

struct lend__http_place *
lend__http_router_place(const struct lend__http_router *router,
			const char *path)
{
	for (unsigned i = 0; i < router->count; i++)
		if (strcmp(router->places[i].path, path) == 0)
			return &router->places[i];
	return NULL;
}

static struct lend__http_place *add_place(struct lend__http_router *router,
					  const char *path)
{
	struct lend__http_place *places;
	size_t size = strlen(path);
	unsigned at = 0;

	if (router->count == PLACES_MAX)
		return NULL;
	places = realloc(router->places, (router->count + 1) * sizeof(*places));
	if (!places)
		return NULL;
	router->places = places;
	while (at < router->count && places[at].size > size)
		at++;
	memmove(&places[at + 1], &places[at],
		(router->count - at) * sizeof(*places));
	places[at] = (struct lend__http_place){
		.path = strdup(path),
		.size = size,
		.prefix = path[size - 1] == '/',
	};
	if (!places[at].path) {
		memmove(&places[at], &places[at + 1],
			(router->count - at) * sizeof(*places));
		return NULL;
	}
	router->count++;
	return &places[at];
}

int lend__http_router_add(struct lend__http_router *router, const char *method,
			  const char *path, lend_http_handler handler,
			  void *arg)
{
	struct lend__http_place *place;
	struct lend__http_route *route, **last;

	if (path[0] != '/')
		return -EINVAL;
	route = calloc(1, sizeof(*route));
	if (!route)
		return -ENOMEM;
	route->handler = handler;
	route->arg = arg;
	if (method) {
		route->method = strdup(method);
		if (!route->method)
			goto fail;
		route->method_size = strlen(method);
		route->id = lend__http_method_of(method, route->method_size);
	}
	place = lend__http_router_place(router, path);
	if (!place)
		place = add_place(router, path);
	if (!place)
		goto fail;
	for (last = &place->routes; *last; last = &(*last)->next)
		;
	*last = route;
	return 0;

fail:
	free(route->method);
	free(route);
	return -ENOMEM;
}

void lend__http_router_fini(struct lend__http_router *router)
{
	for (unsigned i = 0; i < router->count; i++) {
		struct lend__http_place *place = &router->places[i];

		while (place->routes) {
			struct lend__http_route *route = place->routes;

			place->routes = route->next;
			free(route->method);
			free(route);
		}
		free(place->path);
	}
	free(router->places);
	free(router->table);
	memset(router, 0, sizeof(*router));
}

static inline struct lend__http_ends ends_of(const char *path, size_t size)
{
	struct lend__http_ends ends = { 0 };

	if (lend_likely(size >= 8)) {
		ends.first = lend__http_load64(path);
		ends.last = lend__http_load64(path + size - 8);
	} else {
		for (size_t i = 0; i < size; i++)
			ends.first = ends.first << 8 | (uint8_t)path[i];
	}
	return ends;
}

static inline unsigned hash(struct lend__http_ends ends, size_t size)
{
	uint64_t both = ends.first ^ ends.last * 3 ^ size;

	return (unsigned)(both * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}

static inline bool is_at(const struct lend__http_place *place, const char *path,
			 struct lend__http_ends ends, size_t size)
{
	if (place->size != size || place->ends.first != ends.first ||
	    place->ends.last != ends.last)
		return false;
	for (size_t at = 8; at + 8 < size; at += 8)
		if (lend__http_load64(place->path + at) !=
		    lend__http_load64(path + at))
			return false;
	return true;
}

/* HEAD is answered by GET's. */
static const struct lend__http_route *
find_by_id(const struct lend__http_place *place, enum lend__http_method id)
{
	const struct lend__http_route *route;

	for (route = place->routes; route; route = route->next)
		if (!route->method || route->id == id)
			return route;
	return id == LEND__HTTP_HEAD ? find_by_id(place, LEND__HTTP_GET) : NULL;
}

int lend__http_router_seal(struct lend__http_router *router)
{
	size_t slots = lend_ceil_power_of_two(2 * (uint64_t)router->count + 2);
	uint16_t *table = calloc(slots, sizeof(*table));

	if (!table)
		return -ENOMEM;
	free(router->table);
	router->table = table;
	router->table_mask = (unsigned)slots - 1;
	router->prefixes = 0;
	for (unsigned i = 0; i < router->count; i++) {
		struct lend__http_place *place = &router->places[i];
		unsigned slot;

		for (unsigned id = 1; id < LEND__HTTP_METHOD_COUNT; id++)
			place->by_method[id] = find_by_id(place, id);
		if (place->prefix) {
			router->prefixes++;
			continue;
		}
		place->ends = ends_of(place->path, place->size);
		slot = hash(place->ends, place->size) & router->table_mask;
		while (table[slot])
			slot = (slot + 1) & router->table_mask;
		table[slot] = (uint16_t)(i + 1);
	}
	return 0;
}

/* Apart, since the table has what is asked for most. */
__attribute__((noinline)) static const struct lend__http_place *
find_prefix(const struct lend__http_router *router, const char *path,
	    size_t size)
{
	const struct lend__http_place *place;
	unsigned left = router->prefixes;

	for (place = router->places; left; place++) {
		if (!place->prefix)
			continue;
		left--;
		if (place->size <= size &&
		    !memcmp(place->path, path, place->size))
			return place;
	}
	return NULL;
}

const struct lend__http_place *
lend__http_router_find(const struct lend__http_router *router, const char *path,
		       size_t size)
{
	const struct lend__http_ends ends = ends_of(path, size);
	unsigned slot = hash(ends, size);

	lend_debug_assert(router->table);
	for (;; slot++) {
		unsigned index = router->table[slot & router->table_mask];
		const struct lend__http_place *place;

		if (!index)
			return find_prefix(router, path, size);
		place = &router->places[index - 1];
		if (lend_likely(is_at(place, path, ends, size)))
			return place;
	}
}

const struct lend__http_route *
lend__http_place_route(const struct lend__http_place *place, const char *method,
		       size_t size)
{
	const struct lend__http_route *route;

	for (route = place->routes; route; route = route->next)
		if (!route->method || (route->method_size == size &&
				       !memcmp(route->method, method, size)))
			return route;
	return NULL;
}

bool lend__http_router_knows(const struct lend__http_router *router,
			     const char *method, size_t size)
{
	for (unsigned i = 0; i < router->count; i++) {
		const struct lend__http_route *route;

		for (route = router->places[i].routes; route;
		     route = route->next)
			if (route->method && route->method_size == size &&
			    !memcmp(route->method, method, size))
				return true;
	}
	return false;
}

/* Append a method unless it is there. */
static void allow(char *text, const char *method)
{
	size_t size = strlen(method), used = strlen(text);
	const char *at = text;

	while ((at = strstr(at, method))) {
		if ((at == text || at[-1] == ' ') &&
		    (at[size] == ',' || !at[size]))
			return;
		at += size;
	}
	if (used + size + 3 > LEND__HTTP_ALLOW_MAX)
		return;
	if (used) {
		memcpy(text + used, ", ", 2);
		used += 2;
	}
	memcpy(text + used, method, size + 1);
}

static void allow_place(const struct lend__http_place *place, char *text)
{
	const struct lend__http_route *route;

	for (route = place->routes; route; route = route->next) {
		if (!route->method)
			continue;
		allow(text, route->method);
		if (route->id == LEND__HTTP_GET)
			allow(text, "HEAD");
	}
}

void lend__http_router_allow(const struct lend__http_router *router,
			     const struct lend__http_place *place, char *text)
{
	text[0] = '\0';
	if (place) {
		allow_place(place, text);
		return;
	}
	for (unsigned i = 0; i < router->count; i++)
		allow_place(&router->places[i], text);
	allow(text, "OPTIONS");
}
