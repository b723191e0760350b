/*
 * The names of methods. Only the parser asks, and not for GET, which it
 * recognises by itself.
 */
#include "http/names.h"

enum lend__http_method lend__http_method_of(const char *name, size_t size)
{
	static const struct {
		const char *name;
		uint8_t size;
		uint8_t method;
	} methods[] = {
		{ "GET", 3, LEND__HTTP_GET },
		{ "HEAD", 4, LEND__HTTP_HEAD },
		{ "POST", 4, LEND__HTTP_POST },
		{ "PUT", 3, LEND__HTTP_PUT },
		{ "DELETE", 6, LEND__HTTP_DELETE },
		{ "CONNECT", 7, LEND__HTTP_CONNECT },
		{ "OPTIONS", 7, LEND__HTTP_OPTIONS },
		{ "TRACE", 5, LEND__HTTP_TRACE },
		{ "PATCH", 5, LEND__HTTP_PATCH },
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i].size == size &&
		    memcmp(methods[i].name, name, size) == 0)
			return methods[i].method;
	}
	return LEND__HTTP_METHOD_OTHER;
}
