/*
 * I/O memory as actors see it: see include/lend/io.h. The heap itself is
 * mem/heap.c; what becomes of spans whose actor has ended, actor/zombie.c.
 */
#include <lend/io.h>

#include <errno.h>

#include "actor/actor.h"
#include "base/check.h"
#include "rt/current.h"
#include "rt/misuse.h"
#include "rt/runtime.h"
#include "rt/worker.h"

void *lend_io_alloc(size_t size)
{
	struct lend_actor *self = lend__current_actor();
	void *span;

	lend_assert_actor(self);
	return lend__heap_alloc(&self->heap, size, &span) ? NULL : span;
}

void lend_io_free(void *span)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	if (lend_likely(!span || lend__heap_has(&self->heap, span)))
		lend__heap_free(&self->heap, span);
	else
		lend__registry_free_span(&self->worker->runtime->registry,
					 span);
}

void lend_io_disown(void *span)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend__heap_disown(&self->heap, span);
}

void lend_runtime_io_free(struct lend_runtime *runtime, void *span)
{
	struct lend_worker *worker = lend__current_worker();

	if (worker && worker->runtime == runtime)
		lend_io_free(span);
	else if (span)
		lend__registry_free_span(&runtime->registry, span);
}

size_t lend_io_used(void)
{
	struct lend_actor *self = lend__current_actor();

	lend_assert_actor(self);
	lend__heap_take_back(&self->heap);
	return lend__heap_used(&self->heap);
}
