/*
 * The workers' own state of a server: see local.h.
 */
#include "http/local.h"

#include <lend/clock.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "http/date.h"
#include "http/server.h"
#include "rt/current.h"
#include "rt/worker.h"

__attribute__((noinline)) struct lend__http_local *
lend__http_local(struct lend_http_server *server)
{
	return &server->locals[lend__current_at_entry()->index];
}

static char *put(char *at, const char *text, size_t size)
{
	memcpy(at, text, size);
	return at + size;
}

void lend__http_local_render(struct lend__http_local *local,
			     const struct lend_http_server *server,
			     uint64_t now_ns)
{
	struct timespec now;
	char *at = local->lines;

	clock_gettime(CLOCK_REALTIME, &now);
	local->lines_until_ns = now_ns + LEND_S - (uint64_t)now.tv_nsec;
	at = put(at, "HTTP/1.1 200 OK\r\n", LEND__HTTP_OK_LINE_SIZE);
	if (server->name_size) {
		at = put(at, "Server: ", 8);
		at = put(at, server->name, server->name_size);
		at = put(at, "\r\n", 2);
	}
	at = put(at, "Date: ", 6);
	lend__http_date_format(now.tv_sec, at);
	at = put(at + LEND__HTTP_DATE_SIZE, "\r\n", 2);
	local->lines_size = (uint32_t)(at - local->lines);
}
