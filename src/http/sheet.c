/*
 * Sheets: see sheet.h. Called by the sending side of connections.
 *
 * A worker's sheets are a list without locks or atomics, as only who runs on
 * that worker's thread touches it, and nobody suspends meanwhile. How many
 * there are in all is counted when one is made or freed, which is seldom.
 */
#include "http/sheet.h"

#include <lend/runtime.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/bits.h"
#include "http/server.h"
#include "mem/heap_bits.h"
#include "rt/current.h"
#include "rt/worker.h"

static void *make(struct lend_http_server *server)
{
	unsigned max = LEND__HTTP_SHEETS_MAX *
		       lend_runtime_workers(lend_runtime_current());
	void *sheet;

	/* Relaxed: a number, nothing depends on it but how many there are. */
	if (atomic_fetch_add_explicit(&server->sheets, 1,
				      memory_order_relaxed) < max) {
		sheet = aligned_alloc(LEND_CACHE_LINE, LEND__HTTP_SHEET_SIZE);
		if (sheet)
			return sheet;
	}
	atomic_fetch_sub_explicit(&server->sheets, 1, memory_order_relaxed);
	return NULL;
}

static struct lend__http_sheet *pop(struct lend__http_local *local)
{
	struct lend__http_sheet *sheet = local->sheet;

	if (lend_likely(sheet != NULL)) {
		lend__heap_unpoison(sheet, LEND__HTTP_SHEET_SIZE);
		local->sheet = sheet->next;
	}
	return sheet;
}

void *lend__http_sheet_take(struct lend_http_server *server)
{
	void *sheet = pop(lend__http_local(server));

	return lend_likely(sheet != NULL) ? sheet : make(server);
}

void lend__http_sheet_give(struct lend_http_server *server, void *memory)
{
	struct lend__http_local *local = lend__http_local(server);
	struct lend__http_sheet *sheet = memory;

	sheet->next = local->sheet;
	local->sheet = sheet;
	lend__heap_poison(sheet, LEND__HTTP_SHEET_SIZE);
}

void lend__http_sheet_trim(struct lend_http_server *server)
{
	struct lend__http_sheet *sheet = pop(lend__http_local(server));

	if (!sheet)
		return;
	free(sheet);
	/* Relaxed: see make(). */
	atomic_fetch_sub_explicit(&server->sheets, 1, memory_order_relaxed);
}

void lend__http_sheet_fini(struct lend__http_local *local)
{
	struct lend__http_sheet *sheet;

	while ((sheet = pop(local)))
		free(sheet);
}
