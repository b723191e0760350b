/*
 * Functions of the library that are called through here, with the linker's
 * --wrap: to see what they are about to do, and to do it wrongly on purpose.
 * src/rt/current.c and src/base/check.c are replaced altogether.
 */
#include <stdarg.h>
#include <stdio.h>

#include "arbiter/arbiter.h"
#include "io/await.h"
#include "kernel.h"
#include "mem/heap.h"
#include "rt/current.h"
#include "rt/worker.h"

/* ---- src/rt/current.c ---- */

struct lend_worker *lend__current_worker(void)
{
	return sim.current ? sim.current->current : NULL;
}

struct lend_actor *lend__current_actor(void)
{
	struct lend_worker *worker = lend__current_worker();

	return worker ? worker->running : NULL;
}

void lend__current_set(struct lend_worker *worker)
{
	sim.current->current = worker;
}

/* ---- src/base/check.c ---- */

void lend__panic(const char *file, int line, const char *condition,
		 const char *format, ...)
{
	char text[256] = "";
	va_list args;

	if (format) {
		va_start(args, format);
		vsnprintf(text, sizeof(text), format, args);
		va_end(args);
	}
	sim_fail("an assertion of the library", "%s:%d: %s%s", file, line,
		 condition ? condition : "", text);
}

/* ---- the I/O heap ---- */

__typeof__(lend__heap_free) __real_lend__heap_free;
__typeof__(lend__heap_free) __wrap_lend__heap_free;
void __wrap_lend__heap_free(struct lend_heap *heap, void *span)
{
	if (span)
		sim_check_free(span, lend__heap_span_size(heap, span));
	__real_lend__heap_free(heap, span);
}

__typeof__(lend__heap_free_all) __real_lend__heap_free_all;
__typeof__(lend__heap_free_all) __wrap_lend__heap_free_all;
void __wrap_lend__heap_free_all(struct lend_heap *heap)
{
	sim_check_free(heap->home,
		       (size_t)heap->home_count * LEND_HEAP_HOME_GRANULE);
	sim_check_free(heap->slice, heap->range->slice_size);
	__real_lend__heap_free_all(heap);
}

__typeof__(lend__io_abort) __real_lend__io_abort;
__typeof__(lend__io_abort) __wrap_lend__io_abort;
void __wrap_lend__io_abort(struct lend_io_op *op)
{
	if (sim_mutation == SIM_MUTATE_FREE_EARLY && !op->mail.arrived) {
		op->mail.arrived = true;
		op->op.in_flight = false;
		return;
	}
	__real_lend__io_abort(op);
}

/* ---- the queue of those who wait for slots ---- */

#define QUEUE_MAX 512

/* Who came when, by our own count. */
struct place {
	const struct lend_waiter *waiter;
	uint64_t order;
};

static struct place line[QUEUE_MAX];
static uint64_t arrivals;

static uint64_t *order_of(const struct lend_waiter *waiter)
{
	struct place *free_place = NULL;

	for (unsigned i = 0; i < QUEUE_MAX; i++) {
		if (line[i].waiter == waiter)
			return &line[i].order;
		if (!line[i].waiter)
			free_place = free_place ? free_place : &line[i];
	}
	if (!free_place)
		sim_fail("the simulation's own limits", "%d wait", QUEUE_MAX);
	free_place->waiter = waiter;
	return &free_place->order;
}

__typeof__(lend__arbiter_queue_locked) __real_lend__arbiter_queue_locked;
__typeof__(lend__arbiter_queue_locked) __wrap_lend__arbiter_queue_locked;
void __wrap_lend__arbiter_queue_locked(struct lend_arbiter *arbiter,
				       struct lend_waiter *waiter)
{
	bool is_new = !waiter->order;

	if (is_new) {
		*order_of(waiter) = ++arrivals;
		sim_count(SIM_COUNT_WAITS);
	}
	__real_lend__arbiter_queue_locked(arbiter, waiter);
	if (is_new && sim_mutation == SIM_MUTATE_LIFO) {
		lend_list_remove(&waiter->link);
		lend_list_push_front(&arbiter->waiters, &waiter->link);
	}
}

static unsigned copy_line(const struct lend_arbiter *arbiter,
			  struct place *places)
{
	unsigned count = 0;

	for (struct lend_list *link = arbiter->waiters.next;
	     link != &arbiter->waiters && count < QUEUE_MAX;
	     link = link->next) {
		const struct lend_waiter *waiter = lend_container_of(
			link, struct lend_waiter, link);

		places[count].waiter = waiter;
		places[count++].order = *order_of(waiter);
	}
	return count;
}

static bool is_in(const struct place *places, unsigned count, uint64_t order)
{
	for (unsigned i = 0; i < count; i++)
		if (places[i].order == order)
			return true;
	return false;
}

__typeof__(lend__arbiter_serve_locked) __real_lend__arbiter_serve_locked;
__typeof__(lend__arbiter_serve_locked) __wrap_lend__arbiter_serve_locked;
void __wrap_lend__arbiter_serve_locked(struct lend_arbiter *arbiter,
				       unsigned room)
{
	static struct place before[QUEUE_MAX], after[QUEUE_MAX];
	unsigned before_count = copy_line(arbiter, before), after_count;
	uint64_t oldest = UINT64_MAX;

	__real_lend__arbiter_serve_locked(arbiter, room);
	after_count = copy_line(arbiter, after);
	for (unsigned i = 0; i < after_count; i++)
		if (after[i].order < oldest)
			oldest = after[i].order;
	for (unsigned i = 0; i < before_count; i++)
		if (before[i].order > oldest &&
		    !is_in(after, after_count, before[i].order))
			sim_fail("who waits for SQEs is served in order",
				 "number %llu before number %llu",
				 (unsigned long long)before[i].order,
				 (unsigned long long)oldest);
}

__typeof__(lend__arbiter_withdraw) __real_lend__arbiter_withdraw;
__typeof__(lend__arbiter_withdraw) __wrap_lend__arbiter_withdraw;
void __wrap_lend__arbiter_withdraw(struct lend_arbiter *arbiter,
				   struct lend_waiter *waiter)
{
	__real_lend__arbiter_withdraw(arbiter, waiter);
	for (unsigned i = 0; i < QUEUE_MAX; i++)
		if (line[i].waiter == waiter)
			line[i].waiter = NULL;
}
