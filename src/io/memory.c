/*
 * I/O memory for actors: see include/lend/io.h.
 */
#include <lend/io.h>

#include "actor/actor.h"
#include "base/check.h"
#include "rt/current.h"

void *lend_io_alloc(size_t size)
{
	struct lend_actor *self = lend__current_actor();
	void *span;

	lend_assert(self);
	return lend__heap_alloc(&self->heap, size, &span) ? NULL : span;
}

void lend_io_free(void *span)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert(self);
	lend__heap_free(&self->heap, span);
}
