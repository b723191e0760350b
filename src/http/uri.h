/*
 * Request targets: path and query apart, a path that is safe to look up, one
 * parameter of a query.
 */
#ifndef LEND_HTTP_URI_H
#define LEND_HTTP_URI_H

#include <lend/base.h>

#include <stdbool.h>

/* Pointers into the target that was split. */
struct lend__http_uri {
	const char *path;
	size_t path_size;
	/* Behind the "?"; NULL if there is none, which is not the same as an
	 * empty one. */
	const char *query;
	size_t query_size;
};

/**
 * Split a path with its query at the first "?".
 */
void lend__http_uri_split(const char *target, size_t size,
			  struct lend__http_uri *ret_uri);

/**
 * Decode @path once and bring it into the one form under which it is looked
 * up: it starts with "/", has no "." or ".." segments, however those were
 * encoded, and no empty ones but a last. It is therefore safe to append to the
 * name of a folder. An empty path becomes "/".
 *
 * Refused is what has no such form or could be read two ways: a path that does
 * not start with "/", percent signs without two hex digits, ".." above the
 * root, an encoded NUL (it would end a file name) and an encoded "/" (it is
 * not a separator, but would become one).
 *
 * @buffer    @size + 1 bytes always suffice; no NUL is appended
 *
 * Return: 0, or -400, or -414 if it does not fit into @capacity
 */
LEND_NODISCARD int lend__http_path_normalise(const char *path, size_t size,
					     char *buffer, size_t capacity,
					     size_t *ret_size);

/**
 * Find the first parameter called @name (neither encoded nor empty) in a query
 * of the form a=b&c=d.
 *
 * @ret_value  as sent, see lend__http_query_decode(); empty if it has no "="
 *
 * Return: whether there is one
 */
bool lend__http_query_find(const char *query, size_t size, const char *name,
			   const char **ret_value, size_t *ret_size);

/**
 * Decode a name or value of a query: "+" is a space, and bytes may be
 * percent-encoded, NUL among them.
 *
 * @buffer  @size bytes always suffice
 *
 * Return: 0, or -400, or -414 if it does not fit into @capacity
 */
LEND_NODISCARD int lend__http_query_decode(const char *text, size_t size,
					   char *buffer, size_t capacity,
					   size_t *ret_size);

#endif
